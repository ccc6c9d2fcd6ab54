"""The words of the report, explained at its end; docs/glossary.md says the same of them, and of more."""

#: By word, in the order of the alphabet.
GLOSSARY = {
    "accumulated hazard": "A way to spike without noise: the hazard gathers since the last spike, and decays; a spike "
    "comes where one is due.",
    "afterspike current": "A current that each spike adds to and that decays, with time constants of milliseconds to "
    "seconds.",
    "bits per spike": "What the neuron's hazard tells of each recorded spike beyond the mean rate. 0 is no better than "
    "knowing the rate.",
    "ceiling, the cell's own": "The score of one repeat of the cell as the model of the others: what a perfect "
    "model of a single run could reach.",
    "consensus, bound": "Spikes where two in five of the other repeats agree, scored against each repeat: about the "
    "best that a neuron without noise could reach.",
    "escape noise": "A soft threshold: the nearer the voltage comes, the more probable a spike. Scores of it are means "
    "over many runs.",
    "EVr, explained variance ratio": "The share of the explainable variance of the smoothed rate (Gaussian, 10 ms) "
    "that the model explains; 1 is all of it.",
    "Γ, coincidence factor": "Coincidences of one run's spikes with one repeat's beyond chance, within 4 ms; 0 is "
    "chance, 1 every spike.",
    "hard threshold": "The same neuron without noise: it spikes where the voltage exceeds the threshold, as AllenSDK's "
    "does.",
    "hazard": "The rate at which a spike comes now, if none has come yet, 1/s.",
    "Md*": "Coincidences between all runs and all repeats relative to those within each; above 1 for a model that is "
    "more reliable than the cell.",
    "predictive band": "Where the voltage between spikes, or the rate, is to lie with a probability of 90 %.",
    "spike cut": "The time after a spike's upstroke that the neuron leaves out; there is no voltage or threshold then.",
    "spike latency": "From the model's threshold crossing to the recorded upstroke that it stands for.",
    "sub-threshold RMSE": "How far the voltage is off between spikes, recorded spikes forced, mV.",
}
