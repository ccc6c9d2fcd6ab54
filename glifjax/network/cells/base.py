"""What cells of a network are: n of one model as arrays, and a pure step for all of them at once.

A derivative of spike times is carried by `lead`, ms: how much earlier a spike comes than it did. Its value is always
zero; only its derivative is not. A spike's lead is d(V - th) over the slope of V - th (see `lead`); it moves what the
spike does (see `along`): it arrives that much earlier, and the cell starts again that much earlier.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

State = Any


class Arrivals(NamedTuple):
    """What reaches the synapses of n cells in one step.

    Attributes:
        weight: (ports, n), the sum of the weights that arrive, pA (mV for delta synapses).
        moved: (ports, n), the sum of weight times lead; None where no derivative of spike times is wanted.
    """

    weight: Float[Array, "ports n"]
    moved: Float[Array, "ports n"] | None = None


class Step(NamedTuple):
    """What one step leaves: the state, who spiked, V - threshold (mV; -inf while refractory), the spikes' lead."""

    state: State
    spiked: Bool[Array, " n"]
    excess: Float[Array, " n"]
    lead: Float[Array, " n"] | None


class AbstractCells(eqx.Module):
    """n cells of one model: parameters as arrays (the cells last), in ms, mV, pA, pF, nS."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many cells there are."""

    @property
    @abstractmethod
    def ports(self) -> int:
        """How many kinds of synapses a cell tells apart."""

    @property
    @abstractmethod
    def variables(self) -> tuple[str, ...]:
        """The names of what `observe` gives."""

    @abstractmethod
    def init(self, leads: bool) -> State:
        """The state before the first step; with `leads`, one that carries derivatives of spike times."""

    @abstractmethod
    def constants(self, h: float) -> Any:
        """What is computed of the parameters once, for steps of h ms."""

    @abstractmethod
    def step(
        self, constants: Any, state: State, arrivals: Arrivals, current: Float[Array, " n"], quiet: bool = False
    ) -> Step:
        """One step, with `current` (pA) throughout it; `quiet`: without the spikes, and without what only they need."""

    @abstractmethod
    def observe(self, state: State, current: Float[Array, " n"]) -> Mapping[str, Float[Array, " n"]]:
        """The state as users see it, by name; mV and pA."""


@jax.custom_jvp
def total(rows: Float[Array, "rows n"]) -> Float[Array, " n"]:
    """The sum over the first axis, term by term: XLA fuses that with what follows, and makes a loop of a jnp.sum.

    Its derivative is that of a jnp.sum, so that on the way back each row gets the same, not rows padded with zeros.
    """
    return sum((rows[i] for i in range(rows.shape[0])), start=jnp.zeros(rows.shape[1:], rows.dtype))


@total.defjvp
def _total_jvp(primals, tangents):
    return total(*primals), jnp.sum(tangents[0], axis=0)


@jax.custom_jvp
def along(value: Float[Array, "..."], rate: Float[Array, "..."], by: Float[Array, "..."]) -> Float[Array, "..."]:
    """value + rate by, where `by` follows from leads and is 0: the value, with derivative d value + rate d by."""
    return value


@along.defjvp
def _along_jvp(primals, tangents):
    value, rate, _ = primals
    return value, tangents[0] + rate * tangents[2]


@jax.custom_jvp
def lead(
    excess: Float[Array, " n"], before: Float[Array, " n"], old: Float[Array, " n"], h: float
) -> Float[Array, " n"]:
    """How much earlier a spike comes, ms: 0, with derivative d(excess) / slope, slope = (excess - before)/h.

    Args:
        excess: V - threshold at the end of the spiking step, mV.
        before: the same at its start. Where it is above zero already the cell was reset above the threshold: the
            spike then moves with the restart, whose lead is `old`.
        old: the lead of the cell's last spike, in the first step after it.
        h: ms.
    """
    return jnp.zeros_like(excess)


@lead.defjvp
def _lead_jvp(primals, tangents):
    excess, before, _, h = primals
    rising = before <= 0
    slope = jnp.where(rising & (excess > before), excess - before, 1.0) / h
    return jnp.zeros_like(excess), jnp.where(rising, tangents[0] / slope, tangents[2])


def refractory_steps(t_ref: Float[Array, " n"], h: float) -> Int[Array, " n"]:
    """t_ref (ms), rounded to 0.001 ms, in whole steps, rounded up; 0.001 ms is NEST's smallest unit of time."""
    tics = jnp.rint(1e3 * jax.lax.stop_gradient(jnp.asarray(t_ref))).astype(jnp.int32)
    return -(-tics // round(1e3 * h))
