"""Which sweeps a neuron is fitted to, and which are held out to score it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

import glifjax as gj
from glifjax.io.nwb.selection import list_sweeps, said_left_out
from glifjax.spikes.detection import find_spike_peaks
from glifjax.spikes.drop import without_drop
from glifjax.spikes.ticks import without_ticks

from .arrays import DataError
from .candidates import Candidate, amount, inspect, of_one_step, repeats, stimulus_groups
from .choices import refuse_both
from .odd import odd_sweeps, of_two_scales
from .padding import without_padding
from .remarks import lost_repeats, lost_sweeps, remarks
from .usable import check_named, of_one_cell, refuse_stillness, usable_sweeps

#: Of a single recording, this much is held out at its end.
HELD_OUT_FRACTION = 0.25
#: Noise is preferred where it makes so many spikes, or most of them: fewer determine no threshold.
ENOUGH_SPIKES = 50
#: Between these a voltage without a spike is taken to be at rest, mV.
LOWEST_REST = -120.0
HIGHEST_REST = -30.0


@dataclass(frozen=True)
class Part:
    """A stretch of a sweep, from `start` to `stop` (samples); loads like the sweep itself."""

    sweep: gj.Sweep
    start: int
    stop: int

    @classmethod
    def whole(cls, sweep: gj.Sweep) -> "Part":
        """All of a sweep."""
        return cls(sweep, 0, sweep.n_samples)

    @property
    def number(self) -> int:
        """The sweep's number."""
        return self.sweep.number

    @property
    def protocol(self) -> str:
        """The sweep's protocol."""
        return self.sweep.protocol

    @property
    def rate(self) -> float:
        """Hz."""
        return self.sweep.rate

    @property
    def duration(self) -> float:
        """s."""
        return (self.stop - self.start) / self.rate

    @property
    def current(self) -> Float[np.ndarray, " T"]:
        """(T,), A."""
        return self.sweep.current[self.start : self.stop]

    @property
    def voltage(self) -> Float[np.ndarray, " T"]:
        """(T,), V, without ticks of the electrode."""
        return without_ticks(self.sweep.voltage, self.rate)[self.start : self.stop]


@dataclass(frozen=True)
class Split:
    """What is trained on and what is held out.

    Attributes:
        train: sweeps to fit.
        test: sweeps to score, in groups that repeat one stimulus; empty if nothing is left to hold out.
        reasons: in words, why these.
    """

    train: list[Part]
    test: list[list[Part]]
    reasons: list[str] = field(default_factory=list)

    @property
    def sweeps(self) -> list[gj.Sweep]:
        """Every sweep that either holds a part of."""
        parts = [*self.train, *(part for group in self.test for part in group)]
        return list({part.number: part.sweep for part in parts}.values())


def choose_sweeps(recording: gj.Recording, train: str | None = None, test: str | None = None) -> Split:
    """Split a recording's current-clamp sweeps into training and held-out ones.

    What the user names is taken. The rest is guessed: sweeps of noise before steps, if they spike enough; protocols
    named for training or testing by their names; else stimuli that repeat are held out and the others train; else the
    group with most data trains; of a single sweep or group, the last quarter is held out; of steps, every third sweep
    with spikes.

    Args:
        recording: as glifjax.read_recording returns it.
        train, test: sweep numbers, ranges ("2-11"), or protocol names, separated by commas; None to guess.

    Raises:
        RecordingError: no current-clamp sweeps, or a selection that matches nothing.
        DataError: no spikes anywhere, or nothing left to train on.
    """
    recording, cut = without_padding(of_one_cell(recording, None))
    chosen = _named(recording, train, "to train on")
    held = _named(recording, test, "to hold out")
    if chosen is not None and held is not None:
        refuse_both(recording.path, {c.sweep.number for c in chosen} & {c.sweep.number for c in held})
        _, scales = _sound(recording, [*chosen, *held], [])
        return _split(chosen, held, ["as selected", *cut, *scales])
    usable, left_out = usable_sweeps(recording)
    refuse_stillness(recording, usable)
    named = chosen or held or []
    taken = {c.sweep.number for c in named}
    rest = inspect([sweep for sweep in usable if sweep.number not in taken])
    rest, odd = _sound(recording, named, rest)
    left_out += odd
    split = _completed(recording, chosen, held, rest, left_out)
    return replace(split, reasons=[*split.reasons, *cut, *left_out])


def _named(recording: gj.Recording, which: str | None, purpose: str) -> list[Candidate] | None:
    """The sweeps that a user names; None where none is."""
    if which is None:
        return None
    sweeps = recording.select(which)
    for sweep in sweeps:
        if sweep.clamp != "current":
            raise DataError(
                f"{recording.path}: sweep {sweep.number}, selected {purpose}, is a {sweep.clamp}-clamp sweep; a fit "
                "needs current clamp"
            )
    check_named(recording, sweeps)
    return inspect(sweeps)


def _sound(
    recording: gj.Recording, named: Sequence[Candidate], rest: Sequence[Candidate]
) -> tuple[list[Candidate], list[str]]:
    """The rest less those that are lost or not as most, and lines on them; one such that a user named is refused."""
    odd = lost_sweeps([*named, *rest]) | odd_sweeps([*named, *rest])
    for candidate in named:
        if reason := odd.get(candidate.sweep.number):
            raise DataError(f"{recording.path}, sweep {candidate.sweep.number}: {reason}")
    odd |= lost_repeats([*named, *rest])
    rest = [c for c in rest if c.sweep.number not in odd]
    return rest, said_left_out(odd) + of_two_scales([*named, *rest]) + remarks([*named, *rest])


def _completed(
    recording: gj.Recording,
    chosen: list[Candidate] | None,
    held: list[Candidate] | None,
    rest: list[Candidate],
    left_out: Sequence[str],
) -> Split:
    """The split where the user names the training sweeps, or those held out, or neither."""
    named = chosen or held or []
    if named:
        rest, _ = of_one_step(rest, named)
    if chosen is not None:
        guess = [c for c in rest if c.is_noise == chosen[0].is_noise and c.spikes]
        guess = max(stimulus_groups([c for c in guess if c.says_held_out] or guess), key=len, default=[])
        if guess:
            return _split(chosen, guess, ["training sweeps as selected", "held out: the sweeps most often repeated"])
        return _in_time(chosen, "training sweeps as selected")
    if held is not None:
        again = [c.sweep.number for c in rest if any(c.repeats(h) for h in held)]
        rest = [c for c in rest if c.sweep.number not in again]
        guess = [c for c in rest if c.is_noise and c.spikes] or rest
        guess = [c for c in guess if c.says_training] or guess
        reasons = ["held-out sweeps as selected"]
        if again:
            reasons.append(f"not trained on, as they repeat a held-out stimulus: {list_sweeps(again)}")
        return _split(guess, held, reasons)
    return _guess(rest, recording, left_out)


def _guess(candidates: Sequence[Candidate], recording: gj.Recording, left_out: Sequence[str]) -> Split:
    spiking = [c for c in candidates if c.spikes]
    if not spiking:
        raise DataError(_no_spike(candidates, recording, left_out))
    noise = [c for c in spiking if c.is_noise]
    spikes = sum(c.spikes for c in noise)
    if spikes < ENOUGH_SPIKES and 2 * spikes < sum(c.spikes for c in spiking):
        noise = []
    candidates, others = of_one_step(noise or candidates)
    why = (
        f"noise in the file makes only {spikes} spikes: all sweeps serve"
        if spikes
        else "no noise in the file: steps serve"
    )
    split = _noise(candidates) if noise else _steps(candidates, why)
    if alone := [c.sweep.number for c in spiking if noise and not c.is_noise]:
        others.append(f"not used, as noise tells more than they do: {list_sweeps(alone)}")
    return replace(split, reasons=[*split.reasons, *others])


def _noise(noise: Sequence[Candidate]) -> Split:
    """By the protocols' names; else what repeats is held out; else the last sweep, or the end of the only one."""
    training = [c for c in noise if c.says_training and not c.says_held_out]
    held = [c for c in noise if c.says_held_out and not c.says_training]
    if training and held:
        held = max(stimulus_groups(held), key=len)
        return _split(training, held, ["noise, told apart by the protocols' names"])
    groups = stimulus_groups(noise)
    repeated = [group for group in groups if len(group) > 1]
    unique = [group[0] for group in groups if len(group) == 1]
    if repeated and unique:
        held = max(repeated, key=amount)
        return _split(
            unique, held, [f"noise that was played once trains, noise repeated {len(held)} times is held out"]
        )
    if len(repeated) > 1:
        most, second, *_ = sorted(repeated, key=amount, reverse=True)
        return _split(most, second, ["all noise repeats: the stimulus with most data trains, the next is held out"])
    if len(unique) > 1:
        return _split(unique[:-1], unique[-1:], ["no noise repeats: the last noise sweep is held out"])
    return _in_time(noise, "one stimulus only")


def _no_spike(candidates: Sequence[Candidate], recording: gj.Recording, left_out: Sequence[str]) -> str:
    """That there is no spike, after what may be why: a wrong scale, sweeps that are left out.

    Raises:
        RecordingError: the voltage is of a wrong scale.
    """
    recording.check([c.sweep for c in candidates])
    words = f"{recording.path}: none of its {len(candidates)} current-clamp sweeps "
    words += "that can be used holds a spike" if left_out else "holds a spike"
    rest = 1e3 * float(np.median([np.median(c.sweep.voltage) for c in candidates]))
    if left_out:
        return f"{words}: {left_out[0]}"
    if not LOWEST_REST <= rest <= HIGHEST_REST:
        return f"{words}, and the voltage rests at {rest:.3g} mV: correct its scale (conversion)"
    return f"{words}, so there is no threshold to fit; check the recording, or choose another"


def _steps(candidates: list[Candidate], why: str) -> Split:
    """No noise, or too little: every third spiking sweep is held out, the others and the silent ones train."""
    spiking = [c for c in candidates if c.spikes]
    held = spiking[1::3]
    if not held:
        split = _in_time(spiking, "one sweep with spikes only")
        silent = [Part.whole(c.sweep) for c in candidates if c.is_driven and not c.spikes]
        return replace(split, train=[*split.train, *silent])
    training = [c for c in candidates if c not in held]
    if not any(c.is_driven for c in training):
        return _in_time([c for c in spiking if c.is_driven] or spiking, "one driven sweep with spikes only")
    return _split(training, held, [f"{why}, every third sweep with spikes is held out"])


def _in_time(candidates: Sequence[Candidate], why: str) -> Split:
    """The last quarter of each sweep is held out; or, where too few spikes lie before or none in it, of its spikes."""
    cuts = {c.sweep.number: _cut(c.sweep) for c in candidates}
    sweeps = [c.sweep for c in candidates]
    whole = "the last quarter of " + ("it" if len(sweeps) == 1 else "each sweep")
    odd = [number for number, (_, by_time) in cuts.items() if not by_time]
    part = f"{whole} is held out"
    if odd:
        part += f" (of {list_sweeps(odd)} that of the spikes, which come early or late)"
    return Split(
        [Part(sweep, 0, cuts[sweep.number][0]) for sweep in sweeps],
        [
            [Part(c.sweep, cuts[c.sweep.number][0], c.sweep.n_samples) for c in group]
            for group in stimulus_groups(candidates)
        ],
        [f"{why}: {part}"],
    )


def _cut(sweep: gj.Sweep) -> tuple[int, bool]:
    """The sample from which on a sweep is held out, and whether that is by its time alone."""
    by_time = round(sweep.n_samples * (1 - HELD_OUT_FRACTION))
    spikes = find_spike_peaks(without_drop(sweep.voltage, sweep.current, sweep.rate), sweep.rate)
    before = np.searchsorted(spikes, by_time)
    if len(spikes) < 2 or len(spikes) / 2 <= before < len(spikes):
        return by_time, True
    last = max(1, round(len(spikes) * HELD_OUT_FRACTION))
    return int(spikes[-last - 1] + spikes[-last]) // 2, False


def _split(training: Sequence[Candidate], held: Sequence[Candidate], reasons: list[str]) -> Split:
    if not training:
        raise DataError("no sweeps are left to train on; select some")
    whole = lambda candidates: [Part.whole(candidate.sweep) for candidate in candidates]
    return Split(whole(training), [whole(group) for group in repeats(held)], reasons)
