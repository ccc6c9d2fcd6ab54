"""NEST's iaf_psc_alpha, iaf_psc_exp and iaf_psc_delta: leaky integrate-and-fire, three kinds of synapses.

With U = V - E_L, tau = tau_m, P33 = exp(-h/tau) and P30 = (1 - P33) tau/C_m, a cell that is not refractory goes through

    U' = P33 U + P30 (I_ext + I_e) + sum of the ports' P31 y1 + P32 y2        alpha (exp: P32 y2 alone)
    U' = P33 U + P30 (I_ext + I_e) + the weights that arrive in this step     delta (lost while refractory)

and spikes where max(U', V_min - E_L) >= V_th - E_L. Positive weights go to the first port (tau_syn_ex), others to the
second (tau_syn_in). Source: NEST 3.10, models/iaf_psc_alpha.cpp, iaf_psc_exp.cpp, iaf_psc_delta.cpp.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from glifjax.network.cells.base import AbstractCells, Arrivals, Step, along, lead, refractory_steps, total
from glifjax.network.synapses import Propagators, propagators
from glifjax.scan import once

#: Synapses, and their ports.
KINDS = {"alpha": 2, "exp": 2, "delta": 1}


class IafState(NamedTuple):
    """The state of n cells: voltage relative to E_L, mV; synapses, pA; lead ms, or None."""

    v: Float[Array, " n"]
    y1: Float[Array, "ports n"]
    y2: Float[Array, "ports n"]
    refractory: Int[Array, " n"]
    lead: Float[Array, " n"] | None


class IafConstants(NamedTuple):
    """Factors of one step; see the module."""

    h: float
    P33: Float[Array, " n"]
    P30: Float[Array, " n"]
    synapses: Propagators
    n_ref: Int[Array, " n"]


class IafPsc(AbstractCells):
    """n cells of one of the three models, under NEST's names and in its units.

    Attributes:
        V_m, E_L, V_th, V_reset, V_min: start, rest, threshold, reset and lowest voltage, (n,), mV, absolute.
        tau_m, C_m, t_ref, I_e: (n,), ms, pF, ms, pA.
        tau_syn: (2, n), ms: of excitatory and inhibitory synapses; without effect for delta synapses.
        kind: "alpha", "exp" or "delta".
    """

    V_m: Float[Array, " n"]
    E_L: Float[Array, " n"]
    V_th: Float[Array, " n"]
    V_reset: Float[Array, " n"]
    V_min: Float[Array, " n"]
    tau_m: Float[Array, " n"]
    C_m: Float[Array, " n"]
    t_ref: Float[Array, " n"]
    I_e: Float[Array, " n"]
    tau_syn: Float[Array, "2 n"]
    kind: str = eqx.field(static=True)

    @property
    def size(self) -> int:
        """How many cells there are."""
        return self.E_L.shape[0]

    @property
    def ports(self) -> int:
        """How many kinds of synapses a cell tells apart."""
        return KINDS[self.kind]

    @property
    def variables(self) -> tuple[str, ...]:
        """The voltage."""
        return ("V_m", "I")

    def init(self, leads: bool) -> IafState:
        """At V_m, with nothing on its way."""
        none, ready = jnp.zeros((self.ports, self.size)), jnp.zeros(self.size, jnp.int32)
        return IafState(jnp.asarray(self.V_m) - self.E_L, none, none, ready, jnp.zeros(self.size) if leads else None)

    def constants(self, h: float) -> IafConstants:
        """The factors of a step of h ms."""
        rate, tau_syn = 1 / self.tau_m, jnp.asarray(self.tau_syn)[: self.ports]
        return IafConstants(
            h=h,
            P33=jnp.exp(-h * rate),
            P30=-jnp.expm1(-h * rate) * self.tau_m / self.C_m,
            synapses=propagators(tau_syn, rate, jnp.asarray(self.C_m), h),
            n_ref=refractory_steps(self.t_ref, h),
        )

    def step(
        self,
        constants: IafConstants,
        state: IafState,
        arrivals: Arrivals,
        current: Float[Array, " n"],
        quiet: bool = False,
    ) -> Step:
        """One step of all cells; see the module for its equations."""
        c, active, theta = constants, state.refractory == 0, self.V_th - self.E_L
        y1, y2 = self._synapses(c, state, arrivals)
        v = c.P33 * state.v + c.P30 * (current + self.I_e)
        if self.kind == "alpha":
            v = v + total(c.synapses.P31 * state.y1)
        if self.kind != "delta":
            v = v + total(c.synapses.P32 * state.y2)
        if state.lead is not None:  # the first step after a spike is longer by its lead
            v = along(v, self._slope(state, current), state.lead)
            if self.kind == "exp" and arrivals.moved is not None:
                v = along(v, 1 / self.C_m, total(arrivals.moved))
        smooth, moved = v, arrivals.moved
        if self.kind == "delta":
            v = v + total(arrivals.weight)
            if arrivals.moved is not None:
                v = along(v, -1 / self.tau_m, total(arrivals.moved))
        v = jnp.maximum(v, self.V_min - self.E_L)
        spiked = jnp.zeros_like(active) if quiet else jax.vmap(once)(active & (v >= theta))
        new_lead = None if state.lead is None else jnp.zeros_like(state.lead)
        if state.lead is not None and not quiet:
            own: Any = lead(v - theta, state.v - theta, state.lead, c.h)
            if self.kind == "delta" and moved is not None:  # a spike at an arrival moves with it
                weight = total(arrivals.weight)
                jumped = (smooth < theta) & (weight > 0)
                with_arrival: Any = total(moved) / jnp.where(jumped, weight, 1.0)
                own = jnp.where(jumped, with_arrival, own)
            new_lead = jnp.where(spiked, own, 0.0)
        reset = self.V_reset - self.E_L
        new = IafState(
            v=jnp.where(spiked, reset, jnp.where(active, v, state.v)),
            y1=y1,
            y2=y2,
            refractory=jnp.where(spiked, c.n_ref, jnp.maximum(state.refractory - 1, 0)),
            lead=None if new_lead is None or state.lead is None else jnp.where(active, new_lead, state.lead),
        )
        return Step(new, spiked, jnp.where(active, v - theta, -jnp.inf), new_lead)

    def _synapses(self, c: IafConstants, state: IafState, arrivals: Arrivals):
        """y1 and y2 after the step."""
        if self.kind == "delta":
            return state.y1, state.y2
        tau, moved = self.tau_syn, arrivals.moved
        arrived = arrivals.weight if moved is None else along(arrivals.weight, -1 / tau, moved)
        if self.kind == "exp":
            return state.y1, c.synapses.P11 * state.y2 + arrived
        y2 = c.synapses.P21 * state.y1 + c.synapses.P11 * state.y2
        y1 = c.synapses.P11 * state.y1 + jnp.e / tau * arrived
        return y1, y2 if moved is None else along(y2, jnp.e / tau, moved)

    def _slope(self, state: IafState, current: Float[Array, " n"]) -> Float[Array, " n"]:
        """dV/dt."""
        return -state.v / self.tau_m + (current + self.I_e + total(state.y2)) / self.C_m

    def observe(self, state: IafState, current: Float[Array, " n"]) -> Mapping[str, Float[Array, " n"]]:
        """The voltage, absolute, and the injected current."""
        return {"V_m": state.v + self.E_L, "I": current}
