"""The Mihalas-Niebur neuron: exact against closed forms and finite differences, exponential Euler against BrainPy."""

import json
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

import glifjax as gj
from glifjax.mihalas_niebur.crossing import first_crossing
from glifjax.mihalas_niebur.excess import Excess
from glifjax.mihalas_niebur.flow import propagator_of
from glifjax.patterns.pattern import as_current
from glifjax.patterns.populations import batch, respond

DT = 1e-4


@pytest.fixture(scope="module")
def reference(shared):
    """Patterns by slug, with their spike times in ms."""
    patterns = json.loads((shared / "reference/mihalas_niebur/patterns.json").read_text())["patterns"]
    return {pattern["slug"]: pattern for pattern in patterns}


@pytest.mark.parametrize("variant", ["paper", "notebook"])
@pytest.mark.parametrize(("dt", "tolerance_ms"), [(1e-4, 1e-8), (1e-3, 1e-7)])
def test_spike_times_are_those_of_the_closed_form(reference, variant, dt, tolerance_ms):
    patterns = [replace(pattern, dt=dt) for pattern in gj.gallery.variant(variant).values()]
    for pattern, response in zip(patterns, respond(patterns), strict=True):
        expected = reference[pattern.slug][variant]["exact_spike_times_ms"]
        assert len(response.times) == len(expected), pattern.name
        np.testing.assert_allclose(response.times, expected, rtol=0, atol=tolerance_ms, err_msg=pattern.name)


def test_exponential_euler_is_brainpys_step_for_step(reference, shared):
    neurons, currents, steps = batch(gj.gallery.variant("notebook").values(), integrator="exponential_euler")
    traces = jax.jit(jax.vmap(lambda neuron, current: gj.simulate(neuron, current, DT)))(neurons, currents)
    for row, (pattern, n) in enumerate(zip(reference.values(), steps, strict=True)):
        brainpy = np.load(shared / "reference/mihalas_niebur" / pattern["trace"])
        ours = jax.tree.map(lambda leaf, row=row: np.asarray(leaf[row]), traces)
        np.testing.assert_array_equal(ours.spiked[:n] > 0.5, brainpy["spike"].ravel() > 0.5)
        for name, values, unit in (
            ("V", ours.voltage, 1e3), ("V_th", ours.threshold, 1e3),
            ("I1", ours.afterspike_currents[:, 0], 1e9), ("I2", ours.afterspike_currents[:, 1], 1e9),
        ):  # fmt: skip
            np.testing.assert_allclose(unit * values[:n], brainpy[name].ravel(), rtol=0, atol=1e-9)
        times = ours.spikes().times
        expected = np.array(pattern["notebook"]["brainpy_spike_times_ms"])
        np.testing.assert_allclose(1e3 * times[times < n * DT], expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("max_spikes", [1, 2])
def test_several_spikes_in_one_step(reference, max_spikes):
    """Steps of 4 ms hold up to two spikes of a burst."""
    pattern = replace(gj.gallery["hyperpol_bursting"], dt=4e-3)
    neuron = replace(pattern.neuron, max_spikes_per_step=max_spikes)
    trace = gj.simulate(neuron, pattern.current, pattern.dt)
    spikes, expected = trace.spikes(), reference["hyperpol_bursting"]["paper"]["exact_spike_times_ms"]
    assert trace.crossing.shape == (100, max_spikes)
    enough = max_spikes == 2
    assert (int(trace.status) == 0) == enough
    if enough:
        np.testing.assert_allclose(1e3 * spikes.times, expected, rtol=0, atol=1e-4)
        first = np.diff(spikes.steps, prepend=-1) > 0
        assert not first.all()
        assert (np.isfinite(spikes.crossing_voltages) == first).all()
    else:
        assert int(trace.status) == gj.Status.TOO_MANY_SPIKES
        assert len(spikes) < len(expected)


def test_a_reset_above_the_threshold_is_a_status_not_a_hang():
    neuron = gj.MihalasNiebur(V_reset=-0.04, init_voltage=-0.04)
    trace = gj.simulate(neuron, np.zeros(20), DT)
    assert int(trace.status) == gj.Status.TOO_MANY_SPIKES
    assert np.isfinite(np.asarray(trace.voltage)).all()


def test_a_peak_between_two_samples_is_a_spike():
    """A fast current lifts V over the threshold for 0.4 ms; steps of 1 ms see it on neither end."""
    neuron = gj.MihalasNiebur(k=(1500.0, 700.0), init_currents=(58.8e-9, -14.7e-9))
    coarse, fine = (gj.simulate(neuron, np.zeros(round(0.02 / dt)), dt) for dt in (1e-3, 1e-6))
    free = gj.simulate(replace(neuron, th_inf=0.0, init_threshold=0.0, th_reset=0.0), np.zeros(20), 1e-3)
    assert len(fine.spikes()) == 1
    assert float(free.voltage.max()) < float(neuron.th_inf)
    np.testing.assert_allclose(coarse.spikes().times, fine.spikes().times, rtol=0, atol=2e-6)


@pytest.mark.parametrize("fast", [3e3, 3e5])
def test_a_step_of_any_length_has_the_spikes_of_a_short_one(fast):
    """An internal current that decays within a step: by e^6, and by e^600."""
    neuron = gj.MihalasNiebur(k=(fast, 20.0), A=(6e-12 * fast, 1e-10), a=2.0)
    fine, coarse = (gj.simulate(neuron, np.full(round(0.12 / dt), 2e-9), dt) for dt in (2e-5, 2e-3))
    assert int(fine.status) == int(coarse.status) == 0
    assert len(fine.spikes()) > 5
    np.testing.assert_allclose(coarse.spikes().times, fine.spikes().times, rtol=0, atol=1e-10)


@pytest.mark.slow
def test_a_search_that_ends_too_early_is_a_status(monkeypatch):
    none = (0.0,) * 5  # of so many currents that nothing else has traced it
    neuron = gj.MihalasNiebur(k=(200.0, 20.0, 70.0, 5.0, 1.0), R=none, A=none, init_currents=none)
    monkeypatch.setattr("glifjax.mihalas_niebur.zeros.STEPS", 1)
    trace = gj.simulate(neuron, np.full(60, 2e-9), 1e-3)
    assert trace.fired.any()
    assert int(trace.status) == gj.Status.INEXACT
    with pytest.raises(ValueError, match="a spike inside a step was not located to all digits"):
        trace.check()


@pytest.mark.slow
def test_the_first_crossing_is_that_of_a_dense_grid():
    """Sums of five exponentials with signs and rates at random, over seven orders of magnitude."""
    random, n, h = np.random.default_rng(0), 400, 1e-3
    rates = 10 ** random.uniform(0, 7, (n, 4))
    leak, back, internal = rates[:, 0], rates[:, 1], np.column_stack([np.zeros(n), rates[:, 2:]])
    reach = lambda rate: rate + 1 / h  # so that each exponential moves E by about one
    amplitudes = random.normal(size=(n, 3)) * reach(internal) * reach(leak[:, None]) * reach(back[:, None]) * h
    build = lambda start, drive, p, kappa, g, b: Excess(start, drive, tuple(p), tuple(kappa), g, b)
    drives = random.normal(size=n) * reach(leak) * reach(back) * h
    paths = jax.vmap(build)(*map(jnp.asarray, (np.full(n, -0.5), drives, amplitudes, internal, leak, back)))
    crosses, times, inexact = jax.jit(jax.vmap(lambda path: first_crossing(path, jnp.asarray(h))))(paths)
    assert not inexact.any()
    grid = np.concatenate([[0.0], np.geomspace(1e-9, h, 4000)])
    above = np.asarray(jax.jit(jax.vmap(lambda path: path.curve(jnp.asarray(grid)).value))(paths)) >= 0
    rows, first = above.any(axis=1), above.argmax(axis=1)
    assert 50 < rows.sum() < n - 50
    assert np.asarray(crosses)[rows].all()
    early, late = grid[first[rows] - 1], grid[first[rows]]
    assert ((np.asarray(times)[rows] <= late) & (np.asarray(times)[rows] >= early * 0.999)).mean() > 0.99
    at = jax.vmap(lambda path, time: path.curve(time))(paths, times)
    shown = np.asarray(crosses)
    np.testing.assert_allclose(np.asarray(at.value / (np.abs(at.slope) * h + 1))[shown], 0, atol=1e-9)
    assert (np.asarray(times)[rows] <= late).all()  # none is missed for a later one


# Equal and vanishing rates

RATES = {
    "b = G/C": {"b": 50.0}, "k = G/C": {"k": (50.0, 20.0)}, "k = b": {"k": (200.0, 10.0)}, "b = 0": {"b": 0.0},
    "all equal": {"b": 50.0, "k": (50.0, 50.0)}, "nearly equal": {"b": 50.01, "k": (50.02, 49.99)},
    "k = 0": {"k": (0.0, 20.0)}, "all but zero": {"b": 1e-9, "k": (1e-9, 0.0)}, "fast": {"k": (2e4, 1e6), "b": 3e4},
}  # fmt: skip


def flow(neuron, current: float, h: float) -> np.ndarray:
    """exp(h M) for d(V - El, Theta - th_inf, I_1, I_2, 1)/dt = M (...)."""
    g, b, a, k1, k2, c = (float(x) for x in (neuron.G / neuron.C, neuron.b, neuron.a, *neuron.k, neuron.C))
    rows = [[-g, 0, 1 / c, 1 / c, current / c], [a, -b, 0, 0, 0], [0, 0, -k1, 0, 0], [0, 0, 0, -k2, 0], [0] * 5]
    scale = np.array([1e-3, 1e-3, 1e-9, 1e-9, 1.0])  # so that all entries are of one size
    return expm(h * np.array(rows) * scale / scale[:, None]) * scale[:, None] / scale


@pytest.mark.parametrize("rates", RATES.values(), ids=RATES.keys())
@pytest.mark.parametrize("h", [1e-6, 1e-4, 1e-2])
def test_the_propagator_is_the_matrix_exponential(rates, h):
    neuron = gj.MihalasNiebur(a=5.0, init_voltage=-0.052, init_threshold=-0.047, init_currents=(3e-9, -2e-9), **rates)
    equations = neuron.equations
    state = equations.evolve(neuron.init(), jnp.asarray(1.5e-9), propagator_of(equations, jnp.asarray(h)))
    expected = flow(neuron, 1.5e-9, h) @ [0.018, 0.003, 3e-9, -2e-9, 1.0]
    np.testing.assert_allclose(state.threshold, expected[1], rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(state.excess + state.threshold - 0.05 + 0.07, expected[0], rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(state.currents, expected[2:4], rtol=1e-12, atol=1e-30)


@pytest.mark.slow
@pytest.mark.parametrize("rates", RATES.values(), ids=RATES.keys())
def test_the_propagators_derivative_is_the_matrix_exponentials(rates):
    neuron, names = gj.MihalasNiebur(a=5.0, **rates), ("b", "k1", "k2", "leak")

    def numbers(shifts):
        b, k1, k2, leak = shifts
        moved = replace(neuron, b=neuron.b + b, k=neuron.k + jnp.stack([k1, k2]), G=neuron.G + leak * neuron.C)
        over = propagator_of(moved.equations, jnp.asarray(1e-2))
        return 1e3 * jnp.stack([over.voltage * 1e-9, *(x * 1e-9 for x in over.voltage_currents), over.threshold]), (
            1e6 * 1e-9 * jnp.stack([over.threshold_net, *over.threshold_currents])
        )

    def expected(shifts):
        b, k1, k2, leak = shifts
        moved = replace(neuron, b=neuron.b + b, k=neuron.k + np.array([k1, k2]), G=neuron.G + leak * neuron.C)
        full = flow(moved, 1.0, 1e-2)
        without = flow(replace(moved, a=0.0), 1.0, 1e-2)
        pull = -np.expm1(-float(moved.b) * 1e-2) / float(moved.b) if moved.b else 1e-2
        assert np.isfinite(full).all()
        return 1e3 * np.array([without[0, 4] * 1e-9, *(without[0, 2:4] * 1e-9), pull]), (
            1e6 * 1e-9 * np.array([full[1, 4], *full[1, 2:4]])
        )

    found = jax.jacfwd(numbers)(jnp.zeros(4))
    for column, name in enumerate(names):
        # forward differences of second order: a rate of zero stays positive
        steps = [np.eye(4)[column] * 1e-2 * i for i in (0, 1, 2)]
        values = [expected(step) for step in steps]
        for part in (0, 1):
            slope = (-3 * values[0][part] + 4 * values[1][part] - values[2][part]) / 2e-2
            np.testing.assert_allclose(found[part][:, column], slope, rtol=1e-4, atol=1e-7, err_msg=name)


# Derivatives of spike times

#: parameter -> a step for central differences
STEPS = {
    "C": 1e-15, "G": 5e-14, "El": 1e-8, "V_reset": 1e-8, "th_inf": 1e-8, "th_reset": 1e-8, "a": 1e-5, "b": 1e-5,
    "k": 1e-4, "R": 1e-6, "A": 1e-15, "init_voltage": 1e-8, "init_threshold": 1e-8, "init_currents": 1e-15,
}  # fmt: skip


def spike_sum(neuron, current):
    """The sum of all spike times, each with a weight of its own; s."""
    crossing = gj.simulate(neuron, current, DT, checkpoint=100).crossing
    there = jnp.isfinite(crossing)
    weight = jnp.cumsum(there.ravel()).reshape(there.shape)
    return jnp.sum(jnp.where(there, (DT * jnp.arange(len(crossing))[:, None] + crossing) * weight, 0.0))


@pytest.mark.slow
@pytest.mark.parametrize("slug", [pytest.param("tonic_bursting", marks=pytest.mark.slow), "hyperpol_bursting"])
def test_derivatives_through_all_spikes_and_resets_are_finite_differences(slug):
    pattern = gj.gallery[slug]
    # a burst ends below th_reset in none of the patterns: lift it, so that it counts
    neuron = replace(pattern.neuron, th_reset=-0.0475 if slug == "tonic_bursting" else -0.06)
    current = jnp.asarray(pattern.current[:3000])
    found = jax.jit(lambda *of: eqx.filter_grad(spike_sum)(*of))(neuron, current)
    moved, names = [], []
    for name, step in STEPS.items():
        value = np.asarray(getattr(neuron, name))
        for index in np.ndindex(value.shape):
            names.append((name, index))
            for sign in (1, -1):
                shifted = value.copy()
                shifted[index] += sign * step
                moved.append(replace(neuron, **{name: shifted}))
    many = jax.tree.map(lambda *leaves: jnp.stack(leaves), *moved)
    values = np.asarray(jax.jit(jax.vmap(spike_sum, (0, None)))(many, current)).reshape(-1, 2)
    assert values[0, 0] > 0
    for (name, index), (up, down) in zip(names, values, strict=True):
        expected = (up - down) / (2 * STEPS[name])
        np.testing.assert_allclose(
            np.asarray(getattr(found, name))[index] * STEPS[name], expected * STEPS[name], rtol=2e-5, atol=1e-13,
            err_msg=f"{name}{index}",
        )  # fmt: skip


@pytest.mark.slow
def test_forward_and_batched_reverse_derivatives_agree():
    pattern = gj.gallery["mixed_mode"]
    current = jnp.asarray(pattern.current[:730])
    run = lambda a: _weighted(gj.simulate(replace(pattern.neuron, a=a), current, DT))
    values = jnp.array([4.5, 5.0])
    reverse = jax.jit(jax.vmap(jax.grad(run)))(values)
    forward = jax.jit(jax.jacfwd(run))
    np.testing.assert_allclose(reverse, [forward(a) for a in values], rtol=1e-9)
    assert abs(float(reverse[0])) > 0


def _weighted(trace):
    there = jnp.isfinite(trace.crossing)
    return jnp.sum(jnp.where(there, trace.crossing, 0.0)) + jnp.sum(trace.voltage) * 1e-3


@pytest.mark.slow
def test_surrogate_derivatives_reach_the_spikes():
    """`spiked` carries the surrogate with either integrator; a detached reset keeps it out of the voltage."""
    current = jnp.full(300, 2e-9)
    for integrator in ("exact", "exponential_euler"):
        neuron = replace(gj.MihalasNiebur(), integrator=integrator)
        loss = lambda neuron: jnp.sum(gj.simulate(neuron, current, DT).spiked)
        gradient = jax.jit(lambda of, loss=loss: eqx.filter_grad(loss)(of))(neuron)
        assert float(gradient.th_inf) < 0 < float(gradient.El), integrator


# Laws


def test_a_state_on_the_threshold_spikes_at_once():
    pattern = gj.gallery["class_2"]
    assert gj.simulate(pattern.neuron, pattern.current[:20], DT).spikes().times[0] == 0.0


@pytest.mark.slow
def test_any_number_of_internal_currents():
    current = np.full(2000, 1.5e-9)
    none = gj.MihalasNiebur(k=(), R=(), A=(), init_currents=())
    three = gj.MihalasNiebur(k=(200.0, 20.0, 7.0), R=(0.0, 1.0, 0.5), A=(0.0, 0.0, 0.0), init_currents=(0.0,) * 3)
    expected = 0.02 * np.log(3) * np.arange(1, 10)
    for neuron in (none, three):
        trace = gj.simulate(neuron, current, DT)
        np.testing.assert_allclose(trace.spikes().times, expected, rtol=0, atol=1e-12)
        assert trace.afterspike_currents.shape == (2000, neuron.k.size)


@pytest.mark.parametrize("integrator", ["exact", "exponential_euler"])
def test_forced_and_drawn_spikes_reset_the_neuron(integrator):
    neuron = gj.MihalasNiebur(integrator=integrator, A=(1e-9, 2e-9), escape_noise=gj.EscapeNoise(50.0, 2e-3))
    forced = gj.simulate(neuron, np.full(400, 2e-9), DT, spikes=np.array([7, 200]))
    np.testing.assert_array_equal(forced.spikes().steps, [7, 200])
    np.testing.assert_allclose(forced.voltage[np.array([7, 200])], -0.07, rtol=1e-12)
    assert float(forced.voltage[199]) > -0.05
    drawn = gj.simulate(neuron, np.full(4000, 0.9e-9), DT, key=jax.random.key(0))
    assert len(drawn.spikes()) > 0
    np.testing.assert_array_equal(np.asarray(drawn.crossing[drawn.spikes().steps, 0]), DT / 2)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"integrator": "rk4"}, "'rk4' is unknown; use one of exact, exponential_euler"),
        ({"k": (200.0,)}, "must have one length: k: 1, R: 2, A: 2, init_currents: 2"),
        ({"C": 0.0}, "C is 0; it must be greater than 0"),
        ({"b": -1.0}, "b is -1; it must not be negative"),
        ({"k": (200.0, -1.0)}, "decay rates must not be negative"),
        ({"max_spikes_per_step": 0}, "max_spikes_per_step is 0; give a whole number"),
    ],
)
def test_bad_fields_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        gj.MihalasNiebur(**fields)


@pytest.mark.slow
def test_float32_keeps_every_spike(reference):
    """Class 1 rests on a part of its current, one in a million, that float32 resolves to 6 %."""
    with jax.enable_x64(False):
        responses = respond(gj.gallery.values())
        assert gj.gallery["class_1"].neuron.C.dtype == np.float32
    for pattern, response in zip(gj.gallery.values(), responses, strict=True):
        expected = np.array(reference[pattern.slug]["paper"]["exact_spike_times_ms"])
        assert len(response.times) == len(expected), pattern.name
        atol = 0.05 if pattern.slug == "class_1" else 0.01
        np.testing.assert_allclose(response.times, expected, rtol=0, atol=atol, err_msg=pattern.name)


def test_stimuli_keep_their_duration():
    np.testing.assert_array_equal(as_current(((1e-9, 0.3e-3), (0.0, 0.2e-3)), 1e-4), [1e-9, 1e-9, 1e-9, 0, 0])


def test_a_neuron_is_printed_with_units():
    printed = str(gj.gallery["M"].neuron)
    assert "C 1 nF, G 50 nS, El -70 mV" in printed
    assert "k 200 20 1/s" in printed
    assert "C=f" in str(jax.vmap(lambda C: gj.MihalasNiebur(C=C))(jnp.ones(2)))
