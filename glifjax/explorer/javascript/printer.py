"""A graph of scalars as the text of two functions: what a run's parameters come to, and the run, step by step.

    prepare(p) -> [constants, start]      p: the parameters; what follows from them alone, and the state at first
    run(constants, start, current, out)   current: A, one a step; out: an array for each output, as long

What is used once stands in the expression that uses it; all else has a name, and a line where it is needed first: in
the branch of a condition, where only that needs it.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from glifjax.explorer.javascript.scalars import PARAMETERS, Choice, Loop, Node, Scalar, held_by, needed_for

#: Characters of an expression at most, so that lines can be read, and deep ones are no burden on who compiles them.
WIDTH = 100

#: What JavaScript's Math lacks: to the nearest whole number, a half to the even one.
HELPERS = """const toEven = (x) => {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
};
"""


@dataclass(frozen=True)
class Step:
    """A step and what comes before it, as nodes.

    Attributes:
        parameters: of the run.
        start: the state before the first step.
        state: before a step.
        current: in a step, A.
        after: the state after it.
        outputs: what it shows.
    """

    parameters: Sequence[Node]
    start: Sequence[Scalar]
    state: Sequence[Node]
    current: Node
    after: Sequence[Scalar]
    outputs: Sequence[Scalar]


def printed(step: Step) -> str:
    """The text of both functions."""
    constants = _constant([*step.after, *step.outputs])
    once = _used_once([*constants, *step.start, *step.after, *step.outputs]).difference(step.after)
    return f"{HELPERS}{_prepare(step, constants, once)}{_run(step, constants, once)}"


def _prepare(step: Step, constants: list[Node], once: Collection[Node]) -> str:
    scope = _Scope(step.parameters, once)
    scope.compute([*constants, *step.start])
    given = [f"const {node.name} = p[{i}];" for i, node in enumerate(step.parameters)]
    results = (", ".join(map(scope.written, row)) for row in (constants, step.start))
    return _function("prepare(p)", [*given, *scope.lines, f"return [{', '.join(f'[{row}]' for row in results)}];"])


def _run(step: Step, constants: list[Node], once: Collection[Node]) -> str:
    scope = _Scope([*constants, *step.state, step.current], once, "    ")
    scope.compute([*step.after, *step.outputs])
    before = [f"const {node.name} = constants[{i}];" for i, node in enumerate(constants)]
    before += [f"let {node.name} = start[{i}];" for i, node in enumerate(step.state)]
    before += [f"const out{i} = out[{i}];" for i in range(len(step.outputs))]
    shown = [f"    out{i}[t] = {scope.written(output)};" for i, output in enumerate(step.outputs)]
    moved = [f"    {line}" for line in scope.assigned(step.state, step.after)]
    loop = [
        "for (let t = 0; t < current.length; t++) {",
        f"    const {step.current.name} = current[t];",
        *scope.lines,
        *shown,
        *moved,
        "  }",
    ]
    return _function("run(constants, start, current, out)", [*before, *loop])


def _function(signature: str, lines: Iterable[str]) -> str:
    body = "".join(f"  {line}\n" if not line.startswith(" ") else f"{line}\n" for line in lines)
    return f"function {signature} {{\n{body}}}\n"


def _constant(wanted: Iterable[Scalar]) -> list[Node]:
    """What is needed and follows from parameters alone, while what needs it does not; in the order of their making."""
    still = lambda node: node.follows_from <= {PARAMETERS}
    return sorted(filter(still, needed_for(wanted, until=still)), key=lambda node: node.serial)


def _used_once(wanted: Sequence[Scalar]) -> set[Node]:
    """The nodes that stand in one place alone; but for what a loop carries on, which moves at once with the others."""
    needed = needed_for(wanted)
    blocks = {node.block for node in needed} - {None}
    places = [scalar for node in needed for i, scalar in enumerate(node.operands) for _ in range(_count(node, i))]
    places += [*wanted, *(scalar for block in blocks for scalar in held_by(block))]
    uses = Counter(_nodes(places))
    carried = {scalar for block in blocks if isinstance(block, Loop) for scalar in _nodes(block.after)}
    return {node for node in needed if uses[node] == 1} - carried


def _count(node: Node, place: int) -> int:
    """How often one of its operands stands in its expression."""
    return node.template.count(f"{{{place}}}")


class _Scope:
    """Lines of a block, and how its nodes are written: by a name, or as the expression that they are.

    `once` are the nodes that need no name, unless their expression is too long.
    """

    def __init__(
        self, given: Iterable[Node], once: Collection[Node], indent: str = "  ", outside: "_Scope | None" = None
    ) -> None:
        self.lines: list[str] = []
        self._indent = indent
        self._texts = {node: node.name for node in given}
        self._once = once
        self._outside = outside

    def compute(self, wanted: Iterable[Scalar]) -> None:
        """Add lines until all that is wanted can be written."""
        for node in sorted(self._missing(wanted), key=lambda node: node.serial):
            if node in self._texts:
                continue  # a result of a block that is there already
            if isinstance(node.block, Choice):
                self._choice(node.block)
            elif isinstance(node.block, Loop):
                self._loop(node.block)
            else:
                expression = node.template.format(*map(self.written, node.operands))
                if node in self._once and len(expression) < WIDTH:
                    self._texts[node] = f"({expression})"
                else:
                    self._add(f"const {node.name} = {expression};")
                    self._texts[node] = node.name

    def written(self, scalar: Scalar) -> str:
        """A scalar in the text."""
        return number(scalar) if not isinstance(scalar, Node) else self._text(scalar)

    def assigned(self, targets: Sequence[Node], values: Sequence[Scalar]) -> list[str]:
        """Lines that give all targets their values at once: one that is another's value is remembered first."""
        pairs = [(target, value) for target, value in zip(targets, values, strict=True) if target is not value]
        changed = {target for target, _ in pairs}
        moved = {value for _, value in pairs if isinstance(value, Node) and value in changed}
        lines = [f"const {node.name}_before = {node.name};" for node in sorted(moved, key=lambda node: node.serial)]
        name = lambda value: f"{value.name}_before" if value in moved else self.written(value)
        return lines + [f"{target.name} = {name(value)};" for target, value in pairs]

    def _text(self, node: Node) -> str:
        if node not in self._texts and self._outside is not None:
            return self._outside._text(node)
        return self._texts[node]

    def _has(self, node: Node) -> bool:
        return node in self._texts or (self._outside is not None and self._outside._has(node))

    def _missing(self, wanted: Iterable[Scalar]) -> set[Node]:
        """The nodes to compute here, those of branches left to them."""
        missing, rest = set(), list(_nodes(wanted))
        while rest:
            node = rest.pop()
            if node in missing or self._has(node):
                continue
            missing.add(node)
            rest += _nodes(node.operands)
            if isinstance(node.block, Choice):
                rest += _nodes([node.block.index])
            if isinstance(node.block, Loop):
                rest += _nodes(node.block.start)
        return missing

    def _choice(self, choice: Choice) -> None:
        self._add(f"let {', '.join(node.name for node in choice.results)};")
        last = len(choice.branches) - 1
        for place, branch in enumerate(choice.branches):
            condition = f"if ({self.written(choice.index)} <= {place}) {{" if place < last else "{"
            self._add(f"}} else {condition}" if place else condition)
            inner = self._inside()
            inner.compute(branch)
            self.lines += inner.lines
            self._add_all(inner.assigned(choice.results, branch), "  ")
        self._add("}")
        self._named(choice.results)

    def _loop(self, loop: Loop) -> None:
        for node, value in zip(loop.carried, loop.start, strict=True):
            self._add(f"let {node.name} = {self.written(value)};")
        self._add("for (;;) {")
        inner = self._inside(loop.carried)
        inner.compute([loop.condition])
        inner._add(f"if (!({inner.written(loop.condition)})) break;")
        inner.compute(loop.after)
        self.lines += inner.lines
        self._add_all(inner.assigned(loop.carried, loop.after), "  ")
        self._add("}")
        for node, result in zip(loop.carried, loop.results, strict=True):
            self._add(f"const {result.name} = {node.name};")
        self._named(loop.results)

    def _inside(self, given: Iterable[Node] = ()) -> "_Scope":
        return _Scope(given, self._once, self._indent + "  ", self)

    def _named(self, nodes: Iterable[Node]) -> None:
        self._texts.update((node, node.name) for node in nodes)

    def _add(self, line: str) -> None:
        self.lines.append(self._indent + line)

    def _add_all(self, lines: Iterable[str], indent: str) -> None:
        for line in lines:
            self._add(indent + line)


def _nodes(scalars: Iterable[Scalar]) -> Iterable[Node]:
    return (scalar for scalar in scalars if isinstance(scalar, Node))


def number(value: float | int | bool) -> str:
    """A number as JavaScript writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if math.isnan(value):
        return "NaN"
    text = "Infinity" if abs(value) == math.inf else repr(abs(value))
    return f"(-{text})" if math.copysign(1, value) < 0 else text
