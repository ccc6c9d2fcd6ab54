"""Training time in blocks, every so many of which are kept aside in turn."""

import numpy as np
from jaxtyping import Int

from .arrays import FitData

#: How many parts take turns at being kept aside.
FOLDS = 4
#: How long a block is at most, s.
BLOCK = 5.0
#: How many blocks there are at least.
FEWEST = 12


def blocks(data: FitData) -> Int[np.ndarray, "S T"]:
    """The number of the block that each step lies in, (S, T); blocks run on from sweep to sweep."""
    seconds = np.cumsum(data.valid).reshape(data.valid.shape) * data.dt
    return (seconds / min(BLOCK, data.duration / FEWEST)).astype(int)
