"""simulate() and run(): one scan of a network's step, in blocks that share a draw of random numbers."""

import sys
import warnings
from collections.abc import Callable, Sequence
from enum import IntFlag
from functools import partial
from time import monotonic

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Int, PRNGKeyArray, UInt8

from glifjax.checks import count_of, require_key
from glifjax.errors import InputError
from glifjax.glm.batch import stacked, stacked_drives
from glifjax.glm.driven import driven_by
from glifjax.glm.network import AbstractNetwork, Input, ready
from glifjax.glm.observation import MOST
from glifjax.scan import scan
from glifjax.spikes.trains import SpikeTrains

#: Steps that share one draw of random numbers.
BLOCK = 100
#: Blocks between two looks at the clock.
BLOCKS_A_CALL = 100
#: Progress is written once a run has taken this long, s.
PATIENCE = 2.0
#: A network runs away where, over a block, its neurons spike at more than this share of what they could at most.
RUNAWAY = 0.5


class Status(IntFlag):
    """What a run has to say for itself; 0 if nothing.

    Attributes:
        NON_FINITE: a drive is NaN or infinite.
        COUNT_ABOVE_255: a step held more spikes of a neuron than 255; it is written as 255.
        RUNAWAY: over 100 steps, all neurons together had more than half of the spikes that their refractory periods
            allow (one a step without any).
    """

    NON_FINITE = 1
    COUNT_ABOVE_255 = 2
    RUNAWAY = 4


class RunawayWarning(UserWarning):
    """A simulation whose status is not 0."""


class Run(eqx.Module):
    """What a simulation leaves.

    Attributes:
        spikes: counts, (n, steps), or (networks, n, steps).
        status: see Status, () or (networks,).
        dt: step, s.
    """

    spikes: UInt8[Array, "*networks n steps"]
    status: Int[Array, "*networks"]
    dt: float = eqx.field(static=True)

    def trains(self) -> "SpikeTrains | list":
        """The spikes as events, each in the middle of its step: a SpikeTrains, or one a network."""
        if self.spikes.ndim > 2:
            return [
                Run(spikes, status, self.dt).trains() for spikes, status in zip(self.spikes, self.status, strict=True)
            ]
        counts = np.asarray(self.spikes).T
        steps, ids = np.nonzero(counts)
        repeats = counts[steps, ids]
        return SpikeTrains(np.repeat((steps + 0.5) * self.dt, repeats), np.repeat(ids, repeats))


def simulate(
    model: AbstractNetwork | Sequence[AbstractNetwork],
    steps: int,
    *,
    key: PRNGKeyArray | None = None,
    uniforms: ArrayLike | None = None,
    stimulus: ArrayLike | Callable | Sequence | None = None,
    initial: ArrayLike | None = None,
    warm_up: int = 100,
) -> UInt8[Array, "*networks n steps"]:
    """Spike counts of a network, or of several at once.

    jax.vmap composes over it too: jax.vmap(lambda model, key: simulate(model, steps, key=key))(models, keys).

    Args:
        model: a network; or several of one kind and of any sizes, which share a scan.
        steps: how many to record.
        key: draws all random numbers; of several networks, the i-th draws what it would alone from
            jax.random.fold_in(key, i).
        uniforms: instead of a key, numbers in [0, 1), (n, warm_up + steps): column k decides the k-th step, the warm-up
            first. A network then starts from silence, unless `initial` is given.
        stimulus: (n, steps), or a function of the step t = 0, 1, ...; for several networks, one that all share, or a
            sequence of one for each. In the warm-up an array counts as 0, and a function is called with t = -1.
        initial: spikes in the newest step of the history, (n,), or a SAM's activation; drawn if None: fair coins, and
            uniform in [0, 1).
        warm_up: steps before those that are recorded.

    Returns:
        Counts, (n, steps), or (networks, n, steps), where a smaller network's missing neurons are silent. A
        RunawayWarning says what `run` gives as a status.

    Raises:
        InputError: neither or both of key and uniforms, or an argument of another size.

    Example:
        >>> weights = np.array([[0.0, 2.0], [-2.0, 0.0]])  # from row to column
        >>> model = gj.glm.BernoulliGLM(weights, coupling=gj.glm.Exponential(decay=200.0, window=5e-3))
        >>> gj.glm.simulate(model, 300, key=jax.random.key(0)).shape
        (2, 300)
    """
    result = run(model, steps, key=key, uniforms=uniforms, stimulus=stimulus, initial=initial, warm_up=warm_up)
    if not isinstance(result.status, Tracer) and np.any(np.asarray(result.status)):
        flags = Status(int(np.bitwise_or.reduce(np.asarray(result.status).ravel())))
        warnings.warn(f"the simulation ended with status {flags!r}; see glm.Status, and glm.run", RunawayWarning, 2)
    return result.spikes


def run(
    model: AbstractNetwork | Sequence[AbstractNetwork],
    steps: int,
    *,
    key: PRNGKeyArray | None = None,
    uniforms: ArrayLike | None = None,
    stimulus: ArrayLike | Callable | Sequence | None = None,
    initial: ArrayLike | None = None,
    warm_up: int = 100,
) -> Run:
    """As `simulate`, with the run's status beside its spikes."""
    steps, warm_up = count_of("steps", steps), count_of("warm_up", warm_up, 0)
    if key is not None:
        require_key(key)
    if (key is None) == (uniforms is None):
        raise InputError("give one of key=, which draws the random numbers, and uniforms=, which are them")
    if isinstance(model, Sequence):
        if uniforms is not None or initial is not None:
            raise InputError("uniforms= and initial= are for one network at a time; call simulate for each of them")
        return _run_many(list(map(ready, model)), steps, key, stimulus, warm_up)
    model = ready(model)
    if isinstance(stimulus, Sequence):
        stimulus = jnp.asarray(stimulus, float)
    start = _start(model, initial, key)
    driven = driven_by(stimulus, model, steps)
    source = key if uniforms is None else _checked_uniforms(uniforms, model, warm_up + steps)
    spikes, status = _in_calls(
        _blocks, (model.tabulated(), jnp.ones(model.size, bool), driven, source), start, steps, warm_up
    )
    return Run(spikes, status, model.dt)


def _run_many(models, steps, key, stimulus, warm_up) -> Run:
    network, sizes = stacked(models)
    stimuli = list(stimulus) if isinstance(stimulus, Sequence) else [stimulus] * len(models)
    if len(stimuli) != len(models):
        raise InputError(f"there are {len(stimuli)} stimuli for {len(models)} networks; give one for each, or for all")
    drives = [driven_by(one, model, steps, among_others=True) for one, model in zip(stimuli, models, strict=True)]
    driven, present = stacked_drives(drives, sizes), jnp.arange(max(sizes)) < jnp.asarray(sizes)[:, None]
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(len(models)))
    starts = jax.vmap(lambda one, own: _start(one, None, own))(network, keys)
    network = jax.vmap(lambda one: one.tabulated())(network)
    spikes, status = _in_calls(_many_blocks, (network, present, driven, keys), starts, steps, warm_up)
    return Run(spikes, status, models[0].dt)


def _start(model, initial, key):
    """The state before the warm-up."""
    if initial is None and key is None:
        return model.init()
    if initial is None:
        drawn = jax.random.uniform(jax.random.fold_in(key, 2**31 - 1), (model.size,), jnp.float32)
        return model.init(model.start(drawn.astype(float)))
    if np.shape(initial) != (model.size,):
        raise InputError(f"the initial values have shape {np.shape(initial)}; give ({model.size},), one a neuron")
    return model.init(jnp.asarray(initial, float))


def _checked_uniforms(uniforms, model, steps: int):
    if np.shape(uniforms) != (model.size, steps):
        raise InputError(
            f"the uniforms have shape {np.shape(uniforms)}; give ({model.size}, {steps}): a row a neuron, "
            "a column for each step of the warm-up and then of the run"
        )
    return jnp.asarray(uniforms, float)


def _in_calls(blocks: Callable, network: tuple, state, steps: int, warm_up: int):
    """All blocks, some at a call, with a word on standard error where it takes long."""
    total = warm_up + steps
    number = -(-total // BLOCK)
    traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((network, state)))
    calls = 1 if traced else -(-number // BLOCKS_A_CALL)
    length = -(-number // calls)
    status = jnp.zeros((), jnp.int32)
    pieces, began = [], monotonic()
    for call in range(calls):
        first = jnp.asarray(call * length)  # an array: of an int, each call would be compiled anew
        state, counts, flags = blocks(network, state, first, length, warm_up)
        pieces.append(counts)
        status = status | flags
        if calls > 1 and sys.stderr.isatty() and monotonic() - began > PATIENCE:
            end = "\n" if call == calls - 1 else ""
            print(f"\rsimulated {(call + 1) / calls:.0%}", end=end, file=sys.stderr, flush=True)
    spikes = pieces[0] if calls == 1 else jnp.concatenate(pieces, axis=-1)
    return spikes[..., warm_up:total], status


@eqx.filter_jit
def _many_blocks(networks: tuple, states, first, length: int, warm_up: int):
    return jax.vmap(lambda network, state: _blocks(network, state, first, length, warm_up))(networks, states)


@eqx.filter_jit
def _blocks(network: tuple, state, first, length: int, warm_up: int):
    """`length` blocks from the `first` on: the new state, counts (n, length BLOCK) and status flags.

    network: a model, which of its neurons are present, its drive, and where its random numbers come from.
    """
    model, present, driven, source = network
    size, fixed = model.size, jnp.issubdtype(source.dtype, jnp.floating)
    room = -source.shape[1] % BLOCK + BLOCK * BLOCKS_A_CALL if fixed else 0
    padded = jnp.pad(source, ((0, 0), (0, room)), constant_values=0.5) if fixed else source

    def block(carry, number):
        if fixed:
            uniform = jax.lax.dynamic_slice(padded, (0, number * BLOCK), (size, BLOCK))
        else:
            # neurons first, so that a neuron's numbers do not depend on how many there are
            uniform = jax.random.uniform(jax.random.fold_in(source, number), (size, BLOCK), jnp.float32)
        times = number * BLOCK - warm_up + jnp.arange(BLOCK)

        def step(state, at):
            t, uniform = at
            state, sample = model.step(state, Input(driven(t), uniform, None), model.dt)
            return state, (sample.count, jnp.isfinite(sample.drive).all())

        state, flags = carry
        state, (counts, finite) = scan(step, state, (times, uniform.T))
        counts = counts * present
        most = jnp.sum(present) * BLOCK / (1 + model.refractory_steps)
        flags |= jnp.where(jnp.all(finite), 0, int(Status.NON_FINITE))
        flags |= jnp.where(jnp.max(counts) > MOST, int(Status.COUNT_ABOVE_255), 0)
        flags |= jnp.where(jnp.sum(counts) > RUNAWAY * most, int(Status.RUNAWAY), 0)
        return (state, flags), jnp.minimum(counts, MOST).astype(jnp.uint8).T

    (state, flags), counts = scan(block, (state, jnp.zeros((), jnp.int32)), first + jnp.arange(length))
    return state, jnp.moveaxis(counts, 0, 1).reshape(size, -1), flags
