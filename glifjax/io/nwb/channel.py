"""One quantity of a sweep on disk, unread."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

Quantity = Literal["current", "voltage"]


@dataclass(frozen=True, eq=False)
class Channel:
    """One quantity of a sweep on disk, unread: ``data[first : first + n_samples] * conversion + offset``.

    ``data`` and ``timestamps`` (s) slice into arrays of shape (N,); ``unit`` is what the file says, right or
    wrong; of ``stated_rate`` (Hz) and ``timestamps`` one is None; ``fault`` is why the samples cannot be read, if so.
    """

    where: str  # in the file, for messages
    quantity: Quantity
    unit: str
    data: Any
    n_samples: int
    first: int = 0
    conversion: float = 1.0
    offset: float = 0.0
    stated_rate: float | None = None
    timestamps: Any = None
    fault: str = ""

    def __reduce__(self):
        """To another process a channel goes with its samples, read from disk."""
        held = slice(self.first, self.first + self.n_samples)
        part = lambda samples: None if samples is None or self.fault else np.asarray(samples[held])
        changes = {"data": part(self.data), "timestamps": part(self.timestamps), "first": 0}
        return partial(Channel, **(vars(self) | changes)), ()
