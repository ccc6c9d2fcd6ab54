"""Stimuli as functions of the step."""

import json

import jax
import numpy as np
import pytest

from glifjax import glm
from glifjax.errors import InputError


def along(stimulus, steps):
    return np.stack([np.broadcast_to(stimulus(int(t)), (4,)) for t in steps], axis=1)


def test_the_packs(shared):
    """Phases that hang on step 0 there hang on `start` here; where they differ, the onsets are given."""
    pack = np.load(shared / "reference" / "glm" / "stimuli.npz")
    steps, mask = pack["t"], pack["mask"]
    keywords = lambda name: json.loads(str(pack[f"{name}__kw"]))
    for name in ("regular", "regular_tau_over_period"):
        ours = along(glm.stimuli.regular(**keywords(name), mask=mask), steps)
        np.testing.assert_allclose(ours, pack[name], atol=2e-5)
    for name in ("sine", "sine_all", "sine_dt"):
        options = keywords(name)
        ours = along(glm.stimuli.sine(stop=options.pop("duration"), **options, mask=mask), steps)
        np.testing.assert_allclose(ours, pack[name], atol=2e-5)
    options = keywords("poisson")
    ours = along(
        glm.stimuli.poisson(options["strength"], options["tau"], onsets=pack["poisson__onsets"], mask=mask), steps
    )
    np.testing.assert_allclose(ours, pack["poisson"], atol=2e-5)


def test_a_regular_stimulus_starts_with_its_start():
    stimulus = glm.stimuli.regular(2.0, period=10, tau=3, start=4, stop=20)
    assert [int(t) for t in range(30) if stimulus(t) > 0] == [4, 5, 6, 14, 15, 16]


def test_intervals_of_a_poisson_stimulus_are_exponential():
    stimulus = glm.stimuli.poisson(1.0, tau=1, mean_interval=50.0, stop=1e5, start=7, key=jax.random.key(1))
    onsets = np.asarray(stimulus.onsets)
    intervals = np.diff(onsets)
    assert onsets[0] == 7
    assert intervals.mean() == pytest.approx(50, rel=0.08)
    assert intervals.std() == pytest.approx(50, rel=0.12)


def test_loaded_columns_are_zero_outside():
    values = np.arange(6.0).reshape(2, 3) + 1
    stimulus = glm.stimuli.loaded(values)
    assert [np.asarray(stimulus(t)).tolist() for t in (-1, 0, 2, 3)] == [[0, 0], [1, 4], [3, 6], [0, 0]]


def test_masks_of_excitatory_neurons():
    mask = glm.stimuli.excitatory_mask(50, 4, jax.random.key(0))
    assert mask.sum() == 4
    assert not mask[25:].any()
    with pytest.raises(InputError, match="there are 25"):
        glm.stimuli.excitatory_mask(50, 26, jax.random.key(0))


def test_what_stimuli_refuse():
    with pytest.raises(InputError, match="at least 1"):
        glm.stimuli.regular(1.0, period=0, tau=1)
    with pytest.raises(InputError, match="onsets"):
        glm.stimuli.poisson(1.0, tau=3)
    with pytest.raises(InputError, match="neurons, steps"):
        glm.stimuli.loaded(np.zeros(4))
