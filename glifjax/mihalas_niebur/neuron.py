"""The Mihalas-Niebur neuron: linear between spikes, so advanced exactly, with spike times as real numbers.

    dI_j/dt = -k_j I_j
    C dV/dt = I + sum_j I_j - G (V - El)
    dTheta/dt = a (V - El) - b (Theta - th_inf)

    at V >= Theta:  I_j <- R_j I_j + A_j,  V <- V_reset,  Theta <- max(th_reset, Theta)

Source: Mihalas & Niebur 2009, Neural Computation 21:704, eqs. 2.1 and 2.2.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from glifjax.arrays import as_float
from glifjax.mihalas_niebur.crossing import spikes_of_a_step
from glifjax.mihalas_niebur.flow import Inside, Propagator, inside_of, propagator_of
from glifjax.neuron import AbstractNeuron, Input, Sample, Status, choose, decide
from glifjax.spike import EscapeNoise, SurrogateSpike

INTEGRATORS = ("exact", "exponential_euler")


class MihalasNieburState(eqx.Module):
    """What the neuron carries from step to step.

    The voltage is held relative to the threshold: near a crossing, and for a current barely above the smallest that
    makes the neuron fire, the two agree in all the digits that float32 has.

    Attributes:
        excess: V - Theta, V.
        threshold: Theta - th_inf, V.
        currents: I_j, A, one scalar each (scalars vectorise over neurons where an array does not).
        too_many: a step held more crossings than the neuron looks for.
    """

    excess: Float[Array, ""]
    threshold: Float[Array, ""]
    currents: tuple[Float[Array, ""], ...]
    too_many: Bool[Array, ""]


class MihalasNiebur(AbstractNeuron):
    """A leaky integrate-and-fire neuron with internal currents and a threshold that the voltage drags along.

    integrator="exact" advances by the closed-form solution, finds crossings inside a step, resets there and finishes
    the step from there. V >= Theta is a spike at the start too, at time 0. Derivatives of `trace.crossing` and of
    everything after a spike are those of the true spike time, whatever `detach_reset` says.

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
        max_spikes_per_step: crossings looked for in one step; more set Status.TOO_MANY_SPIKES.
        propagator, inside: over and within a step of the dt given to `at_dt`, which computes them once for a run.
        escape_noise, spike, spike_latency, detach_reset: see AbstractJumpingNeuron.
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
    integrator: str = eqx.field(default="exact", static=True)
    max_spikes_per_step: int = eqx.field(default=2, static=True)
    propagator: Propagator | None = None
    inside: Inside | None = None
    spike_latency: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)
    escape_noise: EscapeNoise | None = None
    spike: SurrogateSpike = eqx.field(default_factory=SurrogateSpike)
    detach_reset: bool = eqx.field(default=True, static=True)

    def __check_init__(self):
        """Refuse what no run could use before anything is traced."""
        if self.integrator not in INTEGRATORS:
            raise ValueError(f"integrator {self.integrator!r} is unknown; use one of {', '.join(INTEGRATORS)}")
        sizes = {name: jnp.shape(getattr(self, name))[-1:] for name in ("k", "R", "A", "init_currents")}
        if len(set(sizes.values())) > 1:
            given = ", ".join(f"{name} {size[0] if size else 'a scalar'}" for name, size in sizes.items())
            raise ValueError(f"k, R, A and init_currents hold one number per internal current, but sizes are {given}")

    def init(self) -> MihalasNieburState:
        """The state before the first step."""
        return MihalasNieburState(
            excess=self.init_voltage - self.init_threshold,
            threshold=self.init_threshold - self.th_inf,
            currents=tuple(self.init_currents),
            too_many=jnp.asarray(False),
        )

    def at_dt(self, dt: Float[Array, ""], spike_cut: str = "duration") -> "MihalasNiebur":
        """This neuron with the propagator over dt seconds; it has no spike cut, so `spike_cut` changes nothing."""
        if spike_cut not in ("duration", "steps"):
            raise ValueError(f'spike_cut={spike_cut!r} is unknown; use "duration" or "steps"')
        parts = lambda neuron: (neuron.propagator, neuron.inside)
        return eqx.tree_at(
            parts, self, (propagator_of(self, dt), inside_of(self, dt)), is_leaf=lambda leaf: leaf is None
        )

    def _above_rest(self, state: MihalasNieburState) -> Float[Array, ""]:
        """V - El, V."""
        return state.excess + state.threshold + (self.th_inf - self.El)

    def _drives(self, state: MihalasNieburState, current) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """I - G (V - El), A, without a difference of large numbers at the threshold; and a (V - El) - b Theta, V/s."""
        net = (current - self.G * (self.th_inf - self.El)) - self.G * (state.excess + state.threshold)
        return net, self.a * self._above_rest(state) - self.b * state.threshold

    def _evolve(self, state: MihalasNieburState, current, over: Propagator) -> MihalasNieburState:
        net, pull = self._drives(state, current)
        if over.threshold_net is None:
            rise, threshold = over.voltage * (net + sum(state.currents)), over.threshold * pull
        else:
            rise = over.voltage * net + _dot(over.voltage_currents, state.currents)
            threshold = over.threshold * pull + over.threshold_net * net + _dot(over.threshold_currents, state.currents)
        return MihalasNieburState(
            excess=state.excess + (rise - threshold),
            threshold=state.threshold + threshold,
            currents=tuple(decay * i for decay, i in zip(over.decay, state.currents, strict=True)),
            too_many=state.too_many,
        )

    def advance(self, state: MihalasNieburState, current: Float[Array, ""], dt: Float[Array, ""]) -> MihalasNieburState:
        """The state dt seconds later, had there been no spike."""
        return self._evolve(state, current, propagator_of(self, dt))

    def reset(self, state: MihalasNieburState) -> MihalasNieburState:
        """The state right after a spike."""
        threshold = jnp.maximum(self.th_reset - self.th_inf, state.threshold)
        return MihalasNieburState(
            excess=(self.V_reset - self.th_inf) - threshold,
            threshold=threshold,
            currents=tuple(r * i + a for r, a, i in zip(self.R, self.A, state.currents, strict=True)),
            too_many=state.too_many,
        )

    def excess(self, state: MihalasNieburState) -> Float[Array, ""]:
        """V - Theta, V."""
        return state.excess

    def refractory(self, state: MihalasNieburState) -> Bool[Array, ""]:
        """False: the neuron may spike at any time."""
        return jnp.zeros_like(state.too_many)

    def status(self, state: MihalasNieburState) -> Int[Array, ""]:
        """Status.TOO_MANY_SPIKES where a step held more crossings than were looked for."""
        return jnp.where(state.too_many, int(Status.TOO_MANY_SPIKES), 0)

    def step(self, state: MihalasNieburState, inp: Input, dt: Float[Array, ""]) -> tuple[MihalasNieburState, Sample]:
        """The state one step of dt seconds later, and what the step shows."""
        over = propagator_of(self, dt) if self.propagator is None else self.propagator
        free = self._evolve(state, inp.current, over)
        if self.integrator == "exact" and inp.is_deterministic:
            net, pull = self._drives(state, inp.current)
            slope = (net + sum(state.currents)) / self.C - pull
            inside = inside_of(self, dt) if self.inside is None else self.inside
            elements = lambda s: (s.excess, s.threshold, *s.currents)
            x, crossing, too_many = spikes_of_a_step(
                inside, elements(state), elements(free), slope, inp.current, dt, self.max_spikes_per_step
            )
            end = MihalasNieburState(x[0], x[1], x[2:], state.too_many | too_many)
            spiked = self.spike.of(jnp.isfinite(crossing[0]), free.excess)
            new = end if self.detach_reset else choose(spiked, end, free, detach=False)
        else:
            spiked = self._decide(state, free, inp, dt)
            new = choose(spiked, self.reset(free), free, self.detach_reset)
            when = dt if inp.is_deterministic else dt / 2
            crossing = (jnp.where(spiked > 0.5, when, jnp.inf),)
        return new, self._sample(free, new, spiked, crossing)

    def _decide(self, old, free, inp: Input, dt: Float[Array, ""]) -> Float[Array, ""]:
        """1.0 for a spike in this step, else 0.0; by itself, where the new V reaches the old Theta."""
        if not inp.is_deterministic:
            return decide(self, free.excess, self.refractory(old), inp, dt)
        excess = free.excess + (free.threshold - old.threshold)
        return self.spike.of(excess >= 0, excess)

    def _sample(self, free, new, spiked: Float[Array, ""], crossing: tuple) -> Sample:
        voltage = lambda state: state.excess + state.threshold + self.th_inf
        return Sample(
            voltage=voltage(new),
            threshold=new.threshold + self.th_inf,
            threshold_components=jnp.stack([jnp.zeros_like(new.threshold), new.threshold]),
            afterspike_currents=jnp.asarray(new.currents, new.excess.dtype),
            spiked=spiked,
            crossing=jnp.stack(crossing),
            voltage_before_reset=voltage(free),
            threshold_before_reset=free.threshold + self.th_inf,
            refractory=self.refractory(new),
        )


def _dot(weights: tuple, values: tuple) -> Float[Array, ""] | float:
    return sum((weight * value for weight, value in zip(weights, values, strict=True)), start=0.0)
