"""Tuning by gradient and by global search: the losses, the parameters, and that no fit gets worse."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import neuron
from scipy.stats import laplace

import glifjax as gj
from fitting.data.arrays import FitData
from fitting.losses import LOSSES, VanRossum, log_laplace_cdf, van_rossum
from fitting.model.coordinates import Bounded, origin, place
from fitting.model.likelihood import log_likelihood
from fitting.model.patched import PatchedNeuron
from fitting.tuning.descent import FineTuning, descend, refit_hazard
from fitting.tuning.globalsearch import GlobalSearch
from fitting.tuning.objective import PARAMETERS, STEP, Objective, coordinates, movable
from glifjax.rules.membrane import Gate, GatedCurrent
from glifjax.rules.threshold_kernels import Kernels, ResetKernels
from glifjax.rules.voltage import LinearExact

DT = STEP


def allen() -> PatchedNeuron:
    cell = neuron(spike_cut_length=15, dt=DT, escape_noise=gj.EscapeNoise(1000.0, 1.5e-3))
    return PatchedNeuron(cell, 12e6)


def recorded(model: PatchedNeuron, seconds=6.0, noise=0.5e-3) -> FitData:
    """What the model leaves on tape with its hard threshold, a step of the fit wide."""
    random = np.random.default_rng(0)
    n = round(seconds / DT)
    current = np.repeat(random.normal(size=(1, n // 25)), 25, axis=1) * 180e-12 + 90e-12
    trace = model.simulate(jnp.asarray(current[0]), DT)
    forced = np.asarray(trace.spiked)[None] > 0.5
    voltage = np.asarray(model.recorded(trace.voltage_before_reset, current[0]))[None]
    everything = np.ones_like(forced)
    return FitData(
        numbers=np.zeros(1, int),
        current=current,
        voltage=voltage + noise * random.normal(size=voltage.shape),
        valid=everything,
        seen=everything,
        counted=everything,
        forced=forced,
        crossings=np.where(forced, (np.arange(forced.shape[1]) + 0.5) * DT, np.nan),
        dt=DT,
    )


@pytest.fixture(scope="module")
def truth():
    return allen()


@pytest.fixture(scope="module")
def data(truth):
    made = recorded(truth)
    assert 30 < made.n_spikes < 200
    return made


@pytest.fixture(scope="module")
def augmented(truth):
    """The augmented level's rules, few of each, with something in all of them."""
    where = lambda m: (
        m.neuron.threshold_dynamics, m.neuron.threshold_reset, m.neuron.voltage_dynamics, m.neuron.membrane_currents
    )  # fmt: skip
    rules = (
        Kernels((0.01, 0.1), (1e-3, 20e-3), (-5e-3, 5e-3), jnp.full((2, 2), 0.02), 4e-3),
        ResetKernels((1e-3, 1e-3)),
        LinearExact(),
        (GatedCurrent(2e-9, -20e-3, (Gate(20e-3, 6e-3, 20e-3),)),),
    )
    return eqx.tree_at(where, truth, rules, is_leaf=lambda leaf: isinstance(leaf, tuple) and not leaf)


#: Losses on both parts where the neuron is.
value = eqx.filter_jit(lambda found: found(found.start))


def objective(model, data, loss, names=None):
    return Objective.of(model, data, coordinates(model, names or movable(model)), loss)


# ------------------------------------------------------------------------------------------------------------ losses


def test_van_rossum_distance_of_one_spike_is_its_kernel():
    one = jnp.zeros(5000).at[1000].set(1.0)
    distance = van_rossum(one, jnp.zeros(5000), 1e-4)
    # the integral of exp(-2 t / tau) over bins of 1 ms
    assert float(distance.sum()) == pytest.approx(1 / (1 - np.exp(-2 / 20)), rel=1e-3)
    assert float(van_rossum(one, one, 1e-4).sum()) == pytest.approx(0.0, abs=1e-20)


def test_spikes_that_are_all_missed_cost_what_they_are(truth, data):
    """A silent neuron's distance is that of the recorded train from nothing, whatever is counted how."""
    silent = eqx.tree_at(lambda m: m.neuron.coeffs.th_inf, truth, jnp.asarray(1e3))
    found = objective(silent, data, "van Rossum", ("th_inf",))
    sums = [float(each) for each in value(found)]
    spikes = [int((data.forced & part).sum()) for part in (~found.aside, found.aside)]
    expected = van_rossum(jnp.zeros(data.forced.shape), jnp.asarray(data.forced, float), DT).sum()
    assert np.dot(sums, spikes) == pytest.approx(float(expected), rel=1e-3)


def test_a_refitted_hazard_tells_the_spikes_no_worse(truth, data):
    """Of a neuron without jitter, too, which is limited to one spike a step."""
    for lambda0, delta_v in ((1000.0, 1.5e-3), (300.0, 2.5e-3), (3000.0, 6e-3)):
        start = eqx.tree_at(lambda m: m.neuron.escape_noise, truth, gj.EscapeNoise(lambda0, delta_v))
        found = refit_hazard(start, data)
        assert float(log_likelihood(found, data)) > float(log_likelihood(start, data)) + 1.0


def test_the_true_neuron_has_nothing_to_gain(truth, data):
    found = objective(truth, data, "van Rossum")
    # but for its first voltage, which is the recording's
    assert max(map(float, value(found))) < 0.5


def test_likelihood_and_voltage_are_those_of_the_stages(truth, data):
    found = objective(truth, data, "likelihood", ("th_inf",))
    total = sum(
        float(each) * int((data.forced & part).sum())
        for each, part in zip(value(found), (~found.aside, found.aside), strict=True)
    )
    assert total == pytest.approx(-float(log_likelihood(truth, data)), rel=1e-9)
    found = objective(truth, data, "voltage", ("C",))
    spikes, steps = int((data.forced & ~found.aside).sum()), int((found.losses[0].observed & ~found.aside).sum())
    # 0.5 mV of measurement noise where a good model has 2 mV, independent every 20 ms; and what half a step does
    expected = (0.5 / 2) ** 2 / 2 * steps * DT / 20e-3
    assert expected < float(value(found)[0]) * spikes < 1.2 * expected


def test_laplace_distribution():
    x = np.array([-30.0, -3.0, 0.0, 2.0, 30.0])
    np.testing.assert_allclose(log_laplace_cdf(jnp.asarray(x)), laplace.logcdf(x), rtol=1e-9)
    assert float(log_laplace_cdf(jnp.asarray(-1e4))) == pytest.approx(-1e4 - np.log(2))


def test_mlin_equals_a_slow_sum(truth, data):
    found = objective(truth, data, "MLIN", ("th_inf",))
    loss = found.losses[0]
    # the noise's mean size, but for what a step's mean does to it
    assert float(loss.scale) == pytest.approx(0.5e-3 * np.sqrt(2 / np.pi), rel=0.1)
    trace = truth.simulate(
        jnp.asarray(data.current[0]), DT, recorded_start=data.voltage[0, 0], spikes=jnp.asarray(data.forced[0])
    )
    below = np.asarray(trace.threshold_before_reset - trace.voltage_before_reset)
    free = ~np.asarray(trace.refractory)
    expected, onsets, tiled = 0.0, np.flatnonzero(data.forced[0]), np.zeros(len(below), bool)
    for onset in onsets:
        last = free & (np.arange(len(below)) <= onset) & (np.arange(len(below)) > onset - 25)
        expected -= laplace.logsf(below[last].min() / float(loss.scale))
        tiled |= last
    for each in range(len(loss.holds_spike)):
        inside = loss.bins[0] == each
        if not loss.holds_spike[each]:
            assert not (inside & tiled).any()
            expected -= laplace.logcdf(below[inside].min() / float(loss.scale))
            tiled |= inside
    np.testing.assert_array_equal(tiled, free)
    assert int(loss.holds_spike.sum()) == len(onsets)
    each = loss(truth, found.data, jax.tree.map(lambda leaf: leaf[None], trace))
    assert float(each.sum()) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("level", ["allen", "augmented"])
def test_every_loss_has_a_finite_gradient_that_equals_finite_differences(loss, level, truth, augmented, data):
    """Forced losses are smooth, but for MLIN's nearest steps; a surrogate gradient is finite, and is not zero."""
    model = truth if level == "allen" else augmented
    names = (*movable(model), "C", "G", "asc_amp_array") if loss == "voltage" else movable(model)
    found = objective(model, data, loss, names)
    compiled = eqx.filter_jit(jax.value_and_grad(lambda x, found: found(x)[0]))
    x = 0.1 * jax.random.normal(jax.random.key(1), found.start.shape)  # off the place where nothing can be gained
    gradient = np.asarray(compiled(x, found)[1])
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0
    if found.losses[0].forced:
        direction, h = gradient / np.linalg.norm(gradient), 1e-5
        ahead, behind = (float(compiled(x + sign * h * direction, found)[0]) for sign in (1, -1))
        assert (ahead - behind) / (2 * h) == pytest.approx(np.linalg.norm(gradient), rel=1e-4)


# -------------------------------------------------------------------------------------------------------- parameters


def test_a_bounded_coordinate_starts_alike_and_stays_inside():
    model = {"rate": jnp.array([20.0, 60.0])}
    free = coordinates_of(model)
    bounded = Bounded(free.where, free.centre, free.sd, free.log, low=1.0, high=100.0)
    for x in (0.0, 0.7, -2.0):
        assert bounded.position(bounded.value(jnp.full(2, x))) == pytest.approx(x, abs=1e-9)
    slope = lambda coordinate: jax.jacfwd(coordinate.value)(jnp.zeros(2))
    np.testing.assert_allclose(slope(bounded), slope(free), rtol=1e-9)
    np.testing.assert_allclose(place(model, [bounded], jnp.array([50.0, -50.0]))["rate"], [100.0, 1.0], rtol=1e-3)


def coordinates_of(model):
    from fitting.model.coordinates import Coordinate

    return Coordinate(lambda m: m["rate"], model["rate"], 0.3, log=True)


def test_each_neuron_moves_what_it_has(truth, augmented):
    assert movable(truth) == ("th_inf", "a_spike", "b_spike", "a_voltage", "b_voltage")
    assert movable(augmented) == ("th_inf", "a_spike", "weights")
    assert movable(PatchedNeuron(gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02), 0.0)) == ("th_inf",)
    every = coordinates(truth, movable(truth, list(PARAMETERS)))
    moved = place(truth, every, jnp.ones(len(origin(every)))).neuron
    assert float(moved.threshold_infinity) == pytest.approx(16e-3)
    assert float(moved.capacitance) == pytest.approx(100e-12 * np.exp(0.3))
    assert float(moved.threshold_reset.b_spike) == float(moved.threshold_dynamics.b_spike)
    assert float(moved.threshold_dynamics.a_voltage) == pytest.approx(26.0)


def test_what_cannot_be_is_refused(truth, data):
    adam = optax.adam(0.1)
    with pytest.raises(ValueError, match="no coefficient is called El; there are th_inf, C"):
        FineTuning(adam, train=("El",))(truth, data)
    with pytest.raises(ValueError, match="this neuron has no weights to move; it has th_inf, a_spike"):
        FineTuning(adam, train=("weights",))(truth, data)
    with pytest.raises(ValueError, match="no loss is called 'victor'; use one of van Rossum, likelihood"):
        FineTuning(adam, loss="victor")(truth, data)
    with pytest.raises(ValueError, match=r"b_spike is 40.0, not between its bounds 50 and 60"):
        FineTuning(adam, bounds={"b_spike": (50, 60)})(truth, data)


# ------------------------------------------------------------------------------------------------------------ tuning


@pytest.fixture(scope="module")
def off(truth):
    """A threshold 3 mV too high, with half the jump after a spike."""
    where = lambda m: (m.neuron.coeffs.th_inf, m.neuron.threshold_reset.a_spike)
    return eqx.tree_at(where, truth, (jnp.asarray(1.2), jnp.asarray(1.5e-3)))


@pytest.mark.slow
def test_the_threshold_moves_where_the_spikes_are(truth, off, data):
    stage = FineTuning(optax.adam(0.1), loss="van Rossum", steps=30, hazard=False)(off, data)
    assert stage.taken
    assert min(stage.losses) < 0.7 * stage.losses[0]
    start, end = (float(model.neuron.threshold_infinity) for model in (off, stage.model))
    assert abs(end - 15e-3) < abs(start - 15e-3)
    # nothing else moves, and the hazard is that of the neuron it belongs to
    assert float(stage.model.neuron.coeffs.C) == 1.0
    assert float(log_likelihood(stage.model, data)) > float(log_likelihood(off, data))


@pytest.mark.parametrize("loss", ["van Rossum", "voltage"])
def test_an_absurd_rate_changes_nothing(truth, data, loss):
    stage = FineTuning(optax.adam(1e4), train=("th_inf", "C"), loss=loss, steps=3)(truth, data)
    assert stage.model is truth
    assert all(after >= stage.losses[0] for after in stage.losses)


def test_a_smaller_loss_is_not_enough(truth, data):
    """A loss that rewards a high threshold is minimised, and its neuron thrown away: its spikes got worse."""

    class Higher(eqx.Module):
        forced: bool = eqx.field(default=True, static=True)

        def __call__(self, model, data, trace):
            return -trace.threshold_before_reset

    stage = FineTuning(optax.sgd(1e-1), train=("th_inf",), loss=Higher(), steps=3)(truth, data)
    assert stage.losses[-1] < stage.losses[0]
    assert stage.model is truth


@pytest.mark.slow
def test_an_optimiser_that_searches_along_a_line(off, data):
    """L-BFGS asks for the objective's value, too."""
    stage = FineTuning(optax.lbfgs(memory_size=3), train=("th_inf",), loss="likelihood", steps=3)(off, data)
    assert min(stage.losses) < stage.losses[0]


@pytest.mark.slow
def test_several_starts(off, data):
    """Side by side or one after the other, they are the same; the first is where the neuron is."""
    found = objective(off, data, "van Rossum", ("th_inf", "a_spike"))
    still = optax.sgd(0.0)
    one, alone = descend(found, still, starts=1, steps=1, patience=9, batch=1, seed=0)
    several = [descend(found, still, starts=4, steps=1, patience=9, batch=batch, seed=2) for batch in (1, 2)]
    assert alone == pytest.approx([float(value(found)[1])] * 2)
    np.testing.assert_array_equal(one, found.start)
    assert several[0][1][0] < alone[0]
    assert several[1][1] == pytest.approx(several[0][1])
    np.testing.assert_allclose(several[1][0], several[0][0])


def test_the_part_kept_aside_is_not_seen(off, data):
    """With every spike of that part missing from the data, the gradient stays what it is."""
    found = objective(off, data, "van Rossum", ("th_inf",))
    changed = replace(found, data=replace(found.data, forced=found.data.forced & ~found.aside))
    gradient = eqx.filter_jit(jax.grad(lambda x, found: found(x)[0]))
    # but for what a smoothed spike leaves after its block
    assert float(gradient(found.start, found)[0]) == pytest.approx(float(gradient(found.start, changed)[0]), rel=0.05)


def test_a_global_search_of_the_same_objective(off, data):
    stage = GlobalSearch(train=("th_inf", "a_spike"), generations=4, population=6)(off, data)
    start = objective(off, data, VanRossum(), ("th_inf", "a_spike"))
    assert stage.losses[-1] < 0.5 * float(value(start)[0])
    assert stage.losses == sorted(stage.losses, reverse=True)
    again = GlobalSearch(train=("th_inf", "a_spike"), generations=4, population=6)(off, data)
    assert float(again.model.neuron.coeffs.th_inf) == float(stage.model.neuron.coeffs.th_inf)
