"""Which sweeps train and which are held out, for recordings of every shape."""

import numpy as np
import pytest
from helpers import noise, record, step

import glifjax as gj
from fitting.data.arrays import DataError
from fitting.data.protocols import choose_sweeps


def numbers(split):
    return [part.number for part in split.train], [[part.number for part in group] for group in split.test]


LONG, FROZEN, OTHER = noise(1, 8.0), noise(2), noise(3)
SHAPES = {
    "one long sweep trains, repeats are held out": (
        [("a", LONG, True), *[("b", FROZEN, True)] * 3],
        ([0], [[1, 2, 3]]),
    ),
    "several training sweeps, each beginning elsewhere": (
        [("a", noise(s, lead=s / 10), True) for s in (4, 5, 6)] + [("b", FROZEN, True)] * 2,
        ([0, 1, 2], [[3, 4]]),
    ),
    "names decide where every stimulus repeats": (
        [*[("noise 2", LONG, True)] * 2, *[("noise 1", FROZEN, True)] * 2],
        ([2, 3], [[0, 1]]),
    ),
    "the group with most data trains where names say nothing": (
        [*[("a", FROZEN, True)] * 2, *[("b", LONG, True)] * 2],
        ([2, 3], [[0, 1]]),
    ),
    "one repeat only, told by its name": (
        [("noise training", FROZEN, True), ("noise test", OTHER, True)],
        ([0], [[1]]),
    ),
    "no repeats and no names: the last is held out": (
        [("a", noise(s), True) for s in (4, 5, 6)],
        ([0, 1], [[2]]),
    ),
    "steps where there is no noise: every third spiking one is held out": (
        [("steps", step(a * 1e-11), a > 1) for a in range(-2, 8)],
        ([0, 1, 2, 3, 4, 6, 7, 9], [[5], [8]]),
    ),
    "noise before steps, and silent noise is left alone": (
        [("steps", step(1e-10), True), ("electrode noise", noise(9) / 10, False), ("a", LONG, True)]
        + [("b", FROZEN, True)] * 2,
        ([2], [[3, 4]]),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_guess(shape, tmp_path):
    sweeps, expected = SHAPES[shape]
    with record(tmp_path, sweeps) as recording:
        split = choose_sweeps(recording)
    assert numbers(split) == expected
    assert split.reasons
    assert ("not used, as noise tells more than they do: sweep 0" in split.reasons) == ("before steps" in shape)


def test_of_a_single_sweep_the_last_quarter_is_held_out(tmp_path):
    with record(tmp_path, [("a", LONG, True)]) as recording:
        split = choose_sweeps(recording)
        (train,), ((test,),) = split.train, split.test
        assert len(train.current) == 60_000
        assert len(test.current) == 20_000
        whole = recording.sweeps[0]
        np.testing.assert_array_equal(np.concatenate([train.voltage, test.voltage]), whole.voltage)


def test_one_stimulus_repeated_is_split_in_time_in_every_repeat(tmp_path):
    with record(tmp_path, [("a", FROZEN, True)] * 3) as recording:
        split = choose_sweeps(recording)
    assert numbers(split) == ([0, 1, 2], [[0, 1, 2]])
    assert all(train.stop == test.start for train, test in zip(split.train, split.test[0], strict=True))


def test_steps_of_different_height_are_different_stimuli(tmp_path):
    sweeps = [("steps", step(a * 1e-12), True) for a in (400, 420, 450, 450.5)]
    with record(tmp_path, sweeps) as recording:
        assert numbers(choose_sweeps(recording, train="0", test="1-3")) == ([0], [[1], [2, 3]])
        left_out = choose_sweeps(recording, test="3")
    assert numbers(left_out) == ([0, 1], [[3]])
    assert "repeat a held-out stimulus: sweep 2" in left_out.reasons[1]


def test_selection_is_taken_and_the_rest_guessed(tmp_path):
    sweeps = [("a", LONG, True), *[("b", FROZEN, True)] * 3, ("c", OTHER, True)]
    with record(tmp_path, sweeps) as recording:
        assert numbers(choose_sweeps(recording, train="4", test="0")) == ([4], [[0]])
        assert numbers(choose_sweeps(recording, train="a,c")) == ([0, 4], [[1, 2, 3]])
        assert numbers(choose_sweeps(recording, test="b")) == ([0, 4], [[1, 2, 3]])
        # a repeat of what is held out never trains
        assert numbers(choose_sweeps(recording, test="1-2")) == ([0, 4], [[1, 2]])


def test_refusals_name_the_file_and_the_remedy(tmp_path):
    with record(tmp_path, [("a", LONG, True), ("b", FROZEN, True)]) as recording:
        with pytest.raises(DataError, match=r"cell\.nwb: selected both to train on and to hold out: sweep 0;"):
            choose_sweeps(recording, train="0,1", test="0")
        with pytest.raises(gj.RecordingError, match="choose from"):
            choose_sweeps(recording, train="long square")


def test_a_recording_without_spikes_is_refused(tmp_path):
    with (
        record(tmp_path, [("a", LONG, False)]) as recording,
        pytest.raises(DataError, match=r"cell\.nwb: none of its 1 current-clamp sweeps holds a spike"),
    ):
        choose_sweeps(recording)
