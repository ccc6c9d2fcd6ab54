"""Whether the cell changed between the training and the held-out sweeps: two numbers that would explain the error."""

import numpy as np

from ..data.arrays import FitData
from ..model.coordinates import Coordinate, positions
from ..model.patched import PatchedNeuron
from ..stages.membrane import Membrane, Misfit

#: The refit must leave less than this share of the voltage's squared error.
LEFT = 0.5
#: Priors of the refit: log units of the leak, V of its reversal.
LEAK = 0.7
REST = 15e-3
#: Of the model at most.
EVALUATIONS = 8

_RESISTANCE = lambda model: model.neuron.R_input
_REVERSAL = lambda model: model.neuron.El


def change(model: PatchedNeuron, test: tuple[FitData, ...]) -> str | None:
    """A sentence on how leak and rest changed; None where they do not explain most of the held-out voltage error.

    Both are refitted to the held-out stimulus that was repeated most, only to be named here.

    Args:
        model: a fitted neuron; it stays what it is.
        test: held-out sweeps, by group of repeats.
    """
    if not test:
        return None
    data = max(test, key=lambda group: len(group.numbers))
    moved = (
        Coordinate(_RESISTANCE, _RESISTANCE(model), LEAK, log=True),
        Coordinate(_REVERSAL, _REVERSAL(model), REST),
    )
    stage = Membrane(moved=moved, evaluations=EVALUATIONS)
    refitted = stage(model, data).model
    misfit = stage.misfit(model, data)
    before, after = (_rms(misfit, np.asarray(positions(place, moved))) for place in (model, refitted))
    if not after**2 < LEFT * before**2:
        return None
    leak = float(_RESISTANCE(model) / _RESISTANCE(refitted))
    rest = 1e3 * float(_REVERSAL(refitted) - _REVERSAL(model))
    return (
        f"the voltage error on the held-out sweeps, {before:.2f} mV, is mostly that of a leak that is another there: "
        f"with {leak:.2f} times the leak, and its reversal moved by {rest:+.1f} mV, it would be {after:.2f} mV; the "
        "cell changed, or has currents that this level lacks (said only: the neuron is not fitted to these sweeps)"
    )


def _rms(misfit: Misfit, x: np.ndarray) -> float:
    """The voltage's error at coordinates x, mV."""
    # by the normal equations, which are compiled already
    squares = float(misfit.normal_equations(x)[-1]) - float(x @ x)
    scale = misfit.noise.sigma / np.sqrt(misfit.data.dt / misfit.noise.correlation)
    return 1e3 * scale * float(np.sqrt(squares / misfit.data.counted.sum()))
