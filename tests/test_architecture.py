"""The house rules that a test can hold: who imports whom, and what importing does."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = [path for package in ("glifjax", "fitting") for path in sorted((ROOT / package).rglob("*.py"))]


#: The house, floor by floor from the ground: a door imports from the floors below its own.
FLOORS = {
    "glifjax": (
        "errors",
        "_backend arrays html",
        "checks stimuli",
        "spike spikes rules scan",
        "neuron",
        "glif mihalas_niebur trace",
        "network",
        "io",
        "simulation",
        "glm plots",
        "patterns",
        "explorer",
        "cli",
        "__main__",
    ),
    "fitting": (
        "data checkpoint",
        "model",
        "stages example",
        "levels losses",
        "assess glm",
        "tuning preprocessing",
        "fitted",
        "report",
        "pipeline",
        "results",
        "many",
        "command",
    ),
}
#: A room has one idea, and a house few doors.
MOST_DOORS = {"glifjax": 22, "fitting": 17}
LONGEST = 380
#: Names of nothing.
NO_NOUNS = {"found", "told", "kept", "each", "known"}


def imported(path: Path) -> set[str]:
    """Full names of all that a file imports, at its top or inside functions."""
    package = path.relative_to(ROOT).parent.parts
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def door(name: str) -> str:
    """A module's door: the file or folder of its package that it lies in."""
    return [*name.split("."), ""][1]


def doors(package: str) -> list[str]:
    entries = sorted((ROOT / package).iterdir())
    return [path.stem for path in entries if path.suffix == ".py" or (path / "__init__.py").exists()]


@pytest.mark.parametrize("package", FLOORS)
def test_a_house_has_few_doors(package):
    assert len(set(doors(package)) - {"__init__", "__main__"}) <= MOST_DOORS[package]


@pytest.mark.parametrize("package", FLOORS)
def test_no_arrow_goes_up_and_none_in_a_circle(package):
    """Rooms of one floor import nothing of one another, so that a circle is an arrow up."""
    floor = {name: number for number, names in enumerate(FLOORS[package]) for name in names.split()}
    assert [name for name in doors(package) if name not in floor and name != "__init__"] == []
    up = []
    for path in MODULES:
        here = door(".".join(path.relative_to(ROOT).with_suffix("").parts))
        if path.relative_to(ROOT).parts[0] == package and here != "__init__":
            below = {door(name) for name in imported(path) if name.startswith(f"{package}.")} & floor.keys()
            up += [f"{path}: {other}" for other in below - {here} if floor[other] >= floor[here]]
    assert up == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_is_short(path):
    text = path.read_text()
    assert text.count("\n") < LONGEST
    assert "sys.modules" not in text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_variables_are_nouns(path):
    nodes = list(ast.walk(ast.parse(path.read_text())))
    declared = {id(node.target) for node in nodes if isinstance(node, ast.AnnAssign) and node.value is None}
    names = {node.id: id(node) for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assigned = {name for name, place in names.items() if place not in declared}  # not the keys of a record
    assert not (assigned | {node.arg for node in nodes if isinstance(node, ast.arg)}) & NO_NOUNS


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_constant_has_a_line_of_its_own(path):
    targets = [node.targets[0] for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign)]
    packed = [ast.unparse(target) for target in targets if isinstance(target, ast.Tuple)]
    assert not [names for names in packed if names.isupper()]


def test_nothing_that_a_file_holds_can_run():
    """No module that runs or unpickles code is imported, and nothing of the kind is called (docs/security.md)."""
    modules = {"pickle", "marshal", "shelve", "subprocess", "runpy", "yaml"}
    calls = {
        "eval",
        "exec",
        "compile",
        "__import__",
        "os.system",
        "os.popen",
        "os.execv",
        "os.spawnv",
        "tempfile.mktemp",
    }
    odd = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
                odd += [f"{path}: import {name}" for name in names if name.split(".")[0] in modules]
            elif isinstance(node, ast.Call):
                odd += [f"{path}: {ast.unparse(node)}"] if ast.unparse(node.func) in calls else []
                odd += [f"{path}: {word.arg}" for word in node.keywords if _is_true(word, "allow_pickle", "shell")]
    assert odd == []


def test_text_comes_to_the_terminal_through_one_function():
    """glifjax.cli.console.escape, which lets through neither markup nor escape sequences."""
    others = [path for path in MODULES if any(name.startswith("rich.markup") for name in imported(path))]
    assert [path.relative_to(ROOT).as_posix() for path in others] == ["glifjax/cli/console.py"]


def _is_true(word: ast.keyword, *names: str) -> bool:
    return word.arg in names and not (isinstance(word.value, ast.Constant) and word.value.value is False)


def test_no_level_but_its_own_file_asks_for_the_augmented_one():
    """A level is a value: what it is, it says itself."""
    compared = [
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        if (isinstance(side, ast.Constant) and side.value == "augmented")
        or (isinstance(side, ast.Name) and side.id == "AUGMENTED")
    ]
    assert [path for path in compared if path != "fitting/levels/augmented.py"] == []


def in_a_fresh_interpreter(code: str):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_simulator_knows_nothing_of_fitting():
    assert not [
        path for path in (ROOT / "glifjax").rglob("*.py") if any(name.startswith("fitting") for name in imported(path))
    ]


def test_simulate_is_the_only_scan():
    """Also under another name; jax's other loops: neurons of a batch, spikes in a step, zeros, counts of a draw."""
    loops = {"scan", "fori_loop", "while_loop", "associative_scan"}
    users = [
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        if path.is_relative_to(ROOT / "glifjax")
        and any(
            isinstance(node, ast.Attribute) and node.attr in loops for node in ast.walk(ast.parse(path.read_text()))
        )
    ]
    assert users == [
        "glifjax/glm/observation.py",
        "glifjax/glm/weighed.py",
        "glifjax/mihalas_niebur/crossing.py",
        "glifjax/mihalas_niebur/lanes.py",
        "glifjax/mihalas_niebur/zeros.py",
        "glifjax/network/delays.py",
        "glifjax/scan/loop.py",
    ]


@pytest.mark.parametrize("package", ["glifjax", "fitting"])
def test_importing_starts_no_backend_and_leaves_the_precision(package):
    """A jnp constant at module level would start it, before its flags and the precision can be set."""
    started, double = in_a_fresh_interpreter(
        f"import json, {package}, jax; [getattr({package}, name) for name in {package}.__all__]; "
        "from jax._src import xla_bridge; "
        "print(json.dumps([list(xla_bridge._backends), jax.config.jax_enable_x64]))"
    )
    assert started == []
    assert double is False
