"""The scan over time: a pure step, again and again, and what is recorded of it.

    (state, sample) = step(state, input)

Neurons, networks and their way back share it. What it records is a function of state and sample, as in diffrax's
SaveAt: nothing else of a step is held in memory.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

from glifjax.arrays import axes, varying_over
from glifjax.checks import count_of
from glifjax.errors import InputError

#: (state, input) -> (state one step later, what the step shows); both any pytrees of arrays.
Step = Callable[[Any, Any], tuple[Any, Any]]


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


def hoisted(step: Step, state: Any, inp: Any) -> Step:
    """The same step, of which all that follows neither from state nor from input is computed here, once a run.

    A rule writes exp(-dt / tau) where it needs it, in its step. The compiler takes such numbers out of a scan (loop-
    invariant code motion), but not out of the way back, where the derivative of each parameter would be taken at every
    step. Nor does it take out parts of an array: of many neurons, the first time constants lie apart in memory, and
    would be gathered at every step. So the step is cut in two, equation by equation, before it is differentiated,
    batched and compiled.

    Args:
        step: pure.
        state, inp: those of one step; their shapes and types count, not their numbers.
    """
    closed, shown = jax.make_jaxpr(step, return_shape=True)(state, inp)
    whole = closed.jaxpr
    before, during = _apart(whole.eqns, set(whole.invars))
    made = {var for eqn in before for var in eqn.outvars}
    used = [*(var for eqn in during for var in eqn.invars), *whole.outvars]
    invariants = list(dict.fromkeys(var for var in used if not isinstance(var, Literal) and var in made))
    names = whole.debug_info.with_unknown_names()
    first = whole.replace(invars=[], outvars=invariants, eqns=before, debug_info=names)
    rest = whole.replace(constvars=[*whole.constvars, *invariants], eqns=during, debug_info=names)
    constants = [*closed.consts, *jaxpr_as_fun(ClosedJaxpr(first, closed.consts))()]
    shorter = jaxpr_as_fun(ClosedJaxpr(rest, constants))
    return lambda state, inp: jax.tree.unflatten(jax.tree.structure(shown), shorter(*jax.tree.leaves((state, inp))))


def _apart(equations: list[JaxprEqn], moving: set[Var]) -> tuple[list[JaxprEqn], list[JaxprEqn]]:
    """Equations of constants alone; and the others, with those that make more numbers of fewer: memory costs more."""
    before, during = [], []
    moving = set(moving)
    for eqn in equations:
        read = [var for var in eqn.invars if not isinstance(var, Literal)]
        is_constant = not eqn.effects and not moving.intersection(read) and _size(eqn.outvars) <= _size(read)
        (before if is_constant else during).append(eqn)
        if not is_constant:
            moving.update(eqn.outvars)
    return before, during


def _size(variables: list[Var]) -> int:
    """Numbers in the largest of them; 0 of none."""
    return max((math.prod(cast(ShapedArray, var.aval).shape) for var in variables), default=0)


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
