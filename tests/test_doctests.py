"""The examples in docstrings, run as a reader would type them, in a folder that holds the files that they read."""

import doctest
import importlib
import inspect

import jax
import numpy as np
import pytest

import fitting
import glifjax as gj

FACES = (
    "glifjax",
    "glifjax.io",
    "glifjax.rules",
    "glifjax.glm",
    "glifjax.stimuli",
    "fitting",
    "fitting.stages",
    "fitting.glm",
)


def examples() -> dict[str, str]:
    """The docstrings of the faces' names, and of their methods, that hold an example to be run."""
    documented = {}
    for face in map(importlib.import_module, FACES):
        for name in getattr(face, "__all__", None) or [name for name in vars(face) if not name.startswith("_")]:
            thing = getattr(face, name)
            methods = vars(thing).items() if inspect.isclass(thing) else ()
            for place, part in [(name, thing), *((f"{name}.{method}", part) for method, part in methods)]:
                text = inspect.getdoc(part) or ""
                if ">>>" in text and "+SKIP" not in text:
                    documented[place] = text
    return documented


EXAMPLES = examples()


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The working folder: a recording of one sweep, and a neuron's config."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(tmp_path_factory.mktemp("work"))
        sweep = gj.io.SweepArrays(1, "noise", 1e4, np.zeros(500), np.full(500, -0.07))
        gj.write_recording("cell.nwb", [sweep], description="a simulated cell")
        gj.write_neuron_config(gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.03), "neuron_config.json")
        yield


def test_the_functions_used_most_have_examples():
    assert {"from_level", "simulate", "read_recording", "read_neuron_config", "FitSettings"} <= EXAMPLES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_is_true(name):
    names = {"fitting": fitting, "gj": gj, "jax": jax, "np": np}
    example = doctest.DocTestParser().get_doctest(EXAMPLES[name], names, "example", None, 0)
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)
