"""When two sweeps have the same stimulus: by shape, size and length of their currents, whatever current is held."""

import numpy as np
from jaxtyping import Float

#: Currents are compared in means over this, s.
MEAN = 1e-3
#: They have the same shape if they correlate this well,
SAME_SHAPE = 0.98
#: the same size if they differ by less than this share of it,
SAME_SIZE = 0.02
#: and the same length if they differ by no more than this share of it.
SAME_LENGTH = 0.01


def in_rows(current: Float[np.ndarray, " T"], rate: float) -> Float[np.ndarray, "n k"]:
    """A current (A) in rows of MEAN each; what is left at its end does not count. `rate` in Hz."""
    length = max(1, round(MEAN * rate))
    return current[: len(current) // length * length].reshape(-1, length)


def envelope(current: Float[np.ndarray, " T"], rate: float) -> Float[np.ndarray, " n"]:
    """Means of a current (A) over MEAN. `rate` in Hz."""
    return in_rows(current, rate).mean(axis=1)


def same_stimulus(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " m"]) -> bool:
    """Whether two sweeps have the same stimulus, by the envelopes of their currents, A."""
    if abs(len(a) - len(b)) > SAME_LENGTH * len(a):
        return False
    n = min(len(a), len(b))
    a, b = a[:n] - a[:n].mean(), b[:n] - b[:n].mean()
    size_a, size_b = np.sqrt(a @ a), np.sqrt(b @ b)
    if size_a == 0 or size_b == 0:
        return bool(size_a == size_b)
    # compared by size too: two steps of different height correlate perfectly
    return bool(a @ b > SAME_SHAPE * size_a * size_b and abs(size_a / size_b - 1) < SAME_SIZE)
