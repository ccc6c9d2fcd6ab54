"""The sweeps of a split as the arrays that a fit works on, once nothing in them is implausible."""

import glifjax as gj
from glifjax.io.nwb.selection import list_sweeps
from glifjax.spikes.drop import without_drop

from .arrays import DataError, FitData, prepare
from .plausible import check_slope
from .protocols import Split
from .shape import SpikeShape, measure_shape


def prepare_split(recording: gj.Recording, split: Split) -> tuple[SpikeShape, FitData, tuple[FitData, ...]]:
    """The cell's spikes, what is trained on, and what is held out, by group of repeats.

    Raises:
        RecordingError, DataError: samples or rates that no cell has, no training spikes, an input resistance of no
            neuron; the message says what to do.
    """
    recording.check(split.sweeps)
    shape = measure_shape([(without_drop(part.voltage, part.current, part.rate), part.rate) for part in split.train])
    if shape is None:
        numbers = list_sweeps(part.number for part in split.train)
        raise DataError(
            f"{recording.path}: what trains ({numbers}) holds no spikes, so there is no threshold to fit; choose others"
        )
    try:
        train = prepare(split.train, shape)
        check_slope(train, shape.cut)
        return shape, train, tuple(prepare(group, shape) for group in split.test)
    except DataError as error:
        raise DataError(f"{recording.path}: {error}") from error
