"""What a neuron, a rule and a record must be; the code of docs/neuron_of_your_own.md runs as written."""

import contextlib
import dataclasses
import importlib
import inspect
import io
import pkgutil
import re
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import glifjax as gj
from glifjax.io.config.neuron_config import METHODS
from glifjax.rules.base import AbstractAfterspike, AbstractDynamics, AbstractReset, AbstractThreshold
from glifjax.rules.membrane import Instantaneous
from glifjax.scan import Record, scan

PAGE = Path(__file__).parents[2] / "docs" / "neuron_of_your_own.md"
DT, CURRENT = 1e-4, np.full(3000, 2e-10)


def neuron(level="LIF-R-ASC-A", **changes):
    numbers = {"C": 1e-10, "R_input": 2e8, "th_inf": 0.02, "asc_amp_array": [-1e-11, 2e-12], "spike_cut_length": 20}
    return gj.from_level(level, **numbers | {"dt": DT} | changes)


# Abstract or final


def modules_of(package) -> list[type]:
    """Every equinox module class of a package."""
    names = [
        m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.") if "__main__" not in m.name
    ]
    classes = {c for name in names for _, c in inspect.getmembers(importlib.import_module(name), inspect.isclass)}
    return [c for c in classes if issubclass(c, eqx.Module) and c.__module__.startswith(package.__name__)]


def test_nothing_overrides_a_concrete_method():
    classes = modules_of(gj)
    assert len(classes) > 5
    for cls in classes:
        for base in cls.__mro__[1:-1]:
            if base is eqx.Module or not issubclass(base, eqx.Module):
                continue
            for name, method in vars(base).items():
                if name.startswith("__") and name != "__call__":
                    continue
                if inspect.isfunction(method) and not getattr(method, "__isabstractmethod__", False):
                    assert name not in vars(cls), f"{cls.__name__} overrides {base.__name__}.{name}"


def test_every_rule_in_a_file_is_declared():
    bases = {
        "voltage_dynamics_method": AbstractDynamics,
        "threshold_dynamics_method": AbstractThreshold,
        "AScurrent_dynamics_method": AbstractAfterspike,
        "voltage_reset_method": AbstractReset,
        "threshold_reset_method": AbstractReset,
        "AScurrent_reset_method": AbstractReset,
    }
    for (method, name), rule in METHODS.items():
        if method in bases and rule.__module__.startswith("glifjax."):
            assert issubclass(rule, bases[method]), name
            assert rule.mechanism in ("", "R", "ASC", "A"), name


# A neuron of one's own


@pytest.fixture(scope="module")
def page() -> dict:
    """The names that the code of the page leaves, and in "printed" what it prints."""
    names, printed = {}, io.StringIO()
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(block.split("class ")[1].splitlines()) <= 34
    with contextlib.redirect_stdout(printed):
        exec(compile(block, str(PAGE), "exec"), names)
    return names | {"printed": printed.getvalue()}


def test_the_neuron_of_the_page_is_its_equation_solved(page):
    own, current, dt = page["neuron"], page["current"], page["dt"]
    V, spikes = own.init_voltage, []
    for t, now in enumerate(current):
        V += (now - own.G * (V - own.E) + own.G * own.D * np.exp((V - own.T) / own.D)) * dt / own.C
        if own.init_threshold < V:
            V = own.E
            spikes.append(t)
    assert page["trace"].spikes().steps.tolist() == spikes
    assert page["printed"] == f"{len(spikes)} spikes\n"
    assert len(spikes) > 3


def test_the_neuron_of_the_page_is_transformed_drawn_and_recorded_like_any(page):
    own, current, dt = page["neuron"], jnp.asarray(page["current"][:1500]), page["dt"]
    batch = jax.jit(jax.vmap(lambda current: gj.simulate(own, current, dt).fired))(jnp.stack([current, 2 * current]))
    assert batch.sum(1).tolist() == [len(gj.simulate(own, c, dt).spikes()) for c in (current, 2 * current)]
    last = lambda C: gj.simulate(eqx.tree_at(lambda n: n.C, own, C), current[:300], dt).voltage[-1]
    slope = (last(2.002e-10) - last(1.998e-10)) / 4e-13
    assert float(jax.grad(last)(2e-10)) == pytest.approx(float(slope), rel=1e-4)
    assert gj.simulate(own, current, dt, spikes=np.array([5, 100])).spikes().steps.tolist() == [5, 100]
    with pytest.raises(ValueError, match="the trace holds no afterspike_currents"):
        _ = page["trace"].afterspike_currents
    assert gj.plot_trace(page["trace"]) is not None


def method(name: str, function):
    """A neuron's class with this method of its own."""
    return lambda base: type("Own", (base,), {name: function})()


NOT_KNOWN = r"^<lambda> \(test_interfaces\.py, line \d+\) is compiled, .* jnp\.where\(condition, a, b\) in place of if"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (method("advance", lambda self, V, current, dt: V if V > 0 else -V), NOT_KNOWN),
        (method("advance", lambda self, V, current, dt: float(V)), NOT_KNOWN),
        (method("advance", lambda self, V, current, dt: np.exp(V)), NOT_KNOWN),
        (method("at_dt", lambda self, dt, spike_cut: self if dt > 0 else None), NOT_KNOWN),
        (method("status", lambda self, V: int(V > 0)), NOT_KNOWN),
        (
            method("advance", lambda self, V, current, dt: V + jnp.zeros(2)),
            r"Own\.advance gives an array of shape \(2,\)",
        ),
        (method("reset", lambda self, V: (V, V)), r"Own\.reset gives a tuple .*; it must give a number"),
        (method("reset", lambda self, V: "zero"), "Own.reset gives 'zero'; it must give a number"),
        (method("settle", lambda self, V, spiked, inp: None), "Own.settle gives nothing; it must give a number"),
        (
            method("step", lambda self, V, inp, dt: (None, gj.Sample(spiked=V))),
            "Own.step gives nothing; it must give a number",
        ),
    ],
)
def test_a_neuron_of_ones_own_that_cannot_be_compiled_is_told_where_and_why(page, build, message):
    own = build(page["ExponentialIF"])
    for run in (lambda: gj.simulate(own, CURRENT, DT), lambda: gj.simulate_many([own, own], CURRENT, DT)):
        with pytest.raises(gj.InputError, match=message):
            run()


def test_a_record_or_a_membrane_current_that_cannot_be_compiled_is_told_where_and_why():
    with pytest.raises(gj.InputError, match=NOT_KNOWN):
        gj.simulate(neuron(), CURRENT, DT, record=lambda state, sample: sample.voltage if sample.fired else 0.0)
    currents = (Instantaneous(lambda V: 1e-12 if V > 0 else 0.0),)
    words = r"^voltage_dynamics \(ForwardEuler\) is compiled, .* in <lambda> \(test_interfaces\.py, line"
    with pytest.raises(gj.InputError, match=words):
        gj.simulate(dataclasses.replace(neuron(), membrane_currents=currents), CURRENT, DT)


# What is recorded


@pytest.mark.slow
def test_records_are_what_everything_holds():
    everything = gj.simulate(neuron(), CURRENT, DT)
    run = lambda record: gj.simulate(neuron(), CURRENT, DT, record=record)
    assert set(jax.tree.leaves(jax.tree.map(len, run("spikes").sample))) == {len(CURRENT)}
    # another record is another program, whose last digit may differ
    np.testing.assert_allclose(run("voltage").voltage, everything.voltage, rtol=1e-15, atol=0)
    np.testing.assert_array_equal(run("spikes").fired, everything.fired)
    np.testing.assert_array_equal(run("spikes").spikes().steps, everything.spikes().steps)
    np.testing.assert_array_equal(run("spike times").spikes().times, everything.spikes().times)
    ten = run(Record("voltage", every=7))
    np.testing.assert_allclose(ten.voltage, everything.voltage[6::7], rtol=1e-15, atol=0)
    own = run(lambda state, sample: (state.since_spike, sample.threshold)).sample
    np.testing.assert_array_equal(own[1], everything.threshold)
    with pytest.raises(ValueError, match="every 7th step"):
        run(Record("spikes", every=7)).spikes()


@pytest.mark.parametrize("every", [1, 7, 100])
@pytest.mark.parametrize("checkpoint", [None, 64])
def test_gradients_through_any_record_agree(every, checkpoint):
    """Also where neither divides the run."""
    at = lambda C: eqx.tree_at(lambda n: n.C, neuron(), C)

    def loss(C, record, checkpoint, part):
        voltage = gj.simulate(at(C), CURRENT[:999], DT, record=record, checkpoint=checkpoint).voltage[part]
        return jnp.sum(jnp.where(jnp.isnan(voltage), 0.0, voltage))

    part = slice(every - 1, None, every)
    derivative = lambda *options: jax.jit(jax.value_and_grad(lambda C: loss(C, *options)))(1e-10)
    expected = derivative("voltage", None, part)
    values = derivative(Record("voltage", every), checkpoint, slice(None))
    np.testing.assert_allclose(values, expected, rtol=1e-9)


def test_ten_thousand_neurons_asked_for_spikes_hold_no_voltages():
    n, steps = 10_000, 1000
    many = jax.vmap(lambda C: neuron("LIF", C=C))(jnp.linspace(8e-11, 2e-10, n))
    run = lambda record: jax.vmap(lambda one: gj.simulate(one, CURRENT[:steps], DT, record=record).sample)
    memory = {}
    for record in ("voltage", "spikes"):
        analysis = jax.jit(run(record)).lower(many).compile().memory_analysis()
        memory[record] = analysis.temp_size_in_bytes + analysis.output_size_in_bytes
    assert memory["voltage"] > 8 * n * steps
    assert memory["spikes"] < 2.5 * n * steps  # a byte a step, and one copy of it


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"record": "volts"}, "'volts' is unknown; use one of everything, voltage, spikes, spike times"),
        ({"record": "spiked "}, "is unknown"),
        ({"checkpoint": 0}, "checkpoint is 0"),
    ],
)
def test_what_cannot_be_recorded_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        gj.simulate(neuron(), CURRENT, DT, **options)
    with pytest.raises(ValueError, match="every is 0; give a whole number"):
        Record("voltage", every=0)


def test_the_scan_runs_any_pure_step():
    """Fibonacci numbers: a state and inputs of any form."""
    step = lambda state, inp: ((state[1], state[0] + state[1] + inp["add"]), state[0])
    end, seen = scan(step, (0, 1), {"add": jnp.zeros(10, int)}, checkpoint=3)
    assert seen.tolist() == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]
    assert [int(x) for x in end] == [55, 89]
