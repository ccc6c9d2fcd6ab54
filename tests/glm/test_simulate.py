"""Laws of a simulation: forced = free, a network alone = in a batch, one key = the same bits."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from glifjax import glm
from glifjax.arrays import as_float
from glifjax.errors import InputError
from glifjax.glm.network import Input
from glifjax.glm.weighed import LARGE, weighed

KEY = jax.random.key(3)
WINDOW = 12e-3


def weights(n, seed=0, functions=()):
    values = np.random.default_rng(seed).normal(0, 0.8, (n, n, *functions))
    values[np.arange(n), np.arange(n)] = 0
    return values


def bernoulli(n=6, seed=0, **changed):
    own = glm.Refractory(absolute=2e-3, relative=5e-3, strength=-4.0, decay=300.0)
    arguments = {"coupling": glm.Exponential(200.0, 5e-3), "own": own, "threshold": 3.0}
    return glm.BernoulliGLM(weights(n, seed), **(arguments | changed))


def with_basis(n=6, seed=0):
    functions = glm.RaisedCosines(3, WINDOW)
    own = glm.OwnKernel(functions, np.linspace(-2, 1, 3 * n).reshape(3, n), absolute=1e-3)
    return glm.BernoulliGLM(weights(n, seed, (3,)), coupling=functions, own=own, threshold=3.0, link=glm.Hazard())


def poisson(n=6, seed=0):
    return glm.PoissonGLM(weights(n, seed) * 0.3, coupling=glm.Exponential(np.linspace(80, 200, n), 9e-3), bias=-3.0)


def lnp(n=6, seed=0):
    return glm.RectifiedLNP(weights(n, seed), coupling=glm.Tabulated([1.0, 0.5, 0.2]), bias=0.2, rate=100.0)


def sam(n=6, seed=0):
    return glm.RectifiedSAM(weights(n, seed), time_constant=5e-3, rate=100.0, bias=0.3, dt=1e-3)


MODELS = {"bernoulli": bernoulli, "with a basis": with_basis, "poisson": poisson, "lnp": lnp, "sam": sam}


@pytest.mark.slow
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_forced_runs_are_free_runs(make):
    """The convolutions of a forced run give the scan's drives and responses."""
    model, steps = make(), 200
    uniforms = jax.random.uniform(KEY, (model.size, steps))
    spikes = glm.simulate(model, steps, uniforms=uniforms, warm_up=0)
    assert spikes.sum() > 20
    drive, response = glm.forced_run(model, jnp.pad(spikes, ((0, 0), (model.history_steps, 0))))
    state, silent = model.init(), jnp.zeros(model.size)
    one_step = eqx.filter_jit(lambda state, uniform: model.step(state, Input(silent, uniform), model.dt))
    for t in range(steps):
        state, sample = one_step(state, uniforms[:, t])
        np.testing.assert_allclose(drive[:, t], sample.drive, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(response[:, t], sample.response, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(spikes[:, t], sample.count)


@pytest.mark.slow
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_network_alone_is_the_one_in_a_batch(make):
    models = [make(4, 1), make(6, 2), make(5, 3)] if make is not poisson else [make(6, seed) for seed in (1, 2, 3)]
    together = glm.simulate(models, 250, key=KEY)
    assert together.shape == (3, 6, 250)
    for i, model in enumerate(models):
        alone = glm.simulate(model, 250, key=jax.random.fold_in(KEY, i))
        np.testing.assert_array_equal(together[i, : model.size], alone)
        assert not together[i, model.size :].any()


def test_what_is_as_long_as_a_network_is_large_is_no_axis_of_neurons():
    models = [lnp(3, 1), lnp(5, 2)]  # of 3 taps
    events = [
        glm.stimuli.poisson(3.0, 4, onsets=np.array([0.0, 40.0, 70.0]), mask=np.arange(m.size) % 2) for m in models
    ]
    together = glm.simulate(models, 90, key=KEY, stimulus=events)
    alone = glm.simulate(models[0], 90, key=jax.random.fold_in(KEY, 0), stimulus=events[0])
    np.testing.assert_array_equal(together[0, :3], alone)
    assert alone.any()


@pytest.mark.parametrize("functions", [(), (2,)])
def test_rows_that_spikes_pick_are_the_whole_product(functions):
    """Value and derivatives, of none, some and all neurons active, also of several networks at once."""
    random = np.random.default_rng(5)
    matrix = jnp.asarray(random.normal(size=(LARGE, LARGE, *functions)))
    features = random.normal(size=(3, *(functions or (1,)), LARGE))
    features *= (random.uniform(size=LARGE) < np.array([0.0, 0.1, 1.0])[:, None])[:, None]
    whole = lambda w, f: jnp.einsum("ijb,bi->j", w.reshape(LARGE, LARGE, -1), f)
    one = lambda of: jax.value_and_grad(lambda w, f: jnp.sum(of(w, f) ** 2), (0, 1))
    results = [jax.jit(jax.vmap(one(of), (None, 0)))(matrix, jnp.asarray(features)) for of in (weighed, whole)]
    for ours, theirs in zip(*(jax.tree.leaves(result) for result in results), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-9)


def test_vmap_composes():
    keys = jax.random.split(KEY, 2)
    values = jnp.stack([weights(5, 1), weights(5, 2)])
    one = lambda w, key: glm.simulate(glm.from_spikeometric("BernoulliGLM", w, theta=3.0), 150, key=key)
    together = jax.vmap(one)(values, keys)
    for i in range(2):
        np.testing.assert_array_equal(together[i], one(values[i], keys[i]))


def test_one_key_gives_the_same_bits_whatever_the_length():
    model = bernoulli()
    first = glm.simulate(model, 300, key=KEY)
    np.testing.assert_array_equal(first, glm.simulate(model, 300, key=KEY))
    np.testing.assert_array_equal(first[:, :120], glm.simulate(model, 120, key=KEY))
    assert (first != glm.simulate(model, 300, key=jax.random.key(4))).any()
    long = glm.simulate(model, 12_345, key=KEY)  # in several calls
    np.testing.assert_array_equal(first, long[:, :300])


def test_a_long_run_compiles_its_blocks_once(caplog):
    with jax.log_compiles():
        spikes = glm.simulate(poisson(2), 20_100, key=KEY)
    assert spikes.shape == (2, 20_100)
    assert caplog.text.count("Finished XLA compilation of jit(_blocks)") == 1


def test_steps_are_counted_by_whole_numbers_of_any_type(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    assert glm.simulate(bernoulli(), np.int64(10), key=KEY, warm_up=np.int32(5)).shape == (6, 10)


def test_permuted_neurons_permute_the_run():
    model, order = bernoulli(), np.array([3, 1, 5, 0, 2, 4])
    uniforms = np.asarray(jax.random.uniform(KEY, (6, 200)))
    permuted = glm.simulate(
        glm.BernoulliGLM(weights(6)[np.ix_(order, order)], coupling=model.coupling, own=model.own, threshold=3.0),
        200,
        uniforms=uniforms[order],
        warm_up=0,
    )
    np.testing.assert_array_equal(permuted, glm.simulate(model, 200, uniforms=uniforms, warm_up=0)[order])


def test_no_spike_in_the_absolute_period():
    spikes = np.asarray(glm.run(bernoulli(threshold=-5.0), 2000, key=KEY).spikes)
    for train in spikes:
        assert np.diff(np.flatnonzero(train)).min() == 3


def test_poisson_counts_have_their_distribution():
    """A constant mean: the counts of all uniforms on a grid are the quantiles of scipy's."""
    from scipy.stats import poisson as reference

    uniform = (np.arange(5000) + 0.5) / 5000
    for mean in (0.003, 0.7, 12.0, 150.0):
        ours = glm.Poisson().draw(jnp.full(5000, mean), jnp.asarray(uniform))
        np.testing.assert_array_equal(ours, reference.ppf(uniform, mean))
    single = glm.Poisson().draw(jnp.float32(150.0) * jnp.ones(3, jnp.float32), jnp.float32([0.5, 0.999, 1 - 6e-8]))
    assert single.max() < 256


def test_stimuli_reach_who_they_should():
    model, mask = bernoulli(), np.arange(6) < 2
    regular = glm.stimuli.regular(30.0, period=50, tau=5, mask=mask)
    by_function = glm.simulate(model, 150, key=KEY, stimulus=regular)
    in_columns = np.stack([np.asarray(regular(t)) for t in range(150)], axis=1)
    plain = lambda t: 30.0 * mask if t % 50 < 5 else 0.0 * mask  # jax cannot trace it
    np.testing.assert_array_equal(by_function, glm.simulate(model, 150, key=KEY, stimulus=plain))
    np.testing.assert_array_equal(by_function, glm.simulate(model, 150, key=KEY, stimulus=in_columns))
    assert by_function[:2].sum() > 2 * by_function[2:4].sum()


def test_a_runaway_ends_in_a_status():
    explosive = glm.PoissonGLM(5 * np.abs(weights(6)), coupling=glm.Exponential(50.0, 20e-3), bias=-2.0)
    result = glm.run(explosive, 500, key=KEY)
    assert glm.Status(int(result.status)) & glm.Status.COUNT_ABOVE_255
    assert glm.Status(int(result.status)) & glm.Status.RUNAWAY
    assert result.spikes.max() == 255
    with pytest.warns(glm.RunawayWarning, match="COUNT_ABOVE_255"):
        glm.simulate(explosive, 500, key=KEY)
    assert int(glm.run(bernoulli(), 500, key=KEY).status) == 0


def test_events_are_the_counts():
    result = glm.run(poisson(), 400, key=KEY)
    trains = result.trains()
    counts = np.zeros(result.spikes.shape, int)
    np.add.at(counts, (trains.node_ids, (trains.times / 1e-3).astype(int)), 1)
    np.testing.assert_array_equal(counts, result.spikes)


def test_a_link_may_have_a_number_for_each_neuron():
    """Over all steps at once, as where spikes are forced, as in one."""
    one, drive = glm.from_spikeometric("RectifiedLNP", weights(3)), jnp.linspace(0.0, 1.0, 90).reshape(3, 30)
    scale = np.array([1.0, 2.0, 3.0])
    several = eqx.tree_at(lambda model: model.link.rate, one, one.link.rate * scale)
    np.testing.assert_allclose(several.respond(drive), one.respond(drive) * scale[:, None], rtol=1e-6)
    np.testing.assert_allclose(several.respond(drive[:, 0]), one.respond(drive[:, 0]) * scale, rtol=1e-6)


def test_a_capped_link_is_the_link_up_to_its_highest():
    drive, highest = jnp.linspace(-3.0, 3.0, 40).reshape(2, 20), np.array([0.01, 0.4])
    free, capped = (
        glm.BernoulliGLM(weights(2), coupling=glm.Exponential(200.0, 5e-3), link=link)
        for link in (glm.Hazard(), glm.Capped(glm.Hazard(), highest))
    )
    np.testing.assert_array_equal(capped.respond(drive), np.minimum(free.respond(drive), as_float(highest)[:, None]))


BAD = {
    "W.i, j. from i to j": lambda: glm.BernoulliGLM(np.zeros((3, 4)), coupling=glm.Exponential(1.0, 1e-3)),
    "itself": lambda: glm.BernoulliGLM(np.eye(3), coupling=glm.Exponential(1.0, 1e-3)),
    "hold nan": lambda: glm.BernoulliGLM(np.full((3, 3), np.nan), coupling=glm.Exponential(1.0, 1e-3)),
    "exceeds 1": lambda: bernoulli(dt=2e-3),
    "less than a step": lambda: bernoulli(coupling=glm.Exponential(200.0, 4e-4)),
    "0 s, less than a step of 0.001 s; give at least one step$": lambda: glm.simulate(
        glm.from_spikeometric("PoissonGLM", weights(6), T=0), 10, key=KEY
    ),
    "dt is '1'; give a number": lambda: glm.from_spikeometric("PoissonGLM", weights(3), dt="1"),
    "positive step": lambda: bernoulli(dt=0.0),
    "no parameter 'gamma'": lambda: glm.from_spikeometric("BernoulliGLM", weights(3), gamma=1),
    "no model 'LIF'": lambda: glm.from_spikeometric("LIF", weights(3)),
    "the stimulus has shape": lambda: glm.simulate(bernoulli(), 10, key=KEY, stimulus=np.zeros((6, 9))),
    "the stimulus gives shape": lambda: glm.simulate(
        bernoulli(), 10, key=KEY, stimulus=glm.stimuli.regular(1.0, period=5, tau=1, mask=np.ones(5))
    ),
    "the uniforms have shape": lambda: glm.simulate(bernoulli(), 10, uniforms=np.zeros((6, 9))),
    "the initial values have shape": lambda: glm.simulate(bernoulli(), 10, key=KEY, initial=np.zeros(3)),
    "give one of key": lambda: glm.simulate(bernoulli(), 10),
    "steps is 0; give a whole number": lambda: glm.simulate(bernoulli(), 0, key=KEY),
    "steps is 2.5": lambda: glm.simulate(bernoulli(), 2.5, key=KEY),
    "give a random key": lambda: glm.simulate(bernoulli(), 10, key=0),
    "give a network": lambda: glm.simulate(weights(3), 10, key=KEY),
    "coupling is 3.0; give": lambda: glm.BernoulliGLM(weights(3), coupling=3.0),
    "threshold has shape .3,.; give a number, or .6,.": lambda: bernoulli(threshold=np.ones(3)),
    "threshold is nan; give finite": lambda: bernoulli(threshold=np.nan),
    "threshold is nan; give numbers": lambda: glm.simulate(
        dataclasses.replace(bernoulli(), threshold=np.nan), 10, key=KEY
    ),
    "decay is inf": lambda: glm.from_spikeometric("PoissonGLM", weights(3), tau=0.0),
    "time_constant is -0.001": lambda: glm.from_spikeometric("RectifiedSAM", weights(3), tau=-1.0),
    "highest is -1; it must": lambda: glm.Capped(glm.Hazard(), -1.0),
    "rho is 2; give a probability": lambda: glm.SparseNoise(1.0, 2.0),
    "the number of cosines is 2.5": lambda: glm.RaisedCosines(2.5, 0.1),
    "networks differ in kind": lambda: glm.simulate([bernoulli(), poisson()], 10, key=KEY),
    "networks differ in kind, kernels": lambda: glm.simulate(
        [bernoulli(coupling=glm.Tabulated(np.ones(taps))) for taps in (3, 5)], 10, key=KEY
    ),
    "networks' stimuli differ in kind": lambda: glm.simulate(
        [bernoulli(), bernoulli()],
        10,
        key=KEY,
        stimulus=[glm.stimuli.regular(1.0, period=5, tau=1, mask=mask) for mask in (None, np.ones(6))],
    ),
    "no networks": lambda: glm.simulate([], 10, key=KEY),
    "the spikes have shape": lambda: glm.forced_run(bernoulli(), np.zeros((5, 50))),
    "give more than that": lambda: glm.forced_run(bernoulli(), np.zeros((6, 7))),
    "negative number": lambda: glm.forced_run(bernoulli(), np.full((6, 50), -1)),
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_refused(words, monkeypatch):
    """As users run it, whose annotations nothing checks."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(InputError, match=words):
        BAD[words]()
