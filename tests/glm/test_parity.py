"""The same numbers as spikeometric: drives and responses of given spikes, free runs spike for spike."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from glifjax import glm
from glifjax.errors import InputError


@pytest.fixture(scope="session")
def pack(shared):
    folder = shared / "reference" / "glm"
    return lambda name: np.load(folder / f"{name}.npz")


def params(data, case):
    return json.loads(str(data[f"{case}__params"]))


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("case", ["no_absolute", "no_relative", "window_1", "slow"])
def test_forced_bernoulli(pack, case):
    data = pack("forced")
    model = glm.from_spikeometric("BernoulliGLM", data["W0"], **params(data, case))
    assert model.history_steps == data[f"{case}__T"]
    drive, response = glm.forced_run(model, data[f"{case}__X"], data[f"{case}__stim"])
    close(drive, data[f"{case}__g"])
    close(response, data[f"{case}__p"])


@pytest.mark.parametrize("case", ["seed", "r_half", "dt_half", "long_coupling", "alpha_neg"])
def test_forced_bernoulli_of_the_introduction(pack, case):
    data = pack("bernoulli_forced")
    model = glm.from_spikeometric("BernoulliGLM", data["W0"], **params(data, case))
    assert model.history_steps == data[f"{case}__T"]
    drive, response = glm.forced_run(model, data[f"{case}__X"], data[f"{case}__stim"])
    close(drive, data[f"{case}__g"])
    close(response, data[f"{case}__p"])


def test_neurons_behind_the_last_connected_one_have_an_own_kernel(pack):
    data = pack("bernoulli_forced")
    model = glm.from_spikeometric("BernoulliGLM", data["iso__W0"], **params(data, "seed"))
    drive, _ = glm.forced_run(model, data["iso__X"])
    connected = np.flatnonzero((data["iso__W0"] != 0).any(0) | (data["iso__W0"] != 0).any(1)).max() + 1
    close(drive[:connected], data["iso__g"][:connected])
    assert np.abs(drive[connected:] - data["iso__g"][connected:]).max() > 90


def test_self_connections_are_an_error(pack):
    data = pack("bernoulli_forced")
    with pytest.raises(InputError, match="own-spike kernel"):
        glm.from_spikeometric("BernoulliGLM", data["W0"] + np.eye(20), **params(data, "seed"))


@pytest.mark.parametrize(
    ("file", "weights", "case", "kind", "counts"),
    [
        ("forced", "Wp", "poisson_glm", "PoissonGLM", "poisson_glm__X"),
        ("forced", "Wp", "rectified_lnp", "RectifiedLNP", "rectified_lnp__X"),
        ("other_models_forced", "Wp", "pglm", "PoissonGLM", "Xp"),
        ("other_models_forced", "Wp", "pglm_dt01", "PoissonGLM", "Xp"),
        ("other_models_forced", "Wp", "rlnp", "RectifiedLNP", "Xp"),
    ],
)
def test_forced_counts(pack, file, weights, case, kind, counts):
    data = pack(file)
    model = glm.from_spikeometric(kind, data[weights], **params(data, case))
    drive, response = glm.forced_run(model, data[counts])
    close(drive, data[f"{case}__g"])
    close(response, data[f"{case}__mu"])


@pytest.mark.parametrize(
    ("file", "weights", "case", "kind", "activation", "response"),
    [
        ("forced", "Wp", "rectified_sam", "RectifiedSAM", "activation", "mu"),
        ("forced", "Wp", "threshold_sam", "ThresholdSAM", "activation", "spikes"),
        ("other_models_forced", "Wu", "rsam", "RectifiedSAM", "a", "mu"),
        ("other_models_forced", "Wu", "tsam", "ThresholdSAM", "a", "spike_if"),
    ],
)
def test_forced_activations(pack, file, weights, case, kind, activation, response):
    data = pack(file)
    model = glm.from_spikeometric(kind, data[weights], **params(data, case))
    start = data[f"{case}__{activation}"][:, 0]
    drive, responses = glm.forced_run(model, data[f"{case}__X"], initial=start)
    close(drive, data[f"{case}__g"])
    close(responses, data[f"{case}__{response}"].astype(float))


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ("bernoulli", "BernoulliGLM"),
        ("poisson_glm", "PoissonGLM"),
        ("rectified_lnp", "RectifiedLNP"),
        ("rectified_sam", "RectifiedSAM"),
        ("threshold_sam", "ThresholdSAM"),
    ],
)
def test_free_runs_spike_for_spike(pack, case, kind):
    data = pack("free_runs")
    spikes, warm_up = data[f"{case}__spikes"], int(data[f"{case}__equilibration_steps"])
    model = glm.from_spikeometric(kind, data[f"{case}__W0"], **params(data, case))
    stimulus = None
    if case == "bernoulli":
        mask = data["bernoulli__mask"]
        stimulus = glm.stimuli.regular(strength=5.0, period=100, tau=10, stop=spikes.shape[1], mask=mask)
    uniforms = data[f"{case}__U"] if f"{case}__U" in data.files else np.full(spikes.shape, 0.5)
    ours = glm.simulate(
        model,
        spikes.shape[1],
        uniforms=uniforms,
        stimulus=stimulus,
        initial=data[f"{case}__init"],
        warm_up=warm_up,
    )
    assert ours.dtype == jnp.uint8
    np.testing.assert_array_equal(ours, spikes)


#: What loglik.npz differentiates by, and the run of free_runs.npz that it is of.
LIKELIHOODS = {
    "bernoulli_logit": ("bernoulli", "BernoulliGLM"),
    "bernoulli_hazard": ("bernoulli", "BernoulliGLM"),
    "poisson_glm": ("poisson_glm", "PoissonGLM"),
    "rectified_lnp": ("rectified_lnp", "RectifiedLNP"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", LIKELIHOODS)
def test_log_likelihoods_and_their_gradients(pack, case):
    """By our definitions: r scales synapses alone."""
    expected, runs = pack("loglik"), pack("free_runs")
    run, kind = LIKELIHOODS[case]
    spikes, values = runs[f"{run}__spikes"], params(runs, run)
    moved = [name.removeprefix(f"{case}__d") for name in expected.files if name.startswith(f"{case}__d")]
    fixed = {name: value for name, value in values.items() if name not in moved}
    stimulus = None
    if run == "bernoulli":
        stimulus = glm.stimuli.regular(5.0, period=100, tau=10, stop=spikes.shape[1], mask=runs["bernoulli__mask"])

    def value(moving):
        weights = moving["W"]
        model = glm.from_spikeometric(kind, weights, **fixed, **{k: v for k, v in moving.items() if k != "W"})
        changed = vars(model) | ({"strength_on_own": False} if run == "bernoulli" else {})
        changed |= {"link": glm.Hazard()} if case == "bernoulli_hazard" else {}
        model = type(model)(**changed)
        history = model.history_steps
        shifted = None if stimulus is None else lambda t: stimulus(t + history)
        return glm.log_likelihood(model, spikes, shifted)

    start = {name: jnp.asarray(values[name] if name != "W" else runs[f"{run}__W0"], float) for name in moved}
    ours, gradient = jax.value_and_grad(value)(start)
    np.testing.assert_allclose(ours, expected[case], rtol=1e-8)
    off_diagonal = ~np.eye(len(start["W"]), dtype=bool)
    for name in moved:
        where = off_diagonal if name == "W" else ...
        theirs = expected[f"{case}__d{name}"]
        np.testing.assert_allclose(
            np.asarray(gradient[name])[where], theirs[where], rtol=1e-8, atol=1e-8 * np.abs(theirs).max()
        )
