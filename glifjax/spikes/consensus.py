"""What repeats of one stimulus agree on: events, each shared by some of them, and one train that stands for all."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from glifjax.errors import InputError

_SLACK = 1e-9  # s; spikes exactly a window apart are near, however their difference is rounded


class Events(NamedTuple):
    """Moments at which repeats spike.

    Attributes:
        times: s, in order.
        shares: of the repeats that spike there, at most 1.
    """

    times: Float[np.ndarray, " k"]
    shares: Float[np.ndarray, " k"]


def events(trains: Sequence[Float[np.ndarray, " _"]], window: float = 4e-3) -> Events:
    """The moments at which repeats spike, and how many of them do.

    The spike that has most others within `window` (s) makes an event with them, at their median; so on with those that
    are left, until none is.

    Args:
        trains: spike times of each repeat, s.
        window: s.

    Raises:
        InputError: no trains.
    """
    if not len(trains):
        raise InputError("there are no trains; give one for each repeat, an empty array for a silent one")
    pool, times, counts = np.sort(np.concatenate(trains)), [], []
    reach = window + _SLACK
    while len(pool):
        first, last = np.searchsorted(pool, pool - reach), np.searchsorted(pool, pool + reach, "right")
        i = int(np.argmax(last - first))
        near = slice(first[i], last[i])
        times.append(np.median(pool[near]))
        counts.append(last[i] - first[i])
        pool = np.delete(pool, near)
    order = np.argsort(times)
    shares = np.minimum(np.array(counts, float) / len(trains), 1.0)
    return Events(np.array(times, float)[order], shares[order])


def consensus(
    trains: Sequence[Float[np.ndarray, " _"]], share: float = 0.4, window: float = 4e-3
) -> Float[np.ndarray, " k"]:
    """The train that spikes where at least a share of the repeats do, s; see `events`.

    A coincidence factor N_c / ((N_d + N_m) / 2) gains by a spike whose chance to coincide is above half of the factor
    (Lipton, Elkan & Narayanaswamy 2014, ECML PKDD, LNCS 8725:225): for factors of about .8, where two in five agree.
    """
    shared = events(trains, window)
    return shared.times[shared.shares >= share]
