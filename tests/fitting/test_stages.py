"""The stages of a fit, each on data whose truth is known."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import AUGMENTED, DT, LEVEL, SHAPE, neuron, recorded

import glifjax as gj
from fitting.data.arrays import coarsen, prepare
from fitting.data.capacitance import first_capacitance
from fitting.data.masks import observed_steps
from fitting.data.protocols import choose_sweeps
from fitting.data.shape import measure_shape
from fitting.levels import CANDIDATES, LEVELS
from fitting.model.coordinates import Coordinate, origin, place, positions, widths
from fitting.model.hazard import WIDEST
from fitting.model.likelihood import hazard_slopes, log_likelihood, spike_log_likelihood
from fitting.model.parameters import quantities
from fitting.model.patched import PatchedNeuron
from fitting.model.runs import at_own_steps, predict
from fitting.stages import (
    AbstractStage,
    FisherScoring,
    HardThreshold,
    Joint,
    KernelThreshold,
    Membrane,
    Outcome,
    Threshold,
    run_stages,
)
from fitting.stages.chosen import ChosenMembrane, as_chosen
from fitting.stages.deterministic import shifted
from fitting.stages.membrane import condensed, levenberg_marquardt
from glifjax.spike import MAX_SPIKES_PER_STEP


@pytest.fixture(scope="module")
def truth():
    return PatchedNeuron(neuron(), 12e6)


@pytest.fixture(scope="module")
def data(truth):
    made = recorded(truth)
    assert 100 < made.n_spikes < 800
    return made


def stage_a(level, start, data, evaluations=40):
    """The membrane that a level fits, from a start."""
    moved = level.coordinates(start, data.duration).membrane
    return Membrane(moved=tuple(moved), evaluations=evaluations)(start, data)


@pytest.fixture(scope="module")
def membrane(truth, data):
    """Stage A from a start that is 30 % off."""
    off = eqx.tree_at(
        lambda m: (
            m.neuron.C,
            m.neuron.R_input,
            m.neuron.El_reference,
            m.series_resistance,
            m.neuron.asc_amp_array,
        ),
        truth,
        replace_fn=lambda value: value * 1.3,
    )
    return stage_a(LEVEL, off, data)


def test_stage_a_recovers_the_membrane(truth, data, membrane):
    fitted, true = membrane.model.neuron, truth.neuron
    for name in ("C", "R_input", "El_reference"):
        assert float(getattr(fitted, name)) == pytest.approx(float(getattr(true, name)), rel=0.01)
    assert float(membrane.model.series_resistance) == pytest.approx(12e6, rel=0.05)
    charge = lambda n: float(jnp.sum(n.asc_amp_array * n.asc_tau_array))
    assert charge(fitted) == pytest.approx(charge(true), rel=0.05)
    keep = observed_steps(data, float(true.spike_cut_duration))
    residual = np.asarray(predict(membrane.model, data))[keep] - data.voltage[keep]
    assert np.sqrt(np.mean(residual**2)) == pytest.approx(0.5e-3, rel=0.02)  # the measurement noise
    assert membrane.losses[-1] < 0.05 * membrane.losses[0]


def test_coarse_steps_end_where_the_recordings_own_would(data, membrane):
    """By Newton's decrement, nats, of the misfit in own steps, at the same times."""
    moved = tuple(LEVEL.coordinates(membrane.model, data.duration).membrane)
    stage = Membrane(moved=moved)
    coarse, own = stage.misfit(membrane.model, data), stage.misfit(membrane.model, data, step=data.dt)
    block = round(coarse.data.dt / data.dt)
    assert block == 5
    counted = np.zeros_like(data.counted)
    counted[:, : coarse.data.counted.shape[1] * block] = np.repeat(coarse.data.counted, block, axis=1)
    own = replace(own, data=replace(own.data, counted=counted))

    def decrement(x):
        curvature, gradient, _ = own.normal_equations(x)
        return float(gradient @ jnp.linalg.solve(curvature, gradient)) / 2

    def uncorrected(x):
        return condensed(*map(np.asarray, coarse.normal_equations(x)))

    start = np.asarray(positions(membrane.model, moved))
    without, _ = levenberg_marquardt(uncorrected, start, 40, 1e-6)
    assert decrement(start) < 0.01
    assert decrement(start) < 0.05 * decrement(without)


def training_of(path):
    """The data that a recording trains on, and the shape of its spikes."""
    with gj.read_recording(path) as recording:
        train = choose_sweeps(recording).train
        shape = measure_shape([(part.voltage, part.rate) for part in train])
        return prepare(train, shape), shape


@pytest.mark.slow
def test_a_capacitance_that_does_harm_is_not_taken(shared):
    """In a cell under noise the voltage between spikes gives LIF 3 times the capacitance, and spikes are rarer."""
    noise, shape = training_of(shared / "recordings" / "gifk" / "DRN157_5HT.nwb")
    level = LEVELS["LIF"]
    start = level.start(noise, shape)
    moved = level.coordinates(start, noise.duration).membrane
    bits = lambda model: float(log_likelihood(model, noise)) / noise.n_spikes / np.log(2)
    model, _ = run_stages(level.stages(moved), start, noise)
    apart = (replace(level.membrane, moved=tuple(moved)), Threshold(resets=False, adapts=False))
    free, _ = run_stages(apart, start, noise)
    assert float(model.neuron.C) == float(start.neuron.C) == pytest.approx(44e-12, rel=0.1)
    assert float(free.neuron.C) > 2.5 * float(model.neuron.C)
    assert bits(model) > bits(free) + 0.3


@pytest.mark.slow
def test_a_reset_that_does_harm_is_not_taken(shared):
    """In a cell of current steps the recording's slope of 0.76 tells less of the training spikes than no reset."""
    steps, shape = training_of(shared / "recordings" / "native" / "19926019.nwb")
    bits = {}
    for name in ("LIF", "LIF-R"):
        level = LEVELS[name]
        start = level.start(steps, shape)
        model, _ = run_stages(level.stages(level.coordinates(start, steps.duration).membrane), start, steps)
        bits[name] = float(log_likelihood(model, steps)) / steps.n_spikes / np.log(2)
    assert float(start.neuron.voltage_reset.a) > 0.7
    assert float(model.neuron.voltage_reset.a) == 0
    assert bits["LIF-R"] > bits["LIF"] - 0.01


@pytest.mark.parametrize(
    ("without", "count"),
    [
        (lambda m: (m.neuron.voltage_reset.a, m.neuron.voltage_reset.b), 1),  # the slope is never moved
        (lambda m: (m.neuron.asc_amp_array,), 2),
    ],
)
def test_what_a_membrane_was_chosen_without_is_held_where_a_part_of_the_data_is_fitted(truth, without, count):
    numbers = lambda moved: np.count_nonzero(widths(moved))
    moved = LEVEL.coordinates(eqx.tree_at(lambda m: m.neuron.C, truth, 90e-12), 10.0).membrane
    none = eqx.tree_at(without, truth, [jnp.zeros_like(value) for value in without(truth)])
    assert numbers(as_chosen(truth, moved)) == numbers(moved)
    assert numbers(as_chosen(none, moved)) == numbers(moved) - count
    assert len(origin(as_chosen(none, moved))) == len(origin(moved))


def test_least_squares_cannot_tell_condensed_residuals_from_all():
    random = np.random.default_rng(0)
    r, J = random.normal(size=200), random.normal(size=(200, 5))
    f, F = condensed(J.T @ J, J.T @ r, r @ r)
    assert f.shape == (6,)
    for fewer, whole in ((F.T @ F, J.T @ J), (F.T @ f, J.T @ r), (f @ f, r @ r)):
        np.testing.assert_allclose(fewer, whole, rtol=1e-12)
    J[3, 2] = np.nan
    assert np.isinf(condensed(J.T @ J, J.T @ r, r @ r)[0]).all()


@pytest.mark.slow
def test_normal_equations_are_those_of_the_residuals_and_their_slopes(truth, data):
    moved = LEVEL.coordinates(truth, data.duration).membrane
    misfit, x = Membrane(moved=tuple(moved)).misfit(truth, data), np.full(len(origin(moved)), 0.1)
    r, J = map(np.asarray, misfit.residuals_and_slopes(x))
    for summed, expected in zip(misfit.normal_equations(x), (J.T @ J, J.T @ r, r @ r), strict=True):
        np.testing.assert_allclose(summed, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_a_step_to_where_residuals_overflow_is_not_taken():
    """As if the first step had gone there."""
    calls = []

    def at(x):
        calls.append(x)
        r, J = np.array([x[0] - 2.0, x[0] ** 2 - 4.0]), np.array([[1.0], [2 * x[0]]])
        r = r * np.nan if len(calls) == 2 else r
        return condensed(J.T @ J, J.T @ r, r @ r)

    x, losses = levenberg_marquardt(at, np.array([5.0]), evaluations=40, flat=1e-10)
    assert x == pytest.approx([2.0])
    assert np.isfinite(losses).all()
    assert losses == sorted(losses, reverse=True)


@pytest.mark.slow
def test_stage_b_finds_a_threshold_as_likely_as_the_true_one(truth, data):
    start = PatchedNeuron(
        eqx.tree_at(lambda n: n.escape_noise, truth.neuron, gj.EscapeNoise(1000.0, 5e-3)),
        truth.series_resistance,
    )
    fitted = Threshold()(start, data).model
    # a maximum is at least as likely as the truth, and by theory about half a nat a parameter more
    gain = float(log_likelihood(fitted, data) - log_likelihood(truth, data))
    assert -1.0 < gain < 12.0
    assert float(fitted.neuron.escape_noise.delta_v) == pytest.approx(1.5e-3, rel=0.2)
    assert float(fitted.neuron.threshold_reset.b_spike) == float(fitted.neuron.threshold_dynamics.b_spike)


@pytest.mark.slow
@pytest.mark.parametrize("level", [*gj.LEVELS, pytest.param("augmented", marks=pytest.mark.slow)])
def test_every_level_moves_only_what_it_has_and_is_made_of_its_own_rules(level, data):
    recipe = replace(LEVELS[level], membrane=Membrane(evaluations=3))
    if level != "augmented":
        recipe = replace(recipe, threshold=Threshold(polish=FisherScoring(steps=2)))
    start = recipe.start(data, SHAPE)
    stages = recipe.stages(recipe.coordinates(start, data.duration).membrane)[:2]
    fitted, _ = run_stages(stages, start, data)
    own = recipe.finish(fitted)
    likelihood = float(log_likelihood(own, data))
    assert np.isfinite(likelihood)
    assert likelihood == pytest.approx(float(log_likelihood(fitted, data)), rel=1e-9)
    assert own.neuron.has_afterspike_currents == ("ASC" in level or level == "augmented")
    assert own.neuron.has_reset_rules == ("-R" in level or level == "augmented")
    assert own.neuron.has_adapting_threshold == level.endswith("-A")
    if "ASC" not in level and level != "augmented":
        np.testing.assert_array_equal(own.neuron.asc_amp_array, 0.0)
    again = gj.simulate(own.neuron, data.current[0], DT).spikes().steps
    np.testing.assert_array_equal(again, gj.simulate(fitted.neuron, data.current[0], DT).spikes().steps)


def test_the_augmented_level_shares_compiled_functions_with_the_one_that_extends_it(data):
    plain, slow = AUGMENTED, CANDIDATES["augmented-slow"]
    models = [level.start(data, SHAPE) for level in (plain, slow)]
    moved = [
        level.coordinates(model, data.duration).membrane for level, model in zip((plain, slow), models, strict=True)
    ]
    assert jax.tree.structure((models[0], moved[0])) == jax.tree.structure((models[1], moved[1]))
    # the current that it lacks is held, without effect, and left out in the end
    own = plain.finish(models[0])
    assert len(own.neuron.membrane_currents) == len(models[0].neuron.membrane_currents) - 1
    assert len(slow.finish(models[1]).neuron.membrane_currents) == len(models[1].neuron.membrane_currents)
    assert widths(moved[0]).astype(bool).sum() == widths(moved[1]).astype(bool).sum() - 3
    voltage = lambda model: gj.simulate(model.neuron, data.current[0, :2000], DT).voltage
    np.testing.assert_allclose(voltage(own), voltage(models[0]), rtol=0, atol=1e-15)


@pytest.mark.slow
def test_the_joint_stage_knows_what_spikes_tell_of_the_membrane(data):
    start = AUGMENTED.start(data, SHAPE)
    moved = tuple(AUGMENTED.coordinates(start, data.duration).membrane)
    stages = Membrane(moved=moved, evaluations=3), KernelThreshold()
    joint = Joint(membrane=Membrane(moved=moved, evaluations=8), threshold=KernelThreshold())
    apart, _ = run_stages(stages, start, data)

    assert_told(apart, data, moved)
    model, outcomes = run_stages((*stages, joint), start, data)
    assert outcomes[-1].taken
    assert outcomes[-1].losses[0] == pytest.approx(sum(outcome.losses[-1] for outcome in outcomes[:2]))
    assert outcomes[-1].losses[1] < outcomes[-1].losses[0]
    assert model is outcomes[-1].model


def test_a_stage_that_does_not_gain_over_those_it_names_is_not_taken(truth, data):
    class Lossy(AbstractStage):
        loss: float
        gains_over: tuple[str, ...]
        name: str

        def __call__(self, model, data):
            moved = eqx.tree_at(lambda m: m.neuron.C, model, model.neuron.C * 2)
            return Outcome(moved, self.name, "nats", [9.0, self.loss], gains_over=self.gains_over)

    first, second = Lossy(1.0, (), "first"), Lossy(2.0, (), "second")
    for loss, names, taken in (
        (2.9, ("first", "second"), True),
        (3.0, ("first", "second"), False),
        (9.0, ("none",), True),
    ):
        model, outcomes = run_stages([first, second, Lossy(loss, names, "third")], truth, data)
        assert outcomes[-1].taken == taken
        assert float(model.neuron.C / truth.neuron.C) == pytest.approx(8.0 if taken else 4.0)
        assert outcomes[-1].losses == ([9.0, loss] if names == ("none",) else [3.0, 9.0, loss])


def assert_told(model, data, moved, along=(0, 1, 3)):
    """The slope of min_w B is that of finite differences: along capacitance, resistance and reset, unless told."""
    joint = Joint(membrane=Membrane(moved=tuple(moved)), threshold=KernelThreshold())
    matrix, vector = joint.evidence(model, data)
    x, h = positions(model, moved), 0.02
    for one in np.eye(len(x))[list(along)]:  # Gauss-Newton leaves out what is quadratic
        up, down = (KernelThreshold()(place(model, moved, x + sign * h * one), data).losses[-1] for sign in (1, -1))
        assert vector @ matrix @ one == pytest.approx((up - down) / (2 * h), rel=0.1, abs=0.5)


@pytest.mark.slow
def test_a_sharpness_that_the_voltage_does_not_tell_is_held(data):
    """Of a cell that spikes where the voltage is low."""
    forced = np.zeros_like(data.forced)
    for row, trace in zip(forced, data.voltage, strict=True):
        lowest = 10 * trace[500:].reshape(-1, 50, 10).mean(axis=2).argmin(axis=1)
        row[500 * np.arange(1, len(row) // 500) + lowest] = True
    odd = replace(data, forced=forced)
    start = AUGMENTED.start(odd, SHAPE)
    fitted = KernelThreshold()(start, odd).model
    assert float(fitted.noise.delta_v) == pytest.approx(WIDEST, rel=1e-6)
    assert_told(fitted, odd, AUGMENTED.coordinates(start, data.duration).membrane, along=(0,))


@pytest.mark.slow
def test_a_hazard_without_jitter_and_lapses_gets_them(truth, data):
    """As a neuron has it that was read from a file: it is fitted from where a fit starts."""
    noise = lambda m: m.neuron.escape_noise
    bare = eqx.tree_at(noise, truth, gj.EscapeNoise(1000.0, 1.5e-3))
    fitted, again = (Threshold(search=False)(model, data).model for model in (bare, truth))
    assert float(fitted.noise.lapse) == pytest.approx(1 / data.duration)
    assert float(fitted.noise.jitter) == pytest.approx(float(again.noise.jitter), rel=0.2)
    start = eqx.tree_at(noise, AUGMENTED.start(data, SHAPE), gj.EscapeNoise(1000.0, 1.5e-3))
    kernels = KernelThreshold()(start, data).model
    assert np.isfinite(kernels.neuron.threshold_dynamics.weights).all()
    assert 0 < float(kernels.noise.jitter) < 10e-3


def test_no_gate_gets_slower_than_a_tenth_of_the_data(data):
    """Or hardly slower than it starts: what is slower is drift."""
    level = CANDIDATES["augmented-slow"]  # which holds none of them
    start = level.start(data, SHAPE)
    taus = lambda model: np.array([gate.tau for each in model.neuron.membrane_currents for gate in each.gates])
    for duration in (60.0, 5.0):
        moved = level.coordinates(start, duration).membrane
        far = taus(place(start, moved, 50.0 + origin(moved)))
        np.testing.assert_allclose(far, np.maximum(0.1 * duration, 1.1 * taus(start)), rtol=1e-6)
        np.testing.assert_allclose(taus(place(start, moved, origin(moved))), taus(start), rtol=1e-9)
        near = taus(place(start, moved, -0.01 + origin(moved)))
        np.testing.assert_allclose(near / taus(start), np.exp(-0.009), rtol=1e-3)


@pytest.mark.parametrize("level", LEVELS)
def test_every_parameter_is_written_under_jit(level, data):
    """As uncertainty does it: parameters are named by the values of those that do not move."""
    recipe = LEVELS[level]
    start = recipe.start(data, SHAPE)
    moved = recipe.coordinates(start, data.duration).membrane
    named = lambda model: quantities(recipe.finish(model))
    written = lambda x: jnp.stack([value * scale for value, scale, _ in named(place(start, moved, x)).values()])
    x = origin(moved)
    expected = [float(value) * scale for value, scale, _ in named(start).values()]
    np.testing.assert_allclose(jax.jit(written)(x), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("currents", [1, 3])
def test_any_number_of_afterspike_currents_is_fitted(currents, data):
    level = replace(LEVELS["LIF-ASC"], n_currents=currents)
    start = level.start(data, SHAPE)
    fitted = stage_a(level, start, data, evaluations=4).model.neuron
    assert fitted.asc_amp_array.shape == fitted.asc_tau_array.shape == (currents,)
    assert (np.abs(fitted.asc_amp_array) > 1e-12).all()
    assert (np.asarray(fitted.asc_tau_array) != start.neuron.asc_tau_array).all()


def test_likelihood_equals_a_slow_sum(truth, data):
    expected = 0.0
    for i in range(len(data.current)):
        trace = truth.simulate(data.current[i], DT, recorded_start=data.voltage[i, 0], spikes=data.forced[i])
        excess = np.asarray(trace.voltage_before_reset - trace.threshold_before_reset)
        exponential = 1000.0 * np.exp(excess / 1.5e-3)
        hazard = np.minimum(DT * exponential / (1 + 3e-4 * exponential), MAX_SPIKES_PER_STEP) + 0.05 * DT
        cut = 0
        for step in range(20_000):
            if data.forced[i, step]:
                expected += np.log1p(-np.exp(-hazard[step]))
            elif step >= cut:
                expected -= hazard[step]
            if data.forced[i, step]:
                cut = step + 31
    first = lambda array: array[:, :20_000]
    one_part = replace(
        data, current=first(data.current), voltage=first(data.voltage), valid=first(data.valid),
        counted=first(data.counted), forced=first(data.forced),
    )  # fmt: skip
    assert float(log_likelihood(truth, one_part)) == pytest.approx(expected, rel=1e-9)


def test_likelihood_gradient_equals_finite_differences(truth, data):
    def at(x):
        names = lambda m: (
            m.neuron.th_inf,
            m.neuron.escape_noise.delta_v,
            m.neuron.threshold_dynamics.b_voltage,
        )
        moved = eqx.tree_at(
            names, truth, replace=tuple(leaf * factor for leaf, factor in zip(names(truth), x, strict=True))
        )
        return log_likelihood(moved, data)

    at = jax.jit(at)
    x, h = jnp.ones(3), 1e-5
    numeric = [(at(x.at[i].add(h)) - at(x.at[i].add(-h))) / (2 * h) for i in range(3)]
    np.testing.assert_allclose(jax.grad(at)(x), numeric, rtol=1e-5)


def test_a_hazards_slopes_are_those_of_its_logarithm(truth, data):
    moved = Threshold().coordinates(truth)
    first = slice(0, 1), slice(0, 3000)
    names = ("current", "voltage", "valid", "counted", "forced", "crossings")
    data = replace(data, **{name: getattr(data, name)[first] for name in names})
    value = jax.jit(lambda x: jnp.log(hazard_slopes(place(truth, moved, x), data, moved)[0]))
    x = jnp.asarray(positions(truth, moved))
    _, slopes, _ = jax.jit(lambda x: hazard_slopes(place(truth, moved, x), data, moved))(x)
    along = np.random.default_rng(0).normal(size=len(x))
    numeric = (value(x + 1e-5 * along) - value(x - 1e-5 * along)) / 2e-5
    np.testing.assert_allclose(slopes @ along, numeric, rtol=1e-5, atol=1e-6)


def test_coarser_steps_ask_for_no_other_threshold(truth, data):
    raised = lambda by: eqx.tree_at(lambda m: m.neuron.th_inf, truth, truth.neuron.th_inf + by)

    def pull(step):
        """Of the spikes on th_inf, in standard errors of it."""
        steps = coarsen(data, step)
        below, here, above = jax.jit(jax.vmap(lambda by: log_likelihood(raised(by), steps)))(1e-4 * jnp.arange(-1, 2))
        return float((above - below) / 2 / jnp.sqrt(2 * here - below - above))

    assert pull(4 * DT) == pytest.approx(pull(DT), abs=0.25)  # 1.9 off by the ends of steps


@pytest.mark.parametrize("n", [1, 2, 5])
def test_what_grows_on_a_line_is_averaged_over_the_neurons_own_steps(truth, n):
    own = 3.0 + 2.0 * np.arange(1, 6 * n + 1)  # at the ends of its steps
    ends, refractory = own[n - 1 :: n], np.array([False, False, True, True, False, False])
    means = own.reshape(-1, n).mean(axis=1)
    expected = np.where([True, False, False, True, True, False], ends, means)  # the first, and after a refractory one
    np.testing.assert_allclose(at_own_steps(truth, n * DT, jnp.asarray(ends), jnp.asarray(refractory)), expected)
    both = at_own_steps(truth, n * DT, jnp.stack([ends, -ends], axis=1), jnp.asarray(refractory))
    np.testing.assert_allclose(both, np.stack([expected, -expected], axis=1))


class Reset(AbstractStage):
    """Stands for stages A and B: losses by the intercept of the reset."""

    losses: dict
    moved: tuple = ()
    search: bool = True
    polish: FisherScoring = FisherScoring()
    name: str = "reset"

    def __call__(self, model, data):
        return Outcome(model, self.name, "nats", [self.losses[round(1e3 * float(model.neuron.voltage_reset.b), 1)]])


@pytest.mark.parametrize(("gain", "slope"), [(1.0, 0.3), (5.0, 0.0)])
def test_another_reset_is_taken_where_spikes_are_clearly_likelier(truth, data, gain, slope):
    """Clearly: by more than .008 bits a spike, 3.1 nats of the 555 here."""
    own, other = (round(1e3 * b, 1) for b in (-3e-3, 0.3 * 15e-3 - 3e-3))
    stage = Reset({own: 2000.0, other: 2000.0 - gain, 0.0: 2000.0})
    moved = tuple(LEVEL.coordinates(truth, data.duration).membrane)
    ways = ChosenMembrane(membrane=replace(stage, moved=moved), threshold=stage, resets=True, currents=True)
    assert float(ways(truth, data).model.neuron.voltage_reset.a) == slope


class Away(AbstractStage):
    """Stands for stage A: to where coordinates are one."""

    moved: tuple = ()
    name: str = "away"

    def __call__(self, model, data):
        return Outcome(place(model, self.moved, jnp.ones(len(origin(self.moved)))), self.name, "nats", [0.0])


class Small(AbstractStage):
    """Stands for stage B: losses that `grow` with the capacitance, nats per pF."""

    grow: float
    search: bool = True
    polish: FisherScoring = FisherScoring()
    name: str = "small"

    def __call__(self, model, data):
        return Outcome(model, self.name, "nats", [self.grow * 1e12 * float(model.neuron.C)])


@pytest.mark.parametrize("level", ["LIF", "LIF-ASC"])
@pytest.mark.parametrize(("grow", "held"), [(1.0, True), (0.01, False), (-1.0, False)])
def test_the_first_capacitance_is_held_where_spikes_are_clearly_likelier(truth, data, level, grow, held):
    level = LEVELS[level]
    start = PatchedNeuron(neuron(reset_slope=0.0, reset_intercept=0.0), 12e6)
    moved = level.coordinates(start, data.duration).membrane
    ways = ChosenMembrane(
        membrane=Away(moved=tuple(moved)), threshold=Small(grow), resets=False, currents=level.currents
    )
    model = ways(start, data).model
    assert (float(model.neuron.C) == float(start.neuron.C)) == held
    of_capacitance = widths(as_chosen(model, moved))[0]
    assert (of_capacitance == 0) == held


@pytest.mark.parametrize("series", [0.0, 30e6])
@pytest.mark.parametrize("stimulus", ["noise", "steps", "spikes all along"])
def test_the_first_capacitance_is_that_of_the_membrane(truth, data, stimulus, series):
    current = None
    if stimulus == "steps":
        current = np.zeros((8, 10_000))
        current[:, 2_000:7_000] = np.array([[-150e-12], [-100e-12], [-50e-12], [400e-12]] * 2)
    if stimulus == "spikes all along":
        steps = np.random.default_rng(0).normal(size=(2, 1000))
        current = np.repeat(300e-12 + 100e-12 * steps, 50, axis=1)
    data = recorded(replace(truth, series_resistance=series), noise=0.1e-3, current=current)
    assert first_capacitance(data, 3e-3) == pytest.approx(float(truth.neuron.C), rel=0.05)


def test_a_ramp_tells_no_first_capacitance(truth):
    data = recorded(truth, current=np.linspace(0, 300e-12, 20_000)[None])
    assert first_capacitance(data, 3e-3) is None


def test_certain_and_impossible_spikes_have_finite_likelihoods():
    spiked = jnp.array([True, False])
    for expected in (jnp.array([10.0, 10.0]), jnp.array([1e-300, 0.0])):
        value, slope = jax.value_and_grad(lambda e: spike_log_likelihood(e, spiked, jnp.ones(2, bool)))(expected)
        assert np.isfinite(value)
        assert np.isfinite(slope).all()


def test_shifting_the_threshold_leaves_the_hazard_alone(truth, data):
    moved = shifted(truth, -4e-3)
    assert float(moved.neuron.th_inf) == pytest.approx(11e-3)
    assert float(log_likelihood(moved, data)) == pytest.approx(float(log_likelihood(truth, data)), rel=1e-9)


def test_the_deterministic_threshold_is_the_best_of_those_tried(truth, data):
    stage = HardThreshold()(truth, data)
    assert max(stage.losses) > 0.5
    assert float(stage.model.neuron.th_inf) < float(truth.neuron.th_inf)  # noise fires below its threshold
    assert HardThreshold()(stage.model, data).losses[-1] <= max(stage.losses) + 1e-9


def test_coordinates_start_at_their_centre_and_invert():
    model = {"a": jnp.array(2.0), "b": jnp.array([-3.0, 5.0])}
    moved = [Coordinate(lambda m: m["a"], 2.0, 0.5, log=True), Coordinate(lambda m: m["b"], model["b"], 2.0)]
    assert jax.tree.map(float, place(model, moved, origin(moved))["a"]) == 2.0
    x = jnp.array([0.7, 1.0, -1.0])
    placed = place(model, moved, x)
    np.testing.assert_allclose(placed["b"], [-1.0, 3.0])
    assert float(placed["a"]) == pytest.approx(2.0 * np.exp(0.35))
    assert float(moved[0].position(placed["a"])) == pytest.approx(0.7)
