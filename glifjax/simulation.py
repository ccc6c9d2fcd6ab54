"""simulate() and what it returns; the only scan over time in the package."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Bool, Float, Int, PRNGKeyArray

from glifjax.neuron import AbstractNeuron, Input, Status


class Spikes(eqx.Module):
    """The spikes of one run, on the host (numpy, float64).

    Attributes:
        steps: index of the spiking step, (k,), int.
        grid_times: steps * dt, s; the start of the step.
        times: where voltage and threshold cross inside the step (its middle for drawn or forced spikes), plus
            the neuron's spike_latency, s.
        voltages, thresholds: at the spike as AllenSDK reports them, V: one step past the crossing.
        crossing_voltages, crossing_thresholds: at the crossing itself, V.

    Where a step holds several spikes, all are listed, in order; the voltages and thresholds of all but the first of
    them are NaN.
    """

    steps: Int[np.ndarray, " k"]
    grid_times: Float[np.ndarray, " k"]
    times: Float[np.ndarray, " k"]
    voltages: Float[np.ndarray, " k"]
    thresholds: Float[np.ndarray, " k"]
    crossing_voltages: Float[np.ndarray, " k"]
    crossing_thresholds: Float[np.ndarray, " k"]

    def __len__(self) -> int:
        """The number of spikes."""
        return len(self.steps)


class Trace(eqx.Module):
    """What a run leaves: arrays over time, sample t being the state after current[t], at time (t + 1) dt.

    Attributes:
        voltage, threshold: (T,), V; NaN while the spike is cut out, the reset state at the end of the cut.
        threshold_components: (T, 2), V: what spikes and what the voltage add above th_inf; NaN in the cut.
        afterspike_currents: (T, n), A; NaN in the cut.
        spiked: (T,), 1.0 in a spiking step, else 0.0; carries the surrogate derivative.
        fired: (T,), the same as a boolean, without a derivative: an eighth of the memory of float64.
        crossing: (T, K), time of each spike inside its step, s, inf where there is none; differentiable (exactly so
            with a detached reset, the default: else the surrogate derivatives of earlier spikes are in it too).
        voltage_before_reset, threshold_before_reset: (T,), V: before a spike's reset; held through the cut.
        refractory: (T,), True where the step could hold no spike.
        initial_voltage, initial_threshold: before the first step, V.
        spike_latency: the neuron's, s.
        dt: s.
        status: see glifjax.Status; 0 if all went well.
    """

    voltage: Float[Array, "*batch T"]
    threshold: Float[Array, "*batch T"]
    threshold_components: Float[Array, "*batch T 2"]
    afterspike_currents: Float[Array, "*batch T n"]
    spiked: Float[Array, "*batch T"]
    fired: Bool[Array, "*batch T"]
    crossing: Float[Array, "*batch T K"]
    voltage_before_reset: Float[Array, "*batch T"]
    threshold_before_reset: Float[Array, "*batch T"]
    refractory: Bool[Array, "*batch T"]
    initial_voltage: Float[Array, "*batch"]
    initial_threshold: Float[Array, "*batch"]
    spike_latency: Float[Array, "*batch"]
    dt: Float[Array, "*batch"]
    status: Int[Array, "*batch"]

    def spikes(self) -> "Spikes | list":
        """The spikes, on the host: one Spikes, or a (nested) list of them for a batched trace.

        Raises:
            TypeError: inside jit, grad or vmap, where their number is not known.
        """
        if isinstance(self.spiked, Tracer):
            raise TypeError(
                "trace.spikes() counts spikes on the host; inside jit, vmap or grad use trace.spiked "
                "(one number a step) or trace.crossing (times inside the step), which are arrays"
            )
        if self.spiked.ndim > 1:
            return [jax.tree.map(lambda leaf, i=i: leaf[i], self).spikes() for i in range(len(self.spiked))]
        crossing = np.where(np.asarray(self.spiked)[:, None] > 0.5, np.asarray(self.crossing, float), np.inf)
        steps, places = np.nonzero(np.isfinite(crossing))
        dt, offset = float(self.dt), crossing[steps, places]
        voltage = _lines(steps, places, self.voltage, self.initial_voltage, self.voltage_before_reset)
        threshold = _lines(steps, places, self.threshold, self.initial_threshold, self.threshold_before_reset)
        return Spikes(
            steps=steps,
            grid_times=steps * dt,
            times=steps * dt + offset + float(self.spike_latency),
            voltages=voltage(1 + offset / dt),
            thresholds=threshold(1 + offset / dt),
            crossing_voltages=voltage(offset / dt),
            crossing_thresholds=threshold(offset / dt),
        )


def _lines(steps, places, trace, initial, before_reset) -> Callable[[np.ndarray], np.ndarray]:
    """Lines over the spiking steps, from before a step to before its reset, as a function of its fraction.

    NaN for later spikes of the same step, before which the state is not known.
    """
    start = np.concatenate([[float(initial)], np.asarray(trace, float)])[steps]
    start = np.where(places == 0, start, np.nan)
    end = np.asarray(before_reset, float)[steps]
    return lambda fraction: start + (end - start) * fraction


def simulate(
    neuron: AbstractNeuron,
    current: Float[ArrayLike, "..."],
    dt: Float[ArrayLike, ""],
    *,
    key: PRNGKeyArray | None = None,
    spikes: Bool[ArrayLike, "..."] | Int[ArrayLike, "..."] | None = None,
    spike_cut: str = "duration",
    checkpoint: int | None = None,
) -> Trace:
    """Run a neuron over a current: one scan of its step. jit, vmap, grad and jacfwd compose from outside.

    Args:
        neuron: any AbstractNeuron.
        current: injected current, (T,), A; any float dtype, the neuron's is used.
        dt: step, s. What the neuron counts in steps (its spike cut) is recounted for it, see `spike_cut`.
        key: draws escape-noise spikes; without it the threshold is hard.
        spikes: forces spikes at these steps, and nowhere else: a boolean per step, or the steps' indices.
        spike_cut: "duration" keeps the duration of the neuron's spike cut, "steps" its number of steps, as
            AllenSDK does.
        checkpoint: for gradients in little memory, the number of steps between states that are kept; what lies between
            is computed again on the way back. 100 is good; None keeps everything.

    Returns:
        A Trace. A NaN in the current makes everything NaN from there on and sets the trace's status.

    Raises:
        ValueError: current not of one dimension (use jax.vmap for several), key and spikes both given, spikes
            of another length or at steps that the current does not have, an unknown spike_cut, or a checkpoint below
            one.
    """
    current = jnp.asarray(current)
    if current.ndim != 1:
        raise ValueError(
            f"current has shape {current.shape}, but one run takes one dimension, (T,); for several stimuli "
            "use jax.vmap(lambda current: simulate(neuron, current, dt))(currents)"
        )
    if key is not None and spikes is not None:
        raise ValueError("key draws spikes and spikes= forces them: give one of the two")
    if checkpoint is not None and checkpoint < 1:
        raise ValueError(f"checkpoint is {checkpoint}, but counts steps: give 1 or more, or None")
    dtype = jnp.result_type(float)
    forced = None if spikes is None else _as_mask(jnp.asarray(spikes), len(current))
    return _run(neuron, current.astype(dtype), jnp.asarray(dt, dtype), key, forced, spike_cut, checkpoint)


def _as_mask(spikes, length: int):
    if spikes.dtype == bool:
        if spikes.shape != (length,):
            raise ValueError(f"spikes has shape {spikes.shape}, the current ({length},): one boolean a step")
        return spikes
    if not isinstance(spikes, Tracer) and spikes.size and not (spikes.min() >= 0 and spikes.max() < length):
        outside = [int(step) for step in spikes if not 0 <= step < length]
        raise ValueError(f"spikes holds {outside[0]}, but the current's steps go from 0 to {length - 1}")
    return jnp.zeros(length, bool).at[spikes.astype(int)].set(True)


@eqx.filter_jit
def _run(neuron, current, dt, key, forced, spike_cut, checkpoint) -> Trace:
    neuron = neuron.at_dt(dt, spike_cut)
    uniform = None if key is None else jax.random.uniform(key, current.shape, current.dtype)
    start = neuron.init()

    def step(state, inp):
        state, sample = neuron.step(state, inp, dt)
        return state, (sample, sample.spiked > 0.5)  # compared here, for what comes after a scan is not fused into it

    end, (samples, fired) = _scan(step, start, Input(current, uniform, forced), checkpoint)
    # an all-finite test of the stimulus costs nothing beside the scan
    finite = jnp.all(jnp.isfinite(current))
    status = neuron.status(end) | jnp.where(finite, 0, int(Status.NON_FINITE_CURRENT))
    return Trace(
        **vars(samples),
        fired=fired,
        initial_voltage=neuron.init_voltage,
        initial_threshold=neuron.init_threshold,
        spike_latency=neuron.spike_latency,
        dt=dt,
        status=status,
    )


def _scan(step: Callable, start, inputs, block: int | None):
    """A scan over time; in blocks of so many steps, of which only the first state is kept for gradients."""
    if block is None:
        return jax.lax.scan(step, start, inputs)
    whole = len(inputs.current) // block * block
    blocks = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, block, *leaf.shape[1:]), inputs)
    rest = jax.tree.map(lambda leaf: leaf[whole:], inputs)
    through = jax.checkpoint(lambda state, part: jax.lax.scan(step, state, part), prevent_cse=False)
    middle, head = jax.lax.scan(through, start, blocks)
    end, tail = jax.lax.scan(step, middle, rest)
    return end, jax.tree.map(lambda a, b: jnp.concatenate([a.reshape(-1, *a.shape[2:]), b]), head, tail)
