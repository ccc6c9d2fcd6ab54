"""How fits went, and levels beside one another."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...fitted import FittedNeuron
from ...stages.base import Outcome
from ..colours import COMPONENTS, DATA, HARD, NOISE
from .style import FULL, THIRD, styled


@styled
def convergence(stage: Outcome) -> Figure:
    """A stage's objective by iteration; for the hard threshold, by the shifts tried from low to high."""
    figure = Figure(figsize=(THIRD, 2.5), layout="constrained")
    ax = figure.subplots()
    scanned = stage.tried is not None
    steps = np.asarray(stage.tried) if scanned else np.arange(len(stage.losses))
    ax.plot(steps, stage.losses, "o-", color=DATA, ms=2.5, lw=0.9)
    if stage.losses:
        best = int(np.argmax(stage.losses) if scanned else np.argmin(stage.losses))
        ax.plot(steps[best], stage.losses[best], "o", color=HARD if scanned else NOISE, ms=6)
    words = stage.unit.split()
    half = len(words) // 2 + 1
    lines = [words[:half], words[half:]] if len(words) > 4 else [words]
    ax.set_ylabel("\n".join(map(" ".join, lines)))
    ax.set_xlabel("threshold shift (mV)" if scanned else "iteration")
    ax.set_title(stage.name if stage.taken else f"{stage.name} (not kept)")
    ax.ticklabel_format(axis="y", useOffset=False)
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=not scanned))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    return figure


@styled
def levels_compared(fits: Sequence[FittedNeuron], preferred: str, scores: Sequence[tuple[str, str]]) -> Figure:
    """Bits per spike by level, on training sweeps, cross-validated there, and held out; and held-out scores, as (key,
    label): escape noise, without noise, and the cell's own as a line."""
    figure = Figure(figsize=(FULL, 2.9), layout="constrained")
    places = np.arange(len(fits))
    first, *rest = figure.subplots(1, 1 + len(scores))
    checked = [(fit.validation.training_bits, fit.validation.bits) if fit.validation else (np.nan,) * 2 for fit in fits]
    training, validated = np.array(checked).T
    first.plot(places, training, "^:", color=DATA, ms=4, lw=0.8, label="training")
    first.plot(places, validated, "D-", color=COMPONENTS[0], ms=4.5, lw=1.2, label="cross-validated")
    first.plot(
        places, [fit.scores.test["bits_per_spike"] for fit in fits], "o-", color=NOISE, ms=4, lw=0.8, label="held out"
    )
    place = [fit.level for fit in fits].index(preferred)
    first.plot(place, validated[place], "o", ms=11, mfc="none", mec=COMPONENTS[0], mew=1.2)
    first.set_title("Bits per spike")
    first.legend(loc="best")
    for ax, (key, label) in zip(rest, scores, strict=True):
        noisy, hard, ceiling = (
            [getattr(fit.scores, kind).get(key, np.nan) for fit in fits]
            for kind in ("test", "deterministic", "ceiling")
        )
        if np.isfinite(ceiling).any():
            ax.axhline(np.nanmean(ceiling), color=DATA, lw=1.0, ls="--")
        ax.plot(places, hard, "s-", color=HARD, ms=4.5, lw=0.9)
        ax.plot(places, noisy, "o-", color=NOISE, ms=5, lw=0.9)
        ax.set_title(label)
        ax.margins(y=0.15)
        low, high = ax.get_ylim()
        ax.set_ylim(min(low, 0.0), high)
    for ax in (first, *rest):
        ax.set_xticks(places, [fit.level for fit in fits], rotation=45, ha="right")
        ax.set_xlim(-0.4, len(fits) - 0.6)
    return figure
