"""Where in a sweep a cell was lost, or its current clamp was switched off: what follows is no answer to the current."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from .plausible import Answer, answers
from .stimulus import MEAN

#: A cell answers its current in every window of so many ms in which the current moves,
WINDOW = 500
#: and by more than this part of what it surely does elsewhere (in real cells by nine tenths and more),
UNANSWERED = 0.4
#: so many standard errors taken for it.
ERRORS = 3.0
#: Only currents that jump by this part of what they do in a window that is answered tell: less is their noise.
AS_LARGE = 0.5
#: The voltage of a dead cell is above this, V, in blocks of so many ms (their median, so that spikes do not count),
DEAD = -20e-3
BLOCK = 50
#: of which so many end the sweep,
ENDS = 4
#: under currents at which, but for this part of their range, it lay below this before, V.
ALIVE = -40e-3
SAME = 0.05
#: It was still alive where it was no further than this above what it mostly was before, V.
RISEN = 5e-3


class Loss(NamedTuple):
    """When a sweep stops to be a cell's, s, and how that shows, in words."""

    start: float
    why: str


def find_loss(
    current: Float[np.ndarray, " n"], voltage: Float[np.ndarray, " n"], spikes: Int[np.ndarray, " k"]
) -> Loss | None:
    """Where a sweep stops to be a cell's; None where it is one to its end.

    Args:
        current: its means over 1 ms, less hum, A.
        voltage: likewise, V.
        spikes: when they peak, and when else the voltage tells nothing, ms.
    """
    losses = [loss for loss in (_dead(current, voltage), _unanswered(current, voltage, spikes)) if loss is not None]
    return min(losses, default=None)


def _dead(current: Float[np.ndarray, " n"], voltage: Float[np.ndarray, " n"]) -> Loss | None:
    """Where a cell depolarised and never came back, as its membrane or its seal broke."""
    blocks = len(voltage) // BLOCK
    v, i = (np.median(x[: blocks * BLOCK].reshape(blocks, BLOCK), axis=1) for x in (voltage, current))
    dead = blocks - int(np.argmin((v > DEAD)[::-1])) if (v <= DEAD).any() else 0
    before = np.flatnonzero(v[:dead] < ALIVE)
    if blocks - dead < ENDS or not len(before) or i[dead:].min() > i[before].max() + SAME * np.ptp(i):
        return None
    usual = float(np.median(v[before]))
    last = int(np.flatnonzero(v[:dead] < usual + RISEN)[-1])
    stays = float(np.median(v[dead:]))
    return Loss(last * BLOCK * MEAN, f"the voltage goes from {1e3 * usual:.0f} to {1e3 * stays:.0f} mV and stays there")


def _unanswered(
    current: Float[np.ndarray, " n"], voltage: Float[np.ndarray, " n"], spikes: Int[np.ndarray, " k"]
) -> Loss | None:
    """Where the voltage stops to answer its current, as the clamp or the cell is gone."""
    windows = answers(current, voltage, spikes, WINDOW)
    sure = [answer for answer in windows if answer and answer.sure and answer.size > 0]
    if not sure:
        return None
    usual = Answer(max(answer.size for answer in sure), 0.0, float(np.median([answer.jump for answer in sure])))
    last = 0
    for number, answer in enumerate(windows):
        if answer and is_none(answer, usual):
            return Loss(last * WINDOW * MEAN, "the voltage does not answer the current")
        if answer and answer.size > UNANSWERED * usual.size and answer.jump >= AS_LARGE * usual.jump:
            last = number + 1
    return None


def is_none(answer: Answer, usual: Answer) -> bool:
    """Whether an answer to as large a current is surely none beside the usual one."""
    return answer.jump >= AS_LARGE * usual.jump and answer.size + ERRORS * answer.error < UNANSWERED * usual.size
