"""NEST's glif_psc: Allen's five levels with alpha-shaped post-synaptic currents, solved exactly over each step.

With U = V - E_L, rates k = asc_decay, b_s = th_spike_decay, b_v = th_voltage_decay, a_v = th_voltage_index and a step
h, a cell that is not refractory goes through

    I_j' = I_j exp(-k_j h);   A = sum_j I_j (1 - exp(-k_j h))/(k_j h)      the mean of the currents over the step
    U'   = U P33 + (I_ext + A) P30 + sum of the ports' P31 y1 + P32 y2
    s'   = s exp(-b_s h)
    w'   = w exp(-b_v h) + B (a_v/b_v)(1 - exp(-b_v h)) + (U - B) a_v (P33 - exp(-b_v h))/(b_v - g/C)
    B    = (I_ext + A)/g

and spikes where U' > th_inf + s' + w'. Then for n_ref steps everything but the synapses is held at

    I_j' = asc_amps_j + I_j' asc_r_j exp(-k_j t_ref);   s' = s' exp(-b_s t_ref) + th_spike_add
    U' = V_reset - E_L, or voltage_reset_fraction * U + voltage_reset_add with U as it was before the step

Source: NEST 3.10, models/glif_psc.cpp; Teeter et al. (2018), doi:10.1038/s41467-017-02717-4. What differs from Allen's
GLIF (glifjax.GLIF): the mean of the currents, the reset from the voltage before the step, the reset state instead of
NaN, and synapses inside the solution. A rule of GLIF sees one current and the state after the step, so that these two
are a class of their own. What NEST does not have: cells that spike where their hazard has gathered (gathered.py).
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from glifjax.network.cells.base import AbstractCells, Arrivals, Step, along, lead, refractory_steps, total
from glifjax.network.cells.gathered import GatheredHazard
from glifjax.network.synapses import Propagators, mean_decay, propagators
from glifjax.scan import once


class GlifState(NamedTuple):
    """The state of n cells; voltages relative to E_L, mV, currents pA; leads ms.

    None where there is no such thing: parts of the threshold that the level lacks, leads without derivatives, a hazard.
    """

    v: Float[Array, " n"]
    currents: Float[Array, "k n"]
    spike_threshold: Float[Array, " n"] | None
    voltage_threshold: Float[Array, " n"] | None
    y1: Float[Array, "ports n"]
    y2: Float[Array, "ports n"]
    refractory: Int[Array, " n"]
    mean_current: Float[Array, " n"]
    synaptic: Float[Array, " n"]
    lead: Float[Array, " n"] | None
    accumulated: Float[Array, " n"] | None


class GlifConstants(NamedTuple):
    """Factors of one step; see the module."""

    h: float
    P33: Float[Array, " n"]
    P30: Float[Array, " n"]
    synapses: Propagators
    jump: Float[Array, "ports n"]
    decay: Float[Array, "k n"]
    mean: Float[Array, "k n"]
    survive: Float[Array, "k n"]
    s_decay: Float[Array, " n"]
    s_survive: Float[Array, " n"]
    w_decay: Float[Array, " n"]
    w_current: Float[Array, " n"]
    w_voltage: Float[Array, " n"]
    n_ref: Int[Array, " n"]


class GlifPsc(AbstractCells):
    """n cells of NEST's glif_psc at one level, under NEST's names and in its units.

    Attributes:
        V_m, E_L, V_th, V_reset: start, rest, threshold and reset, (n,), mV, absolute.
        g, C_m, t_ref: (n,), nS, pF, ms.
        tau_syn: time constants of the ports, (ports, n), ms.
        asc_init, asc_decay, asc_amps, asc_r: after-spike currents, (k, n): pA, 1/ms, pA, 1.
        th_spike_add, th_spike_decay: (n,), mV and 1/ms.
        voltage_reset_fraction, voltage_reset_add: (n,), 1 and mV.
        th_voltage_index, th_voltage_decay: (n,), 1/ms.
        spike_dependent_threshold, after_spike_currents, adapting_threshold: the level's mechanisms.
        hazard: decides the spikes by what has gathered; None: the hard threshold, as NEST.
    """

    V_m: Float[Array, " n"]
    E_L: Float[Array, " n"]
    V_th: Float[Array, " n"]
    V_reset: Float[Array, " n"]
    g: Float[Array, " n"]
    C_m: Float[Array, " n"]
    t_ref: Float[Array, " n"]
    tau_syn: Float[Array, "ports n"]
    asc_init: Float[Array, "k n"]
    asc_decay: Float[Array, "k n"]
    asc_amps: Float[Array, "k n"]
    asc_r: Float[Array, "k n"]
    th_spike_add: Float[Array, " n"]
    th_spike_decay: Float[Array, " n"]
    voltage_reset_fraction: Float[Array, " n"]
    voltage_reset_add: Float[Array, " n"]
    th_voltage_index: Float[Array, " n"]
    th_voltage_decay: Float[Array, " n"]
    spike_dependent_threshold: bool = eqx.field(static=True)
    after_spike_currents: bool = eqx.field(static=True)
    adapting_threshold: bool = eqx.field(static=True)
    hazard: GatheredHazard | None = None

    @property
    def size(self) -> int:
        """How many cells there are."""
        return self.E_L.shape[0]

    @property
    def ports(self) -> int:
        """How many kinds of synapses a cell tells apart."""
        return self.tau_syn.shape[0]

    @property
    def variables(self) -> tuple[str, ...]:
        """NEST's recordables."""
        return ("V_m", "threshold", "threshold_spike", "threshold_voltage", "ASCurrents_sum", "I", "I_syn")

    def init(self, leads: bool) -> GlifState:
        """At V_m with the currents asc_init, the threshold at V_th and nothing on its way."""
        zero, none = jnp.zeros(self.size), jnp.zeros((self.ports, self.size))
        currents = jnp.asarray(self.asc_init) if self.after_spike_currents else jnp.zeros((0, self.size))
        ready = jnp.zeros(self.size, jnp.int32)
        v = jnp.asarray(self.V_m) - self.E_L
        s, w = zero if self.spike_dependent_threshold else None, zero if self.adapting_threshold else None
        nothing = None if self.hazard is None else zero
        return GlifState(v, currents, s, w, none, none, ready, zero, zero, zero if leads else None, nothing)

    def constants(self, h: float) -> GlifConstants:
        """The factors of a step of h ms."""
        rate, k, b = self.g / self.C_m, self.asc_decay, self.th_voltage_decay
        P33 = jnp.exp(-h * rate)
        return GlifConstants(
            h=h,
            P33=P33,
            P30=-jnp.expm1(-h * rate) / self.g,
            synapses=propagators(jnp.asarray(self.tau_syn), rate, jnp.asarray(self.C_m), h),
            jump=jnp.e / self.tau_syn,
            decay=jnp.exp(-k * h),
            mean=mean_decay(k * h),
            survive=self.asc_r * jnp.exp(-k * self.t_ref),
            s_decay=jnp.exp(-self.th_spike_decay * h),
            s_survive=jnp.exp(-self.th_spike_decay * self.t_ref),
            w_decay=jnp.exp(-b * h),
            w_current=-self.th_voltage_index / b * jnp.expm1(-b * h) / self.g,
            w_voltage=self.th_voltage_index * h * P33 * mean_decay((b - rate) * h),
            n_ref=refractory_steps(self.t_ref, h),
        )

    def step(
        self,
        constants: GlifConstants,
        state: GlifState,
        arrivals: Arrivals,
        current: Float[Array, " n"],
        quiet: bool = False,
    ) -> Step:
        """One step of all cells; see the module for its equations."""
        c, active = constants, state.refractory == 0
        mean_current = total(c.mean * state.currents) if self.after_spike_currents else jnp.zeros_like(state.v)
        drive = current + mean_current
        psc = total(c.synapses.P31 * state.y1 + c.synapses.P32 * state.y2)
        v = c.P33 * state.v + c.P30 * drive + psc
        currents = c.decay * state.currents if self.after_spike_currents else state.currents
        s, w = state.spike_threshold, state.voltage_threshold
        s = None if s is None else c.s_decay * s
        w = None if w is None else c.w_decay * w + c.w_current * drive + c.w_voltage * (state.v - drive / self.g)
        free = GlifState(
            v, currents, s, w, state.y1, state.y2, state.refractory, mean_current, mean_current, state.lead,
            state.accumulated,
        )  # fmt: skip
        if state.lead is not None:  # the first step after a spike is longer by its lead
            free = self._moved(free, state.lead, self._slope(state, current))
        free = self._gathered(free, state, c.h)
        free = free._replace(v=jax.vmap(once)(free.v))
        surplus = self._surplus(free)
        spiked = jnp.zeros_like(active) if quiet else jax.vmap(once)(active & (surplus > 0))
        jumped, new_lead = free, None if state.lead is None else jnp.zeros_like(state.lead)
        if not quiet:
            jumped, new_lead = self._spike(c, state, free, current, spiked)
        held = partial(jax.tree.map, lambda new, old: jnp.where(active, new, old))
        y2 = c.synapses.P21 * state.y1 + c.synapses.P11 * state.y2
        y1 = c.synapses.P11 * state.y1 + c.jump * arrivals.weight
        if arrivals.moved is not None:
            y2 = along(y2, c.jump, arrivals.moved)
            y1 = along(y1, -c.jump / self.tau_syn, arrivals.moved)
        new = GlifState(
            v=held(jumped.v, state.v),
            currents=held(jumped.currents, state.currents),
            spike_threshold=held(jumped.spike_threshold, state.spike_threshold),
            voltage_threshold=held(jumped.voltage_threshold, state.voltage_threshold),
            y1=y1,
            y2=y2,
            refractory=jnp.where(spiked, c.n_ref, jnp.maximum(state.refractory - 1, 0)),
            mean_current=jnp.where(active, mean_current, state.mean_current),
            synaptic=jnp.where(active, total(state.y2), state.synaptic),
            lead=held(new_lead, state.lead),
            accumulated=held(jumped.accumulated, state.accumulated),
        )
        return Step(new, spiked, jnp.where(active, surplus, -jnp.inf), new_lead)

    def _excess(self, state: GlifState) -> Float[Array, " n"]:
        """V - threshold, mV."""
        excess = state.v - (self.V_th - self.E_L)
        excess = excess if state.spike_threshold is None else excess - state.spike_threshold
        return excess if state.voltage_threshold is None else excess - state.voltage_threshold

    def _surplus(self, state: GlifState) -> Float[Array, " n"]:
        """What decides a spike, where it is above 0, mV."""
        if self.hazard is None or state.accumulated is None:
            return self._excess(state)
        return self.hazard.surplus(state.accumulated)

    def _gathered(self, free: GlifState, state: GlifState, h: float) -> GlifState:
        """The state with the hazard of the step, which is longer by the lead."""
        if self.hazard is None or state.accumulated is None:
            return free
        new = self.hazard.advance(state.accumulated, self._excess(free), h)
        if state.lead is not None:
            new = along(new, (new - state.accumulated) / h, state.lead)
        return free._replace(accumulated=new)

    def _spike(
        self,
        c: GlifConstants,
        state: GlifState,
        free: GlifState,
        current: Float[Array, " n"],
        spiked: Bool[Array, " n"],
    ) -> tuple[GlifState, Float[Array, " n"] | None]:
        """The free state, or the reset one where a cell spiked; and the spikes' lead."""
        new_lead, at_spike, v_before = None, free, state.v
        if state.lead is not None:
            own: Any = lead(self._surplus(free), self._surplus(state), state.lead, c.h)
            new_lead = jnp.where(spiked, own, 0.0)
            slope = self._slope(free._replace(v=state.v), current)
            at_spike, v_before = self._moved(free, -new_lead, slope), along(state.v, slope[0], -new_lead)
        reset = self._reset(c, at_spike, v_before)
        return jax.tree.map(partial(jnp.where, spiked), reset, free), new_lead

    def _reset(self, c: GlifConstants, free: GlifState, v_before: Float[Array, " n"]) -> GlifState:
        """The state that a spike leaves, of the free one at it and the voltage one step before."""
        if free.accumulated is not None:
            free = free._replace(accumulated=jnp.zeros_like(free.accumulated))
        if self.after_spike_currents:
            free = free._replace(currents=self.asc_amps + c.survive * free.currents)
        if free.spike_threshold is None:
            return free._replace(v=jnp.broadcast_to(jnp.asarray(self.V_reset - self.E_L), free.v.shape))
        return free._replace(
            v=self.voltage_reset_fraction * v_before + self.voltage_reset_add,
            spike_threshold=c.s_survive * free.spike_threshold + self.th_spike_add,
        )

    def _slope(self, state: GlifState, current: Float[Array, " n"]) -> tuple[Float[Array, "..."] | None, ...]:
        """d/dt of voltage, currents and both parts of the threshold, where there are such."""
        drive = current + total(state.currents) + total(state.y2)
        v = (drive - self.g * state.v) / self.C_m
        currents = -self.asc_decay * state.currents if self.after_spike_currents else jnp.zeros_like(state.currents)
        s, w = state.spike_threshold, state.voltage_threshold
        s = None if s is None else -self.th_spike_decay * s
        w = None if w is None else self.th_voltage_index * state.v - self.th_voltage_decay * w
        return v, currents, s, w

    def _moved(self, state: GlifState, lead: Float[Array, " n"], slope: tuple) -> GlifState:
        """The state `lead` ms later, to first order."""
        now = state.v, state.currents, state.spike_threshold, state.voltage_threshold
        v, currents, s, w = jax.tree.map(lambda value, rate: along(value, rate, lead), now, slope)
        return state._replace(v=v, currents=currents, spike_threshold=s, voltage_threshold=w)

    def observe(self, state: GlifState, current: Float[Array, " n"]) -> Mapping[str, Float[Array, " n"]]:
        """NEST's recordables; V_m and threshold absolute."""
        none = jnp.zeros_like(state.v)
        s = none if state.spike_threshold is None else state.spike_threshold
        w = none if state.voltage_threshold is None else state.voltage_threshold
        return {
            "V_m": state.v + self.E_L,
            "threshold": self.V_th + s + w,
            "threshold_spike": s,
            "threshold_voltage": w,
            "ASCurrents_sum": state.mean_current,
            "I": current,
            "I_syn": state.synaptic,
        }
