"""What every neuron is: a pure step function. `AbstractSpikingNeuron` cuts the step into advance, decide, reset."""

from abc import abstractmethod
from enum import IntFlag
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from glifjax.arrays import off_host, on_host
from glifjax.checks import Part, in_form, require, require_choice
from glifjax.errors import InputError
from glifjax.scan import once
from glifjax.spike import EscapeNoise, SurrogateSpike

State = Any
if TYPE_CHECKING:
    SpikeCut = Literal["duration", "steps"]
else:  # another one is refused by its value, in words
    SpikeCut = str


class Status(IntFlag):
    """What a run has to say for itself; 0 if nothing.

    Attributes:
        NON_FINITE_CURRENT: the stimulus holds a NaN or an infinity; unless it lies within a spike's cut, where nothing
            is read, voltage is NaN and there are no more spikes from there on.
        BAD_RESET: a reset left the voltage above the threshold, and the run stopped there, as AllenSDK's does.
        TOO_MANY_SPIKES: a step held more spikes than the neuron looks for in one; the rest are missing.
        NON_FINITE_VOLTAGE: the voltage ended as NaN or infinite, or the threshold as NaN, from a finite stimulus.
        UNSTABLE_STEP: an Euler step is longer than twice a time constant, so that what it advances swings and grows.
        INEXACT: a spike inside a step was not located to all digits.
        UNITS: a stimulus beyond 1 uA, a step beyond 10 ms or below 0, a capacitance, resistance, voltage, current or
            time constant that no cell has (glifjax.checks.magnitudes): SI was not meant.
    """

    NON_FINITE_CURRENT = 1
    BAD_RESET = 2
    TOO_MANY_SPIKES = 4
    NON_FINITE_VOLTAGE = 8
    UNSTABLE_STEP = 16
    INEXACT = 32
    UNITS = 64


#: What each flag says, and what to do about it.
STATUS_WORDS = {
    Status.NON_FINITE_CURRENT: "the stimulus holds a NaN or an infinity, after which there are no spikes; mend it",
    Status.BAD_RESET: "a reset left the voltage above the threshold, where AllenSDK stops; lower the reset",
    Status.TOO_MANY_SPIKES: "a step held more spikes than were looked for; shorten dt or raise max_spikes_per_step",
    Status.NON_FINITE_VOLTAGE: "voltage or threshold grew beyond all numbers; shorten dt, or mend the parameters",
    Status.UNSTABLE_STEP: "dt is longer than twice a time constant, so that forward Euler swings and grows; shorten dt",
    Status.INEXACT: "a spike inside a step was not located to all digits; shorten dt",
    Status.UNITS: "the stimulus, dt, C, a resistance or another number is far from any cell's; give A, s, F, ohm and V",
}


class Input(eqx.Module):
    """What reaches a neuron in one step; `simulate` stacks them over time.

    Attributes:
        current: injected current, A.
        exponential: a number of that distribution, of mean 1: escape noise spikes where the hazard lets expect more
            spikes within the step; None for a hard threshold.
        forced: True where the neuron must spike and False where it must not; None to let it decide.
    """

    current: Float[Array, "..."]
    exponential: Float[Array, "..."] | None = None
    forced: Bool[Array, "..."] | None = None

    @property
    def is_deterministic(self) -> bool:
        """Whether the neuron decides by itself, without noise or force (so before anything is traced)."""
        return self.exponential is None and self.forced is None


class Sample(eqx.Module):
    """What one step shows; `simulate` stacks them into a Trace, which documents each field.

    A neuron of one's own gives voltage, threshold and spiked, and of the rest what it has. `fired` follows from
    `spiked`. A record (`simulate(record=...)`) is a Sample with the fields that were asked for.
    """

    voltage: Float[Array, "..."] | None = None
    threshold: Float[Array, "..."] | None = None
    threshold_components: Float[Array, "... 2"] | None = None
    afterspike_currents: Float[Array, "... n"] | None = None
    spiked: Float[Array, "..."] | None = None
    fired: Bool[Array, "..."] | None = None
    crossing: Float[Array, "... k"] | None = None
    voltage_before_reset: Float[Array, "..."] | None = None
    threshold_before_reset: Float[Array, "..."] | None = None
    refractory: Bool[Array, "..."] | None = None

    def __post_init__(self):
        """Compared in the step, for what comes after a scan is not fused into it."""
        if self.fired is None and self.spiked is not None:
            self.fired = self.spiked > 0.5


class AbstractNeuron(Part):
    """A neuron: parameters as array leaves (SI units), an explicit state, and a pure step.

    Attributes:
        init_voltage, init_threshold: before the first step, V.
        spike_latency: from the model's spike to the upstroke of the recorded spike it stands for, s.
    """

    instead: ClassVar[str] = "dataclasses.replace(neuron, {name}=...)"

    init_voltage: eqx.AbstractVar[Float[Array, ""]]
    init_threshold: eqx.AbstractVar[Float[Array, ""]]
    spike_latency: eqx.AbstractVar[Float[Array, ""]]

    def __check_init__(self):
        """Refuse a latency that is no time."""
        require("spike_latency", self.spike_latency, np.isfinite, "give a number, in s")

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled and copied: a neuron read from a file keeps its digits, whatever jax_enable_x64."""
        return on_host(vars(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The same neuron again."""
        for name, value in off_host(state).items():
            object.__setattr__(self, name, value)

    @abstractmethod
    def init(self) -> State:
        """The state before the first step."""

    @abstractmethod
    def step(self, state: State, inp: Input, dt: Float[Array, ""]) -> tuple[State, Sample]:
        """The state one step of dt seconds later, and what the step shows."""

    @abstractmethod
    def at_dt(self, dt: Float[Array, ""], spike_cut: SpikeCut = "duration") -> "AbstractNeuron":
        """This neuron for a run in steps of dt seconds: what it counts in steps is recounted."""

    @abstractmethod
    def status(self, state: State) -> Int[Array, ""]:
        """The Status flags of a run that ended in this state."""


class AbstractSpikingNeuron(AbstractNeuron):
    """A neuron whose step is advance, decide, reset.

    The author writes `advance` (the dynamics without a spike) and `reset`. The decision is the same for all: forced,
    drawn, or by itself, where V > threshold or as its `surplus` says.

    Attributes:
        spike: the spike nonlinearity with its surrogate derivative.
        escape_noise: the hazard that decides spikes when random numbers are given; None: deterministic only.
        detach_reset: keep gradients from flowing through the spike's effect on the state. They explode over
            long traces otherwise; the reset itself (and its parameters) stays differentiable.
    """

    spike: eqx.AbstractVar[SurrogateSpike]
    escape_noise: eqx.AbstractVar[EscapeNoise | None]
    detach_reset: eqx.AbstractVar[bool]

    def __check_init__(self):
        """Refuse what is neither True nor False."""
        require_choice("detach_reset", self.detach_reset, True, False)

    @abstractmethod
    def advance(self, state: State, current: Float[Array, ""], dt: Float[Array, ""]) -> State:
        """The state one step of dt seconds later, had there been no spike."""

    @abstractmethod
    def excess(self, state: State) -> Float[Array, ""]:
        """V - threshold, V: what decides the spike, and the hazard of escape noise."""

    @abstractmethod
    def surplus(self, state: State) -> Float[Array, ""]:
        """What decides a spike without noise, where it is above 0, V."""

    @abstractmethod
    def refractory(self, state: State) -> Bool[Array, ""]:
        """True where the step that starts from this state can hold no spike of its own."""

    @abstractmethod
    def reset(self, state: State) -> State:
        """The state after a spike, from the state `advance` gave for the spiking step."""

    @abstractmethod
    def settle(self, state: State, spiked: Float[Array, ""], inp: Input) -> State:
        """The state that the step ends in, after a reset or none; where a neuron stops for good, it is here."""

    @abstractmethod
    def observe(self, old: State, free: State, new: State, spiked: Float[Array, ""], inp: Input, dt) -> Sample:
        """What the step from `old` by way of `free` (before a reset) to `new` shows."""

    def step(self, state: State, inp: Input, dt: Float[Array, ""]) -> tuple[State, Sample]:
        """Advance, decide, reset: the state one step of dt seconds later, and what the step shows."""
        formed = lambda name, made, before: in_form(f"{type(self).__name__}.{name}", made, before)
        free = once(formed("advance", self.advance(state, inp.current, dt), state))
        excess = self.surplus(free) if inp.is_deterministic else self.excess(free)
        spiked = decide(self, excess, self.refractory(state), inp, dt)
        jumped = choose(spiked, formed("reset", self.reset(free), free), free, self.detach_reset)
        new = formed("settle", self.settle(jumped, spiked, inp), state)
        return new, self.observe(state, free, new, spiked, inp, dt)


class AbstractJumpingNeuron(AbstractSpikingNeuron):
    """A spiking neuron whose hard threshold decides where there is no noise: its surplus is its excess."""

    def surplus(self, state: State) -> Float[Array, ""]:
        """V - threshold, V."""
        return self.excess(state)


def check_spike_cut(spike_cut: SpikeCut) -> None:
    """Refuse what is neither "duration" nor "steps"."""
    require_choice("spike_cut", spike_cut, "duration", "steps")


def decide(
    neuron: Any, excess: Float[Array, ""], refractory: Bool[Array, ""], inp: Input, dt: Float[Array, ""]
) -> Float[Array, ""]:
    """1.0 for a spike in this step, else 0.0: forced, drawn by a number, or where the excess is above 0.

    Args:
        neuron: whose `spike` and `escape_noise` decide.
        excess: V - threshold, or what decides in its place, V.
        refractory: True where the step can hold no spike of its own.
        inp: what reaches the neuron.
        dt: s.
    """
    if inp.forced is not None:
        return inp.forced.astype(excess.dtype)
    # the drive of a refractory step is replaced, not multiplied by zero: it may not be finite
    excess = jnp.where(refractory, -1.0, excess)
    if inp.exponential is None:
        spiked = neuron.spike(excess)
    elif neuron.escape_noise is None:
        raise InputError("key or uniforms draw spikes, but the neuron has no escape_noise; set one, or give neither")
    else:
        spiked = neuron.escape_noise.draw(excess, inp.exponential, dt)
    return once(jnp.where(refractory, 0.0, spiked))


def choose(spiked: Float[Array, ""], if_spike: State, if_not: State, detach: bool) -> State:
    """The state `if_spike` where spiked is 1, else `if_not`; differentiable in `spiked` unless detached."""
    is_spike = spiked > 0.5  # one for all leaves: a gradient holds it over time

    def leaf(a, b):
        chosen = jnp.where(is_spike, a, b)
        if detach or not jnp.issubdtype(chosen.dtype, jnp.floating):
            return chosen
        return chosen + (spiked - jax.lax.stop_gradient(spiked)) * (a - b)

    return jax.tree.map(leaf, if_spike, if_not)
