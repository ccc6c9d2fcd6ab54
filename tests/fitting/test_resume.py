"""A fit that is stopped goes on to the same result, bit for bit; and fit.json is enough to repeat it."""

import gc
import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, is_dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import level_record
from typer.testing import CliRunner

import fitting
import glifjax as gj
from fitting.assess.crossvalidate import Validation
from fitting.checkpoint import Checkpoint
from fitting.checkpoint.encoding import decode, encode
from fitting.checkpoint.registry import NotKept
from fitting.data.arrays import prepare
from fitting.data.protocols import choose_sweeps
from fitting.data.shape import measure_shape
from fitting.example.cell import write_example
from fitting.levels import LEVELS
from fitting.pipeline.settings import FitSettings
from fitting.results.files import fit_file
from fitting.results.folder import UNFINISHED
from fitting.results.provenance import provenance
from fitting.stages import Outcome
from glifjax.cli import app
from glifjax.errors import InputError
from glifjax.io.config.neuron_config import METHODS


def run(*arguments):
    return CliRunner().invoke(app, ["fit", *map(str, arguments)])


@pytest.fixture(scope="module")
def cell(tmp_path_factory):
    path = tmp_path_factory.mktemp("cell") / "cell.nwb"
    write_example(path, training=15.0, held_out=4.0, repeats=3)
    return path


@pytest.fixture(scope="module")
def whole(cell, tmp_path_factory):
    """The fit that nothing stopped."""
    out = tmp_path_factory.mktemp("whole") / "fit"
    result = run(cell, "--level", "LIF", "--out", out)
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture
def record(cell):
    """What fit.json holds of a fit that the cell has not seen."""
    return level_record("LIF", {}) | provenance(cell, FitSettings("LIF"))


def outcome(out):
    """All that fit.json says but how long it took and who asked for it."""
    record = json.loads((out / "fit.json").read_text())
    return {key: value for key, value in record.items() if key not in ("seconds", "seconds_in_all", "command")}


def assert_same(a, b):
    """The same types with the same bits, all the way down."""
    assert type(a) is type(b) or isinstance(a, np.generic | np.ndarray)
    if is_dataclass(a) and not isinstance(a, type):
        a, b = ([getattr(each, field.name) for field in fields(a)] for each in (a, b))
    if isinstance(a, dict):
        assert list(a) == list(b)
        a, b = list(a.values()), list(b.values())
    if isinstance(a, list | tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    elif isinstance(a, np.generic | np.ndarray | jax.Array):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert getattr(a, "weak_type", False) == getattr(b, "weak_type", False)  # else functions are compiled again
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    else:
        assert a == b or (math.isnan(a) and math.isnan(b))


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_kept_comes_back_bit_for_bit(level, cell):
    with gj.read_recording(cell) as recording:
        split = choose_sweeps(recording)
        shape = measure_shape([(part.voltage, part.rate) for part in split.train])
        assert shape is not None
        model = LEVELS[level].start(prepare(split.train, shape), shape)
    losses = [1 / 3, float("nan"), -0.0, 5e-324]
    kept = [
        Outcome(model, "membrane", "nats", losses),
        Validation(0.1 + 0.2, math.inf, np.random.default_rng(0).normal(size=3), 7, np.ones(3), 30),
        {"counts": (jnp.arange(3), np.zeros(0), np.float32(0.1), None, True)},
    ]
    assert_same(kept, decode(json.loads(json.dumps(encode(kept)))))


def own_reset(neuron, state, a):
    return a * state.voltage


@pytest.fixture
def registered():
    gj.register_rule("voltage_reset_method", "own_reset", own_reset)
    yield
    del METHODS["voltage_reset_method", "own_reset"]


def test_a_rule_of_ones_own_is_kept_once_it_has_a_name(registered, tmp_path):
    rule = eqx.Partial(own_reset, a=jnp.asarray(0.1))
    back = decode(json.loads(json.dumps(encode(rule))))
    assert back.func is own_reset
    assert_same(back.keywords, rule.keywords)


def test_what_has_no_name_is_not_kept_and_runs_again(tmp_path):
    class Own(eqx.Module):
        a: float = 1.0

    for value in (own_reset, lambda x: x, subprocess.run, Own(), Own, np.array(["a"]), object()):
        with pytest.raises(NotKept):
            encode([value])
    checkpoint = Checkpoint(tmp_path / "stages")
    assert checkpoint("LIF", "membrane", lambda: own_reset)[0] is own_reset
    assert checkpoint.done == []


OUTCOME = f"{Outcome.__module__}.{Outcome.__qualname__}"
VALIDATION = f"{Validation.__module__}.{Validation.__qualname__}"
BLOCKS = {"numpy": [1.0], "dtype": "float64", "shape": [1]}


@pytest.mark.parametrize(
    "crafted",
    [
        {"function": "os.system"},
        {"function": "fitting.results.files.os.system"},
        {"function": "builtins.eval"},
        {"class": "subprocess.Popen", "fields": {"args": "true"}},
        {"class": "fitting.results.files.Path", "fields": {}},
        {"class": "equinox._module._prebuilt.Partial", "fields": {"func": {"function": "os.system"}}},
        {"class": VALIDATION, "fields": {}},
        {"class": VALIDATION, "fields": {"bits": 1.0, "training_bits": 1.0, "blocks": BLOCKS, "spikes": "many"}},
        {"class": VALIDATION, "fields": {"bits": None, "training_bits": 1.0, "blocks": BLOCKS, "spikes": 1}},
        {"class": VALIDATION, "fields": {"bits": 1.0, "training_bits": 1.0, "blocks": [1.0], "spikes": 1}},
        {"class": VALIDATION, "fields": {"bits": 1, "training_bits": 1, "blocks": BLOCKS, "spikes": 1, "more": 1}},
        {"class": OUTCOME, "fields": dict.fromkeys(("model", "name", "unit", "losses", "tried", "kept"))},
        {"numpy": ["a"], "dtype": "float64", "shape": [1]},
        {"numpy": [1.0], "dtype": "float64", "shape": [2]},
        {"numpy": [1.0], "dtype": "O", "shape": [1]},
        {"jax": [1.0], "dtype": "longdouble", "shape": [1]},
        {"jax": [10**400], "dtype": "float64", "shape": [1]},
        {"dict": [[[1], 2]]},
        {"dict": [1, 2]},
        {"tuple": 1},
        {},
    ],
)
def test_a_crafted_stage_reaches_nothing_and_runs_again(crafted, tmp_path):
    with pytest.raises(NotKept):
        decode(crafted)
    folder = tmp_path / "stages"
    checkpoint = Checkpoint(folder)
    checkpoint("LIF", "membrane", lambda: 1.0)
    file = folder / "LIF membrane.json"
    content = {"level": "LIF", "stage": "membrane", "seconds": 1.0, "result": crafted}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    file.write_text(json.dumps(content | {"sha256": digest}))
    assert checkpoint("LIF", "membrane", lambda: 2.0)[0] == 2.0


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda text: text.replace("1.5", "1.6"),
        lambda text: "",
        lambda text: "[" * 100_000,
        lambda text: "9" * 5000,
        lambda text: "3",
        lambda text: text.replace('"seconds"', '"minutes"'),
    ],
)
def test_a_kept_stage_that_has_changed_is_not_believed(damage, tmp_path):
    checkpoint = Checkpoint(tmp_path / "stages")
    checkpoint("LIF", "membrane", lambda: 1.5)
    file = tmp_path / "stages" / "LIF membrane.json"
    file.write_text(damage(file.read_text()))
    assert checkpoint("LIF", "membrane", lambda: 2.5)[0] == 2.5
    assert checkpoint("LIF", "membrane", lambda: 3.5)[0] == 2.5


def test_each_stage_runs_once(tmp_path):
    calls = []
    task = lambda value: calls.append(value) or value
    first = Checkpoint(tmp_path / "kept")
    assert first("LIF", "membrane", task, 1.5)[0] == 1.5
    again = Checkpoint(tmp_path / "kept")
    assert again("LIF", "membrane", task, 1.5)[0] == 1.5
    assert calls == [1.5]
    assert again.done == ["LIF membrane"]
    again.remove()
    assert not (tmp_path / "kept").exists()


@pytest.mark.slow
def test_a_fit_stopped_at_every_stage_in_turn_ends_alike(cell, whole, tmp_path):
    """Each time it is stopped as the next stage starts, it has kept the one before."""
    stops = ["membrane", "threshold", "deterministic threshold", "spikes without noise", "scores"]
    checkpoint = Checkpoint(tmp_path / "kept")
    with gj.read_recording(cell) as recording:
        for stop in stops:

            def progress(level, stage, stop=stop):
                if stage == stop:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                fitting.fit(recording, "LIF", progress=progress, checkpoint=checkpoint)
        assert checkpoint.done == [f"LIF {stage}" for stage in ("starting values", *stops[:-1])]
        fitted = fitting.fit(recording, "LIF", checkpoint=checkpoint)
        gj.write_neuron_config(fitted.neuron, tmp_path / "neuron_config.json")
    assert (tmp_path / "neuron_config.json").read_bytes() == (whole / "neuron_config.json").read_bytes()
    found = json.loads(json.dumps(fitted.as_dict()))
    expected = outcome(whole)
    for key in ("parameters", "scores", "stages", "warnings"):
        assert found[key] == expected[key]


@pytest.mark.slow
def test_a_fit_that_was_killed_goes_on_to_the_same_files(cell, whole, tmp_path):
    out = tmp_path / "fit"
    command = ["fit", str(cell), "--level", "LIF", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-c", "from glifjax.cli import app; app()", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    started = time.monotonic()
    while not list(tmp_path.glob(f"{UNFINISHED}/*/LIF threshold.json")):
        assert process.poll() is None
        assert time.monotonic() - started < 300
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert os.listdir(tmp_path) == [UNFINISHED]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "continuing from LIF" in result.output
    assert os.listdir(tmp_path) == ["fit"]
    assert (out / "neuron_config.json").read_bytes() == (whole / "neuron_config.json").read_bytes()
    assert outcome(out) == outcome(whole)


@pytest.mark.slow
def test_a_fit_is_repeated_from_its_json(cell, whole, tmp_path):
    """Byte for byte; with other settings where they are given."""
    record = json.loads((whole / "fit.json").read_text())
    assert {"python", "jax", "jaxlib", "numpy", "scipy", "equinox", "optax"} <= record["versions"].keys()
    assert record["settings"] == {
        "level": "LIF", "train_sweeps": None, "test_sweeps": None, "optimizer": None, "uncertainty": False,
        "electrode": "auto", "drift": "auto", "currents": None, "seed": 0, "train": None, "starts": 1, "runs": 500,
        "loss": ["van Rossum", "likelihood"], "cell": None, "stimulus": None,
    }  # fmt: skip
    assert record["constants"]["LIF"]["membrane"]["noise"]["sigma"] == 2e-3
    result = run("--like", whole / "fit.json", "--out", tmp_path / "again")
    assert result.exit_code == 0, result.output
    assert "note: the last digits" not in result.stderr
    assert (tmp_path / "again" / "neuron_config.json").read_bytes() == (whole / "neuron_config.json").read_bytes()
    assert outcome(tmp_path / "again") == outcome(whole)
    other = run(cell, "--like", whole / "fit.json", "--seed", "1", "--out", tmp_path / "other")
    assert other.exit_code == 0, other.output
    found = outcome(tmp_path / "other")
    assert found["settings"]["seed"] == 1
    assert found["level"] == "LIF"
    assert found["parameters"] == record["parameters"]
    assert found["scores"]["test"] != record["scores"]["test"]


def test_every_option_reaches_the_fit_and_so_does_every_setting(cell, record, tmp_path, monkeypatch):
    asked = []

    def fit(recording, *, progress, checkpoint, on_split, on_level, **settings):
        asked.append(FitSettings(**settings).as_json())
        raise InputError("seen")

    monkeypatch.setattr("fitting.results.files.fit", fit)
    settings = {
        "level": "LIF-ASC,augmented", "train_sweeps": "1", "test_sweeps": "2-4", "optimizer": "default",
        "uncertainty": True, "electrode": "none", "drift": "keep", "currents": 3, "seed": 5,
    }  # fmt: skip
    options = (
        "--level glif3,augmented --train 1 --test 2-4 --finetune --uncertainty --electrode none --drift keep "
        "--currents 3 --seed 5"
    )
    assert run(cell, *options.split(), "--out", tmp_path / "out").exit_code == 2
    like = tmp_path / "fit.json"
    like.write_text(json.dumps(record | {"settings": settings}))
    assert run(cell, "--like", like, "--out", tmp_path / "out").exit_code == 2
    assert run(cell, "--like", like, "--currents", "1", "--out", tmp_path / "out").exit_code == 2
    settings = record["settings"] | settings
    assert asked == [settings, settings, settings | {"currents": 1}]


@pytest.mark.slow
def test_one_more_fit_in_a_process_compiles_nothing_and_leaves_no_arrays(cell, whole, caplog):
    gc.collect()
    before = len(jax.live_arrays())
    with gj.read_recording(cell) as recording, jax.log_compiles():
        fit = fitting.fit(recording, level="LIF")
    assert fit.level == "LIF"
    del fit, recording
    gc.collect()
    assert "Finished XLA compilation" not in caplog.text
    assert len(jax.live_arrays()) <= before


def test_a_recording_that_changes_while_it_is_fitted_is_refused(cell, tmp_path, monkeypatch):
    path = tmp_path / "cell.nwb"
    path.write_bytes(cell.read_bytes())

    def fit(recording, **settings):
        with path.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr("fitting.results.files.fit", fit)
    result = run(path, "--level", "LIF", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "changed while it was fitted" in " ".join(result.stderr.split())
    assert os.listdir(tmp_path) == ["cell.nwb"]


def test_a_copy_that_goes_with_the_fit_is_what_its_record_names(cell, tmp_path, monkeypatch):
    origins = []
    monkeypatch.setattr("fitting.results.files.fit", lambda recording, **settings: None)
    monkeypatch.setattr("fitting.results.files.write_results", lambda fit, folder, origin: origins.append(origin))
    fit_file(cell, tmp_path / "out", FitSettings("LIF"), with_recording=True)
    assert origins[0]["file"]["path"] == "cell.nwb"
    assert (tmp_path / "out" / "cell.nwb").read_bytes() == cell.read_bytes()


def test_a_json_that_cannot_be_followed_is_refused(record, tmp_path):
    def refused(change, *arguments):
        (tmp_path / "fit.json").write_text(json.dumps(record | change))
        result = run(*arguments, "--like", tmp_path / "fit.json", "--out", tmp_path / "out")
        assert result.exit_code == 2, result.output
        assert not (tmp_path / "out").exists()
        return result.stderr

    assert "no fit.json that glifjax wrote: settings" in refused({"settings": 3})
    assert "setting zeal" in refused({"settings": record["settings"] | {"zeal": 1}})
    assert "neither beside it" in refused({"file": record["file"] | {"path": str(tmp_path / "gone.nwb")}})
    (tmp_path / "cell.nwb").write_bytes(b"another")
    assert "SHA-256 differs" in refused({})
