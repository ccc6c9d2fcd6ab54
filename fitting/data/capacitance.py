"""The capacitance that a recording tells by itself, before any neuron is fitted to it."""

import numpy as np
from jaxtyping import Bool, Float

from .arrays import FitData, in_blocks
from .masks import between_spikes
from .stimulus import MEAN

#: Changes of the voltage are told from those of the current up to so many ms before.
LAGS = 30
#: Of these, the current loads the membrane in these: at once the electrode's drop is seen, later other currents open.
LOADS = slice(2, 7)
#: For so long after a spike's cut the voltage does not count, s; or where hardly any would be left, as in bursts.
RECOVERIES = (50e-3, 10e-3)
#: The capacitance is believed where its standard error is at most this part of it.
SURE = 0.1


def first_capacitance(data: FitData, cut: float) -> float | None:
    """The capacitance by how the voltage first follows the current, F; None where it does not tell.

    dV[t] = sum_k g[k] dI[t - k] + c by least squares, over all sweeps together, V and I being means over 1 ms; of a
    membrane g[k] = exp(-k ms / tau) ms / C for k > 0. A line through log g[2] ... log g[6] gives C where k = 0.

    Whatever else a membrane has is slower, so this is the same at every level, of any stimulus with jumps or noise; an
    electrode's drop is in g[0] and g[1].

    Args:
        data: sweeps.
        cut: how long a spike is cut out, s.
    """
    block = max(1, round(MEAN / data.dt))
    current, voltage = (in_blocks(samples, block).mean(axis=2) for samples in (data.current, data.voltage))
    for recovery in RECOVERIES:
        quiet = np.all(in_blocks(between_spikes(data, cut + recovery, before=MEAN), block), axis=2)
        answers = _answers(np.diff(current), np.diff(voltage), quiet[:, 1:] & quiet[:, :-1])
        if answers is not None and (capacitance := _at_first(*answers, block * data.dt)) is not None:
            return capacitance
    return None


def _at_first(g: Float[np.ndarray, " k"], errors: Float[np.ndarray, " k"], duration: float) -> float | None:
    """The capacitance of answers g (ohm) to changes so many blocks before, of `duration` s each; None if not sure."""
    g, errors = g[LOADS], errors[LOADS]
    if (g <= 0).any():
        return None
    k = np.arange(LOADS.start, LOADS.stop)
    (_, log_of_first), covariance = np.polyfit(k, np.log(g), 1, w=g / errors, cov="unscaled")
    return duration / float(np.exp(log_of_first)) if np.sqrt(covariance[1, 1]) < SURE else None


def _answers(
    jumps: Float[np.ndarray, "S T"], changes: Float[np.ndarray, "S T"], used: Bool[np.ndarray, "S T"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]] | None:
    """Changes of the voltage for each of the current's in the LAGS blocks up to them, ohm, and their standard errors.

    None where the current changes too seldom to tell.
    """
    T = jumps.shape[1]
    earlier = [np.pad(jumps, ((0, 0), (lag, 0)))[:, :T][used] for lag in range(LAGS + 1)]
    scale = np.abs(jumps).max(initial=0.0)
    columns = np.stack([*earlier, np.full(int(used.sum()), scale)], axis=1) / (scale or 1.0)
    wanted, normal = changes[used], columns.T @ columns
    free = len(wanted) - len(normal)
    if free <= 0 or np.linalg.matrix_rank(normal, hermitian=True) < len(normal):
        return None
    answers = np.linalg.solve(normal, columns.T @ wanted)
    left = wanted - columns @ answers
    errors = np.sqrt(left @ left / free * np.diag(np.linalg.inv(normal)))
    return answers[:-1] / scale, errors[:-1] / scale
