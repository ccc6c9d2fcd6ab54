"""A jaxpr, walked: its equations one after another, calls as what they call, loops and conditions as such."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from glifjax.errors import InputError
from glifjax.explorer.javascript import primitives
from glifjax.explorer.javascript.moves import BY_INDEX, MOVES, moved_by_index
from glifjax.explorer.javascript.scalars import Graph, Loop, Node, array, numbers, origins

#: Where a call has what it calls.
CALLED = ("jaxpr", "call_jaxpr", "fun_jaxpr", "call")
#: Turns of a scan at most: each is written out.
MOST_TURNS = 256

Arrays = list[np.ndarray]


def walk(graph: Graph, jaxpr: ClosedJaxpr, inputs: Sequence[np.ndarray]) -> Arrays:
    """The results of a jaxpr as arrays of scalars.

    Args:
        graph: where nodes are made.
        jaxpr: what is walked.
        inputs: arrays of scalars, one for each of its inputs.

    Raises:
        InputError: a primitive that has no JavaScript here; the message names it.
    """
    return _walk(graph, jaxpr.jaxpr, [numbers(value) for value in jaxpr.consts], inputs)


def _walk(graph: Graph, jaxpr: Jaxpr, constants: Sequence[np.ndarray], inputs: Sequence[np.ndarray]) -> Arrays:
    values: dict[Any, np.ndarray] = {}
    values.update(zip(jaxpr.constvars, constants, strict=True))
    values.update(zip(jaxpr.invars, inputs, strict=True))
    read = lambda atom: numbers(atom.val) if isinstance(atom, Literal) else values[atom]
    for eqn in jaxpr.eqns:
        results = _equation(graph, eqn, [read(atom) for atom in eqn.invars])
        values.update(zip(eqn.outvars, results, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _equation(graph: Graph, eqn: Any, operands: Arrays) -> Arrays:
    name, params = eqn.primitive.name, eqn.params
    if name in CONTROL:
        return CONTROL[name](graph, params, operands)
    if name in primitives.SAME:
        return operands
    called = next((params[key] for key in CALLED if isinstance(params.get(key), ClosedJaxpr | Jaxpr)), None)
    if called is not None:
        return _called(graph, called, operands)
    if name in MOVES:
        result = MOVES[name](params, *operands)
        return result if isinstance(result, list) else [result]
    if name in BY_INDEX:
        return [moved_by_index(graph, eqn, operands)]
    return [_computed(graph, eqn, operands)]


def _called(graph: Graph, called: ClosedJaxpr | Jaxpr, operands: Arrays) -> Arrays:
    return walk(graph, called, operands) if isinstance(called, ClosedJaxpr) else _walk(graph, called, [], operands)


def _computed(graph: Graph, eqn: Any, operands: Arrays) -> np.ndarray:
    """The result of a primitive of numbers."""
    name, params, aval = eqn.primitive.name, eqn.params, eqn.outvars[0].aval
    dtype = np.dtype(aval.dtype)
    if dtype.kind in "biu" and not any(isinstance(scalar, Node) for x in operands for scalar in x.ravel()):
        given = [np.asarray(x.tolist(), atom.aval.dtype) for x, atom in zip(operands, eqn.invars, strict=True)]
        return numbers(np.asarray(eqn.primitive.bind(*given, **params)))  # indices are numbers, not computed
    if name == "iota":
        return numbers(np.asarray(eqn.primitive.bind(*operands, **params)))
    combine = lambda operation: primitives.elementwise(graph, operation, dtype) or _unknown(operation)
    if name in primitives.REDUCTIONS:
        operation = primitives.REDUCTIONS[name]
        empty = {"add": 0.0, "mul": 1.0, "max": -np.inf, "min": np.inf, "and": True}.get(operation, False)
        return primitives.folded(combine(operation), operands[0], params["axes"], empty)
    if name in primitives.CUMULATIVE:
        return primitives.running(
            combine(primitives.CUMULATIVE[name]), operands[0], params["axis"], params.get("reverse", False)
        )
    if name == "dot_general":
        left, right = operands
        return primitives.contracted(graph, left, right, params["dimension_numbers"])
    one = _one_by_one(graph, eqn, dtype) or _unknown(name)
    together = np.broadcast_arrays(*operands)
    return array([one(*scalars) for scalars in zip(*(x.ravel() for x in together), strict=True)], aval.shape)


def _unknown(name: str) -> NoReturn:
    raise InputError(
        f"a step of this neuron uses {name}, which the explorer has no JavaScript for; write that rule without it"
    )


def _one_by_one(graph: Graph, eqn: Any, dtype: np.dtype) -> Any:
    """A primitive as a function of scalars, or None."""
    name, params = eqn.primitive.name, eqn.params
    old = np.dtype(eqn.invars[0].aval.dtype) if eqn.invars else dtype
    if name == "convert_element_type":
        return lambda x: primitives.converted(graph, x, old, dtype)
    if name == "integer_pow":
        return lambda x: primitives.integer_power(graph, x, params["y"])
    if name == "round":
        return lambda x: primitives.rounded(graph, x, to_even=int(params["rounding_method"]) == 1)
    if name == "select_n":
        return lambda which, *cases: primitives.selected(graph, which, *cases)
    # a comparison's operands are whole numbers or not; its result is neither
    return primitives.elementwise(graph, name, dtype)


def _cond(graph: Graph, params: dict, operands: Arrays) -> Arrays:
    index, inputs = operands[0].item(), operands[1:]
    branches = [walk(graph, branch, inputs) for branch in params["branches"]]
    shapes = [result.shape for result in branches[0]]
    chosen = graph.choose(index, [[scalar for x in results for scalar in x.ravel()] for results in branches])
    return _arrays(chosen, shapes)


def _while(graph: Graph, params: dict, operands: Arrays) -> Arrays:
    of_condition, of_body = params["cond_nconsts"], params["body_nconsts"]
    constants, start = operands[: of_condition + of_body], operands[of_condition + of_body :]
    goes_on = lambda *carried: walk(graph, params["cond_jaxpr"], [*constants[:of_condition], *carried])[0]
    turn = lambda *carried: walk(graph, params["body_jaxpr"], [*constants[of_condition:], *carried])
    return _repeated(graph, start, goes_on, turn)


def _repeated(graph: Graph, start: Arrays, goes_on: Callable[..., np.ndarray], turn: Callable[..., Arrays]) -> Arrays:
    """What is carried, after as many turns as `goes_on` asks for."""
    shapes, first = [x.shape for x in start], [scalar for x in start for scalar in x.ravel()]
    inside = object()
    within = origins(first) | {inside}
    carried = [graph.given(within) for _ in first]
    condition = goes_on(*_arrays(carried, shapes)).item()
    after = tuple(scalar for x in turn(*_arrays(carried, shapes)) for scalar in x.ravel())
    return _arrays(graph.repeat(Loop(tuple(carried), tuple(first), condition, after), inside), shapes)


def _scan(graph: Graph, params: dict, operands: Arrays) -> Arrays:
    """A loop, where turns differ in nothing but what they carry; else turn by turn, each written out."""
    constants, carried, length = params["num_consts"], params["num_carry"], params["length"]
    fixed, moving = operands[:constants], operands[constants:]
    carry, inputs = moving[:carried], moving[carried:]
    if length > 1 and len(params["jaxpr"].out_avals) == carried and not inputs:
        goes_on = lambda number, *_: array([graph.apply("{0} < {1}", number.item(), length)])
        turn = lambda number, *carry: [
            array([graph.apply("{0} + {1}", number.item(), 1)]),
            *walk(graph, params["jaxpr"], [*fixed, *carry]),
        ]
        return _repeated(graph, [numbers(0), *carry], goes_on, turn)[1:]
    if length > MOST_TURNS:
        raise InputError(
            f"a step of this neuron has a scan of {length} turns, and the explorer writes out {MOST_TURNS}; "
            "write it as a while loop"
        )
    turns = range(length)
    outputs: dict[int, Arrays] = {}
    for turn in reversed(turns) if params["reverse"] else turns:
        results = walk(graph, params["jaxpr"], [*fixed, *carry, *(x[turn, ...] for x in inputs)])
        carry, outputs[turn] = results[:carried], results[carried:]
    stacked = [np.stack([outputs[turn][i] for turn in turns]) for i in range(len(outputs[0]))] if outputs else []
    return [*carry, *stacked]


def _arrays(scalars: Sequence, shapes: Sequence[tuple[int, ...]]) -> Arrays:
    """A row of scalars as arrays of these shapes, one after another."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    starts = [0, *ends[:-1]]
    return [array(scalars[a:b], shape) for a, b, shape in zip(starts, ends, shapes, strict=True)]


CONTROL = {"cond": _cond, "while": _while, "scan": _scan}
