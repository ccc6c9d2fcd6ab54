"""The hard threshold: a shift of th_inf, since a neuron without noise fires where one with noise probably would.

The shift is folded into lambda0, times exp(shift / delta_v), so that the escape-noise neuron stays what it was.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from glifjax.spikes.scores import explained_variance_ratio

from ..data.arrays import FitData, coarsen
from ..model.compiled import compiled
from ..model.patched import PatchedNeuron
from ..model.runs import free_run, spike_times
from .base import AbstractStage, Outcome


class HardThreshold(AbstractStage):
    """Shift the threshold to where the deterministic neuron's training spikes explain the recorded ones best (EVr).

    Attributes:
        lowest, highest: shifts between which it looks, in units of delta_v.
        count: shifts that are tried; then as many again between the best one's neighbours.
        step: the runs that are compared have this time step, s.
    """

    lowest: float = -8.0
    highest: float = 4.0
    count: int = 17
    step: float = 0.2e-3
    name: str = "deterministic threshold"

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The model with its threshold shifted, its hazard as it was."""
        data = coarsen(data, self.step)
        width = float(model.noise.delta_v)
        tried: dict[float, float] = {}
        grid = np.linspace(self.lowest, self.highest, self.count)
        between = grid[1] - grid[0]
        for _ in range(2):
            for shift, spiked in zip(grid, np.asarray(_run(model, data, grid * width)), strict=True):
                tried[float(shift)] = _explained(model, data, spiked)
            best = max(tried, key=tried.__getitem__)
            grid = np.linspace(best - between, best + between, self.count)
        best = max(tried, key=tried.__getitem__)
        order = sorted(tried)
        return Outcome(
            shifted(model, best * width),
            self.name,
            "explained variance of the training spikes",
            [tried[shift] for shift in order],
            [1e3 * shift * width for shift in order],
        )


def shifted(model: PatchedNeuron, shift) -> PatchedNeuron:
    """The model with th_inf moved by `shift` (V) and lambda0 with it, so that its hazard does not change."""
    neuron = model.neuron
    noise = model.noise
    # th_inf acts times its coefficient
    where = lambda m: (m.neuron.th_inf, m.neuron.init_threshold, m.neuron.escape_noise.lambda0)
    th_inf = neuron.th_inf + shift / neuron.coeffs.th_inf
    return eqx.tree_at(where, model, (th_inf, th_inf, noise.lambda0 * jnp.exp(shift / noise.delta_v)))


@compiled
def _run(model, data, shifts):
    return jax.lax.map(lambda shift: free_run(shifted(model, shift), data), shifts, batch_size=len(shifts))


def _explained(model, data, spiked) -> float:
    """Explained variance ratio, the sweeps weighted by their length; silence explains nothing."""
    total, weight = 0.0, 0.0
    times = spike_times(model, data.dt, spiked & data.valid)
    for ran, valid, recorded in zip(times, data.valid, data.spike_times, strict=True):
        duration = valid.sum() * data.dt
        inside = lambda train, end=duration: train[(train >= 0) & (train <= end)]
        predicted = inside(ran)
        if len(recorded) or len(predicted):
            explained = explained_variance_ratio([inside(recorded)], [predicted], duration)
            total, weight = total + duration * np.nan_to_num(explained), weight + duration
    return float(total / weight) if weight else 0.0
