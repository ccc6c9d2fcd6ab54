"""Primitives that compute nothing, but move elements of arrays about: they leave no line in the text."""

import math
from collections.abc import Callable
from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np

from glifjax.explorer.javascript.primitives import selected
from glifjax.explorer.javascript.scalars import Graph, Node, array


def _broadcast(params: dict, x: np.ndarray) -> np.ndarray:
    shape, axes = params["shape"], params["broadcast_dimensions"]
    aligned = [1] * len(shape)
    for axis, size in zip(axes, x.shape, strict=True):
        aligned[axis] = size
    return np.broadcast_to(x.reshape(aligned), shape)


def _slice(params: dict, x: np.ndarray) -> np.ndarray:
    strides = params["strides"] or (1,) * x.ndim
    return x[tuple(map(slice, params["start_indices"], params["limit_indices"], strides))]


def _pad(params: dict, x: np.ndarray, filling: np.ndarray) -> np.ndarray:
    """With so many elements before, after, and between; fewer than none cuts elements off."""
    config = params["padding_config"]
    apart = [max(0, (size - 1) * (between + 1) + 1) for size, (_, _, between) in zip(x.shape, config, strict=True)]
    room = [max(0, before) + size + max(0, after) for size, (before, after, _) in zip(apart, config, strict=True)]
    result = np.full(room, filling.item(), object)
    result[tuple(slice(max(0, b), max(0, b) + size, n + 1) for size, (b, _, n) in zip(apart, config, strict=True))] = x
    return result[tuple(slice(max(0, -b), size - max(0, -a)) for size, (b, a, _) in zip(room, config, strict=True))]


def _split(params: dict, x: np.ndarray) -> list[np.ndarray]:
    return np.split(x, np.cumsum(params["sizes"])[:-1], axis=params["axis"])


#: By primitive: from its parameters and operands to its result, or a list of several.
MOVES: dict[str, Callable[..., Any]] = {
    "broadcast_in_dim": lambda params, x, *_: _broadcast(params, x),
    "concatenate": lambda params, *parts: np.concatenate(parts, params["dimension"]),
    "pad": _pad,
    "reshape": lambda params, x, *_: x.reshape(params["new_sizes"]),
    "rev": lambda params, x: np.flip(x, params["dimensions"]),
    "slice": _slice,
    "split": _split,
    "squeeze": lambda params, x: np.squeeze(x, params["dimensions"]),
    "stack": lambda params, *parts: np.stack(parts, params["axis"]),
    "transpose": lambda params, x: x.transpose(params["permutation"]),
    "unstack": lambda params, x: list(np.moveaxis(x, params["axis"], 0)),
}
#: By primitive: the operands that are indices.
BY_INDEX: dict[str, Callable[[int], range]] = {
    "gather": lambda count: range(1, 2),
    "scatter": lambda count: range(1, 2),
    "dynamic_slice": lambda count: range(1, count),
    "dynamic_update_slice": lambda count: range(2, count),
}


def moved_by_index(graph: Graph, eqn: Any, operands: list[np.ndarray]) -> np.ndarray:
    """The result of a primitive that takes indices; those that follow from the run choose among all there are."""
    places = BY_INDEX[eqn.primitive.name](len(operands))
    indices = np.concatenate([operands[place].ravel() for place in places])
    moving = [(i, scalar) for i, scalar in enumerate(indices) if isinstance(scalar, Node)]
    if not moving:
        return _moved(eqn, operands, places, indices)
    size = max(operands[0].shape, default=1)
    results = []
    for values in product(range(size), repeat=len(moving)):
        fixed = indices.copy()
        fixed[[i for i, _ in moving]] = values
        results.append(_moved(eqn, operands, places, fixed))
    which: Any = 0
    for _, scalar in moving:
        inside = graph.apply("Math.min(Math.max({0}, 0), {1})", scalar, size - 1)
        which = inside if which == 0 else graph.apply("{0} * {1} + {2}", which, size, inside)
    chosen = [selected(graph, which, *cases) for cases in zip(*(result.ravel() for result in results), strict=True)]
    return array(chosen, results[0].shape)


def _moved(eqn: Any, operands: list[np.ndarray], places: range, indices: np.ndarray) -> np.ndarray:
    """Which element goes where, jax says itself: it moves their numbers."""
    pool: Any = np.concatenate([x.ravel() for i, x in enumerate(operands) if i not in places])
    taken, index, inputs = 0, iter(indices), []
    for i, x in enumerate(operands):
        if i in places:
            values = np.array([next(index) for _ in range(x.size)], int).reshape(x.shape)
            inputs.append(jnp.asarray(values, eqn.invars[i].aval.dtype))
        else:
            inputs.append(jnp.arange(taken, taken + x.size).reshape(x.shape))
            taken += x.size
    numbers = np.asarray(eqn.primitive.bind(*inputs, **eqn.params))
    outside = (numbers < 0) | (numbers >= len(pool))  # what an index beyond the array reads
    values = [math.nan if out else pool[number] for number, out in zip(numbers.ravel(), outside.ravel(), strict=True)]
    return array(values, numbers.shape)
