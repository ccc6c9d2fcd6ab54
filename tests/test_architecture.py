"""The house rules that a test can hold: who imports whom, and what importing does."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = [path for package in ("glifjax", "fitting") for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """First names of all that a file imports, at its top or inside functions."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    whole = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    parts = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in whole + parts}


def in_a_fresh_interpreter(code: str):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_simulator_knows_nothing_of_fitting():
    assert not [path for path in (ROOT / "glifjax").rglob("*.py") if "fitting" in imported(path)]


def test_simulate_is_the_only_scan():
    """Also under another name; the other loops of jax are over neurons of a batch, and over counts of a draw."""
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
        "glifjax/glm/simulate.py",
        "glifjax/mihalas_niebur/crossing.py",
        "glifjax/network/delays.py",
        "glifjax/network/gradient.py",
        "glifjax/network/run.py",
        "glifjax/scan.py",
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
