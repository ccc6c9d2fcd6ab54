"""How a neuron decides without noise: at its hard threshold, or where its hazard has gathered; chosen in training.

A hard threshold spikes as soon as a spike may come, which is earlier than most do. The neuron that gathers its hazard
(glifjax.AccumulatedHazard) spikes where one is due. Both are judged by single free runs, coincidence factor plus
explained variance (10 ms), on the training sweeps.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

import glifjax as gj
from glifjax.spikes.scores import explained_variance_ratio, gamma

from ..checkpoint.registry import register
from ..data.arrays import FitData, coarsen
from ..data.blocks import FOLDS, blocks
from ..model.compiled import compiled
from ..model.patched import PatchedNeuron
from ..model.runs import free_run, spike_times

#: How a neuron decides without noise, in words.
KINDS = {"hard": "hard threshold", "accumulated": "accumulated hazard"}


@register
class Readout(NamedTuple):
    """How a neuron decides without noise.

    Attributes:
        kind: "hard" or "accumulated", whichever is better on the training sweeps.
        hazard: how the hazard is gathered, also where the hard threshold is better; None: it is not.
        late: by how much a hard threshold's spikes had better be reported later, s.
        training: coincidence factor plus explained variance on the training sweeps of the "hard" threshold, of its
            spikes reported "late", and of "accumulated" hazard.
    """

    kind: str
    hazard: gj.AccumulatedHazard | None
    late: float
    training: dict[str, float]

    @classmethod
    def as_it_is(cls, model: PatchedNeuron) -> "Readout":
        """How a model decides already."""
        hazard = model.neuron.accumulated_hazard
        return cls("hard" if hazard is None else "accumulated", hazard, 0.0, {})

    @property
    def kinds(self) -> tuple[str, ...]:
        """What it chooses from."""
        return ("hard",) if self.hazard is None else ("hard", "accumulated")

    def of(self, model: PatchedNeuron, kind: str | None = None) -> PatchedNeuron:
        """The model that decides so; or as another kind says."""
        hazard = self.hazard if (kind or self.kind) == "accumulated" else None
        return replace(model, neuron=replace(model.neuron, accumulated_hazard=hazard))

    def as_dict(self) -> dict[str, Any]:
        """What fit.json holds."""
        return {
            "kind": self.kind,
            "accumulated": None
            if self.hazard is None
            else {"tau": float(self.hazard.tau), "threshold": float(self.hazard.threshold)},
            "hard_late_s": self.late,
            "training": self.training,
        }


#: A hard threshold, with nothing to choose from.
HARD = Readout("hard", None, 0.0, {})


class ChooseReadout(eqx.Module):
    """Chooses between a hard threshold and gathered hazard, and what the hazard is gathered with.

    The default stands unless another pair is better on blocks of the training data that it was not chosen on, by more
    than the standard error over them: it is the best pair for all of five cells, where each cell's own did worse.

    Attributes:
        default: tau (s) and threshold A*.
        taus, thresholds: what else is tried.
        fewest: with fewer training spikes nothing else is, and the hard threshold stays.
        latest: by which a hard threshold's spikes may be reported later, s, in steps of `lateness`.
        step: the runs that are compared have this time step, s.
    """

    default: tuple[float, float] = (50e-3, 0.55)
    taus: tuple[float, ...] = (20e-3, 50e-3, 100e-3)
    thresholds: tuple[float, ...] = (0.4, 0.55, 0.75, 1.0)
    fewest: int = 100
    latest: float = 5e-3
    lateness: float = 0.25e-3
    step: float = 0.2e-3

    def __call__(self, model: PatchedNeuron, data: FitData) -> Readout:
        """How the model decides best."""
        data = coarsen(data, self.step)
        pairs, enough = [self.default], data.n_spikes >= self.fewest
        if enough:
            grid = [(tau, threshold) for tau in self.taus for threshold in self.thresholds]
            pairs += [pair for pair in grid if pair != self.default]
        number = blocks(data)
        aside = [data.valid & (number % FOLDS == fold) for fold in range(FOLDS)]
        part = lambda keep: Stitched.of(keep, data.dt, data.spike_times)
        every, folds, others = part(data.valid), [*map(part, aside)], [part(data.valid & ~keep) for keep in aside]
        times = lambda fired: spike_times(model, data.dt, np.asarray(fired) & data.valid)
        hard = times(_run(model, data))
        ran = [times(fired) for fired in _run_gathering(model, data, jnp.asarray(pairs))]
        score = lambda trains, parts: np.array([part.score(trains) for part in parts])
        gathered = [_Single(every.score(trains), score(trains, folds), score(trains, others)) for trains in ran]
        best = _own_or_default(gathered)
        lateness = np.arange(0.0, self.latest + 1e-9, self.lateness)
        late = [every.score([train + by for train in hard]) for by in lateness]
        training = {"hard": late[0], "late": max(late), "accumulated": gathered[best].score}
        return Readout(
            kind="accumulated" if enough and training["accumulated"] > training["hard"] else "hard",
            hazard=gj.AccumulatedHazard(*pairs[best]),
            late=float(lateness[int(np.argmax(late))]),
            training=training,
        )


class _Single(NamedTuple):
    """How well single runs do: on all training data, on each fold of it, and on all but each."""

    score: float
    folds: Float[np.ndarray, " f"]
    others: Float[np.ndarray, " f"]


def _own_or_default(tried: Sequence[_Single]) -> int:
    """The place of the best of those tried; 0, the default, unless the choice gains where it was not made."""
    chosen = np.argmax([single.others for single in tried], axis=0)
    gains = np.array([tried[place].folds[fold] - tried[0].folds[fold] for fold, place in enumerate(chosen)])
    gained = gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains))
    return int(np.argmax([single.score for single in tried])) if gained else 0


class Stitched(NamedTuple):
    """Some steps of all sweeps, stitched together, and the recorded spikes in them.

    Attributes:
        keep: the steps.
        ends: when each step ends, of those alone, s.
        dt: s.
        recorded: spike times, s.
    """

    keep: Bool[np.ndarray, "S T"]
    ends: Float[np.ndarray, "S T"]
    dt: float
    recorded: Float[np.ndarray, " k"]

    @classmethod
    def of(cls, keep: Bool[np.ndarray, "S T"], dt: float, spike_times: Sequence[Float[np.ndarray, " _"]]) -> "Stitched":
        """Those of sweeps with these recorded spikes, s from their starts."""
        part = cls(keep, np.cumsum(keep).reshape(keep.shape) * dt, dt, np.zeros(0))
        return part._replace(recorded=part.train(spike_times))

    def score(self, trains: Sequence[Float[np.ndarray, " _"]]) -> float:
        """Coincidence factor plus explained variance of each sweep's spikes (s from its start); silence scores 0."""
        predicted = self.train(trains)
        if not (len(self.recorded) and len(predicted)):
            return 0.0
        duration = float(self.ends[-1, -1])
        explained = explained_variance_ratio([self.recorded], [predicted], duration)
        return float(np.nan_to_num(gamma([self.recorded], [predicted], duration)) + np.nan_to_num(explained))

    def train(self, trains: Sequence[Float[np.ndarray, " _"]]) -> Float[np.ndarray, " k"]:
        """Each sweep's spikes (s from its start) that lie in these steps, as one train over them alone, s."""
        inside_each = []
        for train, row, end in zip(trains, self.keep, self.ends, strict=True):
            step = np.floor(train / self.dt).astype(int)
            inside = (step >= 0) & (step < len(row))
            train, step = train[inside], step[inside]
            train, step = train[row[step]], step[row[step]]
            inside_each.append(end[step] - (step + 1) * self.dt + train)
        return np.sort(np.clip(np.concatenate(inside_each), 0.0, self.ends[-1, -1]))


_run = compiled(free_run)


@compiled
def _run_gathering(model, data, pairs):
    """The same with each pair of tau and threshold, (n, S, T)."""

    def one(pair):
        hazard = gj.AccumulatedHazard(pair[0], pair[1])
        return free_run(replace(model, neuron=replace(model.neuron, accumulated_hazard=hazard)), data)

    return jax.vmap(one)(pairs)
