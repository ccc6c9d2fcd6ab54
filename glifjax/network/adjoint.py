"""The adjoint of a circuit's step: from the cotangents of what it gives to those of what it takes.

Most cells are quiet in most steps. Without a spike the step is short, and nearly linear: its adjoint is taken of all
cells at once. Those that spiked are left out of it, and each has the adjoint of the whole step by itself.
"""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from glifjax.network.cells.base import AbstractCells, Arrivals
from glifjax.network.circuit import Circuit, CircuitSample
from glifjax.network.delays import for_each_spike


class Outputs(NamedTuple):
    """Cotangents of what a group's step gives: its state, the leads of its spikes, V - threshold."""

    state: Any
    lead: Float[Array, " n"]
    excess: Float[Array, " n"]


class Inputs(NamedTuple):
    """Cotangents of what a group's step takes: parameters, constants, state, arrivals and how they move."""

    cells: AbstractCells
    constants: Any
    state: Any
    weight: Float[Array, "ports n"]
    moved: Float[Array, "ports n"]


def floats(tree: Any) -> Any:
    """What of a tree has derivatives."""
    return eqx.filter(tree, eqx.is_inexact_array)


def with_leads(cells: AbstractCells, state: Any) -> Any:
    """A state of a run without derivatives as one of a run with: leads are always zero."""
    return state._replace(lead=jnp.zeros(cells.size))


def adjoint(
    circuit: Circuit,
    constants: tuple[Any, ...],
    seen: CircuitSample,
    outputs: list[Outputs],
    cells: tuple[Any, ...],
    of_constants: tuple[Any, ...],
    near: bool,
) -> list[Inputs]:
    """The adjoint of the step that was seen, for each group.

    Args:
        circuit, constants: what the step was made with.
        seen: the step.
        outputs: cotangents of what it gave.
        cells, of_constants: cotangents of parameters and constants so far, which the step's are added to.
        near: whether cells that did not spike have cotangents of V - threshold.
    """
    parts = (circuit.arrivals(seen.arrived), circuit.split(seen.current), circuit.split(seen.spiked))
    groups = zip(circuit.cells, constants, seen.before, *parts, outputs, cells, of_constants, strict=True)
    add, inputs = partial(jax.tree.map, jnp.add), []
    for group, const, before, weight, current, spiked, gives, sum_cells, sum_constants in groups:
        now = (group, const, with_leads(group, before), weight, current)
        step = _quiet(now, gives, spiked, near)
        total = step._replace(cells=add(sum_cells, step.cells), constants=add(sum_constants, step.constants))

        def visit(cell, total, now=now, gives=gives):
            return _added(total, _spiking(*_one((now, gives), cell)), cell)

        inputs.append(for_each_spike(spiked, visit, total))
    return inputs


def _step(now: tuple[Any, ...], quiet: bool):
    """The step as a function of what has derivatives, and that."""
    cells, constants, state, weight, current = now
    whole = (cells, constants, state)

    def step(cells, constants, state, weight, moved):
        cells, constants, state = (
            eqx.combine(one, other) for one, other in zip((cells, constants, state), whole, strict=True)
        )
        step = cells.step(constants, state, Arrivals(weight, moved), current, quiet)
        return Outputs(floats(step.state), step.lead, step.excess)

    return step, (*map(floats, whole), weight, jnp.zeros_like(weight))


def _quiet(now: tuple[Any, ...], outputs: Outputs, spiked, near: bool) -> Inputs:
    """The adjoint of all cells at once, of those that did not spike."""
    step, of = _step(now, quiet=True)
    outputs = jax.tree.map(lambda cotangent: jnp.where(spiked, 0.0, cotangent), outputs)
    if near:
        _, adjoint = jax.vjp(lambda *of: (step(*of).state, step(*of).excess), *of)
        return Inputs(*adjoint((outputs.state, outputs.excess)))
    _, adjoint = jax.vjp(lambda *of: step(*of).state, *of)
    return Inputs(*adjoint(outputs.state))


def _spiking(now: tuple[Any, ...], outputs: Outputs) -> Inputs:
    """The adjoint of a group whose only cell spiked."""
    step, of = _step(now, quiet=False)
    return Inputs(*jax.vjp(step, *of)[1](outputs))


def _one(tree: Any, cell) -> Any:
    """A group of one of its cells: the cells are the last axis of every array, and what has none is shared."""
    is_array = lambda leaf: isinstance(leaf, jax.Array | np.ndarray) and leaf.ndim > 0
    return jax.tree.map(lambda leaf: lax.dynamic_slice_in_dim(leaf, cell, 1, -1) if is_array(leaf) else leaf, tree)


def _added(total: Inputs, one: Inputs, cell) -> Inputs:
    """The cotangents with those of one of the cells."""

    def leaf(of_all, of_one):
        if not of_all.ndim:
            return of_all + of_one
        so_far = lax.dynamic_slice_in_dim(of_all, cell, 1, -1)
        return lax.dynamic_update_slice_in_dim(of_all, so_far + of_one, cell, -1)

    return jax.tree.map(leaf, total, one)
