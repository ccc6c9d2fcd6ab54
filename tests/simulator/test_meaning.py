"""Arguments mean what they look like, or are refused; a status tells what only the run shows: over every neuron."""

import pickle
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from neurons import ALL, DRIVE, DT, FORCED, STEPS, each_neuron

import glifjax as gj
from glifjax.neuron import STATUS_WORDS
from glifjax.rules.membrane import Gate, GatedCurrent, Instantaneous
from glifjax.rules.threshold import ResetThreeComponents
from glifjax.rules.threshold_kernels import Kernels
from glifjax.rules.voltage import ForwardEuler, ResetFromVoltage
from glifjax.simulation.simulate import as_mask

MASK = np.isin(np.arange(STEPS), FORCED)
NONE = np.zeros(STEPS, bool)


def with_capacitance(neuron, C: float):
    """Past the checks of its making."""
    return eqx.tree_at(lambda n: n.C, neuron, jnp.asarray(C))


@each_neuron
def test_a_status_tells_what_went_wrong_and_check_says_it(build):
    neuron, status = build(), gj.Status
    euler = isinstance(getattr(neuron, "voltage_dynamics", None), ForwardEuler)
    broken = {bad: np.where(np.arange(STEPS) == 25, bad, DRIVE) for bad in (np.nan, np.inf, -np.inf)}
    runs = {
        status(0): gj.simulate(neuron, DRIVE, DT),
        status.NON_FINITE_CURRENT: gj.simulate(neuron, broken[np.nan], DT),
        status.UNITS: gj.simulate(neuron, DRIVE * 1e12, DT),
        status.NON_FINITE_VOLTAGE: gj.simulate(neuron, np.full(STEPS, 1e308), DT, spikes=NONE),
    }
    for flag, trace in runs.items():
        assert int(trace.status) & flag == flag, flag
        if flag:
            with pytest.raises(ValueError, match=STATUS_WORDS[flag]):
                trace.check()
    assert runs[status(0)].check() is runs[status(0)]
    for current in broken.values():
        trace = gj.simulate(neuron, current, DT)
        assert int(trace.status) == status.NON_FINITE_CURRENT
        assert not trace.fired.any()
    assert int(gj.simulate(neuron, DRIVE, 0.05).status) & status.UNITS
    assert int(gj.simulate(with_capacitance(neuron, 49.0), DRIVE, DT).status) & status.UNITS
    short = gj.simulate(with_capacitance(neuron, 1e-12), DRIVE, 1e-3)
    assert bool(int(short.status) & status.UNSTABLE_STEP) == euler


@each_neuron
def test_forced_spikes_are_a_mask_of_any_type_or_steps(build):
    neuron = build()
    for spikes in (MASK, MASK.astype("uint8"), MASK.astype("float32"), jnp.asarray(MASK, float), FORCED):
        trace = gj.simulate(neuron, DRIVE, DT, spikes=spikes)
        np.testing.assert_array_equal(trace.fired, MASK)
    np.testing.assert_array_equal(gj.simulate(neuron, DRIVE, DT, spikes=trace.spiked).fired, MASK)


@pytest.mark.parametrize("kind", [bool, int, float, "uint8"])
def test_a_mask_of_any_type_is_one_inside_a_transformation(kind):
    """Where its numbers cannot be looked at."""
    fired = jax.eval_shape(lambda spikes: as_mask(spikes, STEPS), MASK.astype(kind))
    assert fired.dtype == bool
    masks = jnp.stack([MASK, ~MASK]).astype(kind)
    np.testing.assert_array_equal(jax.vmap(lambda spikes: as_mask(spikes, STEPS))(masks), [MASK, ~MASK])
    np.testing.assert_array_equal(jax.jit(lambda steps: as_mask(steps, STEPS))(FORCED), MASK)


@each_neuron
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spikes": FORCED * DT}, "such as times in seconds; give steps"),
        ({"spikes": MASK[:-1]}, r"shape \(399,\), the current \(400,\): one boolean a step"),
        ({"spikes": 2 * MASK}, "spikes holds one whole number a step, and others than 0 and 1"),
        ({"current": np.ma.masked_greater(DRIVE, 0)}, "current has masked numbers; give current.filled"),
        ({"spikes": np.array([STEPS])}, "spikes holds 400, but the current's steps go from 0 to 399"),
        ({"spikes": np.array([-1])}, "spikes holds -1"),
        ({"spikes": FORCED[None]}, r"shape \(1, 3\), the current \(400,\): one boolean a step, or steps"),
        ({"dt": 0.0}, "dt is 0"),
        ({"dt": -1e-4}, "dt is -0.0001"),
        ({"dt": np.nan}, "dt is nan"),
        ({"dt": np.array([DT])}, r"dt has shape \(1,\), but a run has one time step"),
        ({"dt": None}, "dt is None; give a number, in s"),
        ({"spikes": {3, 9}}, "spikes is .*; give a boolean per step, or the steps' indices"),
        ({"key": 0}, r"key is 0; give a random key, jax\.random\.key\(0\)"),
        ({"key": np.zeros((3, 2), np.uint32)}, r"key has shape \(3, 2\); give one, or use jax\.vmap"),
        ({"checkpoint": 2.5}, "checkpoint is 2.5; give a whole number"),
        ({"current": DRIVE + 0j}, "current is .*; give numbers"),
        ({"current": "cell.nwb"}, "current is 'cell.nwb'; give numbers"),
        ({"current": DRIVE[None]}, r"shape \(1, 400\).*use jax\.vmap"),
        ({"neuron": lambda neuron: with_capacitance(neuron, 0.0)}, "C is 0; it must be greater than 0"),
        ({"neuron": lambda neuron: with_capacitance(neuron, np.nan)}, "C is nan"),
        (
            {"neuron": lambda neuron: eqx.tree_at(lambda n: n.th_inf, neuron, jnp.asarray(np.nan))},
            "th_inf is nan; give numbers",
        ),
        ({"neuron": lambda neuron: jax.tree.map(lambda x: jnp.stack([x, x]), neuron)}, "for several neurons use"),
        ({"neuron": lambda neuron: eqx.tree_at(lambda n: n.C, neuron, None)}, "C is None; give a number"),
        ({"uniforms": np.full(STEPS, 2.0)}, r"uniforms is \[2.0, .*; give numbers in \[0, 1\)"),
        (
            {"neuron": lambda neuron: eqx.tree_at(lambda n: n.spike_latency, neuron, jnp.asarray(np.inf))},
            "spike_latency is inf; give a number, in s",
        ),
        ({"neuron": lambda neuron: "neuron.json"}, "give a neuron: a file is read with glifjax.read_neuron_config"),
        (
            {"neuron": lambda neuron: eqx.tree_at(lambda n: n.escape_noise.lambda0, neuron, jnp.asarray(-1.0))},
            "lambda0 is -1; it must not be negative",
        ),
        (
            {"neuron": lambda neuron: eqx.tree_at(lambda n: n.spike.width, neuron, jnp.asarray(0.0))},
            "width is 0; it must be greater than 0",
        ),
    ],
)
def test_what_has_no_meaning_is_refused_where_a_run_starts(build, change, words, monkeypatch):
    """As users run it, whose annotations nothing checks."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    arguments = {"neuron": lambda neuron: neuron, "current": DRIVE, "dt": DT} | change
    with pytest.raises(ValueError, match=words):
        gj.simulate(arguments.pop("neuron")(build()), arguments.pop("current"), arguments.pop("dt"), **arguments)


@each_neuron
@pytest.mark.parametrize("C", [0.0, -1e-10, np.nan, np.inf])
def test_what_has_no_meaning_is_refused_where_a_neuron_is_made(build, C):
    with pytest.raises(ValueError, match=f"C is {C:g}; it must be greater than 0"):
        replace(build(), C=C)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"C": None}, "a parameter is None; give a number"),
        ({"C": 1j}, "a parameter is 1j; give a number"),
        ({"C": "1e-10"}, "a parameter is '1e-10'; give a number"),
        ({"asc_tau_array": ["0.1", "0.2"]}, "a parameter is .*; give a number"),
        ({"detach_reset": None}, "detach_reset None is unknown; use one of True, False"),
        ({"spike_cut_length": 2.5}, "spike_cut_length is 2.5; give a whole number of steps"),
        ({"spike_cut_length": 1e12}, "spike_cut_length is 1000000000000.0; give a whole number of steps"),
        ({"convention": ["allen"]}, r"convention \['allen'\] is unknown; use one of allen, nest"),
        ({"convention": "neuron"}, "convention 'neuron' is unknown; use one of allen, nest"),
        ({"escape_noise": 3.0}, "escape_noise is 3.0; give glifjax.EscapeNoise or None"),
        ({"coeffs": None}, "coeffs is None; give glifjax.Coefficients"),
        ({"voltage_reset": None}, "voltage_reset is None; give a rule"),
        ({"membrane_currents": Instantaneous(abs)}, r"membrane_currents is Instantaneous.*; give a tuple of currents"),
        ({"membrane_currents": (abs,)}, r"membrane_currents is \(<built-in.*Instantaneous\(function\) makes one"),
        ({"voltage_reset": ForwardEuler}, "voltage_reset is <class .*; give a rule: one of glifjax.rules, made"),
    ],
)
def test_what_is_no_part_of_a_neuron_is_refused_where_it_is_made(change, words, monkeypatch):
    neuron = ALL["LIF-R-ASC-A"]()
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=words):
        replace(neuron, **change)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GatedCurrent(1e-9, 0.0, [Gate(0.0, 1e-3, 1e-3)]), r"gates is \[Gate.*; give a tuple of"),
        (lambda: GatedCurrent(1e-9, 0.0, (1.0,)), r"gates is \(1\.0,\); give a tuple of"),
        (lambda: Gate(0.0, 1e-3, -1.0), "tau is -1; time constants must be greater than 0 s"),
        (lambda: Gate(0.0, 0.0, 1e-3), "slope is 0; it must not be 0"),
        (lambda: Kernels([-0.1], [0.1], [0.0], [[1.0]], 1e-3), r"spike_tau is \[-0.1\]; time constants"),
        (lambda: Kernels([0.1], [0.1], [0.0, 1e-3], [[1.0]], 1e-3), r"weights has shape \(1, 1\); .* \(2, 1\)"),
    ],
)
def test_parts_of_a_neuron_are_refused_where_they_are_made(make, words, monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=words):
        make()


#: fields of a neuron, if it has them -> numbers of ordinary size in mV, pA, ms or pF
MISTAKEN = {
    "C": 100.0, "El": -70.0, "El_reference": -70.0, "th_inf": 20.0, "init_voltage": -70.0, "init_threshold": -50.0,
    "V_reset": -70.0, "th_reset": -60.0, "asc_amp_array": [-30.0, 10.0], "A": [10.0, 5.0], "init_currents": [3.0, 3.0],
    "init_AScurrents": [3.0, 3.0], "asc_tau_array": [100.0, 10.0], "spike_latency": 0.3, "G": 5.0,
    "voltage_reset": ResetFromVoltage(0.3, -2.0), "threshold_reset": ResetThreeComponents(3.0, 80.0),
}  # fmt: skip


@pytest.mark.parametrize("build", [ALL["LIF-R-ASC-A"], ALL["Mihalas-Niebur, exact"]], ids=["GLIF", "Mihalas-Niebur"])
def test_a_number_in_another_unit_sets_a_status_whatever_its_field(build):
    neuron = build()
    status = jax.jit(lambda neuron: neuron.status(neuron.init()))
    assert not int(status(neuron)) & gj.Status.UNITS
    for name in MISTAKEN.keys() & vars(neuron).keys():
        assert int(status(replace(neuron, **{name: MISTAKEN[name]}))) & gj.Status.UNITS, name
    assert int(status(replace(neuron, th_inf=np.inf))) & gj.Status.UNITS == 0  # no spikes: meant


PARTS = [
    lambda neuron: neuron.coeffs,
    lambda neuron: neuron.voltage_reset,
    lambda neuron: neuron.threshold_dynamics,
    lambda neuron: neuron.membrane_currents[0],
    lambda neuron: neuron.membrane_currents[0].gates[0],
    lambda neuron: neuron.spike,
    lambda neuron: neuron.escape_noise,
]


@pytest.mark.parametrize("part", PARTS)
def test_who_sets_an_attribute_of_a_part_is_told_what_to_do_instead(part):
    part = part(ALL["augmented"]())
    name = next(iter(vars(part)), "anything")
    with pytest.raises(AttributeError, match=rf"instead of setting {name}, .*replace\(part, {name}=.* and a neuron"):
        setattr(part, name, 1e-4)
    with pytest.raises(AttributeError, match=f"instead of removing {name}"):
        delattr(part, name)


@each_neuron
@pytest.mark.parametrize("name", ["dt", "C", "spike_latency", "of_no_neuron"])
def test_who_sets_an_attribute_is_told_what_to_do_instead(build, name):
    neuron = build()
    with pytest.raises(AttributeError, match=rf"instead of setting {name}, .* dataclasses\.replace\(neuron, {name}="):
        setattr(neuron, name, 1e-4)
    assert replace(neuron, spike_latency=1e-4).spike_latency == 1e-4


@pytest.mark.parametrize("build", [ALL["LIF-ASC"], ALL["Mihalas-Niebur, exact"]], ids=["GLIF", "Mihalas-Niebur"])
def test_one_number_is_no_array(build, monkeypatch):
    name = "asc_tau_array" if isinstance(build(), gj.GLIF) else "k"
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=rf"{name} has shape \(\); give an array, \(n\)"):
        gj.simulate(replace(build(), **{name: 0.1}), DRIVE, DT)


def test_a_threshold_or_a_step_that_is_no_number_sets_a_status():
    """Inside a transformation, where it cannot be looked at."""
    neuron = ALL["LIF-R-ASC-A"]()
    run = lambda th: gj.simulate(replace(neuron, th_inf=th), DRIVE, DT, record="spikes").status
    assert jax.vmap(run)(jnp.array([0.02, np.nan])).tolist() == [0, int(gj.Status.NON_FINITE_VOLTAGE)]
    run = lambda dt: gj.simulate(neuron, DRIVE, dt, record="spikes").status
    assert [int(status) & gj.Status.UNITS for status in jax.vmap(run)(jnp.array([DT, -DT, np.nan]))] == [0, 64, 64]


@each_neuron
def test_arrays_that_go_together_have_one_length(build):
    neuron = build()
    name = "asc_tau_array" if isinstance(neuron, gj.GLIF) else "k"
    with pytest.raises(ValueError, match=f"must have one length: {name}: 3, "):
        replace(neuron, **{name: [0.1, 0.2, 0.3]})


@each_neuron
def test_a_run_has_one_precision(build):
    """A neuron of too few digits is refused; one of more runs in those of the run."""
    with jax.enable_x64(False):
        single = build()
    for neuron in (single, pickle.loads(pickle.dumps(single))):
        with pytest.raises(ValueError, match=r"is float32, but the run is float64: .* convert it with"):
            gj.simulate(neuron, DRIVE, DT)
    double = build()
    with jax.enable_x64(False):
        assert jax.eval_shape(lambda: gj.simulate(double, DRIVE, DT)).voltage.dtype == np.float32
        sent = pickle.loads(pickle.dumps(double))
    assert jax.tree.all(jax.tree.map(np.array_equal, sent, double))
