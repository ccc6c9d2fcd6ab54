"""What gradient descent and global search have in common: the parameters they move, and what they minimise."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from glifjax.errors import InputError

from ..data.arrays import FitData, coarsen
from ..data.blocks import FOLDS, blocks
from ..losses import LOSSES, Loss
from ..model.coordinates import AbstractCoordinate, Bounded, Coordinate, origin, place
from ..model.patched import PatchedNeuron

#: A loss by name or of one's own; or several, whose sum counts.
AnyLoss = str | Loss | Sequence[str | Loss]
#: The runs have this time step, s.
STEP = 0.2e-3

#: What can be moved, by name, and where it is in a patched neuron. th_inf, C, G, a, b and asc_amp_array are Allen's
#: coefficients, which multiply th_inf, C, 1/R_input, a_voltage, b_voltage and asc_amp_array.
PARAMETERS: dict[str, Callable[[PatchedNeuron], Any]] = {
    "th_inf": lambda model: model.neuron.coeffs.th_inf,
    "C": lambda model: model.neuron.coeffs.C,
    "G": lambda model: model.neuron.coeffs.G,
    "a": lambda model: model.neuron.coeffs.a,
    "b": lambda model: model.neuron.coeffs.b,
    "asc_amp_array": lambda model: model.neuron.coeffs.asc_amp_array,
    "asc_tau_array": lambda model: model.neuron.asc_tau_array,
    "El_reference": lambda model: model.neuron.El_reference,
    "a_spike": lambda model: model.neuron.threshold_reset.a_spike,
    "b_spike": lambda model: (model.neuron.threshold_dynamics.b_spike, model.neuron.threshold_reset.b_spike),
    "a_voltage": lambda model: model.neuron.threshold_dynamics.a_voltage,
    "b_voltage": lambda model: model.neuron.threshold_dynamics.b_voltage,
    "weights": lambda model: model.neuron.threshold_dynamics.weights,
    "lambda0": lambda model: model.noise.lambda0,
    "delta_v": lambda model: model.noise.delta_v,
}
#: The threshold's: moved unless others are named.
THRESHOLD = ("th_inf", "a_spike", "b_spike", "a_voltage", "b_voltage", "weights")
#: One unit of an additive coordinate: about a millivolt of threshold, V.
MILLIVOLT = 1e-3
#: The same of a coupling between voltage and threshold.
GAIN = 0.1
#: One unit of every other is a factor of exp(FACTOR).
FACTOR = 0.3


def check_parameters(names: Sequence[str]) -> None:
    """Refuse a name that no neuron's parameter has.

    Raises:
        InputError: with the names there are.
    """
    if unknown := [name for name in names if name not in PARAMETERS]:
        raise InputError(f"no coefficient is called {', '.join(unknown)}; there are {', '.join(PARAMETERS)}")


def movable(model: PatchedNeuron, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Those of the names (the threshold's if None) that this neuron's rules have."""

    def has(name: str) -> bool:
        try:
            PARAMETERS[name](model)
        except AttributeError:
            return False
        return True

    return tuple(filter(has, THRESHOLD if names is None else names))


def coordinates(
    model: PatchedNeuron, names: Sequence[str], bounds: Mapping[str, tuple[float, float]] | None = None
) -> list[AbstractCoordinate]:
    """A neuron's parameters around where they are, in coordinates of order one.

    Args:
        model: a neuron.
        names: of PARAMETERS.
        bounds: by name, low and high in the parameter's own unit, for those that are to stay between them.

    Raises:
        InputError: an unknown name, one that this neuron does not have, or a value outside its bounds.
    """
    bounds = bounds or {}
    check_parameters([*names, *bounds])
    if missing := [name for name in names if name not in movable(model, names)]:
        raise InputError(f"this neuron has no {', '.join(missing)} to move; it has {', '.join(movable(model))}")
    return [_coordinate(model, name, bounds.get(name)) for name in names]


def _coordinate(model: PatchedNeuron, name: str, within: tuple[float, float] | None) -> AbstractCoordinate:
    where, neuron = PARAMETERS[name], model.neuron
    value = where(model)[0] if name == "b_spike" else where(model)
    additive = {
        "th_inf": lambda: MILLIVOLT / jnp.maximum(jnp.abs(neuron.th_inf), 1e-3 * MILLIVOLT),
        "El_reference": lambda: MILLIVOLT,
        "a_spike": lambda: MILLIVOLT,
        "a_voltage": lambda: GAIN * neuron.threshold_dynamics.b_voltage,
        "weights": lambda: GAIN / 2,
    }
    scale, log = (additive[name](), False) if name in additive else (FACTOR, True)
    if within is None:
        return Coordinate(where, value, scale, log)
    if not np.all((np.asarray(value) > within[0]) & (np.asarray(value) < within[1])):
        raise InputError(f"{name} is {np.asarray(value)}, not between its bounds {within[0]:g} and {within[1]:g}")
    return Bounded(where, value, scale, log, low=float(within[0]), high=float(within[1]))


class Objective(eqx.Module):
    """A loss per recorded spike, as a function of coordinates: on the training data, and on a part of it kept aside.

    Attributes:
        model, moved: the neuron at x = 0 and what x moves.
        data: training sweeps, in steps of STEP.
        losses: see fitting.losses; their sum counts.
        aside: True in the steps that are kept aside, (S, T): every FOLDS-th block of time, as in cross-validation.
        checkpoint: see glifjax.simulate.
    """

    model: PatchedNeuron
    moved: list[AbstractCoordinate]
    data: FitData
    losses: tuple[Loss, ...]
    aside: Bool[np.ndarray, "S T"]
    checkpoint: int | None = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        model: PatchedNeuron,
        data: FitData,
        moved: Sequence[AbstractCoordinate],
        loss: AnyLoss = "van Rossum",
        checkpoint: int | None = None,
    ) -> "Objective":
        """The objective for a neuron and training data.

        Raises:
            InputError: an unknown loss.
        """
        data = coarsen(data, STEP)
        check_loss(loss)
        losses = tuple(LOSSES[one](model, data) if isinstance(one, str) else one for one in _several(loss))
        return cls(model, list(moved), data, losses, blocks(data) % FOLDS == FOLDS - 1, checkpoint)

    @property
    def start(self) -> Float[Array, " n"]:
        """x = 0: where the neuron is."""
        return origin(self.moved)

    def at(self, x: Float[Array, " n"]) -> PatchedNeuron:
        """The neuron at coordinates x."""
        return place(self.model, self.moved, x)

    def __call__(self, x: Float[Array, " n"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Loss per spike on the training data, and on the part kept aside."""
        steps, data = self.steps(x), self.data
        per_spike = lambda part: jnp.sum(jnp.where(part, steps, 0.0)) / jnp.maximum(1, jnp.sum(data.forced & part))
        return per_spike(data.counted & ~self.aside), per_spike(data.counted & self.aside)

    def steps(self, x: Float[Array, " n"]) -> Float[Array, "S T"]:
        """Each step's share of the loss."""
        model, data = self.at(x), self.data

        def run(forced: bool):
            one = lambda current, voltage, spikes: model.simulate(
                current,
                data.dt,
                recorded_start=voltage[0],
                spikes=spikes if forced else None,
                checkpoint=self.checkpoint,
            )
            return jax.vmap(one)(*map(jnp.asarray, (data.current, data.voltage, data.forced)))

        traces = {forced: run(forced) for forced in {loss.forced for loss in self.losses}}
        return sum((loss(model, data, traces[loss.forced]) for loss in self.losses), start=jnp.zeros(data.forced.shape))


def _several(loss: AnyLoss) -> tuple:
    return tuple(loss) if isinstance(loss, (tuple, list)) else (loss,)


def check_loss(loss: AnyLoss) -> None:
    """Refuse a name that no loss has.

    Raises:
        InputError: with the names there are.
    """
    for name in _several(loss):
        if isinstance(name, str) and name not in LOSSES:
            raise InputError(f"no loss is called {name!r}; use one of {', '.join(LOSSES)}, or a function of your own")
