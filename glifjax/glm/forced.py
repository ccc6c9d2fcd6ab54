"""Runs with given spikes: drives, responses, and how probable the spikes are."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float

from glifjax.errors import InputError
from glifjax.glm.driven import stimulus_array
from glifjax.glm.network import AbstractNetwork, ready


def forced_run(
    model: AbstractNetwork,
    spikes: ArrayLike,
    stimulus: ArrayLike | Callable | None = None,
    initial: ArrayLike | None = None,
) -> tuple[Float[Array, "n S"], Float[Array, "n S"]]:
    """The drive and the response of every step, given all spikes.

    Args:
        model: a network; without chance in it, so the noise of a SAM's bias is left out.
        spikes: counts, (n, T + S), of any dtype; the first T = model.history_steps columns are history.
        stimulus: (n, S), or a function of the step, from 0 where history ends; (channels, S) for a stimulus kernel.
        initial: a SAM's activation before the first step, (n,); zeros if None.

    Returns:
        Drive g and response (p, or mu), (n, S); in an absolute refractory period the response is 0.

    Raises:
        InputError: spikes or a stimulus of another size, or spikes that are negative or not finite.
    """
    drive, response, _ = _forced(model, spikes, stimulus, initial)
    return drive, response


def log_likelihood(
    model: AbstractNetwork,
    spikes: ArrayLike,
    stimulus: ArrayLike | Callable | None = None,
    initial: ArrayLike | None = None,
) -> Float[Array, ""]:
    """log P(spikes), nats: the sum over all steps but history and absolute refractory periods.

    Differentiable in the model's leaves. Arguments as `forced_run`'s.
    """
    _, response, free = _forced(model, spikes, stimulus, initial)
    count = jnp.asarray(spikes, float)[:, model.history_steps :]
    terms = model.observation.log_likelihood(jnp.where(free > 0, response, 0.5), count)
    return jnp.sum(jnp.where(free > 0, terms, 0.0))


def _forced(model, spikes, stimulus, initial):
    model = ready(model)
    spikes = checked_spikes(model, spikes)
    drive, free = model.forced_drive(spikes, None if initial is None else jnp.asarray(initial, float))
    if stimulus is not None:
        drive += model.stimulus_drive(stimulus_array(stimulus, model, drive.shape[1]))
    return drive, jnp.where(free > 0, model.respond(drive), 0.0), free


def checked_spikes(model: AbstractNetwork, spikes: ArrayLike) -> Float[Array, "n N"]:
    """Counts as floats.

    Raises:
        InputError: another number of neurons, no step behind the history, or values that are not counts.
    """
    shape, history = np.shape(spikes), model.history_steps
    if len(shape) != 2 or shape[0] != model.size:
        raise InputError(f"the spikes have shape {shape}; give ({model.size}, steps), one row a neuron")
    if shape[1] <= history:
        raise InputError(f"the spikes have {shape[1]} steps and the model's history {history}; give more than that")
    if not isinstance(spikes, Tracer):
        values = np.asarray(spikes)
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise InputError("the spikes hold a negative number, a NaN or an infinity; give counts a step")
    return jnp.asarray(spikes, float)
