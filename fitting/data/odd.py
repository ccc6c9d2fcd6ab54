"""Which sweeps are not of the cell as most are: their current or voltage has another scale, sign or zero."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from glifjax.io.nwb.selection import list_sweeps

from .candidates import Candidate
from .plausible import megaohm

#: First answers to a current differ between a cell's sweeps by this factor at most: they are those of a capacitor.
CAPACITOR = 2.0
#: Slopes of voltage on current do by this one: spikes hold the voltage, and channels open.
SLOPE = 7.0
#: Where slopes part by this factor in their order, it is said: it may be a scale, or spikes that hold the voltage.
APART = 4.0
#: A voltage whose zero is as the others' rests within this of them, V,
ZERO = 15e-3
#: or within so many times what they differ by, the median.
SCATTER = 8.0
#: Currents are held alike where they differ by no more than this part of the largest range.
HELD_ALIKE = 0.05


def odd_sweeps(candidates: Sequence[Candidate]) -> dict[int, str]:
    """The sweeps whose current or voltage is of another scale, sign or zero than most sweeps', by number, and why.

    Scales are told by first answers to the current, or else by slopes; zeros by where the voltage rests. Where most
    are of a scale that no neuron has, or no value is that of most, none is told apart: it is not a sweep's fault.
    """
    odd: dict[int, str] = {}
    for rests in _rests(candidates):
        for number, usual in _of_another_zero(rests).items():
            odd[number] = (
                f"the voltage rests at {1e3 * rests[number]:.1f} mV, and under the same current most sweeps' at "
                f"{1e3 * usual:.1f} mV: correct the offset or scale (conversion) of the voltage, if it is a cell's"
            )
    for when, values, factor in _scales(candidates):
        of_one_scale = lambda value, usual, by=factor: 1 / by < value / usual < by
        for number, usual in _apart(values, of_one_scale).items():
            remedy = "turn the sign" if values[number] < 0 else "correct the scale"
            words = (
                f"its input resistance comes to {megaohm(values[number])}{when}, and most sweeps' to "
                f"{megaohm(usual)}: {remedy} (conversion) of its current or voltage"
            )
            odd.setdefault(number, words)
    return odd


def of_two_scales(candidates: Sequence[Candidate]) -> list[str]:
    """A line where the answers to a current fall into two groups; neither is known to be right."""
    for when, values, factor in _scales(candidates):
        ordered = sorted((value, number) for number, value in values.items() if value > 0)
        gaps = [above / below for (below, _), (above, _) in pairwise(ordered)]
        if not gaps or max(gaps) < min(factor, APART):
            continue
        place = int(np.argmax(gaps)) + 1
        words = [
            f"{megaohm(float(np.median([value for value, _ in group])))} in {list_sweeps(n for _, n in group)}"
            for group in (ordered[:place], ordered[place:])
        ]
        what = f"the input resistance{when} comes to {' and to '.join(words)}"
        return [f"{what}: check the scale (conversion) of these currents"]
    return []


def _scales(candidates: Sequence[Candidate]) -> Iterator[tuple[str, dict[int, float], float]]:
    """When the voltage answers a current, in words, by what in each sweep, ohm, and how far apart one cell's lie."""
    answers = {c.sweep.number: c.answer for c in candidates if c.answer is not None}
    slopes = {c.sweep.number: c.slope for c in candidates if c.slope is not None}
    yield " within a few ms", answers, CAPACITOR
    yield "", slopes if slopes.keys() - answers else {}, SLOPE


def _rests(candidates: Sequence[Candidate]) -> Iterator[dict[int, float]]:
    """Where the voltage rests, V, by sweep, of those in turn whose current is held alike."""
    left = sorted(candidates, key=lambda c: (c.is_noise, c.held))
    width = HELD_ALIKE * max((float(np.ptp(c.envelope)) for c in candidates), default=0.0)
    while left:
        group = [c for c in left if c.is_noise == left[0].is_noise and c.held - left[0].held <= width]
        left = [c for c in left if c not in group]
        yield {c.sweep.number: c.rest for c in group}


def _of_another_zero(rests: Mapping[int, float]) -> dict[int, float]:
    """The sweeps that do not rest where most do, and where these do."""
    values = np.array(list(rests.values()))
    scatter = float(np.median(np.abs(values - np.median(values))))
    return _apart(rests, lambda value, usual: abs(value - usual) < max(ZERO, SCATTER * scatter))


def _apart(values: Mapping[int, float], alike: Callable[[float, float], bool]) -> dict[int, float]:
    """The sweeps whose value is not alike to the usual one, and that one; none where it is not that of most."""
    if not values:
        return {}
    ordered = sorted(values.values())
    usual = ordered[len(ordered) // 2]
    apart = {number: usual for number, value in values.items() if not alike(value, usual)}
    return apart if 2 * len(apart) < len(values) else {}
