"""What is said of sweeps that were cut short, or whose trace is not the cell's everywhere, and which are left out."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glifjax.io.nwb.selection import list_sweeps

from .candidates import Candidate, repeats
from .lost import is_none
from .plausible import Answer
from .usable import SHORTEST

#: Sweeps with one stimulus rest within this of each other, V; real cells' repeats do within 2 mV.
SHIFTED = 4e-3


def lost_sweeps(candidates: Sequence[Candidate]) -> dict[int, str]:
    """The sweeps that are no cell's from their start, or do not answer a current as most do, by number, and why."""
    lost = {c.sweep.number: f"from its start {c.loss.why}" for c in candidates if c.loss and c.loss.start < SHORTEST}
    sure = [c.first for c in candidates if c.first and c.answer is not None]
    unsure = [(c.sweep.number, c.first) for c in candidates if c.first and c.answer is None]
    if 2 <= len(sure) >= len(unsure):
        usual = Answer(*np.median(sure, axis=0))
        lost |= {number: "the voltage does not answer the current" for number, first in unsure if is_none(first, usual)}
    return lost


def lost_repeats(candidates: Sequence[Candidate]) -> dict[int, str]:
    """The sweeps that were cut and whose stimulus others play whole, by number, and why."""
    whole = [c for c in candidates if not c.loss]
    return {
        c.sweep.number: f"from {c.loss.start:.3g} s on {c.loss.why}, and others play its stimulus whole"
        for c in candidates
        if c.loss and any(c.repeats(other) for other in whole)
    }


def remarks(candidates: Sequence[Candidate]) -> list[str]:
    """Lines on where sweeps were cut, on ticks of the electrode, and on rails."""
    lines = [
        f"{_are(numbers)} cut at {loss.start:.3g} s, from where on {loss.why}: the cell was lost, or its clamp off"
        for loss, numbers in _by(candidates, lambda c: [c.loss] if c.loss else []).items()
    ]
    ticks = [c.sweep.number for c in candidates if c.ticks]
    if count := sum(c.ticks for c in candidates):
        are = "ticks of the electrode, narrower than any spike, are" if count > 1 else "tick of the electrode is"
        lines.append(f"{count} {are} taken out of {list_sweeps(ticks)}")
    rails = lambda c, at_peaks: [rail.value for rail in c.rails if rail.at_peaks == at_peaks]
    for what, of, unit, then in (
        ("spikes are", lambda c: rails(c, True) if c.spikes else [], "mV", "they are timed below it"),
        ("peaks are", lambda c: [] if c.spikes else rails(c, True), "mV", "none of them can be told to be a spike"),
        ("the voltage is", lambda c: rails(c, False), "mV", "what is there is not fitted"),
        ("the current is", lambda c: c.current_rails, "pA", "if the command was not, more was injected than is known"),
    ):
        for value, numbers in _by(candidates, of).items():
            limit = f"{value * (1e3 if unit == 'mV' else 1e12):.4g} {unit}, an amplifier's or converter's limit"
            lines.append(f"{what} cut off in {list_sweeps(numbers)} at {limit}: {then}")
    return lines + _shifted(candidates)


def _shifted(candidates: Sequence[Candidate]) -> list[str]:
    """Lines on sweeps whose voltage lies elsewhere than that of most under the same stimulus."""
    lines = []
    for group in repeats(candidates):
        usual = float(np.median([c.rest for c in group]))
        for c in group:
            if len(group) > 2 and abs(c.rest - usual) > SHIFTED:
                lines.append(
                    f"sweep {c.sweep.number} rests at {1e3 * c.rest:.1f} mV, and others with its stimulus at "
                    f"{1e3 * usual:.1f} mV: another current was held than the file says, or the cell changed"
                )
    return lines


def _by(candidates: Sequence[Candidate], of: Callable[[Candidate], Sequence[Any]]) -> dict[Any, list[int]]:
    """The numbers of the sweeps of which something is to be said, by what is."""
    numbers: dict[Any, list[int]] = {}
    for candidate in candidates:
        for fact in of(candidate):
            numbers.setdefault(fact, []).append(candidate.sweep.number)
    return numbers


def _are(numbers: Sequence[int]) -> str:
    return f"{list_sweeps(numbers)} {'is' if len(numbers) == 1 else 'are'}"
