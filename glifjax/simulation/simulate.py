"""simulate(): a neuron over a current."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Bool, Float, PRNGKeyArray, Real

from glifjax import _backend
from glifjax.arrays import as_float, in_default_type, in_one_piece
from glifjax.checks import (
    check_run,
    compiled,
    count_of,
    in_form,
    require,
    require_key,
    require_numbers,
    require_time_step,
)
from glifjax.checks.magnitudes import LARGEST_CURRENT, LARGEST_DT
from glifjax.errors import InputError, shown
from glifjax.neuron import AbstractNeuron, Input, Sample, SpikeCut, Status
from glifjax.scan import Record, scan, the_sample
from glifjax.trace import Trace


def _voltage(state: Any, sample: Sample) -> Sample:
    return Sample(voltage=sample.voltage)


def _spikes(state: Any, sample: Sample) -> Sample:
    return Sample(fired=sample.fired)


def _times(state: Any, sample: Sample) -> Sample:
    return Sample(fired=sample.fired, crossing=sample.crossing)


#: What is usually recorded, by name: all; V alone; which steps spike, a byte each; and when inside the step.
RECORDS: dict[str, Callable[[Any, Any], Any]] = {
    "everything": the_sample,
    "voltage": _voltage,
    "spikes": _spikes,
    "spike times": _times,
}


def simulate(
    neuron: AbstractNeuron,
    current: Float[ArrayLike, "..."],
    dt: Float[ArrayLike, ""],
    *,
    key: PRNGKeyArray | None = None,
    uniforms: Float[ArrayLike, "..."] | None = None,
    spikes: Bool[ArrayLike, "..."] | Real[ArrayLike, "..."] | None = None,
    spike_cut: SpikeCut = "duration",
    record: str | Callable[..., Any] | Record = "everything",
    checkpoint: int | None = None,
) -> Trace:
    """Run a neuron over a current: one scan of its step. jit, vmap, grad and jacfwd compose from outside.

    Args:
        neuron: any AbstractNeuron.
        current: injected current, (T,), A; any dtype. The run is in JAX's float type of the moment (float64 once
            jax_enable_x64 is on), as the neuron's numbers must be.
        dt: step, s. What the neuron counts in steps (its spike cut) is recounted for it, see `spike_cut`.
        key: draws escape-noise spikes; without it the threshold is hard.
        uniforms: the random numbers that draw them, (T,), in [0, 1), in place of a key: those of numpy, which takes a
            fraction of the time on a CPU, or the same for runs that are to be compared.
        spikes: forces spikes at these steps, and nowhere else: a boolean per step (or zeros and ones of any type, such
            as `trace.spiked`), or the steps' indices, integers (as many of them as steps are zeros and ones under jit).
        spike_cut: "duration" keeps the duration of the neuron's spike cut, "steps" its number of steps, as
            AllenSDK does.
        record: what is held of each step: "everything"; "voltage"; "spikes" (`trace.fired`, a byte a step);
            "spike times" (`trace.crossing` too); a function of (state, sample), whose result is `trace.sample`; or
            `Record(name or function, every=n)` for every n-th step. Nothing else is in memory.
        checkpoint: for gradients in little memory, the number of steps between states that are kept; what lies between
            is computed again on the way back. 100 is good; None keeps everything.

    Returns:
        A Trace. A NaN or an infinity in the current makes everything NaN from there on and sets the trace's status.

    Raises:
        InputError: current not of one dimension (use jax.vmap for several), two of key, uniforms and spikes given,
            uniforms or spikes of another length, spikes at steps that the current does not have, an unknown spike_cut
            or record, a checkpoint below one; dt of 0 or below, parameters without meaning, several neurons without
            vmap, a neuron made in another precision, or a neuron or record of one's own that asks for numbers while it
            is compiled. Inside jit and vmap numbers cannot be looked at: the trace's status tells.

    Example:
        >>> neuron = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02)
        >>> trace = gj.simulate(neuron, np.full(400, 3e-10), 1e-4)  # 300 pA for 40 ms
        >>> trace.voltage.shape, len(trace.spikes())
        ((400,), 3)
    """
    if not isinstance(neuron, AbstractNeuron):
        raise InputError(
            f"neuron is {shown(neuron)}; give a neuron: a file is read with glifjax.read_neuron_config(path), that "
            "of a pattern is pattern.neuron"
        )
    require_numbers("current", current, "numbers, (T,), in A: a recording's are sweep.current")
    if len(np.shape(current)) != 1:
        raise InputError(
            f"current has shape {np.shape(current)}, but one run takes one dimension, (T,); for several stimuli "
            "use jax.vmap(lambda current: simulate(neuron, current, dt))(currents)"
        )
    require_time_step(dt)
    if sum(given is not None for given in (key, uniforms, spikes)) > 1:
        raise InputError("key and uniforms draw spikes and spikes= forces them: give one of the three")
    if key is not None:
        require_key(key)
    if uniforms is not None:
        require_numbers("uniforms", uniforms, "numbers, (T,), in [0, 1)")
    if uniforms is not None and np.shape(uniforms) != np.shape(current):
        raise InputError(f"uniforms has shape {np.shape(uniforms)}, the current {np.shape(current)}: one number a step")
    require("uniforms", uniforms, lambda u: (u >= 0) & (u < 1), "give numbers in [0, 1)")
    check_run(neuron)
    _backend.warn_once_without_flag()
    dtype = jnp.result_type(float)
    forced = None if spikes is None else as_mask(spikes, np.shape(current)[0])
    with compiled():
        return _run(
            neuron,
            in_one_piece(jnp.asarray(current, dtype)),
            jnp.asarray(dt, dtype),
            key,
            None if uniforms is None else in_one_piece(jnp.asarray(uniforms, dtype)),
            None if forced is None else in_one_piece(forced),
            spike_cut,
            as_record(record),
            None if checkpoint is None else count_of("checkpoint", checkpoint),
        )


def as_record(record: str | Callable[[Any, Any], Any] | Record) -> Record:
    """A Record from its name, from a function of (state, sample), or as it is.

    Raises:
        InputError: a name that does not exist; the message lists those that do.
    """
    record = record if isinstance(record, Record) else Record(record)
    if not (callable(record.of) or isinstance(record.of, str)):
        raise InputError(f"record is {shown(record.of)}; give a name or a function of (state, sample)")
    if not isinstance(record.of, str):
        return record
    if record.of not in RECORDS:
        raise InputError(f"record={record.of!r} is unknown; use one of {', '.join(RECORDS)}, or a function")
    return Record(RECORDS[record.of], record.every)


def as_mask(spikes: ArrayLike, length: int) -> Bool[Array, " T"]:
    """Forced spikes as a boolean per step.

    Args:
        spikes: a boolean per step; zeros and ones of any type, one per step; or the steps' indices, integers. What is
            traced cannot be looked at: as many numbers as there are steps are taken for zeros and ones.
        length: steps of the run, T.

    Raises:
        InputError: of another length, steps that the run does not have, or numbers that are no steps, as times are.
    """
    require_numbers("spikes", spikes, "a boolean per step, or the steps' indices")
    spikes = jnp.asarray(spikes)
    traced, one_a_step = isinstance(spikes, Tracer), spikes.shape == (length,)
    is_float = jnp.issubdtype(spikes.dtype, jnp.floating)
    if not one_a_step and (spikes.dtype == bool or spikes.ndim != 1):
        raise InputError(f"spikes has shape {spikes.shape}, the current ({length},): one boolean a step, or steps")
    if one_a_step and (spikes.dtype == bool or traced):
        return spikes > 0.5
    if one_a_step and not traced and bool(jnp.all((spikes == 0) | (spikes == 1))):
        return spikes == 1
    if one_a_step and not traced and not is_float and len(jnp.unique(spikes)) < length:
        raise InputError(
            "spikes holds one whole number a step, and others than 0 and 1; give a boolean per step, or each step once"
        )
    if is_float and spikes.size:
        raise InputError(
            "spikes holds numbers with a fraction, such as times in seconds; give steps, "
            "np.round(times / dt).astype(int), or a boolean per step"
        )
    if not traced and spikes.size and not (spikes.min() >= 0 and spikes.max() < length):
        outside = [int(step) for step in spikes.ravel() if not 0 <= step < length]
        raise InputError(f"spikes holds {outside[0]}, but the current's steps go from 0 to {length - 1}")
    return jnp.zeros(length, bool).at[spikes.astype(int)].set(True)


@eqx.filter_jit
def _run(neuron, current, dt, key, uniforms, forced, spike_cut, record, checkpoint) -> Trace:
    neuron = in_default_type(neuron).at_dt(dt, spike_cut)
    uniforms = uniforms if key is None else jax.random.uniform(key, current.shape, current.dtype)
    # a hazard decides by exponential numbers: so a step takes one exponential function less
    exponentials = None if uniforms is None else -jnp.log1p(-uniforms)

    def step(state, inp):
        # an infinite current would be over with the next reset; looked at here, it costs no array of its own
        current = jnp.where(jnp.isfinite(inp.current), inp.current, jnp.nan)
        new, sample = neuron.step(state, replace(inp, current=current), dt)
        return in_form(f"{type(neuron).__name__}.step", new, state), sample

    inputs = Input(current, exponentials, forced)
    end, samples = scan(step, neuron.init(), inputs, record=record, checkpoint=checkpoint)
    # an all-finite test of the stimulus costs nothing beside the scan
    finite = jnp.all(jnp.isfinite(current))
    meant = (jnp.max(jnp.abs(current), initial=0.0) <= LARGEST_CURRENT) & (dt > 0) & (dt <= LARGEST_DT)
    status = neuron.status(end)
    # a voltage that is not finite says nothing more where the stimulus is not
    status = jnp.where(finite, status, status & ~int(Status.NON_FINITE_VOLTAGE) | int(Status.NON_FINITE_CURRENT))
    status = status | jnp.where(meant | ~finite, 0, int(Status.UNITS))
    return Trace(
        sample=samples,
        initial_voltage=as_float(neuron.init_voltage),
        initial_threshold=as_float(neuron.init_threshold),
        spike_latency=as_float(neuron.spike_latency),
        dt=dt,
        status=status,
        every=record.every,
    )
