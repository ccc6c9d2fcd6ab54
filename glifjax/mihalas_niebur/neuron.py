"""The Mihalas-Niebur neuron: linear between spikes, so advanced exactly, with spike times as real numbers.

    dI_j/dt = -k_j I_j
    C dV/dt = I + sum_j I_j - G (V - El)
    dTheta/dt = a (V - El) - b (Theta - th_inf)

    at V >= Theta:  I_j <- R_j I_j + A_j,  V <- V_reset,  Theta <- max(th_reset, Theta)

Source: Mihalas & Niebur 2009, Neural Computation 21:704, eqs. 2.1 and 2.2.
"""

from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from glifjax.arrays import as_float, none_beyond
from glifjax.checks import (
    count_of,
    require,
    require_choice,
    require_not_negative,
    require_one_length,
    require_part,
    require_positive,
)
from glifjax.checks.magnitudes import LARGEST_C, LARGEST_G, LARGEST_LATENCY, LARGEST_PULSE, LARGEST_VOLTAGE
from glifjax.mihalas_niebur.crossing import spikes_of_a_step
from glifjax.mihalas_niebur.excess import Excess
from glifjax.mihalas_niebur.flow import Equations, Point, Propagator, propagator_of
from glifjax.mihalas_niebur.words import described
from glifjax.neuron import AbstractNeuron, Input, Sample, SpikeCut, Status, check_spike_cut, choose, decide
from glifjax.scan import once
from glifjax.spike import EscapeNoise, SurrogateSpike

INTEGRATORS = ("exact", "exponential_euler")
if TYPE_CHECKING:
    Integrator = Literal["exact", "exponential_euler"]
else:  # another one is refused by its value, in words
    Integrator = str


class MihalasNieburState(eqx.Module):
    """What the neuron carries from step to step.

    The voltage is held relative to the threshold: near a crossing, and for a current barely above the smallest that
    makes the neuron fire, the two agree in all the digits that float32 has.

    Attributes:
        excess: V - Theta, V.
        threshold: Theta - th_inf, V.
        currents: I_j, A, one scalar each (scalars vectorise over neurons where an array does not).
        flags: Status flags of the steps so far.
    """

    excess: Float[Array, ""]
    threshold: Float[Array, ""]
    currents: tuple[Float[Array, ""], ...]
    flags: Int[Array, ""]


class MihalasNiebur(AbstractNeuron):
    """A leaky integrate-and-fire neuron with internal currents and a threshold that the voltage drags along.

    integrator="exact" advances by the closed-form solution, finds crossings inside a step, resets there and finishes
    the step from there, at any dt and any rates. V >= Theta is a spike at the start too, at time 0. Derivatives of
    `trace.crossing` and of everything after a spike are those of the true spike time, whatever `detach_reset` says.

    integrator="exponential_euler" is BrainPy's: every variable by its own exponential from the state before the step;
    a spike where the V after a step reaches the Theta before it, at the step's end.

    With either, the state is reset at the end of the step of a forced or drawn spike.

    In float32 the gallery's patterns keep all their spikes; at a step of 0.1 ms the exact times are off by at most
    0.005 ms, or 0.02 ms in class 1, whose current float32 resolves worst.

    Attributes:
        C: capacitance, F.
        G: leak conductance, S.
        El: leak reversal, V.
        V_reset: voltage after a spike, V.
        th_inf: threshold at rest, V.
        th_reset: least threshold after a spike, V.
        a: coupling of the threshold to the voltage, 1/s.
        b: rate at which the threshold returns to th_inf, 1/s.
        k: decay rates of the internal currents, (n,), 1/s.
        R: what a spike leaves of them, (n,).
        A: what a spike adds to them, (n,), A.
        init_voltage, init_threshold: before the first step, V.
        init_currents: before the first step, (n,), A.
        integrator: "exact" or "exponential_euler".
        max_spikes_per_step: crossings looked for in one step, 1 or more; further ones set Status.TOO_MANY_SPIKES.
        propagator: over a step of the dt given to `at_dt`, which computes it once for a run.
        escape_noise, spike, spike_latency, detach_reset: see AbstractSpikingNeuron.
    """

    C: Float[Array, ""] = eqx.field(default=1e-9, converter=as_float)
    G: Float[Array, ""] = eqx.field(default=5e-8, converter=as_float)
    El: Float[Array, ""] = eqx.field(default=-0.07, converter=as_float)
    V_reset: Float[Array, ""] = eqx.field(default=-0.07, converter=as_float)
    th_inf: Float[Array, ""] = eqx.field(default=-0.05, converter=as_float)
    th_reset: Float[Array, ""] = eqx.field(default=-0.06, converter=as_float)
    a: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)
    b: Float[Array, ""] = eqx.field(default=10.0, converter=as_float)
    k: Float[Array, " n"] = eqx.field(default=(200.0, 20.0), converter=as_float)
    R: Float[Array, " n"] = eqx.field(default=(0.0, 1.0), converter=as_float)
    A: Float[Array, " n"] = eqx.field(default=(0.0, 0.0), converter=as_float)
    init_voltage: Float[Array, ""] = eqx.field(default=-0.07, converter=as_float)
    init_threshold: Float[Array, ""] = eqx.field(default=-0.05, converter=as_float)
    init_currents: Float[Array, " n"] = eqx.field(default=(0.0, 0.0), converter=as_float)
    integrator: Integrator = eqx.field(default="exact", static=True)
    max_spikes_per_step: int = eqx.field(default=2, static=True, converter=partial(count_of, "max_spikes_per_step"))
    propagator: Propagator | None = None
    spike_latency: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)
    escape_noise: EscapeNoise | None = None
    spike: SurrogateSpike = eqx.field(default_factory=SurrogateSpike)
    detach_reset: bool = eqx.field(default=True, static=True)

    def __check_init__(self):
        """Refuse what has no meaning, and arrays that do not go together, where numbers are there to be looked at."""
        require_choice("integrator", self.integrator, *INTEGRATORS)
        require_choice("detach_reset", self.detach_reset, True, False)
        require_part("spike", self.spike, SurrogateSpike)
        require_part("escape_noise", self.escape_noise, EscapeNoise, optional=True)
        require_positive(C=self.C)
        require_not_negative(G=self.G, b=self.b)
        require("k", self.k, lambda k: k >= 0, "decay rates must not be negative")
        require_one_length({name: getattr(self, name) for name in ("k", "R", "A", "init_currents")})

    @property
    def equations(self) -> Equations:
        """The parameters as scalars, voltages relative to th_inf."""
        return Equations(
            C=self.C,
            G=self.G,
            a=self.a,
            b=self.b,
            k=tuple(self.k),
            R=tuple(self.R),
            A=tuple(self.A),
            above_rest=self.th_inf - self.El,
            V_reset=self.V_reset - self.th_inf,
            th_reset=self.th_reset - self.th_inf,
        )

    @property
    def level(self) -> str:
        """What kind of neuron it is, as GLIF.level."""
        return "Mihalas-Niebur"

    def __str__(self) -> str:
        """Values with their units; of a batch, or inside a transformation, the arrays."""
        is_one = np.ndim(self.C) == 0 and not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(self))
        return described(self) if is_one else repr(self)

    def init(self) -> MihalasNieburState:
        """The state before the first step."""
        return MihalasNieburState(
            excess=self.init_voltage - self.init_threshold,
            threshold=self.init_threshold - self.th_inf,
            currents=tuple(self.init_currents),
            flags=jnp.zeros((), jnp.int32),
        )

    def at_dt(self, dt: Float[Array, ""], spike_cut: SpikeCut = "duration") -> "MihalasNiebur":
        """This neuron with the propagator over dt seconds; it has no spike cut, so `spike_cut` changes nothing."""
        check_spike_cut(spike_cut)
        over = propagator_of(self.equations, dt, exact=self.integrator == "exact")
        return eqx.tree_at(lambda neuron: neuron.propagator, self, over, is_leaf=lambda leaf: leaf is None)

    def refractory(self, state: MihalasNieburState) -> Bool[Array, ""]:
        """False: the neuron may spike at any time."""
        return jnp.zeros_like(state.excess, bool)

    def status(self, state: MihalasNieburState) -> Int[Array, ""]:
        """The steps' flags, a voltage that is not finite, and numbers of no cell."""
        finite = jnp.isfinite(state.excess + state.threshold)
        meant = (
            (self.C < LARGEST_C)
            & (self.G < LARGEST_G)
            & none_beyond(LARGEST_VOLTAGE, self.El, self.V_reset, self.th_inf, self.th_reset)
            & none_beyond(LARGEST_VOLTAGE, self.init_voltage, self.init_threshold)
            & none_beyond(LARGEST_PULSE, self.A, self.init_currents)
            & none_beyond(LARGEST_LATENCY, self.spike_latency)
        )
        flags = jnp.where(finite, 0, int(Status.NON_FINITE_VOLTAGE)) | jnp.where(meant, 0, int(Status.UNITS))
        return state.flags.astype(int) | flags

    def step(self, state: MihalasNieburState, inp: Input, dt: Float[Array, ""]) -> tuple[MihalasNieburState, Sample]:
        """The state one step of dt seconds later, and what the step shows."""
        equations, exact = self.equations, self.integrator == "exact"
        over = propagator_of(equations, dt, exact=exact) if self.propagator is None else self.propagator
        old = Point(state.excess, state.threshold, state.currents)
        free, flags = once(equations.evolve(old, inp.current, over)), state.flags
        if exact and inp.is_deterministic:
            may_spike = Excess.of(equations, old, inp.current).may_reach_zero(free.excess, dt, over)
            end, waits, raised = spikes_of_a_step(
                self.max_spikes_per_step, may_spike, equations, old, free, inp.current, dt
            )
            spiked = self.spike.of(jnp.isfinite(waits[0]), free.excess)
            new = end if self.detach_reset else choose(spiked, end, free, detach=False)
            crossing, flags = jnp.stack(list(accumulate(waits))), flags | raised
        else:
            spiked = self._decide(old, free, inp, dt)
            new = choose(spiked, equations.reset(free), free, self.detach_reset)
            when = dt if inp.is_deterministic else dt / 2
            crossing = jnp.where(spiked > 0.5, when, jnp.inf)[None]
        new = MihalasNieburState(new.excess, new.threshold, new.currents, flags)
        return new, self._sample(free, new, spiked, crossing)

    def _decide(self, old: Point, free: Point, inp: Input, dt: Float[Array, ""]) -> Float[Array, ""]:
        """1.0 for a spike in this step, else 0.0; by itself, where the new V reaches the old Theta."""
        if not inp.is_deterministic:
            return decide(self, free.excess, jnp.zeros_like(free.excess, bool), inp, dt)
        excess = free.excess + (free.threshold - old.threshold)
        return once(self.spike.of(excess >= 0, excess))

    def _sample(self, free: Point, new: MihalasNieburState, spiked, crossing) -> Sample:
        voltage = lambda at: at.excess + at.threshold + self.th_inf
        return Sample(
            voltage=voltage(new),
            threshold=new.threshold + self.th_inf,
            threshold_components=jnp.stack([jnp.zeros_like(new.threshold), new.threshold]),
            afterspike_currents=jnp.asarray(new.currents, new.excess.dtype),
            spiked=spiked,
            crossing=crossing,
            voltage_before_reset=voltage(free),
            threshold_before_reset=free.threshold + self.th_inf,
            refractory=self.refractory(new),
        )
