"""simulate_many(): many neurons in one call, in blocks that suit the machine, on the devices where they lie."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import ArrayLike, Float, PRNGKeyArray

from glifjax.checks import compiled, count_of, require_key, require_numbers, require_time_step
from glifjax.errors import InputError, shown
from glifjax.neuron import AbstractNeuron, SpikeCut
from glifjax.scan import Record
from glifjax.simulation.simulate import as_record, simulate
from glifjax.trace import Trace

#: What a block of neurons may hold on a CPU, parameters and state, bytes: most of a core's nearest cache.
BLOCK_BYTES = 24_000
#: Fewest neurons in a block: what vector instructions work on at once, several times.
LEAST_BLOCK = 32


def simulate_many(
    neurons: AbstractNeuron | Sequence[AbstractNeuron],
    current: Float[ArrayLike, "..."],
    dt: Float[ArrayLike, ""],
    *,
    key: PRNGKeyArray | None = None,
    spike_cut: SpikeCut = "duration",
    record: str | Callable[..., Any] | Record = "spikes",
    block: int | Literal["auto"] = "auto",
) -> Trace:
    """Run n neurons at once: `jax.vmap` of `simulate`, block by block on a CPU, and on all devices that they lie on.

    Args:
        neurons: a neuron whose every array has an axis of n in front, as jax.vmap makes them; or a sequence of neurons
            of one kind.
        current: one for all, (T,), or one for each, (n, T), A.
        dt: step, s.
        key: draws escape-noise spikes, for each neuron its own.
        spike_cut: as in `simulate`.
        record: as in `simulate`; spikes alone unless asked for, a byte a neuron and step.
        block: neurons that run together. "auto": on a CPU as many as the nearest cache holds, elsewhere all.

    Returns:
        A Trace with an axis of n in front of every array, on the devices of the neurons.

    Raises:
        InputError: neurons of several kinds or none, arrays without that axis, a current of another shape or number.

    Example:
        >>> import jax
        >>> build = lambda C: gj.from_level("LIF", C=C, R_input=1e8, th_inf=0.02)
        >>> neurons = jax.vmap(build)(np.linspace(1e-10, 2e-10, 50))
        >>> gj.simulate_many(neurons, np.full(400, 3e-10), 1e-4).fired.sum(axis=1)[::16].tolist()
        [3, 2, 2, 1]
    """
    neurons = neurons if isinstance(neurons, AbstractNeuron) else _stacked(neurons)
    n = _number_of(neurons)
    require_numbers("current", current, "numbers, (T,) or (n, T), in A")
    shape = np.shape(current)
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[0] != n):
        raise InputError(f"current has shape {shape}; give (T,), one for all, or ({n}, T), one for each neuron")
    require_time_step(dt)
    if key is not None:
        require_key(key)
    size = block_of(neurons) if block == "auto" else count_of("block", block)
    keys = None if key is None else jax.random.split(key, n)
    dtype = jnp.result_type(float)
    layout = _layout_of(neurons)
    if layout is not None:
        arrays, rest = eqx.partition(neurons, eqx.is_array)
        neurons = eqx.combine(jax.device_put(arrays, layout), rest)
    current, dt = jnp.asarray(current, dtype), jnp.asarray(dt, dtype)
    with compiled():
        return _run(neurons, current, dt, keys, spike_cut, as_record(record), size, layout)


def block_of(neurons: AbstractNeuron) -> int:
    """How many of these neurons run together at best: those that a CPU's nearest cache holds, elsewhere all."""
    n = _number_of(neurons)
    if jax.default_backend() != "cpu":
        return n
    state = jax.eval_shape(jax.vmap(lambda neuron: neuron.init()), neurons)
    arrays = [*jax.tree.leaves(eqx.filter(neurons, eqx.is_array)), *jax.tree.leaves(state)]
    of_one = sum(leaf.size * leaf.dtype.itemsize for leaf in arrays) // n
    return max(LEAST_BLOCK, BLOCK_BYTES // of_one)


def _stacked(neurons: Sequence[AbstractNeuron]) -> AbstractNeuron:
    neurons = list(neurons) if isinstance(neurons, Iterable) else [neurons]
    if not neurons or not all(isinstance(neuron, AbstractNeuron) for neuron in neurons):
        raise InputError(f"neurons is {shown(neurons)}; give one or more neurons")
    if len({(jax.tree.structure(neuron), *map(np.shape, jax.tree.leaves(neuron))) for neuron in neurons}) > 1:
        raise InputError(
            "the neurons are of several kinds, rules or numbers of currents; run those of each kind by themselves"
        )
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *neurons)


def _number_of(neurons: AbstractNeuron) -> int:
    shapes = {jnp.shape(leaf)[:1] for leaf in jax.tree.leaves(eqx.filter(neurons, eqx.is_array))}
    if len(shapes) != 1 or shapes == {()}:
        raise InputError(
            "every array of the neurons must have one axis of the same length in front; make them with "
            "jax.vmap(build)(parameters), or give a list of neurons"
        )
    return shapes.pop()[0]


def _layout_of(neurons: AbstractNeuron) -> NamedSharding | None:
    """How the neurons lie on several devices, along their first axis; None where they are on one, or traced.

    A mesh of jax's explicit axes, which `jax.make_mesh` makes, is taken for one of automatic axes on the same devices:
    what a step computes then need not say where it lies.
    """
    for leaf in jax.tree.leaves(eqx.filter(neurons, eqx.is_array)):
        layout = None if isinstance(leaf, Tracer) else getattr(leaf, "sharding", None)
        if isinstance(layout, NamedSharding) and layout.num_devices > 1 and layout.spec and layout.spec[0] is not None:
            mesh = Mesh(cast(Mesh, layout.mesh).devices, layout.mesh.axis_names)
            return NamedSharding(mesh, PartitionSpec(layout.spec[0]))
    return None


@eqx.filter_jit
def _run(neurons, current, dt, keys, spike_cut, record, block, layout) -> Trace:
    its_own = current.ndim == 2
    one = lambda neuron, current, key: simulate(neuron, current, dt, key=key, spike_cut=spike_cut, record=record)

    def here(neurons, current, keys):
        """The neurons of one device."""
        if _number_of(neurons) <= block or not current.shape[-1]:  # of no step lax.map makes no blocks
            return jax.vmap(one, in_axes=(0, 0 if its_own else None, 0))(neurons, current, keys)
        parts = (neurons, current, keys) if its_own else (neurons, None, keys)
        run = lambda part: one(part[0], part[1] if its_own else current, part[2])
        return jax.lax.map(run, parts, batch_size=block)

    if layout is None:
        return here(neurons, current, keys)
    over = PartitionSpec(layout.spec[0])
    specs = over, over if its_own else PartitionSpec(), over
    return jax.shard_map(here, mesh=layout.mesh, in_specs=specs, out_specs=over)(neurons, current, keys)
