"""Sums over sweeps, a few sweeps at a time where they are many, so that memory does not grow with a recording.

What is summed are products of a matrix with itself, which numpy's BLAS takes: XLA transposes a tall matrix first, and
takes several times as long.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Array, Float

from ..data.arrays import FitData

#: Steps that are held at once, of all sweeps together.
AT_ONCE = 400_000


def gram(
    part: Callable[[FitData], Float[Array, "r x"]], data: FitData, at_once: int = AT_ONCE
) -> Float[np.ndarray, "x x"]:
    """sum A^T A, A being what `part` gives for some of the sweeps: rows of zeros where nothing is counted.

    Args:
        part: compiled.
        data: S sweeps.
        at_once: steps that are held at once; one sweep is, however long.
    """
    first, *others = (matrix.T @ matrix for matrix in map(np.asarray, map(part, _portions(data, at_once))))
    return sum(others, start=first)


def _portions(data: FitData, at_once: int) -> Iterator[FitData]:
    """As many sweeps at a time as are held at once; the last portion is filled up with some that do not count."""
    sweeps, steps = data.current.shape
    several = min(sweeps, max(1, at_once // steps))
    for first in range(0, sweeps, several):
        rows = np.arange(first, first + several)
        some = jax.tree.map(lambda array, rows=rows: np.asarray(array)[rows % sweeps], data)
        yield replace(some, counted=some.counted & (rows < sweeps)[:, None])
