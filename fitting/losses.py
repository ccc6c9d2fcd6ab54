"""What a neuron can be tuned to: losses of a run over the training sweeps, step by step, to be summed over any part.

A loss is `loss(model, data, trace) -> (S, T)`, with `forced` telling which run it wants: with spikes forced where they
were recorded, or free, with the hard threshold, whose spikes have surrogate derivatives. A loss of one's own is any
eqx.Module or function with that attribute.
"""

from collections.abc import Callable
from typing import Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.signal import fftconvolve
from jaxtyping import Array, Bool, Float, Int

import glifjax as gj
from glifjax.arrays import as_float

from .data.arrays import FitData
from .data.masks import observed_steps
from .model.likelihood import spike_log_likelihood
from .model.patched import PatchedNeuron
from .model.runs import predict
from .stages.membrane import VoltageNoise

__all__ = [
    "BIN",
    "LOSSES",
    "MLIN",
    "SPIKE_BIN",
    "TAU",
    "Likelihood",
    "Loss",
    "VanRossum",
    "Voltage",
    "log_laplace_cdf",
    "mlin",
    "van_rossum",
    "voltage",
]

#: Time constant that spikes are smoothed with, s.
TAU = 20e-3
#: The bins that they are counted in first, s.
BIN = 1e-3
#: Before each recorded spike, the time in which MLIN asks for one, s.
SPIKE_BIN = 5e-3


class Loss(Protocol):
    """A loss: which run it wants, and what each step of it costs."""

    @property
    def forced(self) -> bool:
        """Whether spikes are forced where they were recorded."""
        ...

    def __call__(self, model: PatchedNeuron, data: FitData, trace: gj.Trace) -> Float[Array, "S T"]:
        """Each step's share of the loss."""
        ...


class VanRossum(eqx.Module):
    """Squared difference of model's and recorded spikes, both smoothed with exp(-t / tau), in bins of 1 ms.

    Source: van Rossum 2001, Neural Computation 13:751. One spike too many or too few costs 10.5 at 20 ms.
    """

    tau: float = TAU
    forced: bool = eqx.field(default=False, static=True)

    def __call__(self, model: PatchedNeuron, data: FitData, trace: gj.Trace) -> Float[Array, "S T"]:
        """Each bin's share, spread over its steps."""
        spiked = jnp.where(data.valid, trace.spiked, 0.0)
        bins = van_rossum(spiked, jnp.asarray(data.forced, spiked.dtype), data.dt, self.tau)
        block = _steps(BIN, data.dt)
        spread = jnp.repeat(bins / block, block, axis=-1)
        return jnp.pad(spread, ((0, 0), (0, spiked.shape[-1] - spread.shape[-1])))


def van_rossum(
    spiked: Float[Array, "... T"], recorded: Float[Array, "... T"], dt: float, tau: float | Float[Array, ""] = TAU
) -> Float[Array, "... n"]:
    """Squared difference of two spike trains (1 in a spiking step), each smoothed by exp(-t/tau), in bins of BIN."""
    block = _steps(BIN, dt)
    n = spiked.shape[-1] // block
    difference = (spiked - recorded)[..., : n * block].reshape(*spiked.shape[:-1], n, block).sum(axis=-1)
    kernel = jnp.exp(-jnp.arange(0, 8 * TAU, BIN) / tau)
    smooth = lambda row: fftconvolve(row, kernel)[:n]
    return jnp.vectorize(smooth, signature="(n)->(n)")(difference) ** 2


def _steps(time: float, dt: float) -> int:
    return max(1, round(time / dt))


class Likelihood(eqx.Module):
    """Minus the log-likelihood of the recorded spikes under escape noise, nats (fitting.model.likelihood)."""

    forced: bool = eqx.field(default=True, static=True)

    def __call__(self, model: PatchedNeuron, data: FitData, trace: gj.Trace) -> Float[Array, "S T"]:
        """Each step's share; 0 while spikes are cut out."""
        excess = trace.voltage_before_reset - trace.threshold_before_reset
        expected = model.noise.expected_spikes(excess, data.dt)
        by_step = jax.vmap(jax.vmap(spike_log_likelihood))
        return -by_step(expected, jnp.asarray(data.forced), ~trace.refractory)


class Voltage(eqx.Module):
    """(V_model - V_recorded)^2 / (2 sigma^2) dt / correlation between spikes, nats: stage A's objective.

    Attributes:
        observed: where the voltage is compared, (S, T).
        noise: sigma and correlation, by which the voltage weighs.
    """

    observed: Bool[np.ndarray, "S T"]
    noise: VoltageNoise = VoltageNoise()
    forced: bool = eqx.field(default=True, static=True)

    def __call__(self, model: PatchedNeuron, data: FitData, trace: gj.Trace) -> Float[Array, "S T"]:
        """Each step's share; 0 in spikes, in their cut and at the start of a sweep."""
        error = predict(model, data, trace) - data.voltage
        scale = data.dt / (2 * self.noise.sigma**2 * self.noise.correlation)
        return jnp.where(self.observed, error**2, 0.0) * scale


class MLIN(eqx.Module):
    """-sum log F(D) over bins without a spike - sum log(1 - F(D)) over bins with one, nats; D = min(threshold - V).

    F is the Laplace distribution of the voltage's noise. A bin with a spike is the SPIKE_BIN before it; the rest of
    each interval is tiled in bins as long as the noise is alike. Source: Teeter et al. 2018, Nat. Commun. 9:709.

    Attributes:
        bins: the bin that each step is in, counted through all sweeps, (S, T), -1 where it is in none.
        holds_spike: of each bin, (bins,).
        scale: of the Laplace distribution, V.
    """

    bins: Int[np.ndarray, "S T"]
    holds_spike: Bool[np.ndarray, " bins"]
    scale: Float[Array, ""] = eqx.field(converter=as_float)
    forced: bool = eqx.field(default=True, static=True)

    def __call__(self, model: PatchedNeuron, data: FitData, trace: gj.Trace) -> Float[Array, "S T"]:
        """Each bin's share, at the step in which the voltage is nearest to the threshold."""
        below = trace.threshold_before_reset - trace.voltage_before_reset
        value = jax.lax.stop_gradient(below)
        n, bins = len(self.holds_spike), jnp.asarray(self.bins)
        nearest = jax.ops.segment_min(value.ravel(), bins.ravel(), n + 1)[bins]
        at_it = (value == nearest) & (bins >= 0)
        ties = jax.ops.segment_sum(at_it.ravel().astype(value.dtype), bins.ravel(), n + 1)[bins]
        sign = jnp.where(jnp.asarray(self.holds_spike)[bins], -1.0, 1.0)
        cost = -log_laplace_cdf(jnp.where(at_it, sign * below, 0.0) / self.scale)
        return jnp.where(at_it, cost / jnp.maximum(ties, 1.0), 0.0)


def log_laplace_cdf(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """log F(x) of the standard Laplace distribution: x - log 2 below 0, log(1 - exp(-x) / 2) above."""
    return jnp.where(x < 0, x - jnp.log(2.0), jnp.log1p(-jnp.exp(-jnp.abs(x)) / 2))


def voltage(model: PatchedNeuron, data: FitData) -> Voltage:
    """The voltage's loss, where stage A compares it."""
    return Voltage(observed_steps(data, float(model.neuron.spike_cut_duration)))


def mlin(model: PatchedNeuron, data: FitData) -> MLIN:
    """MLIN with the noise that the recorded voltage has around the model's: its mean size, and how long it is alike."""
    keep = observed_steps(data, float(model.neuron.spike_cut_duration))
    error = np.where(keep, np.asarray(_predict(model, data)) - data.voltage, np.nan)
    error -= np.nanmedian(error)
    bins, holds_spike = _bins(data, model, _alike(error, data.dt))
    return MLIN(bins, holds_spike, float(np.nanmean(np.abs(error))))


def _alike(error: Float[np.ndarray, "S T"], dt: float) -> float:
    """The time after which the autocorrelation of an error (NaN where unknown) is below 1/e, s."""
    block = _steps(BIN, dt)
    n = error.shape[1] // block
    rows = error[:, : n * block].reshape(len(error), n, block)[:, :, 0]
    for lag in range(1, n):
        if not np.nanmean(rows[:, lag:] * rows[:, :-lag]) > np.nanmean(rows**2) / np.e:
            return lag * BIN
    return n * BIN


def _bins(data: FitData, model: PatchedNeuron, length: float) -> tuple[np.ndarray, np.ndarray]:
    """MLIN's bins, and which hold a spike."""
    cut = _steps(float(model.neuron.spike_cut_duration), data.dt) + 1
    before, tile = _steps(SPIKE_BIN, data.dt), _steps(length, data.dt)
    bins, holds_spike = np.full(data.forced.shape, -1), []
    for row, forced, valid in zip(bins, data.forced, data.valid, strict=True):
        start = 0
        for spike in [*np.flatnonzero(forced), None]:
            end = valid.sum() if spike is None else max(start, spike + 1 - before)
            for at in range(start, end, tile):
                row[at : min(at + tile, end)] = len(holds_spike)
                holds_spike.append(False)
            if spike is not None:
                row[end : spike + 1] = len(holds_spike)
                holds_spike.append(True)
                start = spike + cut
    return bins, np.array(holds_spike)


_predict = eqx.filter_jit(predict)

#: The losses by name: each made for a neuron and its training data.
LOSSES: dict[str, Callable[[PatchedNeuron, FitData], Loss]] = {
    "van Rossum": lambda model, data: VanRossum(),
    "likelihood": lambda model, data: Likelihood(),
    "voltage": voltage,
    "MLIN": mlin,
}
