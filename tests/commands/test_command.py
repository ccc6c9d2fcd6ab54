"""The command itself: what its help costs, subcommands of other packages, and whose package it finds."""

import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import glifjax as gj
from fitting.command.study_file import read_options
from glifjax.cli import compiled
from glifjax.cli.commands import first_words, flowing
from glifjax.cli.console import as_options
from glifjax.cli.logs import LINE, LogFile, Plain


def run(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, **options)


def test_help_loads_no_jax_and_takes_little_time():
    code = (
        "import json, sys, time\nsys.argv = ['glifjax', '--help']\n"
        "from glifjax.cli import app\n"
        "try:\n    app()\n"
        "except SystemExit:\n    print(json.dumps([time.process_time(), sorted(sys.modules)]))"
    )
    runs = [run("-c", code).stdout.splitlines() for _ in range(3)]  # the first may compile to bytecode
    seconds = min(json.loads(last)[0] for *_, last in runs)
    *page, last = runs[-1]
    loaded = json.loads(last)[1]
    for name in ("fit", "simulate", "gallery", "download"):
        assert any(line.startswith(f"│ {name} ") for line in page)
    assert "Fit a neuron to a recording" in " ".join(page)
    assert [name for name in loaded if name.startswith(("jax", "numpy", "glifjax.cli.gallery", "fitting."))] == []
    assert seconds < 0.8


def test_the_version_is_printed_without_jax():
    code = (
        "import sys\nsys.argv = ['glifjax', '--version']\nfrom glifjax.cli import app\n"
        "try:\n    app()\nexcept SystemExit as end:\n    print(end.code, 'jax' in sys.modules)"
    )
    assert run("-c", code).stdout == f"glifjax {gj.__version__}\n0 False\n"


def test_a_subcommand_of_another_package(tmp_path):
    """A distribution beside glifjax, with an entry point; its module is imported when the command runs."""
    (tmp_path / "waves.py").write_text(
        "import typer\nprint('imported')\n"
        "def wave(hello: str = 'you') -> None:\n    '''Greet a neuron.'''\n    print(f'hello {hello}')\n"
    )
    info = tmp_path / "waves-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: waves\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[glifjax.commands]\nwave = waves:wave\n")
    env = os.environ | {"PYTHONPATH": str(tmp_path)}
    listed = run("-m", "glifjax", "--help", env=env)
    assert "Greet a neuron." in listed.stdout
    assert "imported" not in listed.stdout
    assert run("-m", "glifjax", "wave", "--hello", "cell", env=env).stdout == "imported\nhello cell\n"


@pytest.mark.parametrize("file", ["fitting.py", "fitting/__init__.py"])
def test_another_package_named_fitting_is_pointed_at(tmp_path, file):
    """`python -m` takes what lies in the current folder first; nothing of it is run."""
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("raise SystemExit('this is mine')")
    refused = run("-m", "glifjax", "fit", "cell.nwb", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert f"Python takes fitting from {tmp_path / file}; rename that" in refused.stderr
    listed = run("-m", "glifjax", "--help", cwd=tmp_path)
    assert listed.returncode == 0
    assert "Cannot run" in listed.stdout


def test_processes_would_import_the_same_package(tmp_path):
    (tmp_path / "fitting.py").write_text("")
    code = (
        "import sys, fitting; from pathlib import Path\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "fitting.fit_many([Path('a.nwb')], None, {})"
    )
    refused = run("-c", code).stderr.splitlines()[-1]
    assert f"would import fitting from {tmp_path / 'fitting.py'}" in refused


def test_words_of_help_are_the_docstrings_first(tmp_path):
    assert first_words("glifjax.cli.simulate:simulate").startswith("Simulate a neuron over the stimuli of a recording,")
    assert first_words("nowhere_at_all.module:name").endswith("which is not installed")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("replace it with `overwrite=True`", "replace it with --overwrite"),
        ('choose one with `cell="Zelle 1"`', "choose one with --cell 'Zelle 1'"),
        ('use `electrode="series"`, or `spike_cut=...`', "use --electrode series, or --spike-cut ..."),
        ("`train_sweeps` selects `a b`", "--train selects `a b`"),
    ],
)
def test_arguments_become_options(message, line):
    assert as_options(message, {"train_sweeps": "train"}) == line


def test_compiled_programs_are_held_apart_for_every_processor(tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES", "none")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "")
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("GLIFJAX_CACHE", "off")
    compiled.hold_programs()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
    monkeypatch.setenv("GLIFJAX_CACHE", str(tmp_path))
    folders = set()
    for name in ("one", "another"):
        monkeypatch.setattr(compiled, "processor", lambda name=name: name)
        monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
        compiled.hold_programs()
        folders.add(os.environ["JAX_COMPILATION_CACHE_DIR"])
    assert {os.path.basename(folder).rpartition("-")[2] for folder in folders} == {"one", "another"}
    old, new = (tmp_path / "compiled" / "jax-0" / name for name in ("old", "new"))
    old.parent.mkdir()
    for file, age in ((old, 2 * compiled.FORGOTTEN), (new, 0.0)):
        file.touch()
        os.utime(file, (time.time() - age,) * 2)
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    compiled.hold_programs()
    assert os.listdir(old.parent) == ["new"]
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "mine")
    compiled.hold_programs()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "mine"


def test_words_of_help_flow_into_the_width_of_any_terminal():
    assert flowing("A\nb.\n\nC\nd:\n    e\n    f\n\n[bold]g") == "A b.\n\nC d:\n    e\n    f\n\n[bold]g"
    done = run("-m", "glifjax", "collect", "--help", env=os.environ | {"COLUMNS": "70"})
    lines = [line.strip() for line in done.stdout.splitlines()]
    paragraph = lines[lines.index(next(line for line in lines if line.startswith("Whatever fitted"))) :]
    assert all(len(line) > 50 for line in paragraph[: paragraph.index("") - 1])


def test_an_interrupt_that_python_drops_comes_again():
    """As in jax's callback of the garbage collector, which runs whenever it likes; other errors there are printed."""
    code = (
        "import gc, time\nfrom glifjax.cli.interrupts import hear_interrupts\nhear_interrupts()\nhear_interrupts()\n"
        "errors = [KeyboardInterrupt, ValueError('told')]\n"
        "def callback(*arguments):\n    if errors:\n        raise errors.pop()\n"
        "gc.callbacks.append(callback)\ngc.collect()\ngc.collect()\n"
        "try:\n    time.sleep(30)\nexcept KeyboardInterrupt:\n    print('stopped')"
    )
    done = run("-c", code, timeout=25)
    assert done.stdout == "stopped\n"
    assert done.stderr.count("ValueError: told") == 1
    assert "KeyboardInterrupt" not in done.stderr


#: Commands that mean nothing, in a folder with the files of the test below.
REFUSED = (
    ("fit", "nowhere.nwb"),
    ("fit", "text.nwb"),
    ("fit", "--level", "none"),
    ("fit", "--config", "broken.toml"),
    ("fit", "--nothing"),
    ("fit", "--figures", "bmp"),
    ("fit", "--like", "nowhere.json"),
    ("fit", "--like", "empty.json"),
    ("fit", "cell.nwb", "--train", "9"),
    ("fit", "cell.nwb", "--train", "1", "--test", "1"),
    ("fit", "cell.nwb", "--seed", str(2**63)),
    ("fit", "cell.nwb", "--out", "text.nwb/fit"),
    ("fit", "cell.nwb", "cell.nwb", "text.nwb", "--out", "text.nwb/fits"),
    ("fit", "cell.nwb", "--cell", "none"),
    ("fit", "cell.nwb", "--cluster", "none"),
    ("info", "cell.nwb", "--test", "9"),
    ("info", "cell.nwb", "--picture", "cell.bmp"),
    ("info", "cell.nwb", "--picture", "nowhere/cell.png"),
    ("collect", "nowhere"),
    ("collect", ".", "--timeout", "-1"),
    ("compare", "nowhere", "empty.json"),
    ("simulate", "nowhere.json", "text.nwb", "--out", "out.nwb"),
    ("simulate", "empty.json", "text.nwb", "--out", "out.nwb"),
    ("simulate", "empty.json", "--step", "200x"),
    ("simulate", "neuron.json", "cell.nwb", "--out", "out.nwb", "--sweeps", "9"),
    ("simulate", "neuron.json", "cell.nwb", "--out", "text.nwb"),
    ("simulate", "neuron.json", "cell.nwb", "--out", "out.nwb", "--seed", "1"),
    ("simulate", "neuron.json", "cell.nwb", "--out", "out.nwb", "--spike-cut-value", "50"),
    ("simulate", "mihalas_niebur.json", "cell.nwb", "--out", "out.nwb", "--absolute"),
    ("simulate", "neuron.json", "--step", "2uA"),
    ("simulate", "neuron.json", "--step", "200pA", "--duration", "-1s"),
    ("simulate", "neuron.json", "cell.nwb", "--out", "out.nwb", "--spike-cut", "none"),
    ("explore", "nowhere.json"),
    ("explore", "empty.json"),
    ("explore", "empty.json", "--sweeps", "1"),
    ("explore", "neuron.json", "--id", "none"),
    ("explore", "neuron.json", "--dt", "0"),
    ("explore", "neuron.json", "--dt", "3"),
    ("explore", "neuron.json", "cell.nwb", "--sweeps", "9"),
    ("explore", "empty.json", "--out", "text.nwb"),
    ("convert", "text.nwb", "out.nwb"),
    ("convert", "empty.json", "out.json", "--to", "nest"),
    ("convert", "neuron.json", "out.json", "--to", "nest", "--id", "none"),
    ("convert", "mihalas_niebur.json", "out.json", "--to", "nest"),
    ("convert", "cell.nwb", "out.nwb", "--electrode", "none"),
    ("convert", "cell.nwb", "text.nwb"),
    ("run", "empty.json", "--functions", "nowhere.py"),
    ("run", "network.json", "--functions", "text.nwb"),
    ("run", "network.json", "--out", "text.nwb"),
    ("run", "network.json", "--seed", "-1"),
    ("run", "neuron.json"),
    ("run", "empty.json"),
    ("run", "network.json"),
    ("gallery", "Z"),
    ("gallery", "M", "--sweep", "a=5:0", "A1"),
    ("gallery", "M", "--sweep", "none", "A1"),
    ("gallery", "M", "--sweep", "a", "a"),
    ("gallery", "M", "--sweep", "a", "A1", "--size", "1000000"),
    ("gallery", "--out", "text.nwb"),
    ("gallery", "M", "N", "--sweep", "a", "A1"),
    ("gallery", "--variant", "none"),
    ("glm", "nowhere.nwb"),
    ("glm", "columns.csv"),
    ("glm", "cell.nwb"),
    ("glm", "columns.csv", "--dt", "0"),
    ("glm", "columns.csv", "--link", "none"),
    ("glm", "columns.csv", "--ridge", "-1"),
    ("glm", "columns.csv", "--duration", "-1"),
)


def test_bad_input_is_one_line_exit_2_and_loads_no_jax(tmp_path):
    """Nor what else takes much of the second that an answer may take."""
    (tmp_path / "text.nwb").write_text("no recording")
    (tmp_path / "broken.toml").write_text("level = \nall")
    (tmp_path / "columns.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty.json").write_text("{}")
    gj.write_neuron_config(gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02), tmp_path / "neuron.json")
    gj.write_neuron_config(gj.gallery["M"].neuron, tmp_path / "mihalas_niebur.json")
    network = {"run": {"tstop": 100.0}, "networks": {"nodes": [{"nodes_file": "nowhere.h5"}]}}
    (tmp_path / "network.json").write_text(json.dumps(network))
    sweep = gj.io.SweepArrays(1, "step", 1e4, np.zeros(100), np.full(100, -0.07))
    gj.write_recording(tmp_path / "cell.nwb", [sweep], description="")
    code = (
        f"import sys\nfrom glifjax.cli import app\nfor words in {REFUSED!r}:\n"
        "    sys.argv = ['glifjax', *words]\n"
        "    try:\n        app()\n"
        "    except SystemExit as end:\n"
        "        print(*words, end.code, [name for name in ('jax', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    done = run("-c", code, cwd=tmp_path)
    assert done.stdout.splitlines() == [f"{' '.join(words)} 2 []" for words in REFUSED]
    assert [line[:7] for line in done.stderr.splitlines()] == ["error: "] * len(REFUSED)


def test_options_of_a_file_give_way_to_the_command_line(tmp_path):
    (tmp_path / "b.nwb").write_text("")
    (tmp_path / "a.nwb").write_text("")
    names = {"cells", "level", "out", "config"}
    file = tmp_path / "study.toml"
    file.write_text(f'cells = ["{tmp_path.as_posix()}/*.nwb"]\nlevel = "glif3"\nout = "study"\n')
    options = read_options(file, names)
    assert options == {"cells": [str(tmp_path / name) for name in ("a.nwb", "b.nwb")], "level": "glif3", "out": "study"}
    for pattern, names_meant in (("[ac].nwb", ["a.nwb"]), ("a?.nwb", ["a?.nwb"]), ("[d].nwb", ["[d].nwb"])):
        (tmp_path / "[d].nwb").write_text("")
        (tmp_path / "d.nwb").write_text("")
        file.write_text(f'cells = ["{tmp_path.as_posix()}/{pattern}"]')
        assert read_options(file, names)["cells"] == [str(tmp_path / name) for name in names_meant]
    refusals = {
        "levels = 1": "'levels' is no option",
        "cells = 3": "list of paths",
        "cells = ['a**']": "means no paths",
        "level = [1, 2]": r"level is \[1, 2\]; give it as on the command line",
        "out = {a = 1}": "out is {'a': 1}; give",
        "=": "is not TOML",
    }
    for text, words in (refusals | {"a = {" * 3000: "is not TOML"}).items():
        file.write_text(text)
        with pytest.raises(gj.InputError, match=words):
            read_options(file, names)
    file.write_text('level = "none"\n')
    refused = run("-m", "glifjax", "fit", "--config", str(file))
    assert "level 'none' is unknown" in refused.stderr
    refused = run("-m", "glifjax", "fit", "nowhere.nwb", "--config", str(file), "--level", "LIF")
    assert "nowhere.nwb: there is no such file" in refused.stderr


def test_a_log_has_the_command_and_quiet_says_errors_alone(tmp_path):
    log = tmp_path / "log.txt"
    done = run("-m", "glifjax", "fit", "nowhere.nwb", "-v", "--log-file", str(log))
    assert "INFO glifjax: glifjax" in log.read_text()
    assert log.read_text() in done.stderr
    assert run("-m", "glifjax", "fit", "nowhere.nwb", "-q").stderr.startswith("error: ")
    refused = run("-m", "glifjax", "fit", "nowhere.nwb", "--log-file", str(tmp_path / "none" / "log.txt"))
    assert refused.returncode == 2
    assert "choose another --log-file" in refused.stderr


def test_a_log_takes_names_that_are_no_text(tmp_path):
    log = LogFile(tmp_path / "log.txt", encoding="utf-8")
    log.setFormatter(Plain(LINE))
    log.handle(logging.makeLogRecord({"name": "glifjax", "levelname": "INFO", "msg": "caf\udce9\x1b[2J.nwb"}))
    assert log.level == logging.NOTSET
    assert (tmp_path / "log.txt").read_text().endswith("INFO glifjax: caf\\udce9\\x1b[2J.nwb\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_log_that_finds_no_room_is_left_and_that_said_once():
    done = run("-m", "glifjax", "fit", "nowhere.nwb", "--log-file", "/dev/full")
    note, error = done.stderr.splitlines()
    assert "/dev/full: cannot be written any more" in note
    assert error.startswith("error: nowhere.nwb: there is no such file")
    assert done.returncode == 2
