"""The command itself: what its help costs, subcommands of other packages, and whose package it finds."""

import json
import os
import subprocess
import sys

import pytest

import glifjax as gj
from glifjax.cli.commands import first_words
from glifjax.cli.console import as_options


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
        ('use `electrode="series"`, or `spike_cut=...`', "use --electrode series, or --spike-cut ..."),
        ("`train_sweeps` selects `a b`", "--train selects `a b`"),
    ],
)
def test_arguments_become_options(message, line):
    assert as_options(message, {"train_sweeps": "train"}) == line
