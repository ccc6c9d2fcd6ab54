"""Parameters that make a network fire at a rate.

One step's gradient, the history held constant, says where to go: by which of the parameters the mean response rises
fastest. It does not say how far, for spikes beget spikes. That is measured: runs of one key, their random numbers in
common, at lengths of a step that are bracketed and then halved in (regula falsi, by the Illinois rule).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from glifjax.errors import InputError
from glifjax.glm.activation import SAM
from glifjax.glm.forced import forced_run
from glifjax.glm.links import ExponentialRate
from glifjax.glm.network import AbstractNetwork
from glifjax.glm.simulate import run

#: A rate is met within this share of it.
TOLERANCE = 0.02
#: Runs at most in one direction, or for a rate of each neuron.
MOST_RUNS = 40
#: The first length that is tried, in sizes of the parameter that moves furthest.
FIRST_STEP = 0.1
#: How often it is doubled.
MOST_DOUBLINGS = 20
#: Of a neuron's log rate in one run, where each has its own: secants of a linear rate never pass zero below 1/e.
LARGEST_CHANGE = 0.25
#: Steps of the runs that gradients are taken over.
LONGEST_HISTORY = 5000
#: Where a gradient is zero.
INDEPENDENT = "the rate does not depend on these parameters at the start; name others, or start where neurons fire"
#: Places of the peer's names.
NAMES: dict[str, str] = {
    "theta": "threshold",
    "r": "strength",
    "b": "bias",
    "lambda_0": "link.rate",
    "alpha": "coupling.decay",
    "tau": "coupling.decay",
    "beta": "own.decay",
    "rel_ref_strength": "own.strength",
}


def tune(
    model: AbstractNetwork,
    rate: ArrayLike,
    *,
    names: str | Sequence[str] = ("threshold",),
    key: PRNGKeyArray,
    stimulus: Any = None,
    steps: int = 20_000,
) -> AbstractNetwork:
    """The network with some parameters changed so that it fires at a rate.

    Args:
        model: where to start.
        rate: mean over neurons, Hz; or (n,), one for each neuron, and then one parameter that each neuron has.
        names: the parameters, or one, by their place in the model ("threshold", "coupling.decay", "link.rate") or by
            the peer's names ("theta", "alpha", "r", ...).
        key: of the runs that rates are measured on.
        stimulus: as `simulate`'s.
        steps: of a run. With N spikes in it a rate is known to 1 / sqrt(N).

    Returns:
        A network whose rate in these runs lies within 2 % of the one asked for.

    Raises:
        InputError: an unknown parameter, a rate that is not positive or above one spike a step, or one that these
            parameters do not reach.
    """
    names = (names,) if isinstance(names, str) else names
    wheres = [_place(model, name) for name in names]
    if not wheres:
        raise InputError("there is no parameter to tune; name at least one")
    target = np.asarray(rate, float)
    if not (np.isfinite(target).all() and (target > 0).all()):
        raise InputError(f"the rate is {rate} Hz; give a positive one")
    highest = 1 / model.dt / (1 + model.refractory_steps)
    if target.max() > highest:
        raise InputError(
            f"the rate is {target.max():g} Hz, and these steps and refractory periods allow {highest:g} Hz"
        )
    if target.shape not in ((), (model.size,)):
        raise InputError(f"the rate has shape {target.shape}; give a number, or ({model.size},), one a neuron")
    measure = lambda candidate: _rates(candidate, key, stimulus, steps)
    history = lambda candidate: _history(candidate, key, stimulus, steps)
    if target.ndim == 0:
        return _tune_mean(model, float(target), wheres, names, measure, history)
    if len(wheres) != 1:
        raise InputError("a rate for each neuron takes one parameter for each; name one, such as threshold")
    return _tune_each(model, target, wheres[0], names[0], measure, history)


def _tune_mean(model, target, wheres, names, measure, history) -> AbstractNetwork:
    gap = lambda candidate: np.log(max(measure(candidate).mean(), 1e-3) / target)
    value = gap(model)
    for _ in range(3):  # a new direction where the old one leads nowhere
        if abs(value) <= np.log1p(TOLERANCE):
            return model
        direction = _direction(model, wheres, *history(model))
        sign = -np.sign(value)
        at = partial(_moved, model, wheres, [sign * part for part in direction])
        low, low_value, high, high_value = 0.0, value, FIRST_STEP, value
        for _ in range(MOST_DOUBLINGS):
            high_value = gap(at(high))
            if high_value * value <= 0 or not np.isfinite(high_value):
                break
            low, low_value, high = high, high_value, 2 * high
        length, value = _between(gap, at, low, low_value, high, high_value)
        model = at(length)
        if low_value * high_value > 0:
            break
    if abs(value) <= np.log1p(TOLERANCE):
        return model
    reached = target * np.exp(value)
    raise InputError(
        f"{', '.join(names)} do not bring the network to {target:g} Hz: it comes to {reached:.3g} Hz; "
        "name other parameters, or start from others"
    )


def _between(gap: Callable, at: Callable, low, low_value, high, high_value) -> tuple[float, float]:
    """The length at which the gap is nearly zero, between two where its signs differ, and that gap."""
    best = min((abs(low_value), low, low_value), (abs(high_value), high, high_value))
    side = 0
    for _ in range(MOST_RUNS // 2):
        if best[0] <= np.log1p(TOLERANCE) / 2 or low_value * high_value > 0:
            break
        share = np.clip(low_value / (low_value - high_value), 0.05, 0.95)
        middle = low + share * (high - low)
        middle_value = gap(at(middle))
        best = min(best, (abs(middle_value), middle, middle_value))
        if middle_value * high_value > 0:
            high, high_value = middle, middle_value
            low_value = low_value / 2 if side == 1 else low_value
            side = 1
        else:
            low, low_value = middle, middle_value
            high_value = high_value / 2 if side == -1 else high_value
            side = -1
    return best[1], best[2]


def _tune_each(model, target, where, name, measure, history) -> AbstractNetwork:
    """Each neuron's parameter by secants of its log rate, the first by the one-step gradient."""
    value = np.broadcast_to(np.asarray(where(model), float), (model.size,)).copy()
    place = lambda value: eqx.tree_at(where, model, jnp.asarray(value))
    before, slope = _logs(measure(place(value))), _log_slopes(place(value), where, *history(place(value)))
    best_gap, best = np.inf, place(value)
    for _ in range(MOST_RUNS):
        gap = before - np.log(target)
        worst = float(np.max(np.abs(gap)))
        if worst < best_gap:
            best_gap, best = worst, place(value)
        if worst <= np.log1p(TOLERANCE):
            return best
        change = np.clip(-gap, -LARGEST_CHANGE, LARGEST_CHANGE) / slope
        value = value + change
        after = _logs(measure(place(value)))
        ratio = (after - before) / np.where(change == 0, 1.0, change * slope)
        # a slope of the right sign and a believable size, else the old one: other neurons moved as well
        slope = np.where((ratio > 0.2) & (ratio < 5.0), slope * ratio, slope)
        before = after
    raise InputError(
        f"{name} does not bring every neuron to its rate: the furthest is {np.expm1(best_gap):.0%} off; "
        "ask for fewer extremes, or give more steps"
    )


def _logs(rates: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(rates, 0.05))


def _rates(model, key, stimulus, steps: int) -> Float[np.ndarray, " n"]:
    """Of each neuron in one run, Hz."""
    return np.asarray(run(model, steps, key=key, stimulus=stimulus).spikes).mean(axis=1) / model.dt


def one_step_gradient(
    model: AbstractNetwork, spikes: ArrayLike, wheres: Sequence[Callable], stimulus: Any = None
) -> tuple[Float[Array, ""], list[Array]]:
    """The mean response to given spikes, Hz, and its derivatives by parameters: what the peer's tuning follows.

    Args:
        model: a network.
        spikes: (n, T + S), the first T columns history.
        wheres: the parameters' leaves.
        stimulus: as `forced_run`'s.
    """

    def mean(values):
        moved = eqx.tree_at(lambda m: [where(m) for where in wheres], model, values)
        return jnp.mean(forced_run(moved, spikes, stimulus)[1]) / model.dt

    return jax.value_and_grad(mean)([where(model) for where in wheres])


def _history(model, key, stimulus, steps: int) -> tuple[Array, Any]:
    """Spikes of a short run, behind silence, and their stimulus."""
    steps = min(steps, LONGEST_HISTORY)
    if stimulus is not None and not callable(stimulus):
        stimulus = np.asarray(stimulus)[:, :steps]
    spikes = run(model, steps, key=key, stimulus=stimulus).spikes
    return jnp.pad(spikes, ((0, 0), (model.history_steps, 0))), stimulus


def _direction(model, wheres, spikes, stimulus) -> list[Array]:
    """Where the rate rises fastest, each parameter in units of its size; the largest part is one."""
    _, gradient = one_step_gradient(model, spikes, wheres, stimulus)
    sizes = [jnp.maximum(jnp.abs(where(model)), 1e-3 if jnp.all(where(model) == 0) else 0.0) for where in wheres]
    scaled = [part * size for part, size in zip(gradient, sizes, strict=True)]
    largest = max(float(jnp.max(jnp.abs(part))) for part in scaled)
    if not (np.isfinite(largest) and largest > 0):
        raise InputError(INDEPENDENT)
    return [part / largest * size for part, size in zip(scaled, sizes, strict=True)]


def _log_slopes(model, where, spikes, stimulus) -> Float[np.ndarray, " n"]:
    """d log(rate) of each neuron by its own parameter; the mean of the others' where it has none yet."""
    rates = np.mean(np.asarray(forced_run(model, spikes, stimulus)[1]), axis=1) / model.dt
    slopes = model.size * np.asarray(one_step_gradient(model, spikes, [where], stimulus)[1][0]) / np.maximum(rates, 1.0)
    there = np.isfinite(slopes) & (slopes != 0)
    if not there.any():
        raise InputError(INDEPENDENT)
    return np.where(there & (np.sign(slopes) == np.sign(slopes[there].mean())), slopes, slopes[there].mean())


def _moved(model, wheres, direction, length: float) -> AbstractNetwork:
    values = [where(model) + length * part for where, part in zip(wheres, direction, strict=True)]
    return eqx.tree_at(lambda m: [where(m) for where in wheres], model, values)


def _place(model: AbstractNetwork, name: str) -> Callable:
    """The leaf of a parameter's name."""
    path = _path(model, name)

    def where(model):
        leaf = model
        for part in path.split("."):
            leaf = getattr(leaf, part)
        return leaf

    try:
        leaf = where(model)
    except AttributeError:
        leaf = None
    if not eqx.is_inexact_array(leaf):
        raise InputError(f"the model has no parameter {name!r}; name one by its place, as threshold or coupling.decay")
    return where


def _path(model: AbstractNetwork, name: str) -> str:
    """The peer's names mean different things in its models: alpha and beta are a link's scale and gain in one."""
    if isinstance(model.link, ExponentialRate):
        return (NAMES | {"alpha": "link.rate", "beta": "link.gain"}).get(name, name)
    return (NAMES | ({"tau": "time_constant"} if isinstance(model, SAM) else {})).get(name, name)
