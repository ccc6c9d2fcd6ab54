"""Many cells: processes side by side, what becomes of those that fail, and the table and page of all."""

import csv
import json
import multiprocessing
import os
import re
import shutil
import signal
from pathlib import Path

import pytest
from helpers import fitted_cell, level_record
from typer.testing import CliRunner

from fitting.command.fit import _as_typed
from fitting.example.cell import write_example
from fitting.many.cells import Cell, cell_names
from fitting.many.collecting import write_overview
from fitting.many.overview import overview
from fitting.many.study import fit_many
from fitting.many.table import row, write_table
from fitting.results.folder import ResultsError
from fitting.results.text_field import text_field
from glifjax.cli import app
from glifjax.errors import InputError

SETTINGS = {
    "level": "LIF", "train_sweeps": None, "test_sweeps": None, "optimizer": None, "uncertainty": False,
    "electrode": "auto", "drift": "auto", "currents": None, "seed": 0,
}  # fmt: skip


@pytest.mark.slow
def test_cells_side_by_side(tmp_path):
    """One that fails, one whose process is killed twice, Ctrl-C; then the same command goes on to table and page."""
    first, second, broken = (tmp_path / f"{name}.nwb" for name in ("first", "second", "broken"))
    write_example(first, training=15.0, held_out=4.0, repeats=3)
    shutil.copy(first, second)
    broken.write_text("no recording")
    out, done, kills = tmp_path / "out", {}, []

    def progress(cell, level, stage):
        if (cell, stage) == ("first", "threshold"):
            (process,) = multiprocessing.active_children()
            os.kill(process.pid, signal.SIGKILL)
            kills.append(process.pid)

    def on_cell(cell):
        done[cell.name] = cell
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_many([first, second, broken], out, SETTINGS, jobs=1, progress=progress, on_cell=on_cell)
    assert list(done) == ["second", "broken", "first"]
    assert len(kills) == 2
    assert multiprocessing.active_children() == []
    assert "ended twice (SIGKILL" in done["first"].error
    assert "fewer processes" in done["first"].error
    assert "not a whole HDF5 file" in done["broken"].error
    assert done["second"].folder == out / "second"
    assert not (out / "cells.csv").exists()
    assert not (out / "first").exists()
    before = (out / "second" / "fit.json").stat().st_mtime_ns

    arguments = ["fit", *map(str, (first, second, broken)), "--level", "LIF", "--out", str(out), "--jobs", "2"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1, result.output
    assert "1 of 3 cells failed" in result.stderr
    assert "fitted before" in result.output
    assert (out / "second" / "fit.json").stat().st_mtime_ns == before
    assert {file.name for file in out.iterdir()} >= {"first", "second", "cells.csv", "cells.html"}
    assert {file.name for file in (out / ".glifjax-unfinished").iterdir()} >= {"broken.failed"}
    assert "first.failed" not in os.listdir(out / ".glifjax-unfinished")
    for name in ("first", "second"):
        assert {file.name for file in (out / name).iterdir()} == {
            "neuron_config.json",
            "fit.json",
            "parameters.csv",
            "report.html",
            "report_explorer.html",
        }
    with open(out / "cells.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [each["cell"] for each in rows] == ["first", "second", "broken"]
    assert [each["level"] for each in rows] == ["LIF", "LIF", ""]
    assert all(0.3 < float(each["md_star_4ms"]) < 1 and float(each["seconds"]) > 0 for each in rows[:2])
    assert "not a whole HDF5 file" in rows[2]["error"]
    assert 'href="./first/report.html"' in (out / "cells.html").read_text()

    with pytest.raises(ResultsError, match="other settings or of another version"):
        fit_many([first, second], out, SETTINGS | {"seed": 1}, jobs=2)


def test_a_path_that_does_not_exist_stops_before_anything_starts(tmp_path):
    (tmp_path / "a.nwb").write_text("")
    with pytest.raises(InputError, match=r"typo\.nwb: there is no such file"):
        fit_many([tmp_path / "a.nwb", tmp_path / "typo.nwb"], tmp_path / "out", SETTINGS)
    assert not (tmp_path / "out").exists()


def test_cells_of_one_name_are_told_apart_by_their_folders():
    paths = [Path(path) for path in ("/x/one/cell.nwb", "/x/two/cell.nwb", "/x/two/other.nwb")]
    assert cell_names(paths) == ["one-cell", "two-cell", "two-other"]
    assert cell_names(paths[1:]) == ["cell", "other"]
    assert len(set(cell_names([Path("/a/b.c"), Path("/a/b.d")]))) == 2


def test_a_study_s_command_is_kept_without_all_its_cells():
    cells = [Path(f"data/{number}.nwb") for number in range(5000)]
    kept = _as_typed(["fit", *(f"./{path}" for path in cells), "--out", "a b"], cells)
    assert kept == "glifjax fit ./data/0.nwb --out 'a b'  # and 4999 more"
    assert _as_typed(["fit", "a.nwb", "-q"], [Path("a.nwb")]) == "glifjax fit a.nwb -q"


def cell(folder, simple=0.5, best=0.7, **changes):
    """A cell that was fitted at two levels with these scores."""

    def one(level, value):
        scores = dict.fromkeys(("gamma_4ms", "evr_single_10ms", "md_star_4ms", "evr_10ms", "bits_per_spike"), value)
        record = level_record(level, scores | {"subthreshold_rmse_mv": None}, warnings=["<few spikes>"])
        record["scores"]["ceiling"] = {"gamma_4ms": 0.7, "md_star_4ms": 0.8, "evr_10ms": None}
        return record

    origin = {"settings": SETTINGS, "command": "glifjax fit *.nwb", "seconds_in_all": 31.0}
    return fitted_cell(folder, [one("LIF", simple), one("augmented", best)], **origin | changes)


def test_the_table_has_every_level_s_parameters(tmp_path):
    own = {"a": {"C": {"value": 90.0, "unit": "pF"}}, "b": {"g_1": {"value": 2.0, "unit": "nS"}}}
    cells = [cell(tmp_path / name, parameters=parameters) for name, parameters in own.items()]
    write_table([row(cell, tmp_path) for cell in cells], tmp_path)
    with open(tmp_path / "cells.csv", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["C (pF)"], first["g_1 (nS)"]) == ("90.0", "")
    assert (second["C (pF)"], second["g_1 (nS)"]) == ("", "2.0")


def test_the_table_s_numbers_are_as_short_as_what_is_known():
    values = [2.9000000000000004, 0.40000000000002733, 163.2455124539584, 1234567.0, -1e-9 / 3, 12345678901, True]
    assert [text_field(value) for value in values] == [2.9, 0.4, 163.2455, 1234567.0, -3.333333e-10, 12345678901, True]


def test_the_page_puts_the_best_predicted_first_and_the_failed_apart(tmp_path):
    scores = {"poor": (0.2, 0.3), "good": (0.5, 0.9), "silent": (None, None)}
    cells = [cell(tmp_path / name, *values) for name, values in scores.items()]
    cells.append(Cell("bad<name>", tmp_path / "bad.nwb", error="no <spikes>"))
    page = overview(cells, tmp_path)
    assert re.findall(r'href="\./(\w+)/report.html"', page) == ["good", "poor", "silent"]
    assert "bad&lt;name&gt;: no &lt;spikes&gt;" in page
    words = "3 fitted: one run&#39;s Γ (4 ms) 0.30 to 0.90, median 0.60 (another repeat of the cell: 0.70); Md*"
    assert words in page
    assert "augmented 3" in page
    assert "1 failed" in page
    assert json.loads(re.search(r'id="quantities">(.*?)</script>', page)[1])["levels"] == ["LIF", "augmented"]
    assert not re.search(r'(src|href)="(?!data:|\./\w+/report\.html)', page)
    assert row(cells[1], tmp_path)["md_star_4ms_of_the_cell"] == 0.8
    assert row(cells[3], tmp_path)["error"] == "no <spikes>"


def test_a_fit_json_that_cannot_be_read_is_that_cell_s_error_alone(tmp_path):
    whole = cell(tmp_path / "whole")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "fit.json").write_text('{"level": "LIF"}')
    write_overview([whole, Cell("odd", Path("odd.nwb"), tmp_path / "odd")], tmp_path)
    first, second = csv.DictReader((tmp_path / "cells.csv").open())
    assert (first["level"], first["error"]) == ("augmented", "")
    assert (second["cell"], second["level"]) == ("odd", "")
    assert "is no fit.json that glifjax wrote" in second["error"]
    assert "odd: " in (tmp_path / "cells.html").read_text()
