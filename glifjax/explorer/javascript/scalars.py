"""The scalar operations that a function comes to: a graph, in which an operation on the same operands is one node."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: What a node follows from, where not from numbers alone: PARAMETERS stay over a run, STEP is new in every step.
PARAMETERS = "parameters"
STEP = "step"


@dataclass(eq=False)
class Node:
    """A scalar that is computed, or given.

    Attributes:
        serial: later than those of all its operands.
        template: its JavaScript, with places for its operands: "{0} + {1}"; empty for what is given.
        operands: what it is computed from.
        follows_from: PARAMETERS, STEP, the loops that it lies in.
        block: the Choice or Loop that it is a result of; None for others.
    """

    serial: int
    template: str
    operands: tuple
    follows_from: frozenset[object]
    block: Any = None

    @property
    def name(self) -> str:
        """In the text."""
        return f"v{self.serial}"


#: A node, or a number that stands in the text as it is.
Scalar = Node | float | int | bool


@dataclass(eq=False)
class Choice:
    """One of several branches, of which only that one is computed.

    Attributes:
        index: which of them, from 0; a boolean's False is 0.
        branches: the results of each.
        results: the nodes that stand for the chosen ones.
    """

    index: Scalar
    branches: tuple[tuple[Scalar, ...], ...]
    results: list[Node] = field(default_factory=list)


@dataclass(eq=False)
class Loop:
    """While a condition holds, what is carried becomes something else.

    Attributes:
        carried: the nodes that stand for it, before each turn.
        start: their values at first.
        condition: follows from `carried`.
        after: their values after a turn.
        results: the nodes that stand for the last ones.
    """

    carried: tuple[Node, ...]
    start: tuple[Scalar, ...]
    condition: Scalar
    after: tuple[Scalar, ...]
    results: list[Node] = field(default_factory=list)


class Graph:
    """Makes nodes; what is asked for twice is the same node."""

    def __init__(self) -> None:
        """No nodes."""
        self._nodes: dict[tuple, Node] = {}
        self._serial = 0

    def given(self, follows_from: Iterable[object]) -> Node:
        """A scalar from outside."""
        return self._new("", (), frozenset(follows_from))

    def apply(self, template: str, *operands: Scalar) -> Node:
        """An operation on scalars."""
        key = template, *map(_identity, operands)
        if key not in self._nodes:
            self._nodes[key] = self._new(template, operands, origins(operands))
        return self._nodes[key]

    def choose(self, index: Scalar, branches: Iterable[Iterable[Scalar]]) -> list[Scalar]:
        """The results of the branch that the index names; of a boolean's two, the second where it is true."""
        rows = [tuple(branch) for branch in branches]
        if not isinstance(index, Node):
            return list(rows[min(max(int(index), 0), len(rows) - 1)])
        alike = [len(set(map(_identity, results))) == 1 for results in zip(*rows, strict=True)]
        differing = (tuple(r for r, same in zip(b, alike, strict=True) if not same) for b in rows)
        block = Choice(index, tuple(differing))
        follows_from = origins((index, *(result for branch in block.branches for result in branch)))
        block.results = [self._new("", (), follows_from, block) for same in alike if not same]
        different = iter(block.results)
        return [rows[0][place] if same else next(different) for place, same in enumerate(alike)]

    def repeat(self, loop: Loop, inside: object) -> list[Scalar]:
        """The results of a loop, whose carried nodes follow from `inside`."""
        follows_from = origins((*loop.start, loop.condition, *loop.after)) - {inside}
        loop.results = [self._new("", (), follows_from, loop) for _ in loop.start]
        return list(loop.results)

    def _new(self, template: str, operands: tuple, follows_from: frozenset, block=None) -> Node:
        self._serial += 1
        return Node(self._serial, template, operands, follows_from, block)


def operands(node: Node) -> list[Node]:
    """The nodes that a node is computed from, those of all branches and turns among them."""
    return [scalar for scalar in (*node.operands, *held_by(node.block)) if isinstance(scalar, Node)]


def held_by(block: Choice | Loop | None) -> list[Scalar]:
    """What stands in a block, and decides what becomes of it; what is carried left out."""
    if isinstance(block, Choice):
        return [block.index, *(result for branch in block.branches for result in branch)]
    return [*block.start, block.condition, *block.after] if isinstance(block, Loop) else []


def needed_for(wanted: Iterable[Scalar], until: Callable[[Node], bool] = lambda node: False) -> set[Node]:
    """All nodes that wanted ones are computed from, and they themselves; not what is behind those that end it."""
    needed, rest = set(), [scalar for scalar in wanted if isinstance(scalar, Node)]
    while rest:
        node = rest.pop()
        if node not in needed:
            needed.add(node)
            rest += [] if until(node) else operands(node)
    return needed


def origins(scalars: Iterable[Scalar]) -> frozenset[object]:
    """What any of the scalars follows from."""
    return frozenset().union(*(scalar.follows_from for scalar in scalars if isinstance(scalar, Node)))


def array(scalars: Iterable[Scalar], shape: tuple[int, ...] = ()) -> np.ndarray:
    """Scalars as an array of objects."""
    flat = np.empty(int(np.prod(shape)), object)
    flat[:] = list(scalars)
    return flat.reshape(shape)


def numbers(values: Any) -> np.ndarray:
    """Numbers, a jax or numpy array or one alone, as an array of scalars: Python's bool, int and float."""
    values = np.asarray(values)
    return array(values.ravel().tolist(), values.shape)


def _identity(scalar: Scalar) -> object:
    """Equal for the same scalars; 0.0 is not -0.0, nor False."""
    return scalar if isinstance(scalar, Node) else (type(scalar), repr(scalar))
