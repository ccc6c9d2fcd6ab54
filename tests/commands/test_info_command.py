"""`glifjax info`: what a recording holds, what a fit would do with it, and what a fit would refuse."""

import shutil

import h5py
import numpy as np
import pytest

import glifjax as gj
from fitting.command.info import info
from glifjax.io import SweepArrays, write_recording

RATE = 10e3
CELL = gj.from_level("LIF", C=1e-10, R_input=2e8, th_inf=20e-3, El_reference=-70e-3, spike_cut_length=20, dt=1 / RATE)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """The paths of one recording of steps, right and with the current of the wrong sign."""
    time = np.arange(5000) / RATE
    pulse = 40e-3 * np.exp(-(((np.arange(20) - 8) / 3.0) ** 2))
    sweeps = []
    for number, size in enumerate((-50e-12, 50e-12, 150e-12, 200e-12, 250e-12)):
        current = np.where((time > 0.1) & (time < 0.4), size, 0.0)
        trace = gj.simulate(CELL, current, 1 / RATE)
        voltage = np.asarray(trace.voltage_before_reset) - 70e-3
        for at in trace.spikes().steps:
            voltage[at : at + 20] = np.maximum(voltage[at : at + 20], pulse[: len(voltage) - at] - 20e-3)
        sweeps.append((number, current, voltage))
    paths = {}
    for name, sign in (("right", 1), ("turned", -1)):
        paths[name] = tmp_path_factory.mktemp("info") / f"{name}.nwb"
        arrays = [SweepArrays(number, "steps", RATE, sign * current, voltage) for number, current, voltage in sweeps]
        write_recording(paths[name], arrays, description="a cell")
    return paths


def test_every_sweep_has_its_line_and_the_split_its_reason(recordings, capsys):
    info(recordings["right"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["0", "steps", "current", "10", "0.5", "-50", "…", "0", "-80", "…", "-70", "0"] in lines
    assert any(line[:3] == ["holds", "out", "sweep"] for line in lines)


def test_faults_of_one_kind_share_a_note_and_padding_is_none(recordings, tmp_path, capsys):
    path = tmp_path / "cell.nwb"
    shutil.copy(recordings["right"], path)
    with h5py.File(path, "a") as file:
        responses = file["acquisition"]
        for place, name in enumerate(responses):
            voltage, attributes = responses[name]["data"].astype("f4")[()], dict(responses[name]["data"].attrs)
            voltage[1000 + place if place < 2 else slice(4500, None)] = np.nan
            del responses[name]["data"]
            responses[name].create_dataset("data", data=voltage).attrs.update(attributes)
    info(path)
    printed = capsys.readouterr()
    assert printed.out.count("unusable") == 2
    assert "sweep 0: the voltage is NaN from sample 1000" in printed.err
    assert "likewise sweep 1\n" in printed.err
    assert "sweeps 2, 3, 4 are cut where their voltage ends" in printed.out


def test_what_a_fit_would_refuse_is_said(recordings, capsys):
    with pytest.raises(SystemExit) as end:
        info(recordings["turned"])
    assert end.value.code == 2
    assert "the input resistance comes to -" in capsys.readouterr().err
