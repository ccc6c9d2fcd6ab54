"""How well a fitted neuron predicts held-out sweeps, and how well the cell predicts itself."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from glifjax.spikes import scores

from ..checkpoint.registry import register
from ..data.arrays import FitData
from ..data.masks import observed_steps
from ..model.compiled import compiled
from ..model.likelihood import step_log_likelihoods
from ..model.patched import PatchedNeuron
from ..model.runs import forced_run, predict, spike_times
from .readout import Readout

#: Runs of the escape-noise neuron that the scores average over.
RUNS = 500
#: How many of one stimulus are simulated side by side, at most.
BATCH = 64
#: How many random numbers they take, at most, whatever the sweep's length.
NUMBERS = 2**25
#: Two repeats' voltages are compared where neither has spiked for this long, s.
REST = 50e-3
#: Scores of the voltage between spikes.
BELOW = ("subthreshold_rmse_mv", "subthreshold_explained_variance")


@register
@dataclass(frozen=True)
class Scores:
    """Scores on the held-out sweeps; NaN where one is not defined, with the reason.

    Attributes:
        test: of the neuron with escape noise.
        deterministic: of the neuron without noise, as it decides best on the training sweeps.
        ceiling: of one repeat of the cell as the model of the others.
        reasons: why a score is missing.
        trains: for the raster, per group of repeats: the recorded spike times of each sweep, of some runs with
            escape noise, and of the runs without noise; s.
        kind: how the neuron of `deterministic` decides, "hard" or "accumulated".
        hard, accumulated: without noise, at the hard threshold and where the hazard has gathered; empty where the
            neuron does not gather any.
        bound: of the consensus of the other repeats against each: the best that is to be had without noise.
    """

    test: dict[str, float]
    deterministic: dict[str, float]
    ceiling: dict[str, float]
    reasons: dict[str, str]
    trains: list[tuple[list, list, list]]
    kind: str = "hard"
    hard: dict[str, float] = field(default_factory=dict)
    accumulated: dict[str, float] = field(default_factory=dict)
    bound: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """What fit.json holds: null for a missing score."""
        null = lambda group: {key: None if math.isnan(value) else float(value) for key, value in group.items()}
        return {
            "test": null(self.test),
            "deterministic": null(self.deterministic) | {"kind": self.kind},
            "ceiling": null(self.ceiling),
            "bound": null(self.bound),
            "hard": null(self.hard),
            "accumulated": null(self.accumulated),
            "missing": self.reasons,
        }


def evaluate(
    model: PatchedNeuron,
    test: tuple[FitData, ...],
    seed: int = 0,
    ceiling: dict[str, float] | None = None,
    runs: int = RUNS,
    readout: Readout | None = None,
) -> Scores:
    """Score a neuron on groups of sweeps that repeat one stimulus; scores are averaged over groups with spikes.

    Args:
        model: a fitted neuron.
        test: held-out groups; none leave every score undefined.
        seed: of the escape noise.
        ceiling: `measure_ceiling(test)`, where it is known.
        runs: with escape noise.
        readout: how the neuron decides without noise; None: as it is.
    """
    readout = Readout.as_it_is(model) if readout is None else readout
    # one compiled function runs every neuron with escape noise, which decides as if there were nothing else
    model, decides = readout.of(model, "hard"), {kind: readout.of(model, kind) for kind in readout.kinds}
    noisy, shown, fixed = [], [], {kind: [] for kind in decides}
    for number, data in enumerate(test):
        duration, recorded = _recorded(data)
        inside = lambda trains, end=duration: [train[(train >= 0) & (train <= end)] for train in trains]
        drawn = inside(spike_trains(model, data, runs, seed + number))
        alone = {kind: inside(spike_trains(decided, data, runs=None)) for kind, decided in decides.items()}
        noisy.append(scores.score_trains(recorded, drawn, duration))
        for kind, trains in alone.items():
            fixed[kind].append(scores.score_trains(recorded, trains, duration))
        shown.append((recorded, drawn[:: max(1, len(drawn) // max(10, len(recorded)))], alone[readout.kind]))
    below, bits = _with_forced_spikes(model, test)
    silent = {kind: _mean(scored) | below | {"bits_per_spike": math.nan} for kind, scored in fixed.items()}
    scored = {
        "test": _mean(noisy) | below | {"bits_per_spike": bits},
        "deterministic": silent[readout.kind],
        "ceiling": measure_ceiling(test) if ceiling is None else ceiling,
    }
    bound = _mean([scores.bound_trains(recorded, duration) for duration, recorded in map(_recorded, test)])
    beside = {"kind": readout.kind, "bound": bound, **silent}
    return Scores(**scored, reasons=_reasons(scored, test), trains=shown, **beside)


def _reasons(groups: dict[str, dict[str, float]], test: tuple[FitData, ...]) -> dict[str, str]:
    """Why a score is missing, by "group.score"."""
    if not test:
        return {f"{group}.{key}": "nothing was held out" for group, scored in groups.items() for key in scored}
    most = max(test, key=lambda data: len(data.numbers))
    why = {
        "deterministic.bits_per_spike": "without noise a spike has no probability",
        "ceiling.bits_per_spike": "a repeat of the cell has no likelihood",
    }
    why |= {f"ceiling.{key}": reason for key, reason in scores.ceiling_reasons(most.spike_times).items()}
    if len(most.numbers) < 2:
        alone = "takes two repeats of a stimulus; there is one"
        why |= {f"ceiling.{key}": alone for key in BELOW}
    values = {f"{group}.{key}": value for group, scored in groups.items() for key, value in scored.items()}
    missing = [name for name, value in values.items() if math.isnan(value)]
    return {name: why.get(name, "not defined for these sweeps: too few spikes") for name in missing}


def spike_trains(
    model: PatchedNeuron, data: FitData, runs: int | None = RUNS, seed: int = 0
) -> list[Float[np.ndarray, " k"]]:
    """Spike times (s, in the recording's sense) of simulated runs, shared out evenly over the sweeps' stimuli.

    Each run starts from its sweep's first voltage. runs=None: one run a sweep without noise.
    """
    if runs is None:
        of_run = range(len(data.current))
        alone = lambda sweep: np.asarray(_alone(model, data.current[sweep], data.voltage[sweep, 0], data.dt))
        fired = map(alone, of_run)
    else:
        of_run = np.sort(np.arange(runs) % len(data.current))
        fired = _drawn(model, data, of_run, seed)
    return spike_times(model, data.dt, (row & data.valid[sweep] for sweep, row in zip(of_run, fired, strict=True)))


def _drawn(model, data: FitData, of_run: Int[np.ndarray, " runs"], seed: int) -> Iterator[Bool[np.ndarray, " T"]]:
    """Where each run spikes, of_run its sweep: drawn in blocks of one sweep's runs, two at a time, in single precision.

    The random numbers of each are those of its sweep, and of its own number there.
    """
    single = lambda leaf: np.asarray(leaf).astype(np.float32) if eqx.is_inexact_array(leaf) else leaf
    model, current, start = jax.tree.map(single, (model, data.current, data.voltage[:, 0]))
    runs = np.bincount(of_run, minlength=len(current))
    # alike, so that one compiled function serves all; the last of a sweep's is filled up
    most = min(BATCH, max(1, NUMBERS // current.shape[1]))
    size = -(-runs.max() // -(-runs.max() // most))

    def draw(block):
        sweep, first = block
        # numpy's generator takes a fifth of the time of jax's on a CPU
        uniforms = np.zeros((size, current.shape[1]), np.float32)
        for number in range(first, min(first + size, runs[sweep])):
            np.random.default_rng((seed % 2**64, sweep, number)).random(dtype=np.float32, out=uniforms[number - first])
        with jax.enable_x64(False):  # which each thread keeps for itself
            fired = _draw(model, current[sweep], start[sweep], data.dt, np.ascontiguousarray(uniforms.T))
        return np.asarray(fired)[: runs[sweep] - first]

    blocks = [(sweep, first) for sweep in np.unique(of_run) for first in range(0, runs[sweep], size)]
    with ThreadPoolExecutor(2) as pool:
        for fired in pool.map(draw, blocks):
            yield from fired


@compiled
def _draw(model, current, start, dt, uniforms):
    """Where runs over one current spike, (n, T), by uniforms (T, n)."""
    run = lambda own: model.simulate(current, dt, recorded_start=start, uniforms=own).fired
    return jax.vmap(run, in_axes=1)(uniforms)


@compiled
def _alone(model, current, start, dt):
    return model.simulate(current, dt, recorded_start=start).fired


def _with_forced_spikes(model: PatchedNeuron, test: tuple[FitData, ...]) -> tuple[dict[str, float], float]:
    """Misfit of the voltage between spikes, as RMSE (mV) and explained variance; and bits per spike.

    These are what the model tells of each held-out spike, given all before, above a Poisson process of their rate.
    """
    recorded, predicted, log_density = [], [], 0.0
    for data in test:
        voltage, log_likelihoods = _forced(model, data)
        keep = observed_steps(data, float(model.neuron.spike_cut_duration))
        recorded.append(data.voltage[keep])
        predicted.append(np.asarray(voltage)[keep])
        # from the probability of a spike within its step to its density in time
        log_density += float(np.asarray(log_likelihoods).sum()) - data.n_spikes * math.log(data.dt)
    spikes, duration = sum(data.n_spikes for data in test), sum(data.duration for data in test)
    bits = scores.bits_per_spike(log_density, spikes, duration) if spikes else math.nan
    a, b = (np.concatenate(parts) if parts else np.zeros(0) for parts in (recorded, predicted))
    everything = np.ones(len(a), dtype=bool)
    if not len(a):
        return dict.fromkeys(BELOW, math.nan), bits
    below = 1e3 * scores.rmse(a, b, everything), scores.explained_variance(a, b, everything)
    return dict(zip(BELOW, below, strict=True)), bits


@compiled
def _forced(model, data):
    run = forced_run(model, data)
    return predict(model, data, run), step_log_likelihoods(model, data, run)


def measure_ceiling(test: tuple[FitData, ...]) -> dict[str, float]:
    """Each score with one repeat as the model of the others, averaged over the groups; NaN without repeats."""
    return dict.fromkeys((*BELOW, "bits_per_spike"), math.nan) | _mean([_ceiling(data) for data in test])


def _recorded(data: FitData) -> tuple[float, list[Float[np.ndarray, " k"]]]:
    """How long the sweeps are, s, and their spikes within that."""
    duration = data.steps * data.dt
    return duration, [train[(train >= 0) & (train <= duration)] for train in data.spike_times]


def _ceiling(data: FitData) -> dict[str, float]:
    duration, recorded = _recorded(data)
    ceilings = {
        key: math.nan if value is None else value for key, value in scores.ceiling_trains(recorded, duration).items()
    }
    # spikes are forced on the model, so its counterpart compares repeats where neither has spiked of late
    keep = observed_steps(data, REST)
    pairs = [(i, j) for i in range(len(keep)) for j in range(i) if (keep[i] & keep[j]).any()]
    compare = lambda score: [score(data.voltage[i], data.voltage[j], keep[i] & keep[j]) for i, j in pairs]
    mean = lambda values: float(np.mean(values)) if values else math.nan
    below = 1e3 * mean(compare(scores.rmse)), mean(compare(scores.explained_variance))
    return ceilings | dict(zip(BELOW, below, strict=True))


def _mean(groups: list[dict[str, float]]) -> dict[str, float]:
    """The mean of each score over the groups where it is defined."""
    keys = groups[0] if groups else dict.fromkeys(scores.SCORES, math.nan)
    defined = lambda key: [group[key] for group in groups if not math.isnan(group[key])]
    return {key: float(np.mean(defined(key))) if defined(key) else math.nan for key in keys}
