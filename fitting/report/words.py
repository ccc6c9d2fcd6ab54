"""The report's words: what scores and parameters mean, the verdict, sweeps and numbers as a person writes them."""

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from glifjax.html import items, join, markup
from glifjax.io.nwb.selection import name_sweeps

from ..assess.predictive import Bands
from ..assess.readout import KINDS
from ..assess.steps import Step
from ..assess.uncertainty import DRAWS, Uncertainty
from ..data.arrays import FitData
from ..fitted import FittedNeuron

#: Of each score: what a person calls it, what it says, and whether 1 is full marks.
SCORES = {
    "gamma_4ms": ("Γ, 4 ms, one run", "Coincidences within 4 ms of one run and one repeat; 0 is chance.", True),
    "evr_single_10ms": ("EVr, 10 ms, one run", "Explained share of the explainable rate (10 ms Gaussian).", True),
    "evr_10ms": ("EVr, 10 ms", "The same for the mean of all runs.", True),
    "md_star_4ms": ("Md*, 4 ms", "Coincidences (4 ms) between all runs and repeats, relative to those within.", True),
    "md_star_8ms": ("Md*, 8 ms", "The same within 8 ms.", True),
    "bits_per_spike": ("Bits per spike", "What the hazard tells of each spike beyond the mean rate.", False),
    "subthreshold_rmse_mv": (
        "Sub-threshold RMSE (mV)",
        "Between spikes, recorded spikes forced; the cell: between repeats, 50 ms after any spike.",
        False,
    ),
    "subthreshold_explained_variance": ("Sub-threshold variance", "Share of that voltage's variance explained.", True),
}
COLUMNS = {"deterministic": "Without noise", "test": "Escape noise", "ceiling": "The cell itself"}
#: Below it a coincidence factor Γ is poor.
POOR_GAMMA = 0.5
#: Spikes per run from which a neuron is said to fire.
FIRES = 0.5
KEY = Markup(
    '<span class="deterministic">Without noise</span>: single runs; <span class="test">escape noise</span>: a soft '
    "threshold, scores are means over many runs of the same neuron"
)
TRADE_OFFS = Markup(
    "Latency, cut and reset say where a spike is taken to begin and end, which the fit measures on the recorded "
    "waveform; what lies between is then shared out differently among the reset, the afterspike currents and the "
    "threshold's coupling. λ<sub>0</sub> and θ<sub>∞</sub> trade off exactly. Held-out scores judge the sum of them."
)
#: Of each parameter: symbol (markup) and meaning.
PARAMETERS = {
    "C": ("C", "membrane capacitance"),
    "R_input": ("R", "input resistance"),
    "tau_m": ("τ<sub>m</sub>", "membrane time constant, R C"),
    "El_reference": ("E<sub>L</sub>", "resting potential"),
    "series_resistance": ("R<sub>s</sub>", "uncompensated series resistance; the electrode's, not the neuron's"),
    "th_inf": ("θ<sub>∞</sub>", "threshold at rest"),
    "spike_cut": ("δt", "how long a spike is cut out"),
    "spike_latency": ("t<sub>lat</sub>", "from the model's spike to the recorded one's upstroke"),
    "delta_v": ("Δ<sub>V</sub>", "softness of the threshold (escape noise)"),
    "lambda0": ("λ<sub>0</sub>", "rate of spikes at the threshold, but for jitter and lapses (escape noise)"),
    "jitter": ("t<sub>j</sub>", "how long a spike waits however far above the threshold (escape noise)"),
    "lapse": ("λ<sub>l</sub>", "rate of spikes however far below (escape noise)"),
    "reset_slope": ("f<sub>v</sub>", "voltage after a spike per voltage before it"),
    "reset_intercept": ("δV", "voltage added at the reset"),
    "a_spike": ("δθ<sub>s</sub>", "what a spike adds to the threshold"),
    "b_spike": ("b<sub>s</sub>", "rate at which that decays"),
    "a_voltage": ("a<sub>v</sub>", "coupling of the threshold to the voltage"),
    "b_voltage": ("b<sub>v</sub>", "rate at which that decays"),
    "asc_amp": ("δI", "what a spike adds to afterspike current"),
    "asc_tau": ("τ", "time constant of afterspike current"),
    "g": ("g", "conductance, all gates open, of gated current"),
    "activation_V_half": ("V<sub>m</sub>", "half-activation of gated current"),
    "activation_tau": ("τ<sub>m</sub>", "time constant of activation of gated current"),
    "inactivation_V_half": ("V<sub>h</sub>", "half-inactivation of gated current"),
    "inactivation_tau": ("τ<sub>h</sub>", "time constant of inactivation of gated current"),
}
#: The same of the threshold's kernels, each with its time constant.
KERNELS = {
    "a_spike": ("δθ", "what a spike adds to the threshold, decaying with"),
    "coupling": ("w", "how the voltage above the knots drags the threshold, with"),
}


def verdict(fit: FittedNeuron) -> str:
    """A plain sentence or two, built from the numbers."""
    if not fit.test:
        return (
            "Nothing was held out, so how well this neuron predicts is not known; "
            "the figures show the data that it was trained on."
        )
    count, test = sum(len(group.numbers) for group in fit.test), fit.scores.test
    alone, bound = fit.scores.deterministic, fit.scores.bound.get("gamma_4ms", math.nan)
    what = "sweep" if count == 1 else "repeats" if len(fit.test) == 1 else "sweeps"
    spikes = "one repeat of the cell" if any(len(group.numbers) > 1 for group in fit.test) else "the cell"
    own = fit.scores.ceiling
    text = f"On {count} held-out {what} "
    if math.isnan(test["evr_single_10ms"]):
        text += "there are too few spikes, of the cell or of the neuron, to score."
    else:
        text += (
            f"one run of the neuron without noise coincides with {spikes} with Γ "
            f"{show_score(alone['gamma_4ms'])}, and explains {show_score(alone['evr_single_10ms'])} of its rate (EVr); "
            f"with escape noise {show_score(test['gamma_4ms'])} and {show_score(test['evr_single_10ms'])}"
        )
        if math.isnan(own["evr_single_10ms"]):
            text += "; how well another repeat would do cannot be said without repeats of one stimulus, with spikes."
        else:
            text += (
                f"; another repeat reaches {show_score(own['gamma_4ms'])} and {show_score(own['evr_single_10ms'])}"
                + (f", and what all repeats agree on Γ {show_score(bound)}. " if math.isfinite(bound) else ". ")
                + f"The mean of many runs reaches Md* {show_score(test['md_star_4ms'])} (a repeat: "
                f"{show_score(own['md_star_4ms'])}): averaging takes the model's own noise away, as no repeat can."
            )
    error, explained = test["subthreshold_rmse_mv"], test["subthreshold_explained_variance"]
    if math.isfinite(error) and explained > 0:
        text += f" Between spikes it follows the voltage to {show_number(error, 2)} mV (RMS), "
        text += f"{100 * explained:.0f} % of the variance."
    return text


def trust(fit: FittedNeuron) -> Markup:
    """Whether to trust a fit, and why not."""
    said = fit.trust
    return markup(
        '<div class="trust {}"><strong>Can it be trusted? {}</strong>{}</div>',
        said.word,
        said.verdict,
        items(said.reasons),
    )


def readout(fit: FittedNeuron) -> str:
    """How the neuron decides without noise, how well the other way does, and what AllenSDK makes of it."""
    scores, chosen = fit.scores, fit.readout
    ways = {kind: getattr(scores, kind) for kind in KINDS}
    pairs = [
        f"{KINDS[kind]} Γ {show_score(way['gamma_4ms'])}, EVr {show_score(way['evr_single_10ms'])}"
        for kind, way in ways.items()
        if way
    ]
    text = f"Without noise the neuron spikes by its {KINDS[chosen.kind]}, which is better on the training sweeps"
    text += f" (held out: {'; '.join(pairs)})." if pairs else "."
    if chosen.hazard is not None:
        tau, threshold = 1e3 * float(chosen.hazard.tau), float(chosen.hazard.threshold)
        text += (
            f" The hazard is gathered with a time constant of {tau:.0f} ms, up to {threshold:.2f} expected spikes. "
            f"AllenSDK knows the hard threshold alone: there report spikes {1e3 * chosen.late:.2g} ms later."
        )
    return text


def step_verdict(steps: Sequence[Step]) -> str:
    """How counts and first spikes at steps compare with the cell's, and whether the neuron fires at silent ones."""
    count, first = "spike_count_stimint", "time_to_first_spike"
    driven, silent = [step for step in steps if not step.silent], [step for step in steps if step.silent]
    text = ""
    if driven:
        mean = sum(step.cell[count] for step in driven) / len(driven)
        alone, noisy = (_off(driven, count, kind) for kind in ("alone", "noisy"))
        text += (
            f"At {_counted(driven)} with spikes ({show_number(mean, 2)} on average) the neuron is off by "
            f"{show_number(alone, 2)} spikes on average without noise, by {show_number(noisy, 2)} with escape noise"
        )
        late = [_off(driven, first, kind) for kind in ("alone", "noisy")]
        if all(map(math.isfinite, late)):
            text += f"; its first spike by {show_number(late[0], 2)} ms, by {show_number(late[1], 2)} ms with it"
        text += "."
    if silent:
        firing = [step for step in silent if step.noisy[count] >= FIRES]
        where = f": at {', '.join(f'{1e12 * step.current:.0f}' for step in firing)} pA" if firing else ""
        text += f" At {len(firing)} of {_counted(silent)} at which the cell was silent the neuron fires{where}."
    return text.strip()


def _off(steps: Sequence[Step], feature: str, kind: str) -> float:
    """How far a feature of the runs is from the cell's on average, where both have it; NaN where none has."""
    pairs = [(getattr(step, kind)[feature], step.cell[feature]) for step in steps]
    off = [abs(own - cell) for own, cell in pairs if math.isfinite(own - cell)]
    return sum(off) / len(off) if off else math.nan


def steps_first(fit: FittedNeuron) -> Markup:
    """What steps of current come to, as it stands on the first screen, and what to make of a poor coincidence there."""
    if not fit.steps:
        return Markup()
    gamma = fit.scores.test["gamma_4ms"]
    advice = (
        f" Γ is {show_score(gamma)} as it asks for each spike within 4 ms: in a step a cell and a neuron that fire "
        "regularly are soon out of step, however little their rates differ. Judge by counts, first spikes and "
        "adaptation, step by step; for the times of spikes record noise, some of it repeatedly."
        if gamma < POOR_GAMMA
        else ""
    )
    return markup("<p><strong>Steps of current.</strong> {}{}</p>", step_verdict(fit.steps), advice)


def _counted(steps: Sequence[Step]) -> str:
    return f"{len(steps)} step{'' if len(steps) == 1 else 's'}"


def called(name: str) -> tuple[Markup, str]:
    """A parameter's symbol and meaning."""
    stem, _, index = name.rpartition("_")
    if index.isdigit() and stem in PARAMETERS:
        symbol, meaning = PARAMETERS[stem]
        return markup("{}<sub>{}</sub>", Markup(symbol), index), f"{meaning} {index}"
    if index.endswith("ms") and stem in KERNELS:
        symbol, meaning = KERNELS[stem]
        return markup("{}<sub>{} ms</sub>", symbol, index[:-2]), f"{meaning} {index[:-2]} ms"
    symbol, meaning = PARAMETERS.get(name, (None, ""))
    return Markup(symbol) if symbol else markup("{}", name), meaning


def doubtful(uncertainty: Uncertainty) -> list[str | Markup]:
    """What ± means, and which parameters it does not tell the whole of."""
    lines: list[str | Markup] = [
        "±: standard error, from how the fit's errors scatter over the training sweeps; 90 %: the interval. That "
        "the spike's onset, cut and reset are measured is a part of both, with the errors this has on simulated cells. "
        "A dash: measured or chosen, not fitted."
    ]
    named = lambda names: _listed([called(name)[0] for name in names])
    if uncertainty.loose:
        separately = lambda names: " separately" if len(names) > 1 else ""
        groups = join((named(names) + separately(names) for names in uncertainty.loose), "; ")
        lines.append(markup("The data say little of {}: there the fit stays near its prior.", groups))
    if uncertainty.tied:
        groups = join(map(named, uncertainty.tied), "; ")
        lines.append(markup("Known better together than one by one, as each makes up for the others: {}.", groups))
    return lines


def banded(bands: Bands, repeats: int) -> str:
    """What the predictive bands are, and how much of the recording they hold."""
    runs = "one run" if repeats == 1 else f"{repeats} runs"
    return (
        f"What {DRAWS} neurons predict whose parameters are as probable as the data leave them. Above: the rate of "
        f"{runs}, as many as were recorded (10 ms Gaussian); {_share(bands.rate_holds)} of the recorded rate lies in "
        "the band. Below: the voltage, the recorded spikes forced, give or take the error on the training sweeps, "
        f"what of it lasts longer than noise counted twice; {_share(bands.coverage)} of the voltage between spikes, in "
        f"all recorded sweeps ({repeats}), lies in the band, which is {show_number(bands.width, 2)} mV wide."
    )


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if math.isfinite(value) else "none"


def _listed(words: Sequence[Markup]) -> Markup:
    return join(filter(None, [join(words[:-1], ", "), words[-1]]), " and ")


def sweeps(parts: Sequence[Any], data: Sequence[FitData]) -> str:
    """Numbers, protocols, duration and spikes of sweeps, in words."""
    if not parts:
        return "nothing"
    named = name_sweeps(part.number for part in parts).replace("-", "–").replace(",", ", ")
    cuts = {f"{p.start / p.rate:g}–{p.stop / p.rate:g} s" for p in parts}
    protocols = ", ".join(sorted({part.protocol for part in parts}))
    seconds, spikes = sum(part.duration for part in data), sum(part.n_spikes for part in data)
    pieces = [named, *sorted(cuts), protocols]
    return " · ".join(filter(None, [*pieces, f"{seconds:.4g} s, {spikes} spikes"]))


def show_score(value: float) -> str:
    """A score with two decimals, a dash for none."""
    return f"{value:.2f}".replace("-", "−") if math.isfinite(value) else "–"


def show_number(value: float, digits: int = 3) -> str:
    """A number as a person writes it, a dash for none."""
    if not math.isfinite(value):
        return "–"
    size = math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{min(max(digits - 1 - size, 0), 6)}f}".replace("-", "−")
