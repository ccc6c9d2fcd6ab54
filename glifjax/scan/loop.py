"""The scan over time: a pure step, again and again, and what is recorded of it.

    (state, sample) = step(state, input)

Neurons, networks and their way back share it. What it records is a function of state and sample, as in diffrax's
SaveAt: nothing else of a step is held in memory.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from glifjax.arrays import axes, varying_over
from glifjax.checks import count_of
from glifjax.errors import InputError
from glifjax.scan.hoisting import Step, hoisted


def the_sample(state: Any, sample: Any) -> Any:
    """All that a step shows."""
    return sample


class Record(eqx.Module):
    """What is recorded of a run.

    Attributes:
        of: from the state after a step and the step's sample to what is held, a pytree of arrays (one function for
            many runs, since another one is compiled anew); or a name that `glifjax.simulate` has for one.
        every: records the last of so many steps; the rest of a run that is no multiple of it is run, not recorded.
    """

    of: Callable[[Any, Any], Any] | str = eqx.field(default=the_sample, static=True)
    every: int = eqx.field(default=1, static=True, converter=partial(count_of, "every"))


def scan(
    step: Step,
    start: Any,
    inputs: Any,
    *,
    record: Record | None = None,
    checkpoint: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Run a step over inputs: the last state, and the records, stacked over time (time is the first axis).

    Args:
        step: pure; differentiated, vmapped and compiled with the rest.
        start: the state before the first step.
        inputs: a pytree whose every leaf has time as its first axis, T.
        record: what is kept of each step; all of its sample by default.
        checkpoint: for gradients in little memory: so many steps lie between states that are held, and are run again
            on the way back. None holds everything.
        reverse: from the last input to the first; alone, without the two above.

    Raises:
        InputError: a record that is no function, or either together with reverse.
    """
    record = Record() if record is None else record
    of = record.of
    if not callable(of):
        raise InputError(f"record is {of!r}; give a function of (state, sample)")

    def shown(state, inp):
        state, sample = step(state, inp)
        return state, of(state, sample)

    if reverse and (checkpoint is not None or record.every != 1):
        raise InputError("reverse runs alone; leave checkpoint and record's `every` out")
    start = start if reverse else _laid_out_as_its_step(step, start, inputs)
    has_steps = jax.tree.leaves(inputs)[0].shape[0] > 0
    recorded = hoisted(shown, start, jax.tree.map(lambda leaf: leaf[0], inputs)) if has_steps else shown
    if reverse:
        return jax.lax.scan(recorded, start, inputs, reverse=True)
    if record.every == 1:
        return _in_blocks(recorded, start, inputs, checkpoint)
    strides, rest = _split(inputs, record.every)
    block = None if checkpoint is None else max(1, checkpoint // record.every)
    middle, records = _in_blocks(_last_of(recorded), start, strides, block)
    end, _ = jax.lax.scan(recorded, middle, rest)
    return end, records


def _laid_out_as_its_step(step: Step, start, inputs):
    """The state, varying over those devices of a shard_map that a step makes it vary over, where constants do not."""
    if not jax.sharding.get_abstract_mesh().manual_axes or not jax.tree.leaves(inputs)[0].shape[0]:
        return start
    first = jax.tree.map(lambda leaf: leaf[0], inputs)
    for _ in jax.tree.leaves(start):  # one leaf may follow from another, step by step
        made = jax.eval_shape(step, start, first)[0]
        start = jax.tree.map(lambda leaf, of_step: varying_over(leaf, axes(of_step)), start, made)
    return start


def _in_blocks(step: Step, start, inputs, block: int | None):
    """A scan; in blocks of so many steps, of which only the first state is held for gradients."""
    if block is None:
        return jax.lax.scan(step, start, inputs)
    whole, rest = _split(inputs, block)
    through = jax.checkpoint(lambda state, part: jax.lax.scan(step, state, part), prevent_cse=False)
    middle, head = jax.lax.scan(through, start, whole)
    end, tail = jax.lax.scan(step, middle, rest)
    return end, jax.tree.map(lambda a, b: jnp.concatenate([a.reshape(-1, *a.shape[2:]), b]), head, tail)


def _split(inputs, block: int):
    """Inputs in blocks of so many steps, (T // block, block, ...), and the rest, (T % block, ...)."""
    length = jax.tree.leaves(inputs)[0].shape[0]
    whole = length // block * block
    blocks = jax.tree.map(lambda leaf: leaf[:whole].reshape(-1, block, *leaf.shape[1:]), inputs)
    return blocks, jax.tree.map(lambda leaf: leaf[whole:], inputs)


def _last_of(recorded: Step) -> Step:
    """A step of many: over a block of inputs, with the last of their records; the others are never in memory."""

    def stride(state, block):
        first = jax.tree.map(lambda leaf: leaf[0], block)
        blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(recorded, state, first)[1])
        (state, last), _ = jax.lax.scan(lambda carry, inp: (recorded(carry[0], inp), None), (state, blank), block)
        return state, last

    return stride
