"""Which steps of the sweeps count for what."""

import numpy as np
from jaxtyping import Bool

from .arrays import FitData

#: Left out at the start of each sweep, s: what happened before it is not known. At most a tenth of the sweep.
SETTLE = 1.0


def between_spikes(data: FitData, after: float, before: float = 0.5e-3) -> Bool[np.ndarray, "S T"]:
    """(S, T): True in seen steps further than `before` s from the next onset and `after` s from the last."""
    keep = data.seen.copy()
    behind, ahead = round(before / data.dt), round(after / data.dt)
    for sweep, step in zip(*np.nonzero(data.forced), strict=True):
        keep[sweep, max(step - behind, 0) : step + ahead + 1] = False
    return keep


def observed_steps(data: FitData, cut: float, settle: float = SETTLE) -> Bool[np.ndarray, "S T"]:
    """(S, T): True where the voltage is compared: outside spikes and their cut (s), later than `settle` s."""
    keep = between_spikes(data, cut) & data.counted
    for row, valid in zip(keep, data.valid, strict=True):
        row[: int(min(settle / data.dt, 0.1 * valid.sum()))] = False
    return keep
