"""What samples of a current or a voltage may not be: NaN, or of a scale that no cell has."""

import numpy as np
from jaxtyping import Float

#: No patch amplifier injects more, A.
LARGEST_CURRENT = 100e-9
#: From zero, to which an uncompensated offset may add, V.
LARGEST_VOLTAGE = 1.0
#: No cell rests above it, V; one that does has the wrong sign,
HIGHEST_REST = 40e-3
#: nor below it, V, over whatever electrode.
LOWEST_REST = -200e-3
#: A cell's voltage stays between the two, peak to peak over a file, V.
SMALLEST_SPAN = 1e-3
LARGEST_SPAN = 0.5
#: Where a sample was dropped others are half a step off; a clock that jitters is right over so many samples,
TOGETHER = 51
#: within so much of a step.
REGULAR = 0.1


def time_step(times: Float[np.ndarray, " T"]) -> tuple[float, Float[np.ndarray, " T"] | None]:
    """The step of time stamps (s), and how far each is off their line; None where they keep to it, but for jitter."""
    from scipy.ndimage import uniform_filter1d

    place = np.arange(len(times)) - (len(times) - 1) / 2
    off = times - times.mean()
    step = float(place @ off / (place @ place))
    late = off - step * place
    course = uniform_filter1d(late, min(TOGETHER, len(late)))
    is_regular = np.abs(course).max() < REGULAR * step and np.abs(late).max() < step / 2
    return step, None if is_regular else np.abs(late)


def not_finite(quantity: str, values: Float[np.ndarray, " T"], rate: float) -> str | None:
    """Say where ``values`` (T,), sampled at ``rate`` Hz, are NaN or infinite; None where they are finite."""
    bad = np.flatnonzero(~np.isfinite(values))
    if not bad.size:
        return None
    first, last, n, total = int(bad[0]), int(bad[-1]), bad.size, values.size
    what = "NaN" if np.isnan(values[first]) else "infinite"
    text = f"the {quantity} is {what} from sample {first} ({first / rate:g} s), {n} of {total} samples"
    if n == last - first + 1 < total and (first == 0 or last == total - 1):
        text += f": padding at the {'start' if first == 0 else 'end'}"
    return text


def out_of_scale(quantity: str, values: Float[np.ndarray, " T"]) -> str | None:
    """Say how ``values`` (T,), in A or V, are too large for a cell; None where they are not."""
    if quantity == "current" and (peak := np.abs(values).max()) > LARGEST_CURRENT:
        return f"the current reaches {1e9 * peak:.4g} nA, and no cell takes {1e9 * LARGEST_CURRENT:g} nA"
    low, high = values.min(), values.max()
    if quantity == "voltage" and (high - low > LARGEST_SPAN or max(-low, high) > LARGEST_VOLTAGE):
        return f"the voltage goes from {low:.4g} to {high:.4g} V, and no cell's does"
    return None
