"""What a run leaves: a Trace of arrays, and its Spikes on the host."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from glifjax.errors import InputError
from glifjax.neuron import STATUS_WORDS, Sample

if TYPE_CHECKING:
    Values = Array
else:  # a trace is in jax, in numpy once it is on the host, or of shapes alone in jax.eval_shape
    Values = Array | np.ndarray | jax.ShapeDtypeStruct


class Spikes(eqx.Module):
    """The spikes of one run, on the host (numpy, float64).

    Attributes:
        steps: index of the spiking step, (k,), int.
        grid_times: steps * dt, s; the start of the step.
        times: where voltage and threshold cross inside the step (its middle for drawn or forced spikes, and where
            crossings were not recorded), plus the neuron's spike_latency, s.
        voltages, thresholds: at the spike as AllenSDK reports them, V: one step past the crossing.
        crossing_voltages, crossing_thresholds: at the crossing itself, V.

    Where a step holds several spikes, all are listed, in order; the voltages and thresholds of all but the first of
    them are NaN, as are those that were not recorded.
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
        sample: what was recorded of every step: a Sample, whose fields the trace gives out by their names, or
            whatever a record of one's own makes.
        initial_voltage, initial_threshold: before the first step, V.
        spike_latency: the neuron's, s.
        dt: s.
        status: see glifjax.Status; 0 if all went well.
        every: how many steps lie between records; 1 unless asked for.
    """

    sample: Any
    initial_voltage: Float[Array, "*batch"]
    initial_threshold: Float[Array, "*batch"]
    spike_latency: Float[Array, "*batch"]
    dt: Float[Array, "*batch"]
    status: Int[Array, "*batch"]
    every: int = eqx.field(default=1, static=True)

    @property
    def voltage(self) -> Float[Values, "*batch T"]:
        """(T,), V; NaN while the spike is cut out, the reset state at the end of the cut."""
        return self._recorded("voltage")

    @property
    def threshold(self) -> Float[Values, "*batch T"]:
        """(T,), V; NaN in the cut."""
        return self._recorded("threshold")

    @property
    def threshold_components(self) -> Float[Values, "*batch T 2"]:
        """(T, 2), V: what spikes and what the voltage add above th_inf; NaN in the cut."""
        return self._recorded("threshold_components")

    @property
    def afterspike_currents(self) -> Float[Values, "*batch T n"]:
        """(T, n), A; NaN in the cut."""
        return self._recorded("afterspike_currents")

    @property
    def spiked(self) -> Float[Values, "*batch T"]:
        """(T,), 1.0 in a spiking step, else 0.0; carries the surrogate derivative."""
        return self._recorded("spiked")

    @property
    def fired(self) -> Bool[Values, "*batch T"]:
        """(T,), the same as a boolean, without a derivative: an eighth of the memory of float64."""
        return self._recorded("fired")

    @property
    def crossing(self) -> Float[Values, "*batch T K"]:
        """(T, K), time of each spike inside its step, s, inf where there is none.

        Differentiable; exactly so with a detached reset, the default: else the surrogate derivatives of earlier
        spikes are in it too.
        """
        return self._recorded("crossing")

    @property
    def spike_times(self) -> Float[Values, "*batch T K"]:
        """(T, K), the time of each spike from the start of the run, spike_latency included, s; inf where there is none.

        Differentiable, as `crossing` is; `spikes().times` holds the finite ones.
        """
        if self.every != 1:
            raise InputError(f"the trace holds every {self.every}th step, not the spikes between; record them in a run")
        start = jnp.arange(self.crossing.shape[-2])[:, None] * jnp.asarray(self.dt)[..., None, None]
        return start + self.crossing + jnp.asarray(self.spike_latency)[..., None, None]

    @property
    def voltage_before_reset(self) -> Float[Values, "*batch T"]:
        """(T,), V: before a spike's reset; held through the cut."""
        return self._recorded("voltage_before_reset")

    @property
    def threshold_before_reset(self) -> Float[Values, "*batch T"]:
        """(T,), V: before a spike's reset; held through the cut."""
        return self._recorded("threshold_before_reset")

    @property
    def refractory(self) -> Bool[Values, "*batch T"]:
        """(T,), True where the step could hold no spike."""
        return self._recorded("refractory")

    @property
    def mean_voltage(self) -> Float[Values, "*batch T"]:
        """(T,), V: the mean over each step, of the voltage before it and the one before its reset."""
        after = self.voltage_before_reset
        before = jnp.concatenate([self.initial_voltage[..., None], after[..., :-1]], axis=-1)
        return (before + after) / 2

    def check(self) -> "Trace":
        """The trace itself.

        Raises:
            InputError: the status of a run is not 0; the message says what happened and what to do.
        """
        if isinstance(self.status, Tracer):
            raise TypeError(
                "trace.check() looks at numbers; inside jit, vmap or grad return trace.status and look after"
            )
        flags = int(np.bitwise_or.reduce(np.ravel(np.asarray(self.status)), initial=0))
        if flags:
            words = [words for flag, words in STATUS_WORDS.items() if flags & flag]
            raise InputError("; also: ".join(words))
        return self

    def _recorded(self, name: str) -> Any:
        value = getattr(self.sample, name) if isinstance(self.sample, Sample) else None
        if value is None:
            raise InputError(
                f"the trace holds no {name}: either the run's record leaves it out, then run it with "
                "record='everything'; or the neuron's samples do, then let its step give it"
            )
        return value

    def spikes(self) -> "Spikes | list":
        """The spikes, on the host: one Spikes, or a (nested) list of them for a batched trace.

        Raises:
            TypeError: inside jit, grad or vmap, where their number is not known.
            InputError: no spikes were recorded, or not of every step.

        Example:
            >>> neuron = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02)
            >>> spikes = gj.simulate(neuron, np.full(400, 3e-10), 1e-4).spikes()
            >>> spikes.steps.tolist(), (1e3 * spikes.times).round(2).tolist()  # times in ms
            ([109, 219, 329], [10.93, 21.93, 32.93])
        """
        if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(self)):
            raise TypeError(
                "trace.spikes() counts spikes on the host; inside jit, vmap or grad use trace.spiked "
                "(one number a step) or trace.crossing (times inside the step), which are arrays"
            )
        if self.every != 1:
            raise InputError(f"the trace holds every {self.every}th step, not the spikes between; record them in a run")
        # once for all runs: each array that is fetched alone costs as much as a thousand steps
        return _spikes(jax.tree.map(np.asarray, self))


def _spikes(trace: Trace) -> "Spikes | list":
    """The spikes of a trace in numpy."""
    if trace.fired.ndim > 1:
        return [_spikes(jax.tree.map(lambda leaf, i=i: leaf[i], trace)) for i in range(len(trace.fired))]
    sample, dt = trace.sample, float(trace.dt)
    crossing = np.full((len(trace.fired), 1), dt / 2) if sample.crossing is None else sample.crossing
    steps, places, offset = spikes_of(np.where(trace.fired[:, None], np.asarray(crossing, float), np.inf))
    voltage = _lines(steps, places, trace.initial_voltage, sample.voltage, sample.voltage_before_reset)
    threshold = _lines(steps, places, trace.initial_threshold, sample.threshold, sample.threshold_before_reset)
    return Spikes(
        steps=steps,
        grid_times=steps * dt,
        times=steps * dt + offset + float(trace.spike_latency),
        voltages=voltage(1 + offset / dt),
        thresholds=threshold(1 + offset / dt),
        crossing_voltages=voltage(offset / dt),
        crossing_thresholds=threshold(offset / dt),
    )


def spikes_of(
    crossing: Float[np.ndarray, "T K"],
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The step of each crossing that is not inf, its place among those of the step, and its time inside it, s."""
    steps, places = np.nonzero(np.isfinite(crossing))
    return steps, places, crossing[steps, places].astype(float)


def times_of(crossing: Float[np.ndarray, "T K"], dt: float) -> Float[np.ndarray, " k"]:
    """The times of the crossings of one run, s, without a latency."""
    steps, _, offset = spikes_of(crossing)
    return steps * dt + offset


def _lines(steps, places, initial, trace, before_reset) -> Callable[[np.ndarray], np.ndarray]:
    """Lines over the spiking steps, from before a step to before its reset, as a function of its fraction.

    NaN for later spikes of the same step, before which the state is not recorded, and where nothing is.
    """
    if trace is None or before_reset is None:
        return lambda fraction: np.full(len(steps), np.nan)
    start = np.concatenate([[float(initial)], np.asarray(trace, float)])[steps]
    start = np.where(places == 0, start, np.nan)
    end = np.asarray(before_reset, float)[steps]
    return lambda fraction: start + (end - start) * fraction
