"""What a reader of a fit's results should know before trusting them."""

from ..data.arrays import FitData
from ..data.plausible import HIGHEST, LOWEST, megaohm
from ..model.patched import PatchedNeuron
from .evaluate import Scores

#: Fewer training spikes than this leave a threshold poorly determined.
FEW = 50
#: Below this share of the cell's own score a fit is called poor.
POOR = 0.6
#: A series resistance that is remarkable, ohm.
MUCH = 20e6
#: And one that no pipette has, ohm.
TOO_MUCH = 40e6
#: A negative one that is more than its error, ohm.
NEGATIVE = -5e6


def doubts(model: PatchedNeuron, train: FitData, scores: Scores) -> list[str]:
    """In words, each a line.

    Args:
        model: a fitted neuron.
        train: its training sweeps; scores: on what was held out.
    """
    lines = []
    if train.n_spikes < FEW:
        lines.append(
            f"only {train.n_spikes} spike{'s' if train.n_spikes != 1 else ''} in the training sweeps: threshold and "
            "afterspike parameters are poorly determined"
        )
    if not scores.trains:
        lines.append("nothing was held out, so there are no scores")
    if scores.test["bits_per_spike"] < 0:
        lines.append(
            f"{scores.test['bits_per_spike']:.1f} bits per spike: on the held-out sweeps the hazard is worse than a "
            "constant rate; the training sweeps may be too few, or too unlike the held-out ones"
        )
    if scores.test["md_star_4ms"] < POOR * scores.ceiling["md_star_4ms"]:
        lines.append(
            f"Md* {scores.test['md_star_4ms']:.2f} against the cell's own {scores.ceiling['md_star_4ms']:.2f}: this "
            "level does not capture what makes the cell spike"
        )
    resistance = float(model.neuron.R_input)
    if not LOWEST <= resistance <= HIGHEST:
        lines.append(
            f"an input resistance of {megaohm(resistance)} is no neuron's: too little of the voltage lies between "
            "spikes to tell the leak, or the scale (conversion) of current or voltage is wrong"
        )
    series = float(model.series_resistance)
    if series > MUCH:
        lines.append(
            f"{series / 1e6:.0f} MΩ in series with the cell"
            + (", more than a pipette has" if series > TOO_MUCH else "")
            + ": the bridge was not balanced, or the membrane has a fast part that this level lacks"
        )
    if series < NEGATIVE:
        lines.append(
            f"{series / 1e6:.0f} MΩ in series with the cell, and no pipette has less than none: the bridge was "
            "balanced too far, or the recorded voltage comes later than its current, as through a filter"
        )
    return lines
