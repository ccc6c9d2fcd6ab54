"""Scores: how well a model reproduces the spikes and the voltage of a recording.

A spike train is a sorted 1-D array of times in s; a set of trains (the repeats of the data, the runs of the
model) is a sequence of at least one. Windows, widths and durations are in s; a score has no unit. Anything
else raises a ValueError, and so does a spike outside [0, duration] where there is a duration.

Agreement scores 1; chance scores 0, but for Md*. Where a formula has no value (0 / 0) the score is nan,
without a warning: Md* and Gamma when neither set has a spike, the ratios of explained variance when the data
have none. A model silent where the data are not has Md* = 0 and a ratio of 0; its Gamma, by the formula, lies
just below 0, for chance alone would do better. Means over pairs of trains leave out those without a value
(both silent).
"""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from jaxtyping import Bool, Float, Int

from glifjax.spikes.consensus import consensus

Trains = Sequence[Float[np.ndarray, " _"]]
Voltage = Float[np.ndarray, " t"]
Mask = Bool[np.ndarray, " t"]

_SLACK = 1e-9  # s; spikes exactly a window apart coincide, however their difference is rounded


def md_star(data: Trains, model: Trains, window: float = 0.004) -> float:
    """Md* = 2 <d,m> / (<d,d> + <m,m>), of Naud et al. 2011 (Neural Comput. 23:3016).

    <a,b> is the mean, over pairs of trains, of the number of pairs of spikes at most `window` (s) apart.
    <d,d> and <m,m> run over distinct pairs, so that a perfect model of endless data reaches 1 however noisy
    both are (few trains may exceed it); a set of one train, model or data, is paired with itself. Not
    corrected for chance. 0 when no spike of the model coincides with one of the data; nan when there is no
    spike at all, or when spikes coincide between the sets but never within them.
    """
    _check(data, model, window=window)
    across = _close_pairs(np.concatenate(data), np.concatenate(model), window) / (len(data) * len(model))
    if across == 0:
        return 0.0 if any(train.size for train in (*data, *model)) else math.nan
    return float(_ratio(2 * across, _distinct(data, window) + _distinct(model, window)))


def gamma(data: Trains, model: Trains, duration: float, window: float = 0.004) -> float:
    """Coincidence factor (N_c - 2 nu D N_d) / [(N_d + N_m) / 2 (1 - 2 nu D)], averaged over pairs of trains.

    N_d and N_m are the spikes of one repeat and of one run in `duration` (s), N_c those of the data that have
    a spike of the model at most D = `window` (s) away, nu = N_d / duration the rate of the repeat. A pair has
    no value when both are silent, or when 2 nu D >= 1: spikes so dense coincide with anything. Kistler et al.
    1997 (Neural Comput. 9:1015), Jolivet et al. 2008 (J. Neurosci. Methods 169:417).
    """
    _check(data, model, duration, window=window)
    n_data = np.array([[train.size] for train in data])
    n_model = np.array([train.size for train in model])
    chance = 2 * window * n_data / duration
    excess = _coincidences(data, model, window) - chance * n_data
    return _mean_defined(_ratio(excess, (n_data + n_model) / 2 * (1 - chance)))


def explained_variance_ratio(data: Trains, model: Trains, duration: float, sigma: float = 0.010) -> float:
    """mean_i EV(d_i, m) / mean_i EV(d_i, PSTH), of Teeter et al. 2018 (Nat. Commun. 9:709).

    EV(a, b) = [var a + var b - var(a - b)] / (var a + var b) for spike trains smoothed with a Gaussian of
    width `sigma` (s) and seen in [0, duration]. m is the mean of the model's runs, PSTH that of the repeats
    d_i of the data: what the model explains, as a part of what can be explained. A single repeat is its own
    PSTH, which leaves EV(d, m).
    """
    _check(data, model, duration, sigma=sigma)
    repeats, mean_run = _smooth(data, duration, sigma), _smooth(model, duration, sigma).mean(axis=0)
    return float(_ratio(_explained(repeats, mean_run[None]), _explained(repeats, repeats.mean(axis=0)[None])))


def explained_variance_ratio_single(data: Trains, model: Trains, duration: float, sigma: float = 0.010) -> float:
    """As `explained_variance_ratio` with one run of the model as m, averaged over the runs.

    It asks for the spikes of one repeat rather than for their rate. With a single run the two are equal.
    """
    _check(data, model, duration, sigma=sigma)
    repeats, runs = _smooth(data, duration, sigma), _smooth(model, duration, sigma)
    return float(_ratio(_explained(repeats, runs), _explained(repeats, repeats.mean(axis=0)[None])))


SCORES: dict[str, Callable[[Trains, Trains, float], float]] = {
    "evr_10ms": partial(explained_variance_ratio, sigma=0.010),
    "evr_single_10ms": partial(explained_variance_ratio_single, sigma=0.010),
    "md_star_4ms": lambda data, model, _: md_star(data, model, window=0.004),
    "md_star_8ms": lambda data, model, _: md_star(data, model, window=0.008),
    "gamma_4ms": partial(gamma, window=0.004),
}
_CEILING_REPEATS = {name: 3 if name.startswith("md_star") else 2 for name in SCORES}


def score_trains(data: Trains, model: Trains, duration: float) -> dict[str, float]:
    """Every score of spike trains in [0, duration] (s).

    Keys: evr_10ms, evr_single_10ms, md_star_4ms, md_star_8ms, gamma_4ms.
    """
    return {name: score(data, model, duration) for name, score in SCORES.items()}


def ceiling(score: Callable[[Trains, Trains], float], data: Trains, least: int = 2) -> float | None:
    """Leave-one-out ceiling: each repeat as the model of the others, `score(others, [repeat])`, averaged.

    None with fewer than `least` repeats. The model is one run here: the mean of many may exceed it.
    """
    if len(data) < least:
        return None
    return _mean_defined(np.array([score([*data[:i], *data[i + 1 :]], [data[i]]) for i in range(len(data))]))


def ceiling_trains(data: Trains, duration: float) -> dict[str, float | None]:
    """The leave-one-out ceiling of each of `score_trains`, under the same keys.

    None with fewer repeats than it takes: 2, or 3 for Md*, whose <d,d> needs a distinct pair of the others.
    """
    return {
        name: ceiling(lambda a, b, score=score: score(a, b, duration), data, _CEILING_REPEATS[name])
        for name, score in SCORES.items()
    }


def bound_trains(data: Trains, duration: float) -> dict[str, float]:
    """What a train without noise can reach: the consensus of the other repeats against each repeat, averaged.

    Under the keys of `score_trains` that score single runs (gamma_4ms, evr_single_10ms); nan with fewer than two
    repeats. The consensus spikes where two in five of the others do (glifjax.spikes.consensus); a neuron that knew the
    next repeat's own noise could do better, one that knows the stimulus hardly.
    """
    if len(data) < 2:
        return dict.fromkeys(("gamma_4ms", "evr_single_10ms"), math.nan)
    stand_ins = [consensus([*data[:i], *data[i + 1 :]]) for i in range(len(data))]
    pairs = list(zip(data, stand_ins, strict=True))
    repeats = _smooth(data, duration, 0.010)
    explained = np.array([explained_variance_ratio([train], [stand_in], duration) for train, stand_in in pairs])
    explainable = _explained(repeats, repeats.mean(axis=0)[None])
    return {
        "gamma_4ms": _mean_defined(np.array([gamma([train], [stand_in], duration) for train, stand_in in pairs])),
        "evr_single_10ms": float(_ratio(_mean_defined(explained), explainable)),
    }


def ceiling_reasons(data: Trains) -> dict[str, str]:
    """Why `ceiling_trains` is None, for each key where it is; empty with three repeats or more."""
    return {
        name: f"one repeat as the model of the others takes {least} repeats or more; there are {len(data)}"
        for name, least in _CEILING_REPEATS.items()
        if len(data) < least
    }


def rmse(recorded: Voltage, predicted: Voltage, mask: Mask) -> float:
    """Root mean squared error where `mask` is True, in the unit of the voltages; nan for an empty mask.

    For the sub-threshold error force the recorded spikes, and leave them and their cut out of the mask. The
    voltages may be nan outside the mask; inside, a nan makes the result nan.
    """
    recorded, predicted = _select(recorded, predicted, mask)
    return math.sqrt(np.mean((recorded - predicted) ** 2)) if recorded.size else math.nan


def explained_variance(recorded: Voltage, predicted: Voltage, mask: Mask) -> float:
    """1 - mean (recorded - predicted)^2 / var recorded where `mask` is True (see `rmse`); Teeter et al. 2018.

    Of one voltage, not of spike trains: an offset counts as an error, and what is worse than the mean of the
    recording is below 0. nan for a recording that does not vary.
    """
    recorded, predicted = _select(recorded, predicted, mask)
    if not recorded.size:
        return math.nan
    variance = np.var(recorded - recorded[0])  # exactly 0 for a constant
    return float(1 - _ratio(np.mean((recorded - predicted) ** 2), variance))


def bits_per_spike(log_likelihood: float, n_spikes: int, duration: float) -> float:
    """(log L - log L_0) / (n log 2): what the model knows of n spikes in `duration` s beyond their mean rate.

    log L = sum over spikes of log lambda - integral of lambda dt, in nats with lambda in 1/s; log L_0 is the
    same for a homogeneous Poisson process of these spikes' rate, n log(n / duration) - n. A log-probability
    of spikes in bins of dt becomes a log L by subtracting n log(dt / 1 s). nan without spikes.
    """
    if not duration > 0:
        raise ValueError(f"duration must be positive, got {duration} s")
    if n_spikes == 0:
        return math.nan
    poisson = n_spikes * (math.log(n_spikes / duration) - 1)
    return (log_likelihood - poisson) / (n_spikes * math.log(2))


def _check(data: Trains, model: Trains, duration: float | None = None, **positive: float) -> None:
    start, end = (-math.inf, math.inf) if duration is None else (0, duration + _SLACK)
    for name, value in (positive if duration is None else {"duration": duration, **positive}).items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive, got {value} s")
    for name, trains in {"data": data, "model": model}.items():
        if len(trains) == 0:
            raise ValueError(f"{name} has no spike trains (a silent one is an empty array)")
        for i, train in enumerate(trains):
            finite = isinstance(train, np.ndarray) and train.ndim == 1 and np.isfinite(train).all()
            if not finite or (np.diff(train) < 0).any():
                raise ValueError(f"{name}[{i}] must be a sorted 1-D numpy array of finite times in s")
            if train.size and (train[0] < start or train[-1] > end):
                raise ValueError(f"{name}[{i}] holds {train[0]} ... {train[-1]}, outside 0 ... {duration} s")


def _close_pairs(a: Float[np.ndarray, " a"], b: Float[np.ndarray, " b"], window: float) -> int:
    """How many pairs of a spike in `a` and one in `b`, both in any order, are at most `window` apart."""
    a, b, reach = np.sort(a), np.sort(b), window + _SLACK
    return int(np.sum(np.searchsorted(b, a + reach) - np.searchsorted(b, a - reach)))


def _distinct(trains: Trains, window: float) -> float:
    """Mean number of close pairs over distinct pairs of trains; of one train, with itself."""
    pooled = np.concatenate(trains)
    if len(trains) == 1:
        return float(_close_pairs(pooled, pooled, window))
    with_itself = sum(_close_pairs(train, train, window) for train in trains)
    return (_close_pairs(pooled, pooled, window) - with_itself) / (len(trains) * (len(trains) - 1))


def _coincidences(data: Trains, model: Trains, window: float) -> Int[np.ndarray, "repeats runs"]:
    """How many spikes of each repeat have a spike of each run at most `window` away."""
    early, late = (np.concatenate(data) + reach for reach in (-window - _SLACK, window + _SLACK))
    repeat = np.repeat(np.arange(len(data)), [train.size for train in data])
    met = (np.searchsorted(run, early) < np.searchsorted(run, late) for run in model)
    return np.stack([np.bincount(repeat[hits], minlength=len(data)) for hits in met], axis=1)


def _smooth(trains: Trains, duration: float, sigma: float) -> Float[np.ndarray, "trains n"]:
    """Each train convolved with a Gaussian of height 1, minus its mean over [0, duration].

    They are evaluated, not binned, in the middle of cells of sigma / 5: sums over so dense a grid are as good
    as integrals, but for the two ends. Their height does not matter to an explained variance.
    """
    n = math.ceil(5 * duration / sigma)
    step = duration / n
    reach = math.ceil(6 * sigma / step)
    smoothed = np.empty((len(trains), n))
    for row, train in zip(smoothed, trains, strict=True):
        cell = np.floor(train / step).astype(int)[:, None] + np.arange(-reach, reach + 1)
        kernel = np.exp(-0.5 * (((cell + 0.5) * step - train[:, None]) / sigma) ** 2)
        padded = np.bincount((cell + reach).ravel(), kernel.ravel(), minlength=n + 2 * reach + 1)
        row[:] = padded[reach : reach + n]
        row -= row.mean()
    return smoothed


def _explained(a: Float[np.ndarray, "a n"], b: Float[np.ndarray, "b n"]) -> float:
    """EV = 2 cov(a, b) / (var a + var b) of rows without mean, averaged over the pairs of rows."""
    variance_a, variance_b = (np.einsum("in,in->i", x, x) for x in (a, b))
    return _mean_defined(_ratio(2 * a @ b.T, variance_a[:, None] + variance_b))


def _select(recorded: Voltage, predicted: Voltage, mask: Mask) -> tuple[np.ndarray, np.ndarray]:
    if not recorded.shape == predicted.shape == mask.shape:
        raise ValueError(f"shapes differ: {recorded.shape}, {predicted.shape}, mask {mask.shape}")
    return recorded[mask].astype(float), predicted[mask].astype(float)


def _ratio(numerator, denominator) -> np.ndarray:
    """Their quotient, nan where the denominator is not positive."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    return np.divide(numerator, denominator, out=np.full(denominator.shape, np.nan), where=denominator > 0)


def _mean_defined(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else math.nan
