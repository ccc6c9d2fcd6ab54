"""The examples in docstrings, run as a reader would type them, in a folder that holds the files that they read."""

import doctest
import inspect

import jax
import numpy as np
import pytest

import fitting
import glifjax as gj

EXAMPLES = [
    gj.from_level,
    gj.simulate,
    gj.Trace.spikes,
    gj.simulate_sweeps,
    gj.read_recording,
    gj.write_recording,
    gj.read_neuron_config,
    gj.write_neuron_config,
    type(gj.gallery),
    gj.SpikeTrains,
    gj.NetworkBuilder,
    gj.glm.simulate,
    fitting.FitSettings,
]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """The working folder: a recording of one sweep, and a neuron's config."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(tmp_path_factory.mktemp("work"))
        sweep = gj.io.SweepArrays(1, "noise", 1e4, np.zeros(500), np.full(500, -0.07))
        gj.write_recording("cell.nwb", [sweep], description="a simulated cell")
        gj.write_neuron_config(gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.03), "neuron_config.json")
        yield


@pytest.mark.parametrize("documented", EXAMPLES, ids=lambda one: f"{one.__module__}.{one.__qualname__}")
def test_the_example_is_true(documented):
    names = {"fitting": fitting, "gj": gj, "jax": jax, "np": np}
    example = doctest.DocTestParser().get_doctest(inspect.getdoc(documented) or "", names, "example", None, 0)
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(said)
