"""What cross-validation keeps aside together."""

import numpy as np
import pytest

from fitting.assess.crossvalidate import Validation, lag, prefer, runner_up
from fitting.data.arrays import FitData
from fitting.data.blocks import FOLDS, blocks, stimuli

DT = 1e-4


def sweeps(amplitudes, spikes, seconds=1.0) -> FitData:
    """Steps of current with measurement noise, each with some spikes."""
    steps = round(seconds / DT)
    random = np.random.default_rng(0)
    current = np.outer(amplitudes, np.arange(steps) > steps // 4) + 1e-12 * random.normal(size=(len(amplitudes), steps))
    forced = np.zeros(current.shape, bool)
    for row, count in zip(forced, spikes, strict=True):
        row[steps // 2 : steps // 2 + 100 * count : 100] = True
    whole = np.ones_like(forced)
    crossings = np.where(forced, np.arange(steps) * DT, np.nan)
    return FitData(np.arange(len(amplitudes)), current, 0 * current, *[whole] * 3, forced, crossings, DT)


def test_repeats_of_a_stimulus_are_kept_aside_together_and_each_fold_has_spikes():
    amplitudes = [50e-12, 100e-12, 150e-12, 200e-12, 250e-12, 100e-12, 300e-12]
    data = sweeps(amplitudes, [0, 2, 4, 6, 8, 2, 10])
    assert stimuli(data).tolist() == [0, 1, 2, 3, 4, 1, 5]
    block = blocks(data)
    assert (block == block[:, :1]).all()
    assert block[1, 0] == block[5, 0]
    assert len(np.unique(block)) == 6
    for fold in range(FOLDS):
        assert data.forced[block % FOLDS == fold].any()


def test_of_one_stimulus_pieces_of_time_are_kept_aside_in_all_its_repeats():
    data = sweeps([100e-12] * 3, [5, 6, 7], seconds=2.4)
    block = blocks(data)
    assert (block == block[0]).all()
    assert block.max() == 12  # twelve pieces; the last step begins another
    assert np.bincount(block[0])[:12].tolist() == pytest.approx([2000] * 12, abs=1)


def test_where_few_stimuli_hold_spikes_blocks_are_pieces_of_time():
    data = sweeps([50e-12, 100e-12, 150e-12, 200e-12, 250e-12], [0, 0, 0, 6, 8])
    assert len(np.unique(blocks(data)[4])) > 1
    # and run on from stimulus to stimulus
    assert blocks(data)[0].max() <= blocks(data)[1].min()


def validation(bits, blocks, voltage=(0.0, 0.0, 0.0, 0.0)) -> Validation:
    return Validation(bits, 2.1, np.array(blocks), 100, np.array(voltage), 1000)


def test_how_close_the_runner_up_is():
    blocks = np.array([10.0, 12.0, 11.0, 13.0])
    best = validation(2.0, blocks)
    bits = float((blocks * 0.1).sum()) / 100 / np.log(2)
    close, far = validation(2.0 - bits, 0.9 * blocks), validation(1.0, 0.2 * blocks)
    behind = lag(close, best)
    assert behind.bits == pytest.approx(bits)
    assert behind.error == pytest.approx((0.1 * blocks).std(ddof=1) * 2 / 100 / np.log(2))
    assert prefer({"LIF": far, "LIF-R": close, "LIF-ASC": best}) == "LIF-ASC"
    assert runner_up({"LIF": far, "LIF-R": close, "LIF-ASC": best}, "LIF-ASC") == ("LIF-R", behind)
    assert runner_up({"LIF": far}, "LIF") is None


@pytest.mark.parametrize(
    ("bits", "voltage", "preferred"),
    [
        (2.0, (1.0, 2.0, 1.0, 2.0), "slow"),  # spikes as well, the voltage better
        (2.0, (4.0, 6.0, 4.0, 6.0), "augmented"),  # the voltage worse
        (2.0, (5.0, 1.0, 4.0, 5.0), "augmented"),  # better, but not by more than its error
        (1.9, (1.0, 2.0, 1.0, 2.0), "augmented"),  # spikes worse
    ],
)
def test_where_spikes_cannot_tell_the_voltage_decides_on_what_adds_to_the_membrane(bits, voltage, preferred):
    scatter = np.array([1.0, -1.0, 1.0, -1.0])
    levels = {
        "LIF": validation(1.0, np.zeros(4), (1.0, 1.0, 1.0, 1.0)),
        "augmented": validation(2.0, 10 + scatter, (4.0, 5.0, 4.0, 5.0)),
        "slow": validation(bits, 10 - scatter, voltage),
    }
    assert prefer(levels, {"slow": "augmented"}) == preferred
    assert prefer(levels) == "augmented"  # nobody said that it adds to the membrane alone
