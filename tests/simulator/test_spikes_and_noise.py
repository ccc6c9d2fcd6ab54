"""How spikes come about: the hard threshold and its surrogate derivative, escape noise, forced spikes."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import glifjax as gj
from glifjax.scan import once
from glifjax.spike import MAX_SPIKES_PER_STEP, SURROGATES

DT, STEPS = 1e-4, 500
DRIVE = 4e-10 * np.ones(STEPS)
SHAPES = list(SURROGATES)


def neuron(level="LIF-R-ASC-A", **changes) -> gj.GLIF:
    parameters = {
        "C": 1e-10, "R_input": 2e8, "th_inf": 0.02, "asc_amp_array": jnp.array([-3e-11, -1e-10]), "reset_slope": 0.3,
        "reset_intercept": -2e-3, "a_spike": 3e-3, "a_voltage": 8.0, "b_voltage": 25.0, "spike_cut_length": 20,
        "dt": DT,
    }  # fmt: skip
    return gj.from_level(level, **(parameters | changes))


def held_at(voltage: float, noise: gj.EscapeNoise, threshold=0.02) -> gj.GLIF:
    """A neuron that stays at one voltage: no time passes for a membrane so large, and a spike changes nothing."""
    return neuron(
        "LIF-R", C=1.0, init_voltage=voltage, th_inf=threshold, reset_slope=1.0, reset_intercept=0.0, a_spike=0.0,
        spike_cut_length=0, escape_noise=noise,
    )  # fmt: skip


# The hard threshold and its surrogate derivative


@pytest.mark.parametrize("shape", SHAPES)
def test_the_spike_is_hard_forward(shape):
    spike = gj.SurrogateSpike(shape=shape)
    excess = jnp.array([-jnp.inf, -1.0, -1e-300, -0.0, 0.0, 1e-300, 1.0, jnp.inf, jnp.nan])
    np.testing.assert_array_equal(jax.vmap(spike)(excess), [0, 0, 0, 0, 0, 1, 1, 1, 0])
    slopes = jax.vmap(jax.grad(spike))(excess)
    assert bool(jnp.all(jnp.isfinite(slopes)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [5e-4, 2e-3])
def test_the_surrogate_derivative_integrates_to_one(shape, width):
    slope = jax.jit(jax.vmap(jax.grad(gj.SurrogateSpike(width=width, shape=shape))))
    # substituting x = width * tan(angle) maps the whole line, heavy tails included, to a finite interval
    angle = (np.arange(200_000) + 0.5) / 200_000 * math.pi - math.pi / 2
    x = width * np.tan(angle)
    jacobian = width / np.cos(angle) ** 2
    assert float(jnp.mean(slope(x) * jacobian) * math.pi) == pytest.approx(1, abs=1e-4)


def test_the_surrogate_derivative_is_what_it_says():
    width = 2e-3
    x = np.array([-3.0, -0.5, 0.0, 0.25, 2.0])
    expected = {
        "fast_sigmoid": 0.5 / (1 + np.abs(x)) ** 2,
        "sigmoid": np.exp(-x) / (1 + np.exp(-x)) ** 2,
        "triangle": np.maximum(1 - np.abs(x), 0),
    }
    assert set(expected) == set(SHAPES)
    for shape, slope in expected.items():
        found = jax.vmap(jax.grad(gj.SurrogateSpike(width=width, shape=shape)))(x * width)
        np.testing.assert_allclose(found, slope / width, rtol=1e-12, err_msg=shape)
    assert gj.SurrogateSpike().shape == "fast_sigmoid"
    assert float(jax.grad(lambda spike: spike(jnp.asarray(1e-3)))(gj.SurrogateSpike()).width) == 0
    with pytest.raises(ValueError, match="'square' is unknown; use one of fast_sigmoid, sigmoid, triangle"):
        gj.SurrogateSpike(shape="square")


@pytest.mark.parametrize("kind", [bool, np.float32, np.float64])
def test_what_is_computed_once_is_the_same(kind):
    """Alone and over many, whose compiled loops hold a division that nothing fuses."""
    values = np.array([0.0, 1, -0.0, 2.5, -1e-30, np.inf, -np.inf, np.nan]).astype(kind)
    many = jax.jit(jax.vmap(once))
    assert many(values).tobytes() == once(jnp.asarray(values)).tobytes() == values.tobytes()
    assert many(values).dtype == once(jnp.asarray(values)).dtype == values.dtype
    assert "divide(" in many.lower(values).compile().as_text()
    assert "divide(" not in jax.jit(once).lower(values).compile().as_text()
    if kind is not bool:
        finite = values[:5]
        slopes = jax.jacfwd(jax.grad(lambda x: jnp.sum(jax.vmap(once)(x) ** 3)))(finite)
        np.testing.assert_array_equal(slopes, np.diag(6 * finite))


def test_a_loss_on_spikes_has_a_gradient():
    rate = lambda current: gj.simulate(neuron(), current * DRIVE, DT).spiked.sum()
    assert float(rate(1.0)) > 2
    assert float(jax.grad(rate)(1.0)) > 0


@pytest.mark.slow
def test_detaching_the_reset_changes_gradients_and_no_value():
    detached = neuron()
    attached = dataclasses.replace(detached, detach_reset=False)
    both = [gj.simulate(each, DRIVE, DT) for each in (attached, detached)]
    assert len(both[0].spikes()) > 2
    for a, b in zip(*map(jax.tree.leaves, both), strict=True):  # two programs, whose last digits may differ
        np.testing.assert_allclose(a, b, rtol=1e-12)

    def slope(neuron, spikes=None):  # of a number of order one, by the logarithm of the resistance
        loss = lambda neuron: jnp.mean((gj.simulate(neuron, DRIVE, DT, spikes=spikes).voltage_before_reset / 1e-2) ** 2)
        return float(eqx.filter_jit(eqx.filter_grad(loss))(neuron).R_input * neuron.R_input)

    assert slope(detached) > 0.1
    assert slope(attached) != pytest.approx(slope(detached), rel=0.1)
    # a detached gradient is the one of the same spikes, forced
    assert slope(detached) == pytest.approx(slope(attached, both[0].spikes().steps), rel=1e-9)


# Escape noise

NOISE = gj.EscapeNoise(50.0, 2e-3)


def test_the_hazard_is_exponential_up_to_its_cap_and_monotone():
    excess = jnp.linspace(-0.05, 0.05, 2001)
    expected = NOISE.expected_spikes(excess, DT)
    exponential = 50.0 * np.exp(np.asarray(excess) / 2e-3) * DT
    capped = exponential > MAX_SPIKES_PER_STEP
    assert 0 < capped.sum() < len(excess)
    np.testing.assert_allclose(expected[~capped], exponential[~capped], rtol=1e-12)
    np.testing.assert_allclose(expected[capped], MAX_SPIKES_PER_STEP, rtol=1e-12)
    probability = np.asarray(NOISE.probability(excess, DT))
    np.testing.assert_allclose(probability, -np.expm1(-np.minimum(exponential, MAX_SPIKES_PER_STEP)), rtol=1e-12)
    assert np.all(np.diff(probability) >= 0)
    assert np.all(np.diff(probability)[~capped[1:]] > 0)
    assert 0 < probability[0] < 1e-10


def test_a_spike_waits_for_the_exponential_and_the_jitter_and_lapses_come_anywhere():
    noise = gj.EscapeNoise(50.0, 2e-3, jitter=2e-3, lapse=0.25)
    excess = jnp.linspace(-0.05, 0.05, 401)
    rate = np.asarray(noise.expected_spikes(excess, DT)) / DT
    np.testing.assert_allclose(rate, 1 / (np.exp(-np.asarray(excess) / 2e-3) / 50.0 + 2e-3) + 0.25, rtol=1e-12)
    assert rate[0] == pytest.approx(0.25, rel=1e-6)
    assert rate[-1] == pytest.approx(500.25, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("double", [True, False], ids=["float64", "float32"])
@pytest.mark.parametrize("others", [{}, {"jitter": 1e-3, "lapse": 1.0}], ids=["plain", "jitter and lapses"])
def test_the_hazard_never_overflows(others, double):
    with jax.enable_x64(double):
        noise = gj.EscapeNoise(50.0, 1e-4, **others)
        excess = jnp.array([-jnp.inf, -1e6, -100.0, 0.0, 100.0, 1e6, jnp.inf])
        probability = noise.probability(excess, DT)
        assert float(probability[0]) == pytest.approx(-np.expm1(-float(noise.lapse) * DT), rel=1e-6)
        assert bool(jnp.all(jnp.diff(probability) >= 0))
        most = DT / float(noise.jitter) if others else MAX_SPIKES_PER_STEP
        assert float(probability[-1]) == pytest.approx(-np.expm1(-most - float(noise.lapse) * DT), rel=1e-5)
        derivatives = jax.vmap(jax.grad(lambda excess, noise: noise.probability(excess, DT), (0, 1)), (0, None))
        found = derivatives(excess[1:-1], noise)
        for leaf in jax.tree.leaves(found):
            assert bool(jnp.all(jnp.isfinite(leaf)))
        # far from the threshold it matters no more where it is
        assert float(jnp.abs(found[0][jnp.array([0, 1, -2, -1])]).max()) < 1e-9
        far = jnp.array([4e-3, 10e-3, 30e-3])
        assert float(jnp.abs(derivatives(far, noise)[0]).max()) < 1e-9


def test_the_probability_is_differentiable():
    probability = lambda excess, *noise: gj.EscapeNoise(*noise).probability(excess, DT)
    at, step = jnp.array([1.5e-3, 50.0, 2e-3, 1e-3, 0.3]), 1e-6
    for i, slope in enumerate(jax.grad(probability, range(5))(*at)):
        moved = [probability(*(at * (1 + sign * step * jnp.eye(5)[i]))) for sign in (1, -1)]
        assert float(slope) * at[i] == pytest.approx(float(moved[0] - moved[1]) / (2 * step), rel=1e-6)


@pytest.mark.parametrize("excess", [-4e-3, 0.0, 6e-3])
def test_the_rate_of_spikes_at_a_constant_voltage_is_the_hazard(excess):
    steps = 200_000
    trace = gj.simulate(held_at(0.02 + excess, NOISE), np.zeros(steps), DT, key=jax.random.key(1))
    np.testing.assert_allclose(trace.voltage, 0.02 + excess, rtol=0, atol=1e-8)
    rate = 50.0 * math.exp(excess / 2e-3)  # per second
    expected = steps * -math.expm1(-rate * DT)
    assert len(trace.spikes()) == pytest.approx(expected, abs=4 * math.sqrt(expected))
    # and no memory: spikes in neighbouring steps are independent
    spiked = np.asarray(trace.spiked)
    pairs, p = float(spiked[1:] @ spiked[:-1]), expected / steps
    assert pairs == pytest.approx(steps * p**2, abs=4 * math.sqrt(steps * p**2) + 1)


def test_a_key_gives_its_spikes_again_and_another_gives_others():
    noisy = neuron(escape_noise=NOISE)
    run = lambda seed: np.asarray(gj.simulate(noisy, 0.6 * DRIVE, DT, key=jax.random.key(seed)).spiked)
    assert 0 < run(0).sum() < STEPS
    np.testing.assert_array_equal(run(0), run(0))
    assert (run(0) != run(1)).any()
    keys = jax.random.split(jax.random.key(3), 4)
    batch = jax.vmap(lambda key: gj.simulate(noisy, DRIVE, DT, key=key).spiked)(keys)
    for key, spiked in zip(keys, batch, strict=True):
        np.testing.assert_array_equal(gj.simulate(noisy, DRIVE, DT, key=key).spiked, spiked)


def test_uniforms_stand_for_what_a_key_draws():
    noisy, key = neuron(escape_noise=NOISE), jax.random.key(2)
    drawn = gj.simulate(noisy, DRIVE, DT, key=key).spiked
    uniforms = jax.random.uniform(key, (STEPS,), drawn.dtype)
    assert 0 < drawn.sum() < STEPS
    np.testing.assert_array_equal(gj.simulate(noisy, DRIVE, DT, uniforms=uniforms).spiked, drawn)
    assert not gj.simulate(noisy, DRIVE, DT, uniforms=np.full(STEPS, np.nextafter(1.0, 0.0))).spiked.any()
    with pytest.raises(ValueError, match="the neuron has no escape_noise; set one, or give neither"):
        gj.simulate(neuron(), DRIVE, DT, uniforms=uniforms)


def test_noise_makes_no_spike_in_a_cut_and_does_not_change_a_run_without_key():
    hard, noisy = neuron(), neuron(escape_noise=gj.EscapeNoise(1e5, 1.0))  # at any voltage
    trace = gj.simulate(noisy, DRIVE, DT, key=jax.random.key(0))
    intervals = np.diff(trace.spikes().steps)
    assert intervals.min() == 21  # the cut and the step that leaves it
    assert not np.any(np.asarray(trace.spiked)[np.asarray(trace.refractory)])
    np.testing.assert_allclose(trace.spikes().times, (trace.spikes().steps + 0.5) * DT)
    for a, b in zip(*(jax.tree.leaves(gj.simulate(each, DRIVE, DT)) for each in (hard, noisy)), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="the neuron has no escape_noise"):
        gj.simulate(hard, DRIVE, DT, key=jax.random.key(0))


def test_a_drawn_spike_carries_the_gradient_of_its_probability():
    excess, exponential = jnp.asarray(1e-3), jnp.asarray(0.5)
    slope = jax.grad(lambda excess: NOISE.draw(excess, exponential, DT))(excess)
    assert float(slope) == pytest.approx(float(jax.grad(lambda x: NOISE.probability(x, DT))(excess)), rel=1e-12)
    expected = float(NOISE.expected_spikes(excess, DT))
    drawn = [float(NOISE.draw(excess, jnp.asarray(number), DT)) for number in (0.0, 0.99 * expected, expected)]
    assert drawn == [1, 1, 0]


# Forced spikes


@pytest.mark.parametrize("level", gj.LEVELS)
def test_forced_spikes_happen_where_told_and_nowhere_else(level):
    steps = np.array([3, 40, 41, 70, STEPS - 1])
    mask = np.isin(np.arange(STEPS), steps)
    for current in (DRIVE, 0 * DRIVE):  # of itself the neuron would spike often, and never
        by_mask, by_index = (gj.simulate(neuron(level), current, DT, spikes=each) for each in (mask, steps))
        for a, b in zip(*map(jax.tree.leaves, (by_mask, by_index)), strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(by_index.spikes().steps, steps)
        np.testing.assert_array_equal(np.asarray(by_mask.spiked), mask)
    none = gj.simulate(neuron(level), DRIVE, DT, spikes=np.array([], int))
    assert len(none.spikes()) == 0
    assert float(none.voltage.max()) > 0.03  # above the threshold, and free to be


@pytest.mark.parametrize("level", gj.LEVELS)
def test_forcing_a_runs_own_spikes_gives_the_run_again(level):
    free = gj.simulate(neuron(level), DRIVE, DT)
    assert len(free.spikes()) > 2
    forced = gj.simulate(neuron(level), DRIVE, DT, spikes=free.spikes().steps)
    for name in set(vars(free.sample)) - {"crossing"}:  # a forced spike is put in the middle of its step
        # two programs, so not to the last bit
        np.testing.assert_allclose(getattr(forced, name), getattr(free, name), rtol=1e-12, err_msg=name)
    np.testing.assert_array_equal(forced.spiked, free.spiked)
    np.testing.assert_allclose(forced.spikes().times, (free.spikes().steps + 0.5) * DT)


def test_between_forced_spikes_the_neuron_is_linear_in_the_current():
    spikes = np.array([60, 200])
    run = lambda current: np.asarray(gj.simulate(neuron(), current, DT, spikes=spikes).voltage_before_reset)
    base, one = run(0 * DRIVE), run(DRIVE)
    np.testing.assert_allclose(run(3 * DRIVE) - base, 3 * (one - base), rtol=0, atol=1e-14)


@pytest.mark.parametrize("steps", [[5, 10**7], [-3]])
def test_a_forced_spike_outside_the_current_is_refused(steps):
    with pytest.raises(ValueError, match=f"spikes holds {max(steps, key=abs)}, but the current's steps go from 0 to"):
        gj.simulate(neuron(), DRIVE, DT, spikes=np.array(steps))


# Spike times as numbers


def test_spike_times_are_absolute_and_have_a_derivative():
    """V = R I (1 - e^(-t/tau)) reaches th_inf at t = tau ln(R I / (R I - th_inf)); the latency is added."""
    neuron, dt = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02, spike_latency=1e-3), 1e-5
    first = lambda current: gj.simulate(neuron, jnp.full(1500, current), dt).spike_times.min()
    time, slope = jax.value_and_grad(first)(3e-10)
    assert float(time) == pytest.approx(1e-3 + 0.01 * np.log(3), rel=1e-3)
    difference = 0.01 * 1e8 * (1 / 0.03 - 1 / 0.01)
    assert float(slope) == pytest.approx(difference, rel=5e-3)
    trace = gj.simulate(neuron, jnp.full(1500, 3e-10), dt)
    np.testing.assert_allclose(np.asarray(trace.spike_times)[trace.fired][:, 0], trace.spikes().times, rtol=1e-12)


def test_a_printed_neuron_tells_level_values_and_units():
    neuron = gj.from_level(
        "LIF-R-ASC", C=1e-10, R_input=2e8, th_inf=0.02, El_reference=-0.07, reset_slope=0.3, asc_amp_array=(-1e-11, 0.0)
    )
    assert neuron.level == "LIF-R-ASC"
    text = str(neuron)
    for words in (
        "GLIF neuron, LIF-R-ASC", "C 100 pF, R_input 200 MOhm, membrane time constant 20 ms", "th_inf 20 mV",
        "voltage_reset ResetFromVoltage: reset_slope 0.3", "asc_amp_1 -10 pA, asc_tau_1 100 ms",
    ):  # fmt: skip
        assert words in text
    assert "Array" not in text
    assert [gj.from_level(level, C=1e-10, R_input=2e8, th_inf=0.02).level for level in gj.LEVELS] == list(gj.LEVELS)
    assert "GLIF(" in str(jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), neuron))
