"""Currents to inject: arrays of A, (T,) float64, sampled every dt s; sample t is what flows from t dt to (t + 1) dt.

Stimuli follow one another by `np.concatenate`, and add up with `+`.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from glifjax.errors import InputError

#: A stimulus of more samples was not meant.
MOST_SAMPLES = 1_000_000_000


def step(
    amplitude: float, duration: float, dt: float, *, before: float = 0.0, after: float = 0.0
) -> Float[np.ndarray, " T"]:
    """A step of `amplitude` (A) for `duration` (s), after `before` s without a current and with `after` s behind it.

    Raises:
        InputError: a time that is negative, or a dt that is not above 0; so do all functions here.

    Example:
        >>> gj.stimuli.step(1e-10, 2e-3, 1e-3, before=1e-3, after=1e-3)
        array([0.e+00, 1.e-10, 1.e-10, 0.e+00])
    """
    return sections([(0.0, before), (amplitude, duration), (0.0, after)], dt)


def sections(values: Iterable[tuple[float, float]], dt: float) -> Float[np.ndarray, " T"]:
    """Values (A) that are held for their durations (s), one after the other.

    A section ends at the sample that is nearest to the sum of durations so far, so that errors do not add up.

    Example:
        >>> gj.stimuli.sections([(0.0, 1e-3), (2e-10, 1e-3)], 5e-4)
        array([0.e+00, 0.e+00, 2.e-10, 2.e-10])
    """
    pairs = list(values)
    for _, duration in pairs:
        _samples(duration, dt)
    ends = [_samples(total, dt) for total in np.cumsum([duration for _, duration in pairs])]
    lengths = np.diff([0, *ends])
    return np.repeat([float(value) for value, _ in pairs], lengths) if pairs else np.zeros(0)


def ramp(first: float, last: float, duration: float, dt: float) -> Float[np.ndarray, " T"]:
    """From `first` to `last` (A) at a constant rate, in `duration` s; both are samples of it."""
    return np.linspace(first, last, _samples(duration, dt))


def noise(
    size: float, duration: float, dt: float, *, mean: float = 0.0, correlation_time: float = 3e-3, seed: int = 0
) -> Float[np.ndarray, " T"]:
    """An Ornstein-Uhlenbeck process, exact at any dt.

    I(t + dt) = mean + (I(t) - mean) e^(-dt / tau) + size sqrt(1 - e^(-2 dt / tau)) N(0, 1)
    (Gillespie 1996, Phys Rev E 54:2084)

    Args:
        size: its standard deviation, A.
        duration, dt: s.
        mean: A.
        correlation_time: tau, s; 0 for samples that are independent.
        seed: of numpy's generator.
    """
    from scipy.signal import lfilter

    n = _samples(duration, dt)
    if not 0 <= correlation_time < np.inf:
        raise InputError(f"a correlation time of {correlation_time} s; give 0 or above")
    decay = np.exp(-dt / correlation_time) if correlation_time else 0.0
    normal = np.random.default_rng(seed).normal(size=n)
    if n:
        normal[1:] *= np.sqrt(1 - decay**2)
    return mean + size * np.asarray(lfilter([1.0], [1.0, -decay], normal))


def sine(
    amplitude: float, frequency: float, duration: float, dt: float, *, phase: float = 0.0, mean: float = 0.0
) -> Float[np.ndarray, " T"]:
    """mean + amplitude sin(2 pi f t + phase), A; f in Hz, the phase in radians."""
    return mean + amplitude * np.sin(2 * np.pi * frequency * _times(duration, dt) + phase)


def chirp(
    amplitude: float, first: float, last: float, duration: float, dt: float, *, mean: float = 0.0
) -> Float[np.ndarray, " T"]:
    """A sine whose frequency goes from `first` to `last` (Hz) at a constant rate, as for a cell's impedance (ZAP).

    mean + amplitude sin(2 pi (f0 t + (f1 - f0) t^2 / (2 T)))
    """
    t = _times(duration, dt)
    sweep = (last - first) / (2 * duration) if duration else 0.0
    return mean + amplitude * np.sin(2 * np.pi * (first * t + sweep * t**2))


def _times(duration: float, dt: float) -> Float[np.ndarray, " T"]:
    return np.arange(_samples(duration, dt)) * dt


def _samples(duration: float, dt: float) -> int:
    """How many steps of dt a duration holds, to the nearest."""
    if not 0 < dt < np.inf:
        raise InputError(f"a time step of {dt} s; give one above 0, as 5e-5 for 20 kHz")
    if not 0 <= duration / dt <= MOST_SAMPLES:
        raise InputError(
            f"a duration of {duration} s is {duration / dt:.3g} steps of {dt} s; give 0 s or above, and "
            f"{MOST_SAMPLES:.0e} steps at most"
        )
    return round(duration / dt)
