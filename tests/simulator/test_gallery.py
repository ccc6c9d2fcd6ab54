"""The twenty patterns: each claim and its control, with both integrators; classes of spike trains; sweeps."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

import glifjax as gj
from glifjax.patterns.populations import batch, respond, spike_trains, sweep
from glifjax.spikes.firing import FIRING_CLASSES, bursts, classify

CASES = [(slug, i) for slug, pattern in gj.gallery.items() for i in range(len(pattern.checks))]

#: What the notebook's numbers do not show.
FAILS = {
    "threshold_variability": {"the pulse after inhibition: at least one"},
    "hyperpol_spiking": {"no current: no spike"},
    "hyperpol_bursting": {"no current: no spike"},
    "preferred_frequency": {
        "second pulse 5 ms after the first: one spike", "95 ms after: one spike", "200 ms after: one spike",
        "the second pulse alone: no spike",
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=["exact", "exponential_euler"])
def responses(request):
    """What every run of every check shows, all in one call: (variant, slug) -> one list a check."""
    galleries = {variant: gj.gallery.variant(variant) for variant in ("paper", "notebook")}
    runs = [
        pattern.with_run(run)
        for gallery in galleries.values()
        for pattern in gallery.values()
        for check in pattern.checks
        for run in check.runs
    ]
    found = iter(respond(runs, integrator=request.param))
    return {
        (variant, slug): [[next(found) for _ in check.runs] for check in pattern.checks]
        for variant, gallery in galleries.items()
        for slug, pattern in gallery.items()
    }


@pytest.mark.parametrize(("slug", "i"), CASES, ids=[f"{slug}-{i}" for slug, i in CASES])
def test_claims_and_controls_hold(responses, slug, i):
    check = gj.gallery[slug].checks[i]
    assert check.holds(*responses["paper", slug][i]), check.expects


def test_what_the_notebooks_numbers_do_not_show(responses):
    failing = {}
    for slug, pattern in gj.gallery.variant("notebook").items():
        shown = zip(pattern.checks, responses["notebook", slug], strict=True)
        failing[slug] = {check.expects for check, found in shown if not check.holds(*found)}
        assert not failing[slug] or pattern.note
    assert {slug: names for slug, names in failing.items() if names} == FAILS


def test_the_gallery_is_a_mapping_in_the_papers_order(shared):
    table = json.loads((shared / "reference/mihalas_niebur/patterns.json").read_text())["patterns"]
    assert list(gj.gallery) == [entry["slug"] for entry in table]
    assert "".join(pattern.letter for pattern in gj.gallery.values()) == "ABCDEFGHIJKLMNOPQRST"
    for pattern in gj.gallery.values():
        assert pattern.name
        assert pattern.behaviour.endswith(".")
        assert pattern.claim
        assert pattern.control
        assert pattern.current.shape == (round(sum(duration for _, duration in pattern.stimulus) / 1e-4),)
    with pytest.raises(ValueError, match="variant 'figure' is unknown; use one of paper, notebook"):
        gj.gallery.variant("figure")


@pytest.mark.slow
def test_one_call_gives_what_twenty_do():
    neurons, currents, steps = batch(gj.gallery.values())
    assert currents.shape == (20, 10_000)
    trains = spike_trains(neurons, currents, call_steps=70_000)
    assert len(trains) == 20
    for slug in ("tonic_spiking", "spike_latency"):
        row, pattern = list(gj.gallery).index(slug), gj.gallery[slug]
        alone = gj.simulate(pattern.neuron, pattern.current, pattern.dt).spikes().times
        np.testing.assert_allclose(trains[row][trains[row] < steps[row] * pattern.dt], alone, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_a_sweep_takes_every_combination_last_axis_fastest():
    pattern = gj.gallery["tonic_spiking"]
    neurons = sweep(pattern.neuron, {"a": [0.0, 5.0], "A1": [0.0, 5e-9, 10e-9]})
    np.testing.assert_array_equal(neurons.a, [0, 0, 0, 5, 5, 5])
    np.testing.assert_array_equal(neurons.A, [[x, 0] for x in (0, 5e-9, 10e-9)] * 2)
    trains = spike_trains(neurons, pattern.current)
    alone = gj.simulate(replace(pattern.neuron, a=5.0, A=(5e-9, 0.0)), pattern.current, pattern.dt)
    np.testing.assert_allclose(trains[4], alone.spikes().times, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match=r"no parameter 'A3'; it has C, G, .* k1, k2, .*A1, A2"):
        sweep(pattern.neuron, {"A3": [0.0]})


def test_batches_refuse_what_has_no_common_step():
    pattern = gj.gallery["tonic_spiking"]
    with pytest.raises(ValueError, match="all of one time step"):
        batch([pattern, replace(pattern, dt=1e-3)])


CLASSES = {
    "A": "tonic", "B": "single", "C": "adapting", "D": "phasic", "F": "single", "G": "single", "H": "tonic",
    "K": "tonic", "L": "tonic bursting", "M": "tonic bursting", "N": "phasic bursting", "O": "phasic bursting",
    "P": "mixed mode", "Q": "single", "T": "single",
}  # fmt: skip


def test_patterns_belong_to_the_classes_they_are_named_after():
    patterns = [pattern for pattern in gj.gallery.values() if pattern.letter in CLASSES]
    found = {
        p.letter: classify(1e-3 * r.times, 1e-3 * r.duration) for p, r in zip(patterns, respond(patterns), strict=True)
    }
    assert found == CLASSES
    assert classify([], 1.0) == "silent"
    assert set(found.values()) | {"silent"} == set(FIRING_CLASSES)


def test_bursts_are_cut_at_pauses():
    times = np.array([0.0, 2, 5, 20.1, 22, 100]) * 1e-3
    assert [len(burst) for burst in bursts(times)] == [3, 2, 1]
    assert bursts([]) == []


def test_a_pattern_has_the_step_and_units_it_promises():
    pattern = gj.gallery["tonic_bursting"]
    assert pattern.dt == 1e-4
    assert isinstance(pattern.current, np.ndarray)
    np.testing.assert_array_equal(np.unique(pattern.current), [2e-9])
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(pattern.neuron))
