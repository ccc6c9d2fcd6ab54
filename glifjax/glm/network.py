"""What every stochastic network is: weights, a pure `init` and `step`, and a response that spikes are drawn from."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float

from glifjax.arrays import as_float, in_default_type
from glifjax.checks import require, require_no_nan, require_numbers
from glifjax.errors import InputError, shown
from glifjax.glm.observation import AbstractObservation

State = Any


class Input(eqx.Module):
    """What reaches a network in one step; `simulate` stacks them over time.

    Attributes:
        stimulus: added to each neuron's drive, (n,).
        uniform: numbers in [0, 1) that decide the spikes, (n,).
        forced: counts that the step has whatever its response, (n,); None to draw them.
    """

    stimulus: Float[Array, " n"]
    uniform: Float[Array, " n"]
    forced: Float[Array, " n"] | None = None


class Sample(eqx.Module):
    """What one step shows.

    Attributes:
        count: spikes, (n,).
        drive: g, (n,), the threshold not subtracted.
        response: the probability or mean count that the spikes were drawn from, (n,).
    """

    count: Float[Array, " n"]
    drive: Float[Array, " n"]
    response: Float[Array, " n"]


class AbstractNetwork(eqx.Module):
    """Neurons that spike at random, given a drive that earlier spikes and a stimulus make.

    Attributes:
        weights: W[i, j] from neuron i to neuron j, (n, n), or (n, n, b) where the coupling has b functions; 0 is no
            connection.
        threshold: theta, subtracted from the drive; () or (n,).
        strength: r, which scales what synapses add; () or (n,).
        bias: b, added to the drive; () or (n,).
        link: from excess = drive - threshold and dt (s) to a response.
        observation: from a response to spikes.
        dt: step, s.
    """

    weights: eqx.AbstractVar[Float[Array, "n n *b"]]
    threshold: eqx.AbstractVar[Float[Array, "..."]]
    strength: eqx.AbstractVar[Float[Array, "..."]]
    bias: eqx.AbstractVar[Float[Array, "..."]]
    link: eqx.AbstractVar[Callable]
    observation: eqx.AbstractVar[AbstractObservation]
    dt: eqx.AbstractVar[float]

    @property
    def size(self) -> int:
        """The number of neurons."""
        return self.weights.shape[1]

    @property
    @abstractmethod
    def history_steps(self) -> int:
        """How many steps back a spike matters, where that is limited; else 0."""

    @property
    @abstractmethod
    def refractory_steps(self) -> int:
        """How many steps after a spike are meant to hold none."""

    @abstractmethod
    def tabulated(self) -> "AbstractNetwork":
        """The same network with its kernels as arrays, so that a scan does not make them at every step."""

    @abstractmethod
    def start(self, uniform: Float[Array, " n"]) -> Float[Array, " n"]:
        """What `init` takes, drawn by numbers in [0, 1)."""

    @abstractmethod
    def init(self, initial: Float[Array, " n"] | None = None) -> State:
        """The state before the first step; `initial` as `start` gives it, zeros if None."""

    @abstractmethod
    def step(self, state: State, inp: Input, dt: float) -> tuple[State, Sample]:
        """One step of dt seconds."""

    @abstractmethod
    def forced_drive(
        self, spikes: Float[Array, "n N"], initial: Float[Array, " n"] | None = None
    ) -> tuple[Float[Array, "n S"], Float[Array, "n S"]]:
        """The drive without a stimulus, given all spikes; and 1.0 where a step could hold a spike, else 0.0."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """How many rows a stimulus has."""

    @property
    @abstractmethod
    def filters_stimulus(self) -> bool:
        """Whether a stimulus is filtered before it is added to the drive."""

    @abstractmethod
    def stimulus_drive(self, stimulus: Float[Array, "c S"]) -> Float[Array, "n S"]:
        """What a stimulus, (channels, S), adds to the drive: itself, unless the network has a kernel for it."""

    def respond(self, drive: Float[Array, "n ..."]) -> Float[Array, "n ..."]:
        """The response to a drive; (n,) or (n, S)."""
        return self.link(drive.T - self.threshold, self.dt).T  # neurons last, as a parameter of each is


def column(parameter: Float[Array, "..."]) -> Float[Array, "..."]:
    """A parameter, () or (n,), as what multiplies the rows of (n, S)."""
    return parameter[:, None] if parameter.ndim else parameter


def checked_weights(weights: ArrayLike) -> Float[Array, "n n *b"]:
    """Weights as an array of the default float dtype.

    Raises:
        InputError: not square, a NaN or infinity, or a neuron that is connected to itself.
    """
    shape = np.shape(weights)
    if len(shape) not in (2, 3) or shape[0] != shape[1] or shape[0] == 0:
        raise InputError(
            f"the weights have shape {shape}; give (n, n), W[i, j] from i to j, or (n, n, b) for b functions"
        )
    if isinstance(weights, Tracer):
        return as_float(weights)
    values = np.asarray(weights, float)
    if not np.isfinite(values).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(values))[0])
        raise InputError(f"the weights hold {values[place]} at {place}; give finite numbers, 0 for no connection")
    selfish = np.flatnonzero(
        np.abs(values[np.arange(len(values)), np.arange(len(values))]).reshape(len(values), -1).any(1)
    )
    if len(selfish):
        raise InputError(
            f"neuron {selfish[0]} is connected to itself (W[{selfish[0]}, {selfish[0]}] is not 0); "
            "self-connections are the own-spike kernel: set the diagonal to 0"
        )
    return as_float(values)


def require_one_a_neuron(size: int, **values: Any) -> None:
    """Each a finite number, or one a neuron."""
    for name, value in values.items():
        if np.shape(value) not in ((), (size,)):
            raise InputError(f"{name} has shape {np.shape(value)}; give a number, or ({size},), one a neuron")
        require(name, as_float(value), np.isfinite, "give finite numbers")


def ready(model: Any) -> AbstractNetwork:
    """A network as a run starts with it: in the float type of the moment, and without a NaN."""
    if not isinstance(model, AbstractNetwork):
        raise InputError(f"the model is {shown(model)}; give a network, such as glm.BernoulliGLM(...)")
    require_no_nan(model)
    return in_default_type(model)


def checked_step(dt: float) -> float:
    """A step in s; refused unless positive and finite."""
    require_numbers("dt", dt, "a number, in s")
    if not (np.isfinite(dt) and dt > 0):
        raise InputError(f"dt is {dt:g} s; give a positive step in seconds")
    return float(dt)
