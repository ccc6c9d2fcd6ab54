"""Each primitive that jax has for numbers, in JavaScript: one scalar at a time.

A template stands for one element; `{0}` is its first operand. JavaScript's numbers are float64, and so are its results,
but for what is wrapped to 32 bits.
"""

from collections.abc import Callable
from functools import reduce
from itertools import accumulate
from typing import Any

import numpy as np

from glifjax.explorer.javascript.scalars import Graph, Node

#: Primitives that are one operation a scalar.
TEMPLATES = {
    "add": "{0} + {1}", "add_any": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}",
    "rem": "{0} % {1}", "neg": "-{0}", "pow": "Math.pow({0}, {1})", "max": "Math.max({0}, {1})",
    "min": "Math.min({0}, {1})", "atan2": "Math.atan2({0}, {1})", "abs": "Math.abs({0})", "sign": "Math.sign({0})",
    "floor": "Math.floor({0})", "ceil": "Math.ceil({0})", "exp": "Math.exp({0})", "exp2": "Math.pow(2, {0})",
    "expm1": "Math.expm1({0})", "log": "Math.log({0})", "log1p": "Math.log1p({0})", "sqrt": "Math.sqrt({0})",
    "rsqrt": "1 / Math.sqrt({0})", "cbrt": "Math.cbrt({0})", "square": "{0} * {0}", "sin": "Math.sin({0})",
    "cos": "Math.cos({0})", "tan": "Math.tan({0})", "asin": "Math.asin({0})", "acos": "Math.acos({0})",
    "atan": "Math.atan({0})", "sinh": "Math.sinh({0})", "cosh": "Math.cosh({0})", "tanh": "Math.tanh({0})",
    "asinh": "Math.asinh({0})", "acosh": "Math.acosh({0})", "atanh": "Math.atanh({0})",
    "logistic": "1 / (1 + Math.exp(-{0}))", "is_finite": "Number.isFinite({0})", "lt": "{0} < {1}",
    "le": "{0} <= {1}", "gt": "{0} > {1}", "ge": "{0} >= {1}", "eq": "{0} === {1}", "ne": "{0} !== {1}",
    "clamp": "Math.min(Math.max({1}, {0}), {2})", "shift_left": "{0} << {1}",
    "shift_right_arithmetic": "{0} >> {1}", "shift_right_logical": "{0} >>> {1}",
}  # fmt: skip
#: Of booleans, and of whole numbers.
LOGIC = {"and": ("{0} && {1}", "{0} & {1}"), "or": ("{0} || {1}", "{0} | {1}"), "xor": ("{0} !== {1}", "{0} ^ {1}")}
LOGIC["not"] = ("!{0}", "~{0}")
#: What passes its operands on.
SAME = {"copy", "copy_p", "once", "optimization_barrier", "pvary", "reduce_precision", "stop_gradient"}
#: Folds an axis, by the template of two; and running along one.
REDUCTIONS = {
    "reduce_sum": "add", "reduce_prod": "mul", "reduce_max": "max", "reduce_min": "min", "reduce_and": "and",
    "reduce_or": "or", "reduce_xor": "xor",
}  # fmt: skip
CUMULATIVE = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min"}


def elementwise(graph: Graph, name: str, dtype: np.dtype) -> Callable[..., Any] | None:
    """A primitive as a function of scalars, its results of a dtype; None where it is no such."""
    template = TEMPLATES.get(name)
    if name in LOGIC:
        template = LOGIC[name][dtype.kind != "b"]
    if template is None:
        return None
    if dtype.kind in "iu":
        template = whole(name, template, dtype)
    return lambda *operands: graph.apply(template, *operands)


def whole(name: str, template: str, dtype: np.dtype) -> str:
    """A template of whole numbers: a quotient is cut, 32 bits wrap."""
    if name == "div":
        template = f"Math.trunc({template})"
    if name == "mul" and dtype.itemsize == 4:
        template = "Math.imul({0}, {1})"
    wrapped = name in ("add", "sub", "mul", "neg") and dtype.itemsize == 4
    return f"({template}) {'|' if dtype.kind == 'i' else '>>>'} 0" if wrapped else template


def converted(graph: Graph, x: Any, old: np.dtype, new: np.dtype) -> Any:
    """A scalar of one dtype in another."""
    if old == new:
        return x
    if new.kind == "b":
        return graph.apply("{0} !== 0", x)
    if old.kind == "b":
        return graph.apply("{0} ? 1 : 0", x)
    if new.kind in "iu" and old.kind == "f":
        return graph.apply("Math.trunc({0})", x)
    return graph.apply("Math.fround({0})", x) if new == np.float32 else x


def integer_power(graph: Graph, x: Any, exponent: int) -> Any:
    """x to a whole power, by squares, as XLA has it."""
    if exponent < 0:
        return graph.apply("1 / {0}", integer_power(graph, x, -exponent))
    if exponent == 0:
        return 1.0
    power = None
    while exponent:
        if exponent & 1:
            power = x if power is None else graph.apply("{0} * {1}", power, x)
        exponent >>= 1
        x = graph.apply("{0} * {1}", x, x) if exponent else x
    return power


def rounded(graph: Graph, x: Any, to_even: bool) -> Any:
    """To the nearest whole number; a half to the even one, or away from zero."""
    return graph.apply("toEven({0})" if to_even else "Math.sign({0}) * Math.round(Math.abs({0}))", x)


def selected(graph: Graph, which: Any, *cases: Any) -> Any:
    """The case that a boolean (False: the first) or a number from 0 names."""
    if all(case is cases[0] for case in cases):
        return cases[0]
    if not isinstance(which, Node):
        return cases[int(which)]
    if len(cases) == 2:
        return graph.apply("{0} ? {2} : {1}", which, *cases)
    chain = cases[-1]
    for number in range(len(cases) - 2, -1, -1):
        chain = graph.apply("{0} <= {1} ? {2} : {3}", which, number, cases[number], chain)
    return chain


def folded(combine: Callable[[Any, Any], Any], values: np.ndarray, axes: tuple[int, ...], empty: Any) -> np.ndarray:
    """An array with axes folded into one element each; `empty` where they hold none."""
    rest = [axis for axis in range(values.ndim) if axis not in axes]
    shape = tuple(values.shape[axis] for axis in rest)
    rows = values.transpose(*rest, *axes).reshape(*shape, -1)
    result = np.empty(shape, object)
    for place in np.ndindex(shape):
        result[place] = reduce(combine, rows[place]) if rows.shape[-1] else empty
    return result


def running(combine: Callable[[Any, Any], Any], values: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
    """An array folded along an axis, with every intermediate result."""
    rows = np.moveaxis(values, axis, 0)
    columns = rows.reshape(len(rows), -1).T.copy()
    way = slice(None, None, -1 if reverse else 1)
    for column in columns:
        column[way] = list(accumulate(column[way], combine))
    return np.moveaxis(columns.T.reshape(rows.shape), 0, axis)


def contracted(graph: Graph, a: np.ndarray, b: np.ndarray, dimension_numbers: tuple) -> np.ndarray:
    """The products of two arrays, summed over some axes and paired over others: jax's dot_general."""
    (sum_a, sum_b), (batch_a, batch_b) = dimension_numbers
    free_a = [axis for axis in range(a.ndim) if axis not in (*sum_a, *batch_a)]
    free_b = [axis for axis in range(b.ndim) if axis not in (*sum_b, *batch_b)]
    batch, rows, columns = ([m.shape[i] for i in axes] for m, axes in ((a, batch_a), (a, free_a), (b, free_b)))
    depth = int(np.prod([a.shape[i] for i in sum_a]))
    pairs, height, width = (int(np.prod(sizes)) for sizes in (batch, rows, columns))
    left = a.transpose(*batch_a, *free_a, *sum_a).reshape(pairs, height, depth)
    right = b.transpose(*batch_b, *free_b, *sum_b).reshape(pairs, width, depth)
    add = lambda x, y: graph.apply("{0} + {1}", x, y)
    result = np.empty((pairs, height, width), object)
    for n, i, j in np.ndindex(result.shape):
        products = [graph.apply("{0} * {1}", x, y) for x, y in zip(left[n, i], right[n, j], strict=True)]
        result[n, i, j] = reduce(add, products) if products else 0.0
    return result.reshape(*batch, *rows, *columns)
