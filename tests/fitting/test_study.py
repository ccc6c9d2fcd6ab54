"""A study of many cells: who does what, once; what is done, missing or failed; fits themselves stand in a stub."""

import csv
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

import fitting
from fitting.many import cells, claims, resources, task
from fitting.many.collecting import MISSING, collect
from fitting.many.notes import note_failure
from fitting.many.shard import Shard, ShardError, shard_of
from fitting.many.study import fit_many
from fitting.many.table import write_table
from fitting.many.workers import LONGEST_WAIT, _first_deadline
from fitting.results.files import new_results
from fitting.results.folder import ResultsError
from fitting.results.provenance import provenance
from glifjax.cli import app
from glifjax.errors import InputError

#: What a fit.json must hold beside its origin.
RECORD = {
    "level": "LIF", "train_sweeps": [1], "test_sweeps": [], "split": [],
    "parameters": {"C": {"value": 100.0, "unit": "pF"}}, "uncertainty": None, "spike_shape": {}, "preprocessing": None,
    "scores": {"test": {"md_star_4ms": 0.5}, "deterministic": {}, "ceiling": {}, "missing": {}}, "validation": None,
    "stages": [], "seeds": {}, "seconds": {}, "warnings": [], "seconds_in_all": 1.0,
}  # fmt: skip
UNFINISHED = ".glifjax-unfinished"


class Here:
    """An engine that runs everything at once, in this process; it loses the first `losses` tasks."""

    def __init__(self, losses=0):
        self.losses, self.submitted = losses, 0

    def submit(self, function, *arguments):
        self.submitted += 1
        answer = Future()
        if self.submitted <= self.losses:
            answer.set_exception(RuntimeError("worker lost"))
        else:
            answer.set_result(function(*arguments))
        return answer


@pytest.fixture
def calls(monkeypatch):
    """Fits that take no time; counted by the cell's name."""
    names = Counter()

    def fit_file(path, out, settings, *, name, overwrite, fresh, command, progress):
        names[name] += 1
        progress("LIF", "membrane")
        if "broken" in path.read_text():
            raise InputError("two\nlines, as they come")
        with new_results(out, name, overwrite) as (folder, _):
            (folder / "fit.json").write_text(json.dumps(RECORD | provenance(path, settings)))

    monkeypatch.setattr(task, "fit_file", fit_file)
    return names


@pytest.fixture
def recordings(tmp_path):
    paths = [tmp_path / f"{name}.nwb" for name in "abcde"]
    for path in paths:
        path.write_text(path.stem)
    return paths


def table(folder):
    with open(folder / "cells.csv", newline="") as file:
        return {row["cell"]: row for row in csv.DictReader(file)}


def test_shards_fit_every_cell_once_and_collect_tells_what_is_missing(tmp_path, recordings, calls):
    recordings[2].write_text("broken")
    out = tmp_path / "study"
    first, folder = fit_many(recordings, out, shard=Shard(1, 2), client=Here())
    assert folder == out
    assert [cell.name for cell in first] == ["a", "c", "e"]
    assert not (out / "cells.csv").exists()
    result = CliRunner().invoke(app, ["collect", str(out)])  # `collect && next` is for a whole study
    assert (result.exit_code, "2 of 5 cells are fitted" in result.output) == (1, True)
    rows = table(out)
    assert list(rows) == list("abcde")
    assert [name for name, row in rows.items() if row["pending"] == MISSING] == ["b", "d"]
    assert rows["c"]["error"] == "two lines, as they come"
    assert rows["a"]["report"] == "a/report.html"
    assert len((out / "cells.csv").read_text().splitlines()) == 6

    recordings[2].write_text("mended")
    fit_many(recordings, out, shard=Shard(2, 2), client=Here())
    fit_many(recordings, out, shard=Shard(1, 2), client=Here())
    assert all(cell.folder for cell in collect(out))
    assert CliRunner().invoke(app, ["collect", str(out)]).exit_code == 0
    assert calls == {"a": 1, "b": 1, "c": 2, "d": 1, "e": 1}
    assert not (out / UNFINISHED).exists()


def test_commands_side_by_side_do_the_work_once(tmp_path, recordings, calls):
    out = tmp_path / "study"
    study = lambda _: fit_many(recordings, out, client=Here())[0]
    with ThreadPoolExecutor(4) as pool:
        everything = list(pool.map(study, range(4)))
    assert calls == dict.fromkeys("abcde", 1)
    assert all(cell.folder or cell.pending for cells in everything for cell in cells)
    assert {row["level"] for row in table(out).values()} == {"LIF"}


def test_done_is_the_same_recording_settings_and_version_whatever_the_machine(tmp_path, recordings, calls):
    out = tmp_path / "study"
    fit_many(recordings[:2], out, client=Here())
    file = out / "a" / "fit.json"
    record = json.loads(file.read_text())
    elsewhere = {"machine": {"platform": "another"}, "versions": record["versions"] | {"jax": "0.1", "python": "3"}}
    file.write_text(json.dumps(record | elsewhere))
    cells, _ = fit_many(recordings[:2], out, client=Here())
    assert [cell.fitted_before for cell in cells] == [True, True]
    assert calls == {"a": 1, "b": 1}
    for other in ({"source": "0"}, {"versions": record["versions"] | {"glifjax": "0"}}, {"settings": {}}):
        file.write_text(json.dumps(record | other))
        with pytest.raises(ResultsError, match="other settings or of another version"):
            fit_many(recordings[:2], out, client=Here())
    file.write_text(json.dumps(record))
    recordings[0].write_text("another recording")
    cells, _ = fit_many(recordings[:2], out, client=Here())
    assert "already holds a fit" in cells[0].error
    fit_many(recordings[:2], out, client=Here(), fresh=True, overwrite=True)
    assert calls == {"a": 2, "b": 2}


def test_a_task_that_an_engine_loses_is_submitted_once_more(tmp_path, recordings, calls):
    cells, out = fit_many(recordings[:1], tmp_path / "one", client=Here(losses=1))
    assert cells[0].folder == out / "a"
    cells, out = fit_many(recordings[:1], tmp_path / "two", client=Here(losses=2))
    assert cells[0].error == "its process ended twice (RuntimeError: worker lost)"
    assert table(out)["a"]["error"] == cells[0].error


def test_a_new_folder_each_time(tmp_path, recordings, calls, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        assert fit_many(recordings[:2], client=Here())[1] == Path(f"fits/cells-{number}")


def test_two_runs_that_start_at_once_have_a_folder_each(tmp_path, recordings, calls, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exists = Path.exists
    (tmp_path / "fits/cells-1").mkdir(parents=True)  # by another run, after this one has looked
    monkeypatch.setattr(Path, "exists", lambda path, **how: path != Path("fits/cells-1") and exists(path, **how))
    assert fit_many(recordings[:2], client=Here())[1] == Path("fits/cells-2")


def test_a_cell_that_takes_too_long_is_stopped_with_its_process(tmp_path, recordings):
    cells, out = fit_many(recordings[:1], tmp_path / "study", timeout=0.1, jobs=1)
    assert cells[0].error == "it took longer than `timeout=0.1` s; give it more, or fewer levels"
    assert table(out)["a"]["error"] == cells[0].error


@pytest.mark.parametrize(("limit", "fitted"), [(None, True), (9.0, True), (5.0, False), (3.0, False)])
def test_what_another_command_gave_up_is_fitted_where_it_may_take_longer(tmp_path, recordings, calls, limit, fitted):
    """While both run; what failed for another reason has failed for both."""
    run = cells.Run(fitting.FitSettings("LIF"), timeout=limit)
    job = cells.Job("a", recordings[0], tmp_path / "study" / "a", run)
    note_failure(tmp_path / "study" / UNFINISHED, task.late_cell(replace(job, run=replace(run, timeout=5.0))))
    assert bool(task.fit_cell(job).folder) == fitted
    note_failure(tmp_path / "study" / UNFINISHED, task.failed_cell(replace(job, name="b"), "no spikes"))
    assert task.fit_cell(replace(job, name="b", out=tmp_path / "study" / "b")).error == "no spikes"
    assert calls == ({"a": 1} if fitted else {})


@pytest.mark.parametrize(
    ("options", "words"),
    [({"timeout": 0.0}, "above 0"), ({"jobs": 0}, "`jobs=0`"), ({"settings": {"seeds": 1}}, "seeds is not one")],
)
def test_bad_input_starts_nothing(tmp_path, recordings, options, words):
    with pytest.raises(InputError, match=words):
        fit_many(recordings, tmp_path / "study", **options)
    with pytest.raises(InputError, match="one at least"):
        fit_many([], tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_no_name_of_a_file_breaks_the_table(tmp_path):
    write_table([{"cell": "=1+1\n2", "=a\nb (pF)": 1.0}], tmp_path)
    assert (tmp_path / "cells.csv").read_text() == "cell,'=a b (pF)\n'=1+1 2,1.0\n"


@pytest.mark.parametrize("seconds", [1e9, float("inf")])
def test_a_limit_may_be_long(seconds):
    assert _first_deadline([SimpleNamespace(deadline=seconds)]) == LONGEST_WAIT


# ---------------------------------------------------------------------------------------------------------- claims


def claim(folder, number=1, age=0.0, **changes):
    content = {"host": "elsewhere", "process": 1, "run": "other", "time": claims.time.time() - age} | changes
    folder.mkdir(exist_ok=True)
    (folder / f"a.claim-{number}").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("changes", "free"),
    [
        ({}, False),
        ({"host": claims.platform.node(), "process": os.getpid()}, False),
        ({"host": claims.platform.node(), "process": 2**22 + 1}, True),  # more than Linux gives out
        ({"age": 30.0 + claims.GRACE}, False),
        ({"age": 120.0 + claims.GRACE}, True),
        ({"run": "mine"}, True),
    ],
)
def test_a_claim_holds_while_its_process_lives_and_may(tmp_path, changes, free):
    claim(tmp_path / "u", **changes)
    if free:
        with claims.claimed(tmp_path / "u", "a", "mine", limit=100.0):
            assert claims.holder(tmp_path / "u", "a").process == os.getpid()
            with (
                pytest.raises(claims.ClaimedError, match=f"process {os.getpid()}"),
                claims.claimed(tmp_path / "u", "a", "x"),
            ):
                pass
        assert os.listdir(tmp_path / "u") == []
    else:
        with (
            pytest.raises(claims.ClaimedError, match="being fitted by"),
            claims.claimed(tmp_path / "u", "a", "mine", 100.0),
        ):
            pass
        assert os.listdir(tmp_path / "u") == ["a.claim-1"]


@pytest.mark.parametrize("left", [False, True])
def test_of_many_that_claim_at_once_one_holds_it(tmp_path, left):
    """Also where one that was left is to be followed."""
    if left:
        claim(tmp_path / "u", age=1e6)
    holders, gate, done = [], threading.Barrier(8), threading.Barrier(8)

    def rival(number):
        gate.wait()
        try:
            with claims.claimed(tmp_path / "u", "a", str(number)):
                holders.append(number)
                done.wait()
        except claims.ClaimedError:
            done.wait()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(rival, range(8)))
    assert len(holders) == 1


def test_a_cell_that_another_fits_is_left_to_it(tmp_path, recordings, calls):
    out = tmp_path / "study"
    out.mkdir()
    claim(out / UNFINISHED)
    cells, _ = fit_many(recordings[:2], out, client=Here())
    assert cells[0].pending.startswith("being fitted by elsewhere, process 1, since ")
    assert (table(out)["a"]["error"], table(out)["a"]["pending"]) == ("", cells[0].pending)
    (out / "b" / "fit.json").write_text("{}")
    (out / ".glifjax-elsewhere").mkdir()
    (out / ".glifjax-elsewhere" / "fit.json").write_text("{}")  # being written
    assert [(cell.name, cell.folder) for cell in collect(out)] == [("a", None), ("b", None)]
    assert "is no fit.json that glifjax wrote" in table(out)["b"]["error"]
    assert calls == {"b": 1}


# -------------------------------------------------------------------------------------------------- shards, machine


@pytest.mark.parametrize(
    ("text", "environment", "shard"),
    [
        ("7/200", {}, Shard(7, 200)),
        (None, {}, None),
        (None, {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4"}, Shard(3, 4)),
        (None, {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_COUNT": "4"}, Shard(1, 4)),
        (
            "auto/9",
            {"SLURM_ARRAY_TASK_ID": "20", "SLURM_ARRAY_TASK_MIN": "10", "SLURM_ARRAY_TASK_STEP": "5"},
            Shard(3, 9),
        ),
        ("auto/9", {"JOB_COMPLETION_INDEX": "0"}, Shard(1, 9)),
        ("2/9", {"JOB_COMPLETION_INDEX": "0"}, Shard(2, 9)),
        (None, {"JOB_COMPLETION_INDEX": "0"}, None),
        ("auto/9", {"SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_COUNT": "9"}, Shard(9, 9)),
        ("2/9", {"SLURM_ARRAY_TASK_ID": "x"}, Shard(2, 9)),
    ],
)
def test_the_shard_that_is_meant(text, environment, shard):
    assert shard_of(text, environment) == shard


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "1", "a/b", "-1/3", "auto/3", "1/3/5", "٣/٩"])
def test_a_shard_that_cannot_be(text):
    with pytest.raises(ShardError, match="give"):
        shard_of(text, {})


@pytest.mark.parametrize(
    ("text", "environment", "words"),
    [
        (None, {"SLURM_ARRAY_TASK_ID": "x", "SLURM_ARRAY_TASK_COUNT": "4"}, "SLURM_ARRAY_TASK_ID is 'x', no whole"),
        (None, {"SLURM_ARRAY_TASK_ID": "1", "SLURM_ARRAY_TASK_COUNT": "²"}, "SLURM_ARRAY_TASK_COUNT is '²', no whole"),
        ("auto/4", {"JOB_COMPLETION_INDEX": "-1"}, "JOB_COMPLETION_INDEX is '-1'"),
        # --array=7 of 200, sent in again: not the first shard
        (
            "auto/200",
            {"SLURM_ARRAY_TASK_ID": "7", "SLURM_ARRAY_TASK_MIN": "7", "SLURM_ARRAY_TASK_COUNT": "1"},
            "number of tasks is 1; give the shard.s own number",
        ),
    ],
)
def test_an_environment_that_states_no_shard(text, environment, words):
    with pytest.raises(ShardError, match=words):
        shard_of(text, environment)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_shards_share_everything_out(count):
    parts = [Shard(number, count).of(range(5)) for number in range(1, count + 1)]
    assert sorted(item for part in parts for item in part) == list(range(5))


@pytest.mark.parametrize(("cores", "memory", "jobs"), [(16, [64e9, 5e9], 4), (4, [64e9], 2), (8, [1e8], 1), (1, [], 1)])
def test_cells_side_by_side_follow_cores_and_memory(monkeypatch, cores, memory, jobs):
    monkeypatch.setattr(resources, "cores", lambda: cores)
    monkeypatch.setattr(resources, "memory", lambda: iter(memory))
    assert resources.jobs_side_by_side() == jobs


def test_cores_are_those_that_slurm_grants(monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "2000")
    assert fitting.results.provenance.cores() == 1
    assert min(resources.memory()) <= 2000 * 2**20


# ---------------------------------------------------------------------------------------------------- the commands


def test_a_shard_that_holds_one_cell_puts_it_into_a_folder_of_its_own(tmp_path, recordings):
    """A file that is no recording: the command says so of the cell, and so does collect."""
    out = tmp_path / "study"
    result = CliRunner().invoke(app, ["fit", str(recordings[0]), "--out", str(out), "--shard", "1/1", "--jobs", "1"])
    assert result.exit_code == 1, result.output
    assert "1 of 1 cells failed" in result.stderr
    result = CliRunner().invoke(app, ["collect", str(out)])
    assert result.exit_code == 1, result.output
    assert "0 of 1 cells are fitted" in result.output
    assert "not a whole HDF5 file" in table(out)["a"]["error"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["collect", "nowhere"],
        ["collect", "empty"],
        ["collect", "one"],
        ["fit", "one"],
        ["collect", "empty", "--timeout", "-1"],
        ["collect", "empty", "--timeout", "nan"],
        ["fit", "a.nwb", "b.nwb", "--shard", "3/2"],
        ["fit", "a.nwb", "b.nwb", "--timeout", "0"],
        ["fit", "a.nwb", "b.nwb", "--cluster", "host"],
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path, recordings, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "one"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "fit.json").write_text("{}")
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "fits").exists()


def test_a_shard_needs_the_folder_that_all_share(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cell.nwb").touch()
    with pytest.raises(InputError, match="name it with `out=`"):
        fit_many(["cell.nwb"], shard=Shard(1, 2))
    assert not (tmp_path / "fits").exists()


def test_another_current_is_another_task(tmp_path):
    """Of a recording whose current is a file of its own, both count."""
    (tmp_path / "cell.abf").write_bytes(b"voltage")
    current = tmp_path / "i.csv"
    current.write_text("0,1\n")
    asked = fitting.FitSettings(level="LIF", stimulus=str(current))
    origin = provenance(tmp_path / "cell.abf", asked)
    before = [digits(origin) for digits in (fitting.results.provenance.task, fitting.results.provenance.fingerprint)]
    current.write_text("0,2\n")
    later = provenance(tmp_path / "cell.abf", asked)
    after = [digits(later) for digits in (fitting.results.provenance.task, fitting.results.provenance.fingerprint)]
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.slow
def test_processes_end_with_the_one_that_started_them(tmp_path):
    """When it is killed too, and amid a fit: they would hold on to what they fit."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\n"
        "from fitting.many.workers import _Worker\n"
        "class Long:\n"
        "    def __reduce__(self):\n"
        "        return eval, ('[print(1, flush=True), __import__(\"time\").sleep(60)]',)\n"
        "if __name__ == '__main__':\n"
        "    _Worker(1).pipe.send(Long())\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        parent.kill()
        killed = time.monotonic()
        parent.stdout.read()  # until the last process that writes there is gone
        assert time.monotonic() - killed < 20
