"""What is computed once a run: the part of a step that follows from parameters alone, taken out of the scan."""

import math
from collections.abc import Callable
from typing import Any, cast

import jax
from jax.core import ShapedArray
from jax.extend.core import ClosedJaxpr, JaxprEqn, Literal, Var, jaxpr_as_fun

#: (state, input) -> (state one step later, what the step shows); both any pytrees of arrays.
Step = Callable[[Any, Any], tuple[Any, Any]]


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
