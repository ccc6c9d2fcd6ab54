"""A sweep as far as the choice of sweeps needs to know it: its stimulus, whether that is noise, and its spikes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float

import glifjax as gj
from glifjax.io.nwb.selection import list_sweeps, said_left_out
from glifjax.spikes.detection import find_spike_peaks
from glifjax.spikes.drop import without_drop

from .amplifier import running_median, wanders, without_hum
from .arrays import same_step, time_step
from .plausible import HIGHEST, LOWEST, megaohm, sweep_slope
from .stimulus import envelope, same_stimulus
from .usable import is_driven

#: Words in a protocol's name that say what it is for.
TRAINING_WORDS = ("train", "fit", "noise 1", "noise1")
HELD_OUT_WORDS = ("test", "valid", "held", "frozen", "noise 2", "noise2")
#: A current is noise where it wanders and turns in more than this share of its ms,
TURNING = 0.02
#: by more than this part of its range;
SIZEABLE = 0.01
#: or where more than this share of it,
NOISY = 0.05
#: is further than this part of its range from its running median. Steps and ramps are neither.
TURBULENT = 0.06
#: Slopes of voltage on current within a recording's sweeps differ from their median by this factor at most.
ANOTHER_SCALE = 7.0
#: Where slopes, in their order, part by this factor, it is said: it may be a scale, or spikes that hold the voltage.
APART = 4.0
#: Amplifiers' noise differs between the sweeps of a recording by this factor at most.
STILLER = 2.0


@dataclass(frozen=True)
class Candidate:
    """A sweep as far as the choice needs to know it."""

    sweep: gj.Sweep
    envelope: Float[np.ndarray, " n"]  # 1 ms means of the current, A
    spikes: int
    is_noise: bool
    is_driven: bool
    fluctuation: float  # how far it is from its running median, A
    slope: float | None  # of voltage on current, ohm; None where it does not tell

    @property
    def says_training(self) -> bool:
        """Whether its protocol's name says that it is to train on."""
        return any(word in self.sweep.protocol.lower() for word in TRAINING_WORDS)

    @property
    def says_held_out(self) -> bool:
        """Whether its protocol's name says that it is to be held out."""
        return any(word in self.sweep.protocol.lower() for word in HELD_OUT_WORDS)

    def repeats(self, other: "Candidate") -> bool:
        """Whether both sweeps have the same stimulus."""
        return same_stimulus(self.envelope, other.envelope)


def inspect(sweeps: Sequence[gj.Sweep]) -> list[Candidate]:
    """Sweeps as far as the choice needs to know them.

    A current that fluctuates no more than STILLER times as much as steps of the same recording do is none: it is the
    amplifier's noise about a current that was held.
    """
    candidates = [_candidate(sweep) for sweep in sweeps]
    amplifier = max((c.fluctuation for c in candidates if not c.is_noise), default=0.0)
    held = lambda c: c.is_noise and c.fluctuation < STILLER * amplifier
    return [replace(c, is_noise=False) if held(c) else c for c in candidates]


def _candidate(sweep: gj.Sweep) -> Candidate:
    current, rate = sweep.current, sweep.rate
    means = envelope(current, rate)
    spikes = len(find_spike_peaks(without_drop(sweep.voltage, current, rate), rate))
    clean = without_hum(means)
    off = np.abs(clean - running_median(clean))
    is_noise = (wanders(clean) and _turns(clean)) or bool(np.mean(off > TURBULENT * np.ptp(clean)) > NOISY)
    driven = is_driven(sweep)
    slope = sweep_slope(current, sweep.voltage, rate) if driven else None
    return Candidate(sweep, means, spikes, is_noise and driven, driven, float(np.median(off)), slope)


def _turns(means: Float[np.ndarray, " n"]) -> bool:
    """Whether 1 ms means (A) keep turning: steps and ramps change in few places or steadily."""
    size = SIZEABLE * np.ptp(means)
    change = np.round(np.diff(means) / size) if size else np.zeros(0)
    turns = np.sum(np.diff(np.sign(change[change != 0])) != 0)
    return bool(turns > TURNING * len(means))


def stimulus_groups(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Sweeps in groups of one stimulus, in the order of their first."""
    return _grouped(candidates, Candidate.repeats)


def _grouped(candidates: Sequence[Candidate], alike: Callable[[Candidate, Candidate], bool]) -> list[list[Candidate]]:
    """Sweeps in groups of those that are like their first, in the order of these."""
    groups: list[list[Candidate]] = []
    for candidate in candidates:
        group = next((group for group in groups if alike(candidate, group[0])), None)
        if group is None:
            groups.append([candidate])
        else:
            group.append(candidate)
    return groups


def of_one_step(candidates: Sequence[Candidate], like: Sequence[Candidate] = ()) -> tuple[list[Candidate], list[str]]:
    """Those whose rates come to one time step of a fit, and a line on the others.

    Args:
        candidates: of whatever rates.
        like: whose step it is to be; without any, that of most data with spikes.
    """
    alike = lambda one, other: same_step(time_step(one.sweep.rate), time_step(other.sweep.rate))
    steps = _grouped(candidates, alike)
    wanted = like or max(steps, key=lambda group: (any(c.spikes for c in group), amount(group)), default=[])
    taken = [c for c in candidates if alike(c, wanted[0])]
    others = f"the others at {wanted[0].sweep.rate / 1e3:g} kHz" if wanted else ""
    reason = lambda c: f"sampled at {c.sweep.rate / 1e3:g} kHz, {others}"
    return taken, said_left_out({c.sweep.number: reason(c) for c in candidates if c not in taken})


def of_another_scale(candidates: Sequence[Candidate]) -> dict[int, str]:
    """The sweeps whose current or voltage is of another scale or sign than most sweeps', by number, and why.

    Where most are of a scale that no neuron has, none is told apart: the recording is wrong, not the sweep.
    """
    slopes = _slopes(candidates)
    usual = float(np.median(list(slopes.values()))) if slopes else 0.0
    if not LOWEST <= usual <= HIGHEST:
        return {}
    least = 1 / ANOTHER_SCALE if len(slopes) > 2 else 0.0  # of two sweeps either may be the other's odd one
    off = {number: slope for number, slope in slopes.items() if not least < slope / usual < ANOTHER_SCALE}
    remedy = lambda slope: "turn the sign" if slope < 0 else "correct the scale"
    return {
        number: f"its input resistance comes to {megaohm(slope)}, and most sweeps' to {megaohm(usual)}: "
        f"{remedy(slope)} (conversion) of its current or voltage"
        for number, slope in off.items()
    }


def of_two_scales(candidates: Sequence[Candidate]) -> list[str]:
    """A line where the slopes of voltage on current fall into two groups, APART; neither is known to be right."""
    slopes = sorted((slope, number) for number, slope in _slopes(candidates).items())
    gaps = [above / below for (below, _), (above, _) in pairwise(slopes)]
    if not gaps or max(gaps) < APART:
        return []
    place = int(np.argmax(gaps)) + 1
    words = [
        f"{megaohm(float(np.median([slope for slope, _ in group])))} in {list_sweeps(n for _, n in group)}"
        for group in (slopes[:place], slopes[place:])
    ]
    return [f"the input resistance comes to {' and to '.join(words)}: check the scale (conversion) of these currents"]


def _slopes(candidates: Sequence[Candidate]) -> dict[int, float]:
    """Of voltage on current, ohm, by sweep, where they tell."""
    return {c.sweep.number: c.slope for c in candidates if c.slope is not None}


def amount(group: Sequence[Candidate]) -> float:
    """How long sweeps last together, s."""
    return sum(c.sweep.n_samples / c.sweep.rate for c in group)
