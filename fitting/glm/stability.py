"""Whether a fitted network, left to itself, fires as the data do."""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray, UInt8

from glifjax import glm

from .binned import Binned

#: Rates are compared over windows of this, s.
WINDOW = 10.0
#: A run is unstable where a window's mean rate exceeds so many times the data's highest.
EXCESS = 2.0


@dataclass(frozen=True)
class Stability:
    """Free runs beside the data.

    Attributes:
        unstable: runs that ran away, (runs,): a status, or a rate over 10 s above twice the data's highest.
        rates: mean of each run and neuron, Hz, (runs, n).
        recorded: the data's, Hz, (n,).
        highest: mean over neurons in the data's busiest 10 s, Hz.
        spikes: counts of the runs, (runs, n, steps).
    """

    unstable: Bool[np.ndarray, " runs"]
    rates: Float[np.ndarray, "runs n"]
    recorded: Float[np.ndarray, " n"]
    highest: float
    spikes: UInt8[np.ndarray, "runs n steps"] = field(repr=False)

    @property
    def stable(self) -> bool:
        """Whether no run ran away."""
        return not self.unstable.any()

    def __str__(self) -> str:
        """In one sentence."""
        run, data = self.rates.mean(), self.recorded.mean()
        return (
            f"{int(self.unstable.sum())} of {len(self.unstable)} free runs ran away; "
            f"mean rate {run:.2f} Hz, of the data {data:.2f} Hz"
        )


def stability(model: glm.GLM, data: Binned, key: PRNGKeyArray, runs: int, duration: float) -> Stability:
    """Free runs of a network, without a stimulus, from silence."""
    steps = round(duration / model.dt)
    result = glm.run([model] * runs, steps, key=key)
    spikes = np.asarray(result.spikes)
    highest = _highest(data.counts.T * data.counted.T, model.dt)
    over = np.array([_highest(run, model.dt) > EXCESS * highest for run in spikes])
    rates = spikes.mean(axis=2) / model.dt
    return Stability(over | (np.asarray(result.status) != 0), rates, data.rates, highest, spikes)


def _highest(counts: np.ndarray, dt: float) -> float:
    """The highest mean rate of any window, Hz."""
    width = min(round(WINDOW / dt), counts.shape[1])
    whole = counts[:, : counts.shape[1] // width * width].mean(axis=0).reshape(-1, width)
    return float(whole.mean(axis=1).max()) / dt
