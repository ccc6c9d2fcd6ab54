"""How a neuron answers steps of current beside the cell: spike count, rate, first latency and adaptation, step by step.

Features have the names and definitions of eFEL (https://efel.readthedocs.io, eFeatures), of spike times t_1 < ... < t_n
within the step, which starts at t_0:

    spike_count_stimint    n
    mean_frequency        n / (t_n - t_0), Hz; 0 without spikes
    time_to_first_spike   t_1 - t_0, ms
    adaptation_index2     mean over i of (d_i+1 - d_i) / (d_i+1 + d_i), d_i = t_i+1 - t_i from the second interval on;
                          of four spikes or more
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import jax
import numpy as np
from jaxtyping import Float

from ..data.amplifier import running_median, white_noise, without_hum
from ..data.arrays import FitData
from ..data.stimulus import MEAN, envelope
from ..model.patched import PatchedNeuron
from .evaluate import spike_trains

#: A step is flat for at least this long, s.
SHORTEST = 0.1
#: It varies by less than this share of its height (sd), an amplifier's noise aside,
FLAT = 0.1
#: and is so many times as high as that noise.
STANDS_OUT = 3.0
#: It begins and ends with jumps of more than this share of all that the current moves.
EDGE = 0.2
#: Runs with escape noise at each step that was trained on.
RUNS = 20
#: By their names in eFEL.
FEATURES = ("spike_count_stimint", "mean_frequency", "time_to_first_spike", "adaptation_index2")


@dataclass(frozen=True)
class Step:
    """A step of current, and what cell and neuron did.

    Attributes:
        numbers: of the sweeps that repeat it.
        held_out: whether they were held out; else they were trained on, but the neuron ran freely all the same.
        current: its height above the rest of the sweep, A.
        start, stop: s.
        cell: features by name, means over its repeats; NaN where fewer than half of these have it.
        noisy: of runs with escape noise.
        alone: of the neuron without noise.
    """

    numbers: tuple[int, ...]
    held_out: bool
    current: float
    start: float
    stop: float
    cell: dict[str, float]
    noisy: dict[str, float]
    alone: dict[str, float]

    @property
    def silent(self) -> bool:
        """Whether the cell did not spike."""
        return self.cell["spike_count_stimint"] == 0

    def as_dict(self) -> dict:
        """What fit.json holds: null for a missing feature."""
        null = lambda features: {name: value if math.isfinite(value) else None for name, value in features.items()}
        return {
            "sweeps": list(self.numbers),
            "held_out": self.held_out,
            "current_pa": 1e12 * self.current,
            "start_s": self.start,
            "stop_s": self.stop,
            "cell": null(self.cell),
            "escape_noise": null(self.noisy),
            "without_noise": null(self.alone),
        }


Trains = tuple[Sequence[Float[np.ndarray, " k"]], ...]


def answers(
    trains: Sequence[Trains], groups: Sequence[FitData], trained: Sequence[Trains] = (), on: Sequence[FitData] = ()
) -> tuple[Step, ...]:
    """What cell and neuron did at steps of current, by their height; nothing where there was no step.

    Args:
        trains: of each held-out group of repeats, as fitting.Scores holds them: spike times (s) of the cell, of runs
            with escape noise, and without noise.
        groups: what was held out.
        trained, on: the same of sweeps that were trained on, as `training_trains` gives them.
    """
    steps = []
    every = [*((*pair, True) for pair in zip(groups, trains, strict=True))]
    every += [*((*pair, False) for pair in zip(on, trained, strict=True))]
    for data, spikes, held_out in every:
        place = find_step(data.current[0][data.valid[0]], data.dt)
        if place is None:
            continue
        current, start, stop = place
        described = (mean_features(group, start, stop) for group in spikes)
        steps.append(Step(tuple(data.numbers.tolist()), held_out, current, start, stop, *described))
    return tuple(sorted(steps, key=lambda step: step.current))


def training_trains(model: PatchedNeuron, train: FitData, seed: int = 0) -> tuple[list[Trains], list[FitData]]:
    """Spike trains of the cell and of free runs of the neuron at each training sweep that is a step; and the sweeps."""
    trains, sweeps = [], []
    for row in range(len(train.numbers)):
        sweep = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], train)
        if find_step(sweep.current[0][sweep.valid[0]], sweep.dt) is not None:
            noisy, alone = spike_trains(model, sweep, RUNS, seed + row), spike_trains(model, sweep, None)
            trains.append((sweep.spike_times, noisy, alone))
            sweeps.append(sweep)
    return trains, sweeps


def find_step(current: Float[np.ndarray, " T"], dt: float) -> tuple[float, float, float] | None:
    """Height (A), start and stop (s) of the longest step of a current; None where it has none.

    The height is over the median of the rest of the sweep. Pulses before it, as of a test of the seal, are shorter. Of
    several about as long (FLAT) the first counts: what the others meet hangs on those before them. Noise and hum of an
    amplifier that measured the current do not matter.
    """
    every, means = max(1, round(MEAN / dt)), without_hum(envelope(current, 1 / dt))
    noise = white_noise(means)
    above, course = (trace - np.median(means[: max(1, len(means) // 100)]) for trace in (means, running_median(means)))
    edges = np.flatnonzero(np.abs(np.diff(course)) > EDGE * np.ptp(course)) + 1
    lowest = max(FLAT * np.abs(course).max(initial=0.0), STANDS_OUT * noise)
    steps = []
    for start, stop in pairwise([0, *edges, len(above)]):
        plateau = above[start + 1 : stop - 1]
        if len(plateau) * MEAN < SHORTEST:
            continue
        height = float(plateau.mean())
        if abs(height) > lowest and plateau.std() <= np.hypot(FLAT * height, noise):
            steps.append((height, start, stop))
    if not steps:
        return None
    longest = max(stop - start for _, start, stop in steps)
    height, start, stop = next(step for step in steps if step[2] - step[1] > (1 - FLAT) * longest)
    height -= float(np.median(np.delete(above, slice(start, stop))))
    return height, _edge(current, start * every, every) * dt, _edge(current, stop * every, every) * dt


def _edge(current: Float[np.ndarray, " T"], near: int, reach: int) -> int:
    """The sample at which a current jumps within `reach` samples; `near` itself at an end of the sweep."""
    if not reach < near < len(current) - reach:
        return near
    jumps = np.abs(np.diff(current[near - reach - 1 : near + reach]))
    return near - reach + int(np.argmax(jumps))


def mean_features(trains: Sequence[Float[np.ndarray, " k"]], start: float, stop: float) -> dict[str, float]:
    """The mean of each feature over spike trains (s) that have it, of a step from start to stop, s.

    NaN where fewer than half have it: the first spike of one run in twenty, a lapse, is no latency of the neuron.
    """
    described = [features(train, start, stop) for train in trains]
    values = {name: [row[name] for row in described if math.isfinite(row[name])] for name in FEATURES}
    return {
        name: float(np.mean(row)) if row and len(row) >= len(trains) / 2 else math.nan for name, row in values.items()
    }


def features(train: Float[np.ndarray, " k"], start: float, stop: float) -> dict[str, float]:
    """The features of a spike train, s, at a step from start to stop, s; NaN where there are too few spikes."""
    times = train[(train >= start) & (train <= stop)] - start
    intervals = np.diff(times)[1:]
    adaptation = np.diff(intervals) / (intervals[1:] + intervals[:-1])
    return {
        "spike_count_stimint": float(len(times)),
        "mean_frequency": len(times) / float(times[-1]) if len(times) else 0.0,
        "time_to_first_spike": 1e3 * float(times[0]) if len(times) else math.nan,
        "adaptation_index2": float(adaptation.mean()) if len(adaptation) else math.nan,
    }
