"""The command as a user runs it: what it writes, and what it says of bad input."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import noise, record
from nwb_files import Cell
from pynwb import icephys
from typer.testing import CliRunner

import fitting
import glifjax as gj
from fitting.example.cell import write_example
from fitting.results import files
from fitting.results.files import new_results
from fitting.results.folder import UNFINISHED, ResultsError
from glifjax.cli import app
from glifjax.errors import InputError


def run(*arguments):
    return CliRunner().invoke(app, ["fit", *map(str, arguments)])


@pytest.fixture(scope="module")
def small_example(tmp_path_factory):
    """The example cell, recorded for a shorter time."""
    path = tmp_path_factory.mktemp("example") / "cell.nwb"
    write_example(path, training=15.0, held_out=4.0, repeats=3)
    return path


@pytest.fixture(scope="module")
def fitted(small_example, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "fit"
    result = run(small_example, "--out", out, "--level", "glif3")
    assert result.exit_code == 0, result.output
    return out, result.output


def test_a_fit_opens_again(fitted, small_example):
    fit = fitting.load(fitted[0])
    record = json.loads((fitted[0] / "fit.json").read_text())
    assert (fit.level, list(fit.levels)) == ("LIF-ASC", ["LIF-ASC"])
    value = lambda name: record["parameters"][name]["value"]
    assert 1e-6 * float(fit.model.series_resistance) == pytest.approx(value("series_resistance"))
    assert 1e12 * float(fit.neuron.C) == pytest.approx(value("C"))
    assert fit.scores.test == record["scores"]["test"]
    assert fit.trust.word == record["trust"]["word"]
    assert fit.figures == {}
    with fit.recording() as recording:
        assert recording.path == small_example.resolve()
    with pytest.raises(InputError, match="'LIF' was not fitted; it holds LIF-ASC"):
        fit.at_level("LIF")
    with pytest.raises(InputError, match="cannot be read as a fit"):
        fitting.load(fitted[0].parent)
    head, *rows = csv.reader((fitted[0] / "parameters.csv").read_text().splitlines())
    assert head == ["level", "parameter", "value", "unit", "standard_error", "low_90", "high_90"]
    assert [(row[1], row[2], row[3]) for row in rows] == [
        (name, f"{entry['value']:.7g}", entry["unit"]) for name, entry in record["parameters"].items()
    ]


def test_figures_are_of_known_formats_and_one_cell(small_example, tmp_path):
    shutil.copy(small_example, tmp_path / "b.nwb")
    for arguments, words in (
        ([small_example, "--figures", "gif"], "--figures gif is unknown; use svg or pdf"),
        ([small_example, tmp_path / "b.nwb", "--figures", "svg"], "one cell at a time"),
    ):
        result = run(*arguments, "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert words in " ".join(result.output.split())


def test_a_fit_writes_its_files_and_says_what_it_did(fitted):
    out, said = fitted
    assert {file.name for file in out.iterdir()} == {
        "neuron_config.json",
        "fit.json",
        "parameters.csv",
        "report.html",
        "report_explorer.html",
    }
    for words in (
        "trains on",
        "sweep 1",
        "holds out",
        "2, 3, 4",
        "because",
        "LIF-ASC",
        "R_input",
        "MΩ",
        "Md*",
    ):
        assert words in said
    record = json.loads((out / "fit.json").read_text())
    assert record["level"] == "LIF-ASC"
    assert {"parameters", "seeds", "versions", "seconds", "train_sweeps", "test_sweeps"} <= record.keys()
    keys = {
        "evr_10ms", "evr_single_10ms", "md_star_4ms", "md_star_8ms", "gamma_4ms", "subthreshold_rmse_mv",
        "bits_per_spike",
    }  # fmt: skip
    assert keys <= record["scores"]["test"].keys()
    assert keys - {"bits_per_spike"} <= record["scores"]["deterministic"].keys()
    assert keys <= record["scores"]["ceiling"].keys()
    assert record["scores"]["test"]["md_star_4ms"] > 0.6


def test_the_config_runs_and_predicts_the_held_out_spikes(fitted, small_example):
    neuron = gj.read_neuron_config(fitted[0] / "neuron_config.json")
    with gj.read_recording(small_example) as recording:
        sweep = recording.sweeps[1]
        spikes = gj.simulate(neuron, sweep.current, 1 / sweep.rate).spikes()
        upstrokes = np.flatnonzero((sweep.voltage[:-1] <= 0) & (sweep.voltage[1:] > 0)) / sweep.rate
    near = sum(np.abs(spikes.times - t).min() < 4e-3 for t in upstrokes)
    assert near > 0.4 * len(upstrokes)
    assert len(spikes) < 2 * len(upstrokes)


def test_nothing_is_written_over_unasked(fitted, small_example):
    out, _ = fitted
    before = (out / "fit.json").read_bytes()
    result = run(small_example, "--out", out)
    assert result.exit_code == 2
    assert "already holds a fit" in result.stderr
    assert "--overwrite" in result.stderr
    assert (out / "fit.json").read_bytes() == before


def test_results_replace_only_what_a_fit_wrote(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with new_results(out, "cell") as (folder, _):
        (folder / "fit.json").write_text("{}")
        (folder / "neuron_config_LIF.json").write_text("{}")
    assert {file.name for file in out.iterdir()} == {"notes.txt", "fit.json", "neuron_config_LIF.json"}
    with pytest.raises(ResultsError, match="already holds a fit"), new_results(out, "cell") as (folder, _):
        (folder / "fit.json").write_text("of a fit that ran at the same time")
    with new_results(out, "cell", overwrite=True) as (folder, final):
        (folder / "report.html").write_text("new")
    assert final == [out]
    assert {file.name for file in out.iterdir()} == {"notes.txt", "report.html"}
    assert not list(tmp_path.glob(".cell-*"))


def voltage_clamp_only(folder):
    cell = Cell(folder)
    cell.nwb.add_acquisition(cell.series(icephys.VoltageClampSeries, "r", np.zeros(1000), conversion=1e-12))
    cell.nwb.add_stimulus(cell.series(icephys.VoltageClampStimulusSeries, "s", np.zeros(1000)))
    return cell.save()


def no_sweeps(folder):
    return Cell(folder).save()


def of_different_length(folder):
    cell = Cell(folder)
    cell.stimulus(number=3, data=np.zeros(900))
    cell.response(number=3)
    return cell.save()


def with_nan(folder):
    cell = Cell(folder)
    broken = np.full(1000, -70.0)
    broken[400] = np.nan
    cell.stimulus(number=3)
    cell.response(number=3, data=broken)
    return cell.save()


def too_slow(folder):
    cell = Cell(folder)
    voltage = np.full(4000, -70.0) + np.random.default_rng(0).normal(size=4000) * 0.1
    voltage[500::400] = 30.0
    cell.stimulus(number=3, data=np.repeat(np.random.default_rng(1).normal(size=400), 10) * 100, rate=2e3)
    cell.response(number=3, data=voltage, rate=2e3)
    return cell.save()


def not_nwb(folder):
    path = folder / "cell.nwb"
    path.write_text("sweep,voltage\n")
    return path


def truncated(folder):
    path = Cell(folder)
    path.sweep(0)
    whole = path.save()
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    return whole


def silent(folder):
    record(folder, [("a", noise(1), False)]).close()
    return folder / "cell.nwb"


BAD = {
    "missing": (lambda folder: folder / "cell.nwb", "no such file"),
    "not NWB": (not_nwb, "not"),
    "truncated": (truncated, "truncated"),
    "voltage clamp only": (voltage_clamp_only, "voltage clamp"),
    "no sweeps": (no_sweeps, "holds no intracellular sweep"),
    "different length": (of_different_length, "900"),
    "NaN": (with_nan, "NaN from sample 400"),
    "no spikes": (silent, "spike"),
    "rate": (too_slow, "5 kHz or more"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_gets_one_clear_line_and_exit_2(kind, tmp_path, monkeypatch):
    make, words = BAD[kind]
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path)
    result = run(path)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")
    assert "cell.nwb" in result.stderr
    assert words in result.stderr
    assert not (tmp_path / "fits").exists()


def test_unknown_options_are_refused_with_what_there_is(small_example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    level = run(small_example, "--level", "glif9")
    assert level.exit_code == 2
    assert "LIF-R-ASC-A" in level.stderr
    sweeps = run(small_example, "--train", "ramp")
    assert sweeps.exit_code == 2
    assert "noise training" in sweeps.stderr
    silent_training = run(small_example, "--train", "99")
    assert silent_training.exit_code == 2
    assert "no sweep" in silent_training.stderr
    assert not (tmp_path / "fits").exists()


def test_help_shows_an_example():
    result = CliRunner().invoke(app, ["fit", "--help"])
    assert result.exit_code == 0
    assert "glifjax fit cell.nwb" in result.output


def test_interrupting_once_the_results_are_there_says_so(small_example, tmp_path, monkeypatch):
    """Not that nothing was written, as it was said until the command's last line."""

    def interrupted(*_, on_written, **__):
        on_written(tmp_path / "fit")
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "fit_file", interrupted)
    done = CliRunner().invoke(app, ["fit", str(small_example), "--level", "LIF", "--out", str(tmp_path / "fit")])
    assert done.exit_code == 130
    assert "stopped; the fit is written, in" in done.stderr


def test_interrupting_leaves_nothing_half_written(small_example, tmp_path):
    """Ctrl-C, as soon as a stage is kept: the command says where the next one like it goes on."""
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # as it is not in the background
    code = f"{heeds}; from glifjax.cli import app; app()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "fit", str(small_example), "--level", "LIF"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    started = time.monotonic()
    while "starting values" not in process.stdout.readline():
        assert time.monotonic() - started < 60
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search("nothing was written, the same command continues from LIF (starting values|membrane)", errors)
    assert [file.name for file in (tmp_path / "fits").iterdir()] == [UNFINISHED]
