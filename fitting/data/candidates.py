"""A sweep as far as the choice of sweeps needs to know it: its stimulus, whether that is noise, and its spikes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

import glifjax as gj
from glifjax.io.nwb.selection import said_left_out
from glifjax.spikes.detection import find_spike_peaks
from glifjax.spikes.drop import without_drop
from glifjax.spikes.ticks import count_ticks, without_ticks

from .amplifier import running_median, wanders, without_hum
from .arrays import same_step, time_step
from .lost import Loss, find_loss
from .padding import until
from .plausible import Answer, answers, sweep_slope
from .rails import Rail, at_rails, rails, rails_of_current
from .stimulus import MEAN, envelope, same_stimulus
from .usable import SHORTEST, is_driven

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
#: The current that a sweep starts from is the median over so many ms;
HELD = 20
#: it is held wherever the current is no further from it than this part of its range.
NEAR = 0.05
#: Repeats of a stimulus are those of which the mean current differs by no more than this part of its deviation.
HELD_AS = 0.2
#: Amplifiers' noise differs between the sweeps of a recording by this factor at most.
STILLER = 2.0


@dataclass(frozen=True)
class Candidate:
    """A sweep as far as the choice needs to know it."""

    sweep: gj.Sweep
    envelope: Float[np.ndarray, " n"]  # 1 ms means of the current, A, of what was cut off too
    spikes: int
    is_noise: bool
    is_driven: bool
    fluctuation: float  # how far it is from its running median, A
    first: Answer | None  # of the voltage to the current at once; None where it does not tell
    slope: float | None  # of voltage on current, ohm, likewise
    held: float  # the current that it starts from, A; of noise its median
    rest: float  # the median voltage under about that current, V
    ticks: int  # of the electrode, in its voltage
    rails: tuple[Rail, ...]  # at which its voltage was cut off, V
    current_rails: tuple[float, ...]  # at which its current was, A
    loss: Loss | None  # where it was cut, as no cell's

    @property
    def answer(self) -> float | None:
        """The first answer, ohm, where it is believed."""
        return self.first.size if self.first and self.first.sure else None

    @property
    def says_training(self) -> bool:
        """Whether its protocol's name says that it is to train on."""
        return any(word in self.sweep.protocol.lower() for word in TRAINING_WORDS)

    @property
    def says_held_out(self) -> bool:
        """Whether its protocol's name says that it is to be held out."""
        return any(word in self.sweep.protocol.lower() for word in HELD_OUT_WORDS)

    def repeats(self, other: "Candidate") -> bool:
        """Whether both sweeps have the same stimulus, whatever current is held."""
        return same_stimulus(self.envelope, other.envelope)

    def is_held_as(self, other: "Candidate") -> bool:
        """Whether both sweeps' currents have the same mean, but for what an amplifier drifts by."""
        apart = abs(self.envelope.mean() - other.envelope.mean())
        return bool(apart <= HELD_AS * self.envelope.std())


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
    current, voltage, rate = sweep.current, sweep.voltage, sweep.rate
    means, responses = envelope(current, rate), envelope(without_ticks(voltage, rate), rate)
    spikes = find_spike_peaks(without_drop(voltage, current, rate), rate)
    clean = without_hum(means)
    off = np.abs(clean - running_median(clean))
    is_noise = (wanders(clean) and _turns(clean)) or bool(np.mean(off > TURBULENT * np.ptp(clean)) > NOISY)
    driven = is_driven(sweep)
    apart = np.union1d(spikes, np.flatnonzero(at_rails(voltage, rate))) // round(rate * MEAN)
    in_ms = clean, without_hum(responses), np.unique(apart)
    loss = find_loss(*in_ms) if driven else None
    if loss and loss.start >= SHORTEST:
        cut = _candidate(until(sweep, round(loss.start * rate)))
        return replace(cut, envelope=means, loss=cut.loss or loss)
    held = float(np.median(clean if is_noise else clean[:HELD]))
    away = np.abs(clean - held)
    return Candidate(
        sweep,
        means,
        len(spikes),
        is_noise and driven,
        driven,
        fluctuation=float(np.median(off)),
        first=answers(*in_ms, len(means))[0] if driven else None,
        slope=sweep_slope(current, voltage, rate) if driven else None,
        held=held,
        rest=float(np.median(responses[away <= max(NEAR * np.ptp(clean), away.min())])),
        ticks=count_ticks(voltage, rate),
        rails=rails(voltage, rate),
        current_rails=rails_of_current(current, rate),
        loss=loss,
    )


def _turns(means: Float[np.ndarray, " n"]) -> bool:
    """Whether 1 ms means (A) keep turning: steps and ramps change in few places or steadily."""
    size = SIZEABLE * np.ptp(means)
    change = np.round(np.diff(means) / size) if size else np.zeros(0)
    turns = np.sum(np.diff(np.sign(change[change != 0])) != 0)
    return bool(turns > TURNING * len(means))


def stimulus_groups(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Sweeps in groups of one stimulus, in the order of their first."""
    return _grouped(candidates, Candidate.repeats)


def repeats(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    """Sweeps in groups of one stimulus under one held current: what a cell's own repeats are."""
    return _grouped(candidates, lambda one, other: one.repeats(other) and one.is_held_as(other))


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


def amount(group: Sequence[Candidate]) -> float:
    """How long sweeps last together, s."""
    return sum(c.sweep.n_samples / c.sweep.rate for c in group)
