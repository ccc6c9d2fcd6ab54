"""Parameters tuned to a rate, and the one-step gradient that the peer follows."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from glifjax import glm
from glifjax.errors import InputError
from glifjax.glm.tune import one_step_gradient

KEY = jax.random.key(7)


def network(n=8, **changed):
    weights = np.random.default_rng(0).normal(0, 0.7, (n, n))
    np.fill_diagonal(weights, 0)
    return glm.from_spikeometric("BernoulliGLM", weights, **changed)


@pytest.mark.slow
@pytest.mark.parametrize("names", [("theta",), ("threshold", "own.strength")])
def test_a_network_comes_to_its_rate(names):
    model = network()
    tuned = glm.tune(model, 25.0, names=names, key=KEY, steps=10_000)
    rate = np.asarray(glm.simulate(tuned, 10_000, key=KEY)).mean() * 1e3
    assert rate == pytest.approx(25.0, rel=0.02)
    fresh = np.asarray(glm.simulate(tuned, 20_000, key=jax.random.key(8))).mean() * 1e3
    assert fresh == pytest.approx(25.0, rel=0.08)
    assert float(tuned.coupling.decay) == float(model.coupling.decay)


def test_every_neuron_comes_to_its_own():
    model = network(4)
    target = np.array([10.0, 30.0, 20.0, 15.0])
    tuned = glm.tune(model, target, names=("threshold",), key=KEY, steps=10_000)
    rates = np.asarray(glm.simulate(tuned, 10_000, key=KEY)).mean(axis=1) * 1e3
    np.testing.assert_allclose(rates, target, rtol=0.021)
    assert tuned.threshold.shape == (4,)


def test_rates_under_a_stimulus_of_many_steps():
    """Rectified: silent without it; a rate of 1e4 / s is moved in its own units."""
    stimulus = np.tile(np.arange(6000) % 50 < 10, (4, 1)).astype(float)
    model = glm.from_spikeometric("RectifiedLNP", np.zeros((4, 4)), theta=0.1, dt=1.0)
    target = np.array([10.0, 30.0, 20.0, 15.0])
    tuned = glm.tune(model, target, names="lambda_0", key=KEY, stimulus=stimulus, steps=6000)
    rates = np.asarray(glm.simulate(tuned, 6000, key=KEY, stimulus=stimulus)).mean(axis=1) * 1e3
    np.testing.assert_allclose(rates, target, rtol=0.021)
    with pytest.raises(InputError, match="start where neurons fire"):
        glm.tune(model, np.full(4, 20.0), names="theta", key=KEY, steps=100)


def test_what_is_refused():
    refusals = {
        "no parameter 'gamma'": {"rate": 5.0, "names": ("gamma",)},
        "positive": {"rate": -1.0},
        "allow 250 Hz": {"rate": 400.0},
        "one a neuron": {"rate": np.ones(3)},
        "name at least one": {"rate": 5.0, "names": ()},
        "do not bring": {"rate": 120.0, "names": ("own.decay",), "steps": 1000},
    }
    for words, arguments in refusals.items():
        with pytest.raises(InputError, match=words):
            glm.tune(network(), key=KEY, **arguments)


@pytest.mark.parametrize("case", ["theta", "model"])
def test_the_peers_descent(shared, case):
    """Adam on (target - mean response)^2, the gradient of one step: its trajectory, in its units."""
    pack = np.load(shared / "reference" / "glm" / "tune.npz")
    config, names = json.loads(str(pack[f"{case}__config"])), [str(name) for name in pack[f"{case}__names"]]
    uniforms, steps, before = pack[f"{case}__U"], config["n_steps"], config["equilibration"]
    moved = names if config["tunable"] == "all" else config["tunable"]
    values = {name: jnp.asarray(config["params"][name], float) for name in moved}
    fixed = {name: value for name, value in config["params"].items() if name not in moved}
    make = lambda values: glm.from_spikeometric("BernoulliGLM", pack["W0"], **fixed, **values)
    adam = optax.adam(config["lr"])
    state = adam.init(values)

    def loss(values, spikes):
        model = make(values)
        return (config["firing_rate"] - one_step_gradient(model, spikes, [lambda m: m.threshold])[0]) ** 2

    slope = jax.jit(jax.grad(loss))
    for epoch in range(4):
        columns = uniforms[:, epoch * (before + steps) : (epoch + 1) * (before + steps)]
        model = make(values)
        spikes = glm.simulate(model, before + steps, uniforms=columns, warm_up=0)
        history = model.history_steps
        updates, state = adam.update(slope(values, jnp.pad(spikes, ((0, 0), (history, 0)))[:, before:]), state)
        values = optax.apply_updates(values, updates)
        expected = dict(zip(names, pack[f"{case}__trajectory"][epoch], strict=True))
        for name in moved:
            assert float(values[name]) == pytest.approx(expected[name], abs=2e-5), (epoch, name)
