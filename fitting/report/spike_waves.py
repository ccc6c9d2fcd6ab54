"""The recorded spikes laid over one another, on their upstrokes."""

import numpy as np
from jaxtyping import Float

from ..data.arrays import FitData
from ..data.shape import waves


def spike_waves(
    data: FitData, voltage: Float[np.ndarray, "S T"], before: float, after: float
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "n m"]]:
    """The time from a spike's upstroke, s, and the voltage then around each spike that is whole.

    Args:
        data: sweeps with their spikes.
        voltage: theirs, in whatever unit.
        before, after: how far around a spike, s.
    """
    around = np.arange(-round(before / data.dt), round(after / data.dt)) * data.dt
    at = (np.arange(voltage.shape[1]) + 0.5) * data.dt
    rows = zip(voltage, data.spike_times, data.valid.sum(axis=1), strict=True)
    return around, np.concatenate([waves(row[:n], at[:n], times, around) for row, times, n in rows])
