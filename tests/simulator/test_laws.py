"""Laws that hold for every neuron: add a constructor to tests/neurons.py and all of them are tested over it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from neurons import (
    DRIVE,
    DT,
    FORCED,
    KINDS,
    NEURONS,
    OTHERS,
    STEPS,
    WHISPER,
    crossings,
    each_neuron,
    flat,
    smooth_loss,
)

import glifjax as gj

#: trace's field -> its shape, after the batch's
SHAPES = {
    "voltage": (STEPS,), "threshold": (STEPS,), "threshold_components": (STEPS, 2), "spiked": (STEPS,),
    "fired": (STEPS,), "afterspike_currents": (STEPS, 2), "crossing": (STEPS, 1), "voltage_before_reset": (STEPS,),
    "threshold_before_reset": (STEPS,), "refractory": (STEPS,), "initial_voltage": (), "initial_threshold": (),
    "spike_latency": (), "dt": (), "status": (),
}  # fmt: skip


def assert_same(found, expected, rtol=0.0):
    """Two pytrees of one structure, leaf by leaf; atol is far below any voltage, current or time in it."""
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-20)


def stack(trees):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def varied(neuron, n=3):
    """The neuron and n - 1 others, whose parameters differ by a few per cent and whose cut is longer."""
    one = lambda i: jax.tree.map(lambda leaf: leaf * (1 + 0.03 * i) if eqx.is_inexact_array(leaf) else leaf + i, neuron)
    return [one(i) for i in range(n)]


# Shapes, types, transformations


#: how a neuron is run -> options of simulate
MODES = {"hard": {}, "noisy": {"seed": 0}, "forced": {"spikes": FORCED}}


def run_as(mode: str, neuron) -> gj.Trace:
    options = dict(MODES[mode])
    if "seed" in options:
        options["key"] = jax.random.key(options.pop("seed"))
    return gj.simulate(neuron, DRIVE, DT, **options)


@each_neuron
@pytest.mark.parametrize("double", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize("mode", MODES)
def test_shapes_and_types(build, mode, double):
    with jax.enable_x64(double):
        trace = jax.eval_shape(lambda neuron: run_as(mode, neuron), build())
    kinds = {"refractory": "bool", "fired": "bool", "status": "int"}
    values = {name: getattr(trace, name) for name in SHAPES}
    assert {name: value.shape for name, value in values.items()} == SHAPES
    for key, value in values.items():
        assert value.dtype.name.startswith(kinds.get(key, "float64" if double else "float32")), key


@each_neuron
def test_float32_is_close_to_float64(build):
    double = gj.simulate(build(), DRIVE, DT)
    with jax.enable_x64(False):
        single = gj.simulate(build(), DRIVE, DT)
    assert len(double.spikes()) > 1
    np.testing.assert_array_equal(single.spikes().steps, double.spikes().steps)
    assert all(value.dtype in (np.float64, np.int64) for value in vars(single.spikes()).values())
    np.testing.assert_allclose(single.voltage, double.voltage, rtol=0, atol=1e-6)


@each_neuron
def test_a_simulation_is_its_steps_one_by_one(build):
    neuron, current = build(), 3 * DRIVE[20:64]
    trace = gj.simulate(neuron, current, DT)
    step = jax.jit(lambda state, now: neuron.step(state, gj.Input(now), jnp.asarray(DT)))
    state, samples = neuron.init(), []
    for now in current:
        state, sample = step(state, now)
        samples.append(sample)
    alone = stack(samples)
    assert 1 <= float(alone.spiked.sum()) < 5
    np.testing.assert_array_equal(trace.fired, alone.spiked == 1)
    for name, value in vars(alone).items():
        np.testing.assert_allclose(getattr(trace, name), value, rtol=1e-10, atol=1e-18, err_msg=name)


@each_neuron
def test_jit_and_vmap_equal_a_loop(build):
    run = lambda neuron, current: gj.simulate(neuron, current, DT)
    neurons, currents = varied(build()), jnp.stack([DRIVE, 0.9 * DRIVE, WHISPER])
    batch = jax.jit(jax.vmap(jax.vmap(run, (None, 0)), (0, None)))(stack(neurons), currents)
    alone = [[run(neuron, current) for current in currents] for neuron in neurons]
    assert_same(batch, stack([stack(row) for row in alone]), rtol=1e-9)
    spikes = batch.spikes()
    assert [[len(each) for each in row] for row in spikes] == [[len(e.spikes()) for e in row] for row in alone]
    assert_same(spikes[2][1], alone[2][1].spikes(), rtol=1e-9)
    assert len(spikes[0][0]) > len(spikes[0][2]) == 0


@pytest.mark.parametrize(
    "transform",
    [
        lambda run: jax.jit(run)(jnp.asarray(DRIVE)),
        lambda run: jax.vmap(run)(jnp.asarray(DRIVE)[None]),
        lambda run: jax.grad(run)(jnp.asarray(DRIVE)),
    ],
    ids=["jit", "vmap", "grad"],
)
def test_counting_spikes_inside_a_transformation_is_refused_with_advice(transform):
    neuron = NEURONS["LIF"]()
    with pytest.raises(TypeError, match=r"inside jit, vmap or grad use trace\.spiked .* or trace\.crossing"):
        transform(lambda current: 1.0 * len(gj.simulate(neuron, current, DT).spikes()))


@pytest.mark.parametrize(
    ("current", "options", "message"),
    [
        (DRIVE.reshape(2, -1), {}, r"shape \(2, 200\).* use jax\.vmap"),
        (DRIVE, {"spikes": np.zeros(7, bool)}, r"shape \(7,\), the current \(400,\)"),
        (DRIVE, {"spikes": FORCED, "key": 0}, "give one of the three"),
        (DRIVE, {"uniforms": np.zeros(400), "key": 0}, "give one of the three"),
        (DRIVE, {"uniforms": np.zeros(7)}, r"uniforms has shape \(7,\), the current \(400,\)"),
        (DRIVE, {"spike_cut": "ms"}, "spike_cut 'ms' is unknown; use one of duration, steps"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(current, options, message):
    options = options | ({"key": jax.random.key(0)} if "key" in options else {})
    with pytest.raises(ValueError, match=message):
        gj.simulate(NEURONS["LIF"](), current, DT, **options)


# Transformations in any order


def each_alone(function, rows):
    return jnp.stack([function(row) for row in rows])


#: of a function of two numbers, and points: the same derivatives, reached in another order
GRADIENTS = {
    "grad of vmap": lambda f, rows: jax.grad(lambda rows: jax.vmap(f)(rows).sum())(rows),
    "jacrev of vmap": lambda f, rows: jnp.einsum("nnp->np", jax.jacrev(jax.vmap(f))(rows)),
    "grad of lax.map of vmap": lambda f, rows: jax.grad(lambda rows: jax.lax.map(f, rows, batch_size=2).sum())(rows),
}
HESSIANS = {
    "hessian": lambda f, row, way: jax.hessian(f)(row) @ way,
    "product, over a vmap": lambda f, row, way: jax.jvp(
        jax.grad(lambda row: jax.vmap(f)(jnp.stack([row, 1.01 * row]))[0]), (row,), (way,)
    )[1],
}


@pytest.mark.slow
@pytest.mark.parametrize("build", KINDS.values(), ids=KINDS.keys())
def test_transformations_compose_in_any_order(build):
    neuron, current = build(), jnp.asarray(DRIVE[15:75])

    def loss(row):
        """Of factors of C and of the whole stimulus; spike times and voltages of every step are in it."""
        moved = eqx.tree_at(lambda n: n.C, neuron, neuron.C * row[0])
        trace = gj.simulate(moved, current * row[1], DT)
        crossing = jnp.where(jnp.isfinite(trace.crossing), trace.crossing / DT, 0.0)
        return jnp.sum(crossing) + 1e3 * jnp.mean(trace.voltage_before_reset)

    rows, way = jnp.array([[1.0, 1.0], [1.03, 0.98], [0.9, 0.3]]), jnp.array([1.0, -0.5])
    gradient = jax.jit(jax.grad(loss))
    expected = each_alone(gradient, rows)
    assert (expected != 0).all()
    for name, reach in GRADIENTS.items():
        np.testing.assert_allclose(
            jax.jit(lambda rows, reach=reach: reach(loss, rows))(rows), expected, rtol=1e-8, err_msg=name
        )
    bend = (gradient(rows[0] + 1e-5 * way) - gradient(rows[0] - 1e-5 * way)) / 2e-5
    for name, reach in HESSIANS.items():
        second = jax.jit(lambda row, reach=reach: reach(loss, row, way))(rows[0])
        if "Mihalas" in neuron.level:  # a surrogate's derivative is no difference of the spikes'
            np.testing.assert_allclose(second, bend, rtol=1e-4, err_msg=name)
        assert np.isfinite(second).all(), name


@pytest.mark.slow
@pytest.mark.parametrize("build", NEURONS.values(), ids=NEURONS.keys())
def test_third_derivatives_are_differences_of_second_ones(build):
    """Forward over forward over reverse mode, where no spike is; across spikes they are finite."""
    neuron = build()

    def loss(row, current):
        moved = eqx.tree_at(lambda n: n.C, neuron, neuron.C * row[0])
        voltage = gj.simulate(moved, current * row[1], DT).voltage_before_reset
        return 1e3 * jnp.mean(voltage**3)

    second = jax.jit(jax.hessian(loss))
    third = jax.jit(jax.jacfwd(jax.hessian(loss)))
    at, way = jnp.ones(2), 1e-4 * jnp.array([1.0, -0.5])
    silent, drive = jnp.asarray(WHISPER[15:75]), 3 * jnp.asarray(DRIVE[15:75])
    difference = (second(at + way, silent) - second(at - way, silent)) / 2
    np.testing.assert_allclose(third(at, silent) @ way, difference, rtol=1e-5, atol=1e-6 * np.abs(difference).max())
    assert gj.simulate(neuron, drive, DT).fired.any()
    assert np.isfinite(third(at, drive)).all()


# Gradients


#: parameters that matter to each neuron; everything else must have a gradient of exactly zero
VOLTAGE = {".C", ".R_input", ".El", ".init_voltage", ".coeffs.C", ".coeffs.G"}
CURRENTS = {".asc_tau_array", ".init_AScurrents"}
CURRENTS_SPIKE = {".asc_amp_array", ".coeffs.asc_amp_array", ".afterspike_reset.r"}
RESET = {".voltage_reset.a", ".voltage_reset.b", ".threshold_reset.a_spike", ".threshold_reset.b_spike"}
ADAPTS = {".threshold_dynamics.a_voltage", ".threshold_dynamics.b_voltage", ".coeffs.a", ".coeffs.b"}
THRESHOLD = {".th_inf", ".coeffs.th_inf"}


#: what else matters to neurons made of other rules, always and after spikes
GATES = [
    f".membrane_currents[{i}].gates[{j}]{part}"
    for i in (0, 1)
    for j in (0, 1)
    for part in (".V_half", ".slope", ".tau")
]
CONDUCTANCES = [f".membrane_currents[{i}]{part}" for i in (0, 1) for part in (".conductance", ".reversal")]
HINGES = [f".threshold_dynamics{part}" for part in (".voltage_tau", ".knots", ".weights", ".softness")]
ALSO = {
    "augmented": (
        {*GATES, *CONDUCTANCES, *HINGES},
        {".threshold_dynamics.spike_tau", ".threshold_reset.a_spike", ".spike_waveform"},
    ),
    "own rules": (
        {".threshold_dynamics.rate", ".membrane_currents[0].function.curvature"},
        {".threshold_dynamics.rise", ".threshold_dynamics.tau", ".voltage_reset.a", ".voltage_reset.b"},
    ),
}
#: what decides when such a neuron spikes by itself: lapses are no part of it
HAZARD = {f".escape_noise.{name}" for name in ("lambda0", "delta_v", "jitter")}
DECIDES = {"accumulated hazard": HAZARD | {".accumulated_hazard.tau", ".accumulated_hazard.threshold"}}


def moved_by(name: str, spikes: bool) -> set[str]:
    resets, currents, adapts = gj.LEVELS[OTHERS[name][0] if name in OTHERS else name]
    names = VOLTAGE | THRESHOLD | {".init_AScurrents"}
    names |= (CURRENTS | (CURRENTS_SPIKE if spikes else set())) if currents else set()
    names |= (RESET | {".threshold_dynamics.b_spike"}) if resets and spikes else set()
    names |= ADAPTS if adapts else set()
    always, after_spikes = ALSO.get(name, (set(), set()))
    names |= always | (after_spikes if spikes else set())
    return names & set(flat(NEURONS[name]())[1])


def assert_gradients(loss, neuron, cases) -> list[set[str]]:
    """Reverse mode, forward mode and finite differences agree; for each case, what has a gradient."""
    at, names, rebuild = flat(neuron)
    function = lambda factors, case: loss(rebuild(factors), *case)
    reverse_mode = jax.jit(jax.value_and_grad(function))
    direction, nonzero = np.cos(np.arange(len(at))), []
    forward_mode = jax.jit(lambda case: jax.jvp(lambda factors: function(factors, case), (at,), (direction,))[1])
    for case in cases:
        gradient = np.asarray(reverse_mode(at, case)[1])
        scale = np.abs(gradient).max()
        assert scale > 0
        assert float(forward_mode(case)) == pytest.approx(gradient @ direction, rel=1e-8)
        for name, slope, unit in zip(names, gradient, 1e-5 * np.eye(len(at)), strict=True):
            difference = (reverse_mode(at + unit, case)[0] - reverse_mode(at - unit, case)[0]) / 2e-5
            assert slope == pytest.approx(float(difference), rel=1e-6, abs=1e-9 * scale), name
        nonzero.append({name for name, slope in zip(names, gradient, strict=True) if slope != 0})
    return nonzero


# With the reset detached: the surrogate derivative of a spike that might have been is no derivative of the loss.
@pytest.mark.slow
@pytest.mark.parametrize("name", NEURONS)
def test_gradients_with_free_spikes_equal_finite_differences(name):
    neuron = NEURONS[name]()
    run = lambda neuron, current: gj.simulate(neuron, current, DT)
    assert [len(run(neuron, current).spikes()) > 2 for current in (DRIVE, WHISPER)] == [True, False]

    def loss(neuron, current):
        trace = run(neuron, current)
        return smooth_loss(trace) + crossings(trace)

    cases = [(jnp.asarray(DRIVE),), (jnp.asarray(WHISPER),)]
    with_spikes = moved_by(name, True) | DECIDES.get(name, set())
    assert assert_gradients(loss, neuron, cases) == [with_spikes, moved_by(name, False)]


@pytest.mark.parametrize("name", NEURONS)
def test_gradients_with_forced_spikes_equal_finite_differences(name):
    loss = lambda neuron, spikes: smooth_loss(gj.simulate(neuron, DRIVE, DT, spikes=spikes))
    none = jnp.zeros(STEPS, bool)
    nonzero = assert_gradients(loss, NEURONS[name](), [(none.at[FORCED].set(True),), (none,)])
    assert nonzero == [moved_by(name, spikes) for spikes in (True, False)]


@pytest.mark.parametrize("level", ["LIF", "LIF-R-ASC-A"])
def test_gradients_through_free_spikes_are_finite_and_alike_in_both_modes(level):
    at, _, rebuild = flat(NEURONS[level]())
    loss = lambda factors: smooth_loss(gj.simulate(rebuild(factors), DRIVE, DT))
    gradient = jax.jit(jax.grad(loss))(at)
    assert bool(jnp.all(jnp.isfinite(gradient)))
    slope = jax.jit(lambda at: jax.jvp(loss, (at,), (jnp.ones_like(at),))[1])(at)
    assert float(slope) == pytest.approx(float(gradient.sum()), rel=1e-6)


def test_jacobian_in_forward_mode():
    at, _, rebuild = flat(NEURONS["LIF-R-ASC-A"]())
    trajectory = lambda factors: gj.simulate(rebuild(factors), DRIVE, DT, spikes=FORCED).voltage_before_reset
    jacobian = jax.jit(jax.jacfwd(trajectory))(at)
    gradient = jax.jit(jax.grad(lambda factors: trajectory(factors)[350]))(at)
    np.testing.assert_allclose(jacobian[350], gradient, rtol=1e-9, atol=1e-15)


def test_gradient_by_the_current():
    neuron = NEURONS["LIF-R-ASC-A"]()
    loss = jax.jit(jax.value_and_grad(lambda current: smooth_loss(gj.simulate(neuron, current, DT, spikes=FORCED))))
    gradient = np.asarray(loss(DRIVE)[1])
    for direction in (1e-15 * np.sin(np.arange(STEPS)), 1e-15 * np.ones(STEPS)):
        difference = (loss(DRIVE + direction)[0] - loss(DRIVE - direction)[0]) / 2
        assert gradient @ direction == pytest.approx(float(difference), rel=1e-6, abs=0)
    held = np.concatenate([np.arange(spike + 1, spike + 26) for spike in FORCED])
    assert np.all(gradient[held] == 0)  # no current is read during the cut
    assert np.all(gradient[FORCED + 26] != 0)
