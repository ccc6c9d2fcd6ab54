"""A graph of scalars as the text of two functions: what a run's parameters come to, and the run, step by step.

    prepare(p) -> [constants, start]      p: the parameters; what follows from them alone, and the state at first
    run(constants, start, current, out)   current: A, one a step; out: an array for each output, as long

Every operation is a line, and stands where it is needed first: in the branch of a condition, where only that needs it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from glifjax.explorer.javascript.scalars import PARAMETERS, Choice, Loop, Node, Scalar, needed_for

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
    return f"{HELPERS}{_prepare(step, constants)}{_run(step, constants)}"


def _prepare(step: Step, constants: list[Node]) -> str:
    scope = _Scope(step.parameters)
    scope.compute([*constants, *step.start])
    given = [f"const {node.name} = p[{i}];" for i, node in enumerate(step.parameters)]
    results = ", ".join(map(written, constants)), ", ".join(map(written, step.start))
    return _function("prepare(p)", [*given, *scope.lines, f"return [[{results[0]}], [{results[1]}]];"])


def _run(step: Step, constants: list[Node]) -> str:
    scope = _Scope([*constants, *step.state, step.current], "    ")
    scope.compute([*step.after, *step.outputs])
    before = [f"const {node.name} = constants[{i}];" for i, node in enumerate(constants)]
    before += [f"let {node.name} = start[{i}];" for i, node in enumerate(step.state)]
    before += [f"const out{i} = out[{i}];" for i in range(len(step.outputs))]
    shown = [f"    out{i}[t] = {written(output)};" for i, output in enumerate(step.outputs)]
    moved = [f"    {line}" for line in assigned(step.state, step.after)]
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


class _Scope:
    """Lines of a block, and the nodes that have a name in it."""

    def __init__(self, given: Iterable[Node], indent: str = "  ", outside: "_Scope | None" = None) -> None:
        self.lines: list[str] = []
        self._indent = indent
        self._named = set(given)
        self._outside = outside

    def compute(self, wanted: Iterable[Scalar]) -> None:
        """Add lines until all that is wanted has a name."""
        for node in sorted(self._missing(wanted), key=lambda node: node.serial):
            if node in self._named:
                continue  # a result of a block that is there already
            if isinstance(node.block, Choice):
                self._choice(node.block)
            elif isinstance(node.block, Loop):
                self._loop(node.block)
            else:
                expression = node.template.format(*map(written, node.operands))
                self._add(f"const {node.name} = {expression};")
                self._named.add(node)

    def _has(self, node: Node) -> bool:
        return node in self._named or (self._outside is not None and self._outside._has(node))

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
            condition = f"if ({written(choice.index)} <= {place}) {{" if place < last else "{"
            self._add(f"}} else {condition}" if place else condition)
            inner = self._inside()
            inner.compute(branch)
            self.lines += inner.lines
            self._add_all(assigned(choice.results, branch), "  ")
        self._add("}")
        self._named.update(choice.results)

    def _loop(self, loop: Loop) -> None:
        for node, value in zip(loop.carried, loop.start, strict=True):
            self._add(f"let {node.name} = {written(value)};")
        self._add("for (;;) {")
        inner = self._inside(loop.carried)
        inner.compute([loop.condition])
        inner._add(f"if (!({written(loop.condition)})) break;")
        inner.compute(loop.after)
        self.lines += inner.lines
        self._add_all(assigned(loop.carried, loop.after), "  ")
        self._add("}")
        for node, result in zip(loop.carried, loop.results, strict=True):
            self._add(f"const {result.name} = {node.name};")
        self._named.update(loop.results)

    def _inside(self, given: Iterable[Node] = ()) -> "_Scope":
        return _Scope(given, self._indent + "  ", self)

    def _add(self, line: str) -> None:
        self.lines.append(self._indent + line)

    def _add_all(self, lines: Iterable[str], indent: str) -> None:
        for line in lines:
            self._add(indent + line)


def assigned(targets: Sequence[Node], values: Sequence[Scalar]) -> list[str]:
    """Lines that give all targets their values at once: one that is another's value is remembered first."""
    pairs = [(target, value) for target, value in zip(targets, values, strict=True) if target is not value]
    changed = {target for target, _ in pairs}
    moved = {value for _, value in pairs if isinstance(value, Node) and value in changed}
    lines = [f"const {node.name}_before = {node.name};" for node in sorted(moved, key=lambda node: node.serial)]
    name = lambda value: f"{value.name}_before" if value in moved else written(value)
    return lines + [f"{target.name} = {name(value)};" for target, value in pairs]


def _nodes(scalars: Iterable[Scalar]) -> Iterable[Node]:
    return (scalar for scalar in scalars if isinstance(scalar, Node))


def written(scalar: Scalar) -> str:
    """A scalar in the text: a node's name, or a number as JavaScript writes it."""
    if isinstance(scalar, Node):
        return scalar.name
    if isinstance(scalar, bool):
        return str(scalar).lower()
    if math.isnan(scalar):
        return "NaN"
    text = "Infinity" if abs(scalar) == math.inf else repr(abs(scalar))
    return f"(-{text})" if math.copysign(1, scalar) < 0 else text
