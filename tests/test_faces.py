"""The public names: given out on first use, the same whatever was imported before, and light to import."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version

import pytest
from nwb1_files import AllenCell
from nwb_files import Cell

FACES = ["glifjax", "glifjax.rules", "fitting"]
#: What a face must not load: jax and all that builds on it, files, figures, the command.
HEAVY = ("jax", "equinox", "numpy", "scipy", "pynwb", "h5py", "matplotlib", "optax", "typer", "rich", "requests")


def in_a_fresh_interpreter(code: str):
    env = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("face", FACES)
def test_names_are_there_whatever_was_imported_before(face):
    """A module of the same name as a function of the face would take its place when it is imported."""
    module = importlib.import_module(face)
    names = {name: getattr(module, name) for name in module.__all__}
    assert all(value.__doc__ or isinstance(value, (tuple, Mapping)) for value in names.values())
    assert set(dir(module)) == set(module.__all__)
    for info in pkgutil.walk_packages(module.__path__, f"{face}."):
        if not info.name.endswith("__main__"):
            importlib.import_module(info.name)
    assert {name: getattr(module, name) for name in module.__all__} == names
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = module.nothing_of_that_name


@pytest.mark.parametrize("face", FACES)
def test_importing_loads_nothing_heavy(face):
    loaded = in_a_fresh_interpreter(f"import json, sys, {face}; print(json.dumps(list(sys.modules)))")
    assert [name for name in HEAVY if name in loaded] == []


def test_the_simulator_loads_no_files_figures_or_command():
    code = "import json, sys, glifjax as gj; gj.simulate, gj.from_level; print(json.dumps(list(sys.modules)))"
    loaded = in_a_fresh_interpreter(code)
    heavy = ("pynwb", "h5py", "hdmf", "matplotlib", "optax", "fitting", "typer", "rich", "requests")
    assert [name for name in heavy if name in loaded] == []


def test_the_table_of_many_cells_loads_no_figures():
    """It is written where memory has come to its end, too."""
    loaded = in_a_fresh_interpreter("import json, sys, fitting.many.overview; print(json.dumps(list(sys.modules)))")
    assert [name for name in ("matplotlib", "PIL") if name in loaded] == []


def test_reading_a_recording_opens_nothing_else(tmp_path):
    """Nor imports a module of ours: what is read while a file of others is open is that file."""
    allen, cell = AllenCell(tmp_path, "allen.nwb", version="1.1"), Cell(tmp_path, "cell.nwb")
    allen.sweep(1, "noise")
    allen.file.close()
    cell.sweep(1, "noise")
    cell.save()
    code = (
        "import json, sys, glifjax as gj; gj.read_recording; opened = []\n"
        "ours = lambda: {name for name in sys.modules if name.startswith('glifjax')}; before = ours()\n"
        "sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == 'open' else None)\n"
        f"for path in {[str(tmp_path / name) for name in ('allen.nwb', 'cell.nwb')]}:\n"
        "    with gj.read_recording(path) as recording:\n"
        "        for sweep in recording.sweeps: sweep.current, sweep.voltage\n"
        "print(json.dumps([sorted({name for name in opened if not name.endswith('.pyc')}), list(ours() - before)]))"
    )
    opened, imported = in_a_fresh_interpreter(code)
    assert opened == [str(tmp_path / name) for name in ("allen.nwb", "cell.nwb")]
    assert not imported


def test_the_version_is_the_installed_one_and_asking_loads_no_jax():
    code = "import json, sys, glifjax as gj; print(json.dumps([gj.__version__, list(sys.modules)]))"
    said, loaded = in_a_fresh_interpreter(code)
    assert said == version("glifjax")
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize(("version", "needed"), [("0.10.2", True), ("0.12.0.1", False), ("1.0", False)])
def test_the_flag_follows_the_version_of_jax(version, needed):
    code = (
        f"import importlib.metadata, json, os; importlib.metadata.version = lambda name: {version!r}; "
        "import glifjax; print(json.dumps(os.environ.get('XLA_FLAGS', '')))"
    )
    flags = in_a_fresh_interpreter(code)
    assert ("small_while_loop" in flags) is ("prefer_vector_width" in flags) is needed


def test_a_backend_that_runs_already_is_said_once():
    code = (
        "import importlib.metadata, json, warnings; import jax; jax.numpy.zeros(1); "
        "importlib.metadata.version = lambda name: '0.10.2'\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always'); import glifjax, fitting; fitting.fit\n"
        "print(json.dumps([str(one.message) for one in said if 'glifjax' in str(one.message)]))"
    )
    (words,) = in_a_fresh_interpreter(code)
    assert "Import glifjax first" in words
