"""Recordings out of arrays: read as those of a file are, fitted alike, refused in words."""

import numpy as np
import pytest
from scipy.io import loadmat, savemat

import fitting
import glifjax as gj

CURRENT = 1e-10 * np.sin(np.arange(2000) / 50)
VOLTAGE = -70e-3 + 10e-3 * np.cos(np.arange(2000) / 50)


@pytest.mark.parametrize("form", [np.asarray, list], ids=["an array", "a list"])
def test_sweeps_are_numbered_from_one_and_named(form):
    recording = gj.Recording.from_arrays(
        form([CURRENT, 2 * CURRENT]), form([VOLTAGE, VOLTAGE]), 10e3, protocols=["noise 1", "noise 2"], name="cell 7"
    )
    assert recording.name == "cell 7"
    assert [(s.number, s.protocol, s.rate, s.clamp) for s in recording.sweeps] == [
        (1, "noise 1", 10e3, "current"), (2, "noise 2", 10e3, "current"),
    ]  # fmt: skip
    np.testing.assert_array_equal(recording.sweeps[1].current, 2 * CURRENT)
    np.testing.assert_array_equal(recording.select("noise 2")[0].voltage, VOLTAGE)
    assert recording.sweeps[0].duration == pytest.approx(0.2)


def test_one_sweep_and_sweeps_of_any_length():
    assert gj.Recording.from_arrays(CURRENT, VOLTAGE, 10e3).sweeps[0].n_samples == 2000
    recording = gj.Recording.from_arrays([CURRENT, CURRENT[:50]], [VOLTAGE, VOLTAGE[:50]], 10e3, protocols="steps")
    assert [sweep.n_samples for sweep in recording.sweeps] == [2000, 50]


def test_matrices_and_cells_of_matlab_are_sweeps(tmp_path):
    """Vectors are columns, a sweep is a column, sweeps of unlike length are cells, a number is a matrix of one."""
    cells = np.empty((1, 2), dtype=object)
    cells[0, 0], cells[0, 1] = VOLTAGE, VOLTAGE[:500]
    savemat(
        tmp_path / "cell.mat",
        {"one": VOLTAGE[:, None], "many": np.stack([VOLTAGE] * 3, axis=1), "cells": cells, "rate": 1e4},
    )
    read = loadmat(tmp_path / "cell.mat")
    for name, lengths in {"one": [2000], "many": [2000] * 3, "cells": [2000, 500]}.items():
        recording = gj.Recording.from_arrays(read[name] * 1e-9, read[name], read["rate"])
        assert [sweep.n_samples for sweep in recording.sweeps] == lengths
        assert recording.sweeps[0].rate == 1e4
        np.testing.assert_array_equal(recording.sweeps[0].voltage, VOLTAGE)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ((CURRENT, [VOLTAGE, VOLTAGE], 1e4), r"sweeps of current: 1, of voltage: 2; give each voltage its current"),
        ((np.zeros((2, 3, 4)), np.zeros((2, 3)), 1e4), r"current has a sweep of shape \(3, 4\)"),
        ((CURRENT, [], 1e4), r"voltage has a sweep of shape \(0,\)"),
        ((CURRENT, np.zeros(0), 1e4), r"voltage has a sweep of shape \(0,\)"),
        ((CURRENT, VOLTAGE, 0.0), "a rate of 0.0 Hz"),
        ((CURRENT, VOLTAGE, np.nan), "a rate of nan Hz"),
        ((CURRENT, VOLTAGE, 1e4, ["a", "b"]), "2 protocols for 1 sweeps"),
        ((CURRENT, 1e3 * VOLTAGE, 1e4), r"voltage goes from -80 to -60, too much for V; give V, 1e-3 times as many mV"),
        ((1e12 * CURRENT, VOLTAGE, 1e4), r"current goes from -100 to 100, too much for A; give A, 1e-12 times"),
        (
            (CURRENT, np.zeros((1, 1), dtype=[("V", "O"), ("I", "O")]), 1e4),
            "structure with the fields V, I; give one",
        ),
        ((CURRENT, ["a", "b"], 1e4), "the voltage is no array of numbers"),
    ],
)
def test_arrays_that_do_not_go_together_are_refused(arrays, words):
    arrays, protocols = arrays[:3], arrays[3:] or ("",)
    with pytest.raises(gj.RecordingError, match=words):
        gj.Recording.from_arrays(*arrays, protocols=protocols[0])


@pytest.mark.parametrize(
    ("voltage", "words"),
    [(VOLTAGE[:-1], "1999 samples and the stimulus 2000"), (VOLTAGE * np.nan, "NaN")],
)
def test_samples_are_checked_as_those_of_a_file(voltage, words):
    recording = gj.Recording.from_arrays(CURRENT, voltage, 10e3, name="mine")
    with pytest.raises(gj.RecordingError, match=f"mine, sweep 1.*{words}"):
        recording.check()


@pytest.mark.slow
def test_a_fit_of_arrays_is_that_of_the_file(tmp_path):
    fitting.write_example(tmp_path / "cell.nwb", training=15.0, held_out=4.0, repeats=3)
    with gj.read_recording(tmp_path / "cell.nwb") as recording:
        of_file = fitting.fit(recording, level="LIF", runs=20)
        sweeps = recording.current_clamp
        arrays = gj.Recording.from_arrays(
            [sweep.current for sweep in sweeps],
            [sweep.voltage for sweep in sweeps],
            sweeps[0].rate,
            protocols=[sweep.protocol for sweep in sweeps],
        )
        of_arrays = fitting.fit(arrays, level="LIF", runs=20)
    assert of_arrays.as_dict()["parameters"] == of_file.as_dict()["parameters"]
    assert of_arrays.scores.test == of_file.scores.test
