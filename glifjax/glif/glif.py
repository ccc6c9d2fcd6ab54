"""The GLIF neuron: electrical parameters, coefficients that multiply them, and six rules.

Source: Teeter et al. 2018, Nature Communications 9:709; its simulator, AllenSDK's `allensdk.model.glif`, is
followed step by step. Parameters carry the names of AllenSDK's neuron_config.json, in SI units.
"""

from functools import partial
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from glifjax.arrays import as_float, as_steps
from glifjax.checks import (
    Part,
    require,
    require_choice,
    require_one_length,
    require_part,
    require_positive,
    require_time_constants,
)
from glifjax.errors import InputError
from glifjax.glif.meant import is_meant
from glifjax.glif.state import NEVER, GLIFState
from glifjax.glif.words import described, level_of
from glifjax.neuron import AbstractSpikingNeuron, Input, Sample, SpikeCut, Status, check_spike_cut
from glifjax.rules.base import PLACES, Rule
from glifjax.rules.membrane import AbstractMembraneCurrent, require_currents
from glifjax.rules.own import (
    currents_of,
    is_stable,
    mechanism,
    one_per_current,
    part_of,
    places_for_rules,
    require_rules,
    stops_above,
    threshold_of,
)
from glifjax.scan import once
from glifjax.spike import AccumulatedHazard, EscapeNoise, SurrogateSpike

#: Samples that AllenSDK still fills with the reset state before a run stops at a bad reset.
BAD_RESET_SAMPLES = 5


class Coefficients(Part):
    """Multipliers of th_inf, C, 1/R_input, a_voltage, b_voltage, asc_amp_array; 1 unless a fit moved them."""

    th_inf: Float[Array, ""] = eqx.field(default=1.0, converter=as_float)
    C: Float[Array, ""] = eqx.field(default=1.0, converter=as_float)
    G: Float[Array, ""] = eqx.field(default=1.0, converter=as_float)
    a: Float[Array, ""] = eqx.field(default=1.0, converter=as_float)
    b: Float[Array, ""] = eqx.field(default=1.0, converter=as_float)
    asc_amp_array: Float[Array, "*n"] = eqx.field(default=1.0, converter=as_float)


@places_for_rules(*PLACES)
class GLIF(AbstractSpikingNeuron):
    """A generalized leaky integrate-and-fire neuron. `from_level` builds Allen's five levels.

    Voltages are relative to El_reference, as in the published configs. R_input, C, th_inf, asc_amp_array (and
    the threshold rule's a_voltage, b_voltage) act times their coefficient in `coeffs`.

    Attributes:
        C: capacitance, F.
        R_input: input resistance, ohm.
        th_inf: threshold at rest, V.
        asc_tau_array: time constants of the afterspike currents, (n,), s.
        asc_amp_array: what a spike adds to them, (n,), A.
        El: leak reversal, V.
        El_reference: the measured resting potential that voltages are relative to, V.
        spike_cut_length: steps of `dt` that a spike lasts; the state is held meanwhile.
        dt: the step that spike_cut_length is counted in, s.
        spike_latency: from the model's spike to the upstroke of the recorded one, s; 0 in AllenSDK.
        init_voltage, init_threshold: before the first step, V.
        init_AScurrents: before the first step, (n,), A.
        coeffs: multipliers.
        voltage_dynamics ... afterspike_reset: the six rules.
        membrane_currents: any number of currents beside the leak, see glifjax.rules.membrane.
        spike_waveform: the voltage during the spike cut, (w,), V, evenly spaced; membrane currents see it. Empty: they
            see the voltage after the reset.
        convention: "allen", or "nest": what follows a reset to above the threshold (the neuron stops, or spikes again),
            and how the cut's duration becomes steps (to the nearest, or up).
        escape_noise, spike, detach_reset: see AbstractSpikingNeuron.
        accumulated_hazard: decides the spikes without noise, by the hazard of escape_noise; None: the hard threshold.
    """

    C: Float[Array, ""] = eqx.field(converter=as_float)
    R_input: Float[Array, ""] = eqx.field(converter=as_float)
    th_inf: Float[Array, ""] = eqx.field(converter=as_float)
    asc_tau_array: Float[Array, " n"] = eqx.field(converter=as_float)
    asc_amp_array: Float[Array, " n"] = eqx.field(converter=as_float)
    voltage_dynamics: Rule
    threshold_dynamics: Rule
    afterspike_dynamics: Rule
    voltage_reset: Rule
    threshold_reset: Rule
    afterspike_reset: Rule
    init_threshold: Float[Array, ""] = eqx.field(converter=as_float)
    init_AScurrents: Float[Array, " n"] = eqx.field(converter=as_float)
    membrane_currents: tuple[AbstractMembraneCurrent, ...] = ()
    coeffs: Coefficients = eqx.field(default_factory=Coefficients)
    El: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)
    El_reference: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)
    init_voltage: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)
    spike_cut_length: Int[Array, ""] = eqx.field(default=0, converter=as_steps)
    dt: Float[Array, ""] = eqx.field(default=5e-5, converter=as_float)
    spike_latency: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)
    spike_waveform: Float[Array, " w"] = eqx.field(default_factory=lambda: np.zeros(0), converter=as_float)
    escape_noise: EscapeNoise | None = None
    accumulated_hazard: AccumulatedHazard | None = None
    spike: SurrogateSpike = eqx.field(default_factory=SurrogateSpike)
    detach_reset: bool = eqx.field(default=True, static=True)
    convention: Literal["allen", "nest"] = eqx.field(default="allen", static=True)

    def __check_init__(self):
        """Refuse what no cell has, and arrays that do not go together, where numbers are there to be looked at."""
        require_choice("convention", self.convention, "allen", "nest")
        require_rules(self)
        require_currents(self.membrane_currents)
        require_part("coeffs", self.coeffs, Coefficients)
        require_part("spike", self.spike, SurrogateSpike)
        require_part("escape_noise", self.escape_noise, EscapeNoise, optional=True)
        require_part("accumulated_hazard", self.accumulated_hazard, AccumulatedHazard, optional=True)
        require_positive(C=self.C, R_input=self.R_input, dt=self.dt)
        require_time_constants(asc_tau_array=self.asc_tau_array)
        require("spike_cut_length", self.spike_cut_length, lambda n: n >= 0, "it must be 0 or more steps")
        coeffs = self.coeffs
        require("coeffs.C", coeffs.C, lambda c: c > 0, "it multiplies C and must be above 0")
        require("coeffs.G", coeffs.G, lambda g: g >= 0, "it multiplies 1/R_input, 0 or more")
        if self.accumulated_hazard is not None and self.escape_noise is None:
            raise InputError("accumulated_hazard gathers the hazard of escape_noise, which is None; give both, or none")
        require_one_length(
            {
                "asc_tau_array": self.asc_tau_array,
                "asc_amp_array": self.asc_amp_array,
                "init_AScurrents": self.init_AScurrents,
                "coeffs.asc_amp_array": coeffs.asc_amp_array,
                **one_per_current(self.afterspike_reset),
            }
        )

    @property
    def conductance(self) -> Float[Array, ""]:
        """G = coeffs.G / R_input, S."""
        return self.coeffs.G / self.R_input

    @property
    def capacitance(self) -> Float[Array, ""]:
        """coeffs.C * C, F."""
        return self.coeffs.C * self.C

    @property
    def threshold_infinity(self) -> Float[Array, ""]:
        """coeffs.th_inf * th_inf, V."""
        return self.coeffs.th_inf * self.th_inf

    @property
    def afterspike_amplitudes(self) -> Float[Array, " n"]:
        """coeffs.asc_amp_array * asc_amp_array, A."""
        return self.coeffs.asc_amp_array * self.asc_amp_array

    @property
    def has_reset_rules(self) -> bool:
        """Whether spikes leave something behind in voltage and threshold (levels with R)."""
        return mechanism(self.voltage_reset) == "R"

    @property
    def has_afterspike_currents(self) -> bool:
        """Whether spikes leave currents behind (levels with ASC)."""
        return mechanism(self.afterspike_dynamics) == "ASC"

    @property
    def has_adapting_threshold(self) -> bool:
        """Whether the voltage drags the threshold along (levels with A)."""
        return mechanism(self.threshold_dynamics) == "A"

    @property
    def level(self) -> str:
        """Allen's level with this neuron's mechanisms: "LIF-R-ASC-A" has all; other rules count by theirs."""
        return level_of(self)

    def __str__(self) -> str:
        """Level, rules and values with their units; of a batch, or inside a transformation, the arrays."""
        is_one = np.ndim(self.C) == 0 and not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(self))
        if not is_one:
            return repr(self)
        with jax.enable_x64(True):  # in the digits that a neuron read from a file has
            return described(self)

    @property
    def spike_cut_duration(self) -> Float[Array, ""]:
        """spike_cut_length * dt, s."""
        return self.spike_cut_length * self.dt

    def at_dt(self, dt: Float[Array, ""], spike_cut: SpikeCut = "duration") -> "GLIF":
        """This neuron with its spike cut counted in steps of dt seconds.

        spike_cut="duration" keeps the cut's duration (to the nearest step, NEST's up to the next); "steps" its number
        of steps, as AllenSDK does when a config's dt is changed (a tenth of the dt: a tenth of the cut).
        """
        check_spike_cut(spike_cut)
        steps = self.spike_cut_length
        if spike_cut == "duration":
            steps = self.spike_cut_duration / dt
            # up, but for what is a whole number of steps but for rounding
            steps = jnp.ceil(steps - 1e-3) if self.convention == "nest" else jnp.round(steps)
            steps = steps.astype(self.spike_cut_length.dtype)
        return eqx.tree_at(lambda neuron: (neuron.spike_cut_length, neuron.dt), self, (steps, dt))

    def init(self) -> GLIFState:
        """The state before the first step."""
        return GLIFState(
            voltage=self.init_voltage,
            threshold=threshold_of(self.threshold_dynamics, self),
            afterspike_currents=currents_of(self.afterspike_dynamics, self),
            membrane=tuple(channel.init(self.init_voltage) for channel in self.membrane_currents),
            since_spike=jnp.full_like(self.spike_cut_length, NEVER),
            halted=jnp.asarray(False),
            accumulated=self._nothing_accumulated,
        )

    @property
    def _nothing_accumulated(self) -> Float[Array, ""] | None:
        return None if self.accumulated_hazard is None else jnp.zeros_like(self.init_voltage)

    def membrane_current(self, state: GLIFState, voltage: Float[Array, ""]) -> Float[Array, ""]:
        """What all membrane currents together add at a voltage (V), with the state's gates, A."""
        currents = zip(self.membrane_currents, state.membrane, strict=True)
        return sum((channel(voltage, gates) for channel, gates in currents), start=jnp.zeros_like(voltage))

    def time_since_spike(self, state: GLIFState) -> Float[Array, ""]:
        """From the end of the last spike's step to this state, s; before the first spike, NEVER steps and more.

        That is hours, and finite, so that gradients are too.
        """
        return state.since_spike * self.dt

    def refractory(self, state: GLIFState) -> Bool[Array, ""]:
        """True during the spike cut, and for ever after a bad reset."""
        return once((state.since_spike < self.spike_cut_length) | state.halted)

    def advance(self, state: GLIFState, current: Float[Array, ""], dt: Float[Array, ""]) -> GLIFState:
        """One step of dt seconds without a spike; all rules read the state before it."""
        since_spike = state.since_spike + 1
        part = lambda name, before: part_of(getattr(self, name), name, before, self, state, current, dt)
        moved = GLIFState(
            voltage=part("voltage_dynamics", state.voltage),
            threshold=part("threshold_dynamics", state.threshold),
            afterspike_currents=part("afterspike_dynamics", state.afterspike_currents),
            membrane=tuple(
                channel.advance(gates, state.voltage, dt)
                for channel, gates in zip(self.membrane_currents, state.membrane, strict=True)
            ),
            since_spike=since_spike,
            halted=state.halted,
            accumulated=state.accumulated,
        )
        hazard, noise = self.accumulated_hazard, self.escape_noise
        if hazard is not None and noise is not None and state.accumulated is not None:
            accumulated = hazard.advance(state.accumulated, noise.evoked_spikes(self.excess(moved), dt), dt)
            moved = eqx.tree_at(lambda s: s.accumulated, moved, accumulated)
        held = eqx.tree_at(lambda s: s.since_spike, state, since_spike)
        return jax.tree.map(partial(jnp.where, self.refractory(state)), held, moved)

    def reset(self, state: GLIFState) -> GLIFState:
        """The state at the end of the spike cut, which starts now; rules read the spiking step's state."""
        part = lambda name, before: part_of(getattr(self, name), name, before, self, state)
        voltage = part("voltage_reset", state.voltage)
        waveform = self.spike_waveform if len(self.spike_waveform) else voltage[None]
        return GLIFState(
            voltage=voltage,
            threshold=part("threshold_reset", state.threshold),
            afterspike_currents=part("afterspike_reset", state.afterspike_currents),
            membrane=tuple(
                channel.spike(gates, waveform, self.spike_cut_duration)
                for channel, gates in zip(self.membrane_currents, state.membrane, strict=True)
            ),
            since_spike=jnp.zeros_like(state.since_spike),
            halted=state.halted,
            accumulated=self._nothing_accumulated,
        )

    def excess(self, state: GLIFState) -> Float[Array, ""]:
        """V - threshold, V; strictly positive means a spike of a hard threshold."""
        return state.voltage - state.threshold.total

    def surplus(self, state: GLIFState) -> Float[Array, ""]:
        """The excess; of gathered hazard delta_v (A - A*), which is above 0 where A > A*, in units of the excess."""
        hazard, noise = self.accumulated_hazard, self.escape_noise
        if hazard is None or noise is None or state.accumulated is None:
            return self.excess(state)
        return noise.delta_v * (state.accumulated - hazard.threshold)

    def settle(self, state: GLIFState, spiked: Float[Array, ""], inp: Input) -> GLIFState:
        """With a hard threshold, a reset to above it stops the neuron, as AllenSDK has it; not as NEST.

        A threshold rule that AllenSDK does not have may say otherwise, see `stops_above` of AbstractThreshold.
        """
        stops = self.convention == "allen" and stops_above(self.threshold_dynamics)
        is_hard = inp.is_deterministic and self.accumulated_hazard is None
        if not (is_hard and stops):
            return state
        bad_reset = (spiked > 0.5) & (self.excess(state) > 0)
        return eqx.tree_at(lambda s: s.halted, state, state.halted | bad_reset)

    def observe(
        self, old: GLIFState, free: GLIFState, new: GLIFState, spiked: Float[Array, ""], inp: Input, dt
    ) -> Sample:
        """The new state, NaN while the spike is cut out."""
        after_cut = new.since_spike - self.spike_cut_length
        visible = (after_cut >= 0) & ~(new.halted & (after_cut > BAD_RESET_SAMPLES))

        def show(value):
            return jnp.where(visible, value, jnp.nan)

        crossing = _crossing(self.surplus(old), self.surplus(free), dt) if inp.is_deterministic else dt / 2
        return Sample(
            voltage=show(new.voltage),
            threshold=show(new.threshold.total),
            threshold_components=show(jnp.stack([new.threshold.spike, new.threshold.voltage])),
            afterspike_currents=show(jnp.array(tuple(new.afterspike_currents), new.voltage.dtype)),
            spiked=spiked,
            crossing=jnp.where(spiked > 0.5, crossing, jnp.inf)[None],
            voltage_before_reset=free.voltage,
            threshold_before_reset=free.threshold.total,
            refractory=self.refractory(old),
        )

    def status(self, state: GLIFState) -> Int[Array, ""]:
        """Status of a bad reset, of a voltage that is not finite, an unstable Euler step, and numbers of no cell."""
        rules = self.voltage_dynamics, self.threshold_dynamics
        stable = jnp.stack([is_stable(rule, self, self.dt) for rule in rules]).all()
        flags = {
            Status.BAD_RESET: state.halted,
            Status.NON_FINITE_VOLTAGE: ~jnp.isfinite(state.voltage) | jnp.isnan(state.threshold.total),
            Status.UNSTABLE_STEP: ~stable,
            Status.UNITS: ~is_meant(self),
        }
        return sum((jnp.where(raised, int(flag), 0) for flag, raised in flags.items()), start=jnp.zeros((), int))


def _crossing(before: Float[Array, ""], after: Float[Array, ""], dt) -> Float[Array, ""]:
    """Time inside the step at which a surplus, taken as a straight line, is 0; s."""
    gap = -before
    closing = gap + after
    return dt * gap / jnp.where(closing == 0, 1.0, closing)
