"""Spikes without noise where the hazard has gathered: closed forms, limits, batches, files, bad input."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from neurons import DRIVE, DT, NEURONS, STEPS

import glifjax as gj

RATE, TAU = 400.0, 0.01  # 1/s, s


def at_threshold(threshold, lambda0=RATE, cut=0, **others):
    """A neuron that a current holds at its threshold, where the hazard is lambda0."""
    return gj.from_level(
        "LIF", C=1e-10, R_input=1e8, th_inf=0.02, init_voltage=0.02, spike_cut_length=cut, dt=DT,
        escape_noise=gj.EscapeNoise(lambda0, 2e-3, lapse=0.3), accumulated_hazard=gj.AccumulatedHazard(TAU, threshold),
        **others,
    )  # fmt: skip


def run(neuron, amplitude=2e-10):
    return gj.simulate(neuron, np.full(STEPS, amplitude), DT)


@pytest.mark.parametrize("threshold", [0.05, 0.7, 3.0])
def test_the_first_spike_comes_where_the_closed_form_has_it(threshold):
    # A = lambda tau (1 - e^(-t/tau)) reaches A* at t = -tau log(1 - A* / (lambda tau))
    first = run(at_threshold(threshold)).spikes().times[0]
    assert first == pytest.approx(-TAU * math.log1p(-threshold / (RATE * TAU)), abs=2e-7)


def test_more_than_the_hazard_can_gather_is_never_reached():
    assert len(run(at_threshold(1.001 * RATE * TAU)).spikes()) == 0


def test_without_a_hazard_nothing_spikes_however_low_the_threshold():
    assert len(run(at_threshold(0.0, lambda0=0.0), 1e-8).spikes()) == 0


def test_any_hazard_spikes_at_a_threshold_of_nothing_after_every_cut():
    steps = run(at_threshold(0.0, cut=7)).spikes().steps
    assert steps.tolist() == list(range(0, STEPS, 8))


def test_noise_and_force_decide_as_they_do_without_it():
    neuron = NEURONS["accumulated hazard"]()
    plain = dataclasses.replace(neuron, accumulated_hazard=None)
    for options in ({"key": jax.random.key(0)}, {"spikes": np.array([60, 130])}):
        ours, theirs = (gj.simulate(each, DRIVE, DT, **options) for each in (neuron, plain))
        np.testing.assert_array_equal(ours.fired, theirs.fired)
        np.testing.assert_array_equal(ours.voltage, theirs.voltage)


def test_in_a_batch_it_spikes_as_alone_whatever_is_beside_it():
    neuron, currents = NEURONS["accumulated hazard"](), jnp.stack([DRIVE, 0.9 * DRIVE, 0.7 * DRIVE])
    batch = jax.jit(jax.vmap(lambda current: gj.simulate(neuron, current, DT)))
    forth, back = batch(currents), batch(currents[::-1])
    for name in ("fired", "voltage"):
        np.testing.assert_array_equal(getattr(forth, name), getattr(back, name)[::-1])
    # a time inside a step is rounded as its place among the vector's lanes has it
    np.testing.assert_allclose(forth.crossing, back.crossing[::-1], rtol=1e-12)
    # and in its place it does not depend on the others
    beside = batch(jnp.stack([DRIVE, 0.5 * DRIVE, 1.1 * DRIVE]))
    for name in ("fired", "voltage", "crossing"):
        np.testing.assert_array_equal(getattr(forth, name)[0], getattr(beside, name)[0])
    alone = np.stack([gj.simulate(neuron, current, DT).fired for current in currents])
    np.testing.assert_array_equal(forth.fired, alone)
    assert (alone.sum(axis=1) > 1).all()


def test_it_is_written_and_read(tmp_path):
    neuron = NEURONS["accumulated hazard"]()
    gj.write_neuron_config(neuron, tmp_path / "neuron.json")
    again = gj.read_neuron_config(tmp_path / "neuron.json")
    np.testing.assert_array_equal(run(again).fired, run(neuron).fired)
    assert (again.accumulated_hazard.tau, again.accumulated_hazard.threshold) == (0.03, 0.1)


def test_bad_input_is_refused():
    with pytest.raises(gj.InputError, match="tau is 0; it must be greater than 0"):
        gj.AccumulatedHazard(tau=0.0)
    with pytest.raises(gj.InputError, match="threshold is -1; it must not be negative"):
        gj.AccumulatedHazard(threshold=-1.0)
    with pytest.raises(gj.InputError, match="gathers the hazard of escape_noise, which is None"):
        dataclasses.replace(at_threshold(0.5), escape_noise=None)


def test_a_config_that_gathers_no_hazard_is_refused_with_its_name(tmp_path):
    config = gj.io.config.neuron_config.neuron_to_config(at_threshold(0.5))
    with pytest.raises(gj.InputError, match=r"^cell: accumulated_hazard gathers the hazard of escape_noise"):
        gj.io.config.neuron_config.neuron_from_config(config | {"escape_noise": None}, "cell")
    with pytest.raises(gj.InputError, match="cell, accumulated_hazard: lacks tau"):
        gj.io.config.neuron_config.neuron_from_config(config | {"accumulated_hazard": {"threshold": 1.0}}, "cell")
