"""Does the voltage answer the current as a neuron's does? If not, the file's scale or sign is wrong."""

import numpy as np

from glifjax.io.nwb.selection import list_sweeps

from .arrays import DataError, FitData, in_blocks
from .masks import between_spikes

#: Slopes of voltage on current that no neuron has: below and above these, ohm.
LOWEST = 5e6
HIGHEST = 10e9
#: The means that are compared are over so long, s, as long as a membrane takes to follow.
BLOCK = 0.1
#: A slope is only believed where the current explains so much of the voltage (r squared),
EXPLAINED = 0.25
#: where it is so many times its standard error,
CERTAIN = 4.0
#: and where between spikes it moves by so much of all that it moves: less is the noise of a current that is held.
MOVES = 0.05


def check_slope(data: FitData, cut: float) -> None:
    """Refuse sweeps whose voltage no neuron would show under their current.

    The slope of the voltage on the current within sweeps, means over BLOCK between spikes, is the input resistance, the
    electrode's included. A negative one is a current of the wrong sign; one far off, a wrong scale.

    Args:
        data: training sweeps.
        cut: how long a spike is cut out, s.

    Raises:
        DataError: what is wrong, and what to do.
    """
    slope, believed = _slope(data, cut)
    if not believed or LOWEST <= slope <= HIGHEST:
        return
    what = f"{list_sweeps(data.numbers.tolist())}: the input resistance comes to {slope / 1e6:.3g} MΩ"
    if slope < 0:
        raise DataError(f"{what}, so a positive current hyperpolarises: turn the sign of the current's conversion")
    far = "low" if slope < LOWEST else "high"
    raise DataError(
        f"{what}, too {far} for a neuron ({LOWEST / 1e6:g} MΩ to {HIGHEST / 1e9:g} GΩ): correct the scale (conversion) "
        "of the current or the voltage in the file"
    )


def _slope(data: FitData, cut: float) -> tuple[float, bool]:
    """The slope of voltage on current, ohm, and whether it is believed."""
    block = max(1, round(BLOCK / data.dt))
    keep = in_blocks(between_spikes(data, cut + 20e-3), block).all(axis=2)
    currents, voltages = (in_blocks(array, block).mean(axis=2) for array in (data.current, data.voltage))
    # less each sweep's mean: a held current that follows the rest's drift is no slope
    own = lambda means: means - (means * keep).sum(axis=1, keepdims=True) / np.maximum(keep.sum(axis=1), 1)[:, None]
    current, voltage = own(currents)[keep], own(voltages)[keep]
    if len(current) < 3 or np.ptp(current) <= MOVES * np.ptp(currents) or np.ptp(voltage) == 0:
        return 0.0, False
    slope = float(np.polyfit(current / np.ptp(current), voltage, 1)[0] / np.ptp(current))
    explained = np.corrcoef(current, voltage)[0, 1] ** 2
    certain = explained * (len(current) - 2) >= CERTAIN**2 * (1 - explained)
    return slope, bool(explained >= EXPLAINED and certain)
