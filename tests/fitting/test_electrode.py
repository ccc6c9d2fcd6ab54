"""The electrode's kernel, artefacts of spikes in the current, drift: found where they were put, and nowhere else."""

from dataclasses import replace
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import lfilter

import glifjax as gj
from fitting.assess.crossvalidate import Validation
from fitting.data.arrays import DataError, FitData, prepare
from fitting.data.choices import ChoiceError, check_choices
from fitting.data.compensation import measure_kernel, spike_artefact
from fitting.data.drift import measure_drift
from fitting.data.protocols import Part, Split, choose_sweeps
from fitting.data.shape import measure_shape
from fitting.model.coordinates import Coordinate
from fitting.model.patched import PatchedNeuron
from fitting.preprocessing import compensated, preprocess

RATE, DT = 10e3, 1e-4
#: The electrode: 25 MOhm that answer within 0.2 ms.
KERNEL = 25e6 * (1 - np.exp(-0.5)) * np.exp(-0.5 * np.arange(20))


def noise(seconds, tau, size, seed):
    """Ornstein-Uhlenbeck current, A."""
    decay = np.exp(-DT / tau)
    white = np.random.default_rng(seed).normal(size=round(seconds * RATE))
    return size * lfilter([np.sqrt(1 - decay**2)], [1, -decay], white)


def cell(current, kernel=KERNEL, seed=0, measurement=0.2e-3):
    """A leaky membrane (200 MOhm, 20 ms) that spikes at -48 mV: what is recorded, and the membrane's voltage, V."""
    wave = np.concatenate([np.linspace(-48, 30, 6), np.linspace(20, -70, 24)]) * 1e-3
    membrane, v, left = np.empty(len(current)), -70e-3, 0
    for step, i in enumerate(current):
        if left:
            membrane[step], left = wave[-left], left - 1
            v = wave[-1]
            continue
        v += DT / 20e-3 * (-70e-3 - v + 200e6 * i)
        membrane[step] = v
        left = len(wave) if v > -48e-3 else 0
    drop = np.convolve(current, kernel)[: len(current)]
    return membrane + drop + measurement * np.random.default_rng(1000 + seed).normal(size=len(current)), membrane


def sweep(number, current, voltage, protocol="noise"):
    arrays = dict(number=number, rate=RATE, current=current, voltage=voltage, protocol=protocol)
    return SimpleNamespace(**arrays, n_samples=len(current), duration=len(current) * DT)


@pytest.fixture(scope="module")
def quiet():
    current = noise(10.0, 3e-3, 8e-12, 0)
    voltage, membrane = cell(current)
    return prepare([sweep(0, current, voltage, "electrode noise")], None), membrane


@pytest.fixture(scope="module")
def busy():
    current = 80e-12 + noise(30.0, 20e-3, 60e-12, 1)
    voltage, membrane = cell(current, seed=1)
    made = sweep(1, current, voltage, "noise training")
    shape = measure_shape([(voltage, RATE)])
    return prepare([made], shape), membrane, shape, made


def test_kernel_from_small_noise_and_from_training_sweeps(quiet, busy):
    for data, cut, within in ((quiet[0], 0.0, 3e6), (busy[0], busy[2].cut, 3e6)):
        found = measure_kernel(data, cut)
        assert found.resistance == pytest.approx(25e6, abs=within)
        assert abs(found.resistance - 25e6) < 4 * found.error
        assert found.kernel[:3] == pytest.approx(KERNEL[:3], abs=1.5e6)
        assert np.abs(found.kernel[12:]).max() < 1.5e6
        # 200 MOhm over 20 ms
        assert found.tail[0] == pytest.approx(200e6 / 20e-3, rel=0.15)


def test_compensated_voltage_is_the_membranes(quiet, busy):
    data, membrane, *_ = busy
    kernel = measure_kernel(quiet[0], 0.0)
    error = lambda voltage: np.std(voltage[0, 2000 : len(membrane)] - membrane[2000:])
    assert error(data.voltage) > 1.3e-3
    assert error(compensated(data, kernel).voltage) < 0.35e-3  # the measurement noise is 0.2 mV


def test_an_electrode_that_answers_at_once_is_a_resistance(quiet):
    current = noise(10.0, 3e-3, 8e-12, 0)
    instant = measure_kernel(prepare([sweep(0, current, cell(current, 25e6 * np.eye(1, 20)[0])[0])], None), 0.0)
    slow = measure_kernel(quiet[0], 0.0)
    fast = prepare([sweep(2, noise(5.0, 1e-3, 100e-12, 5), np.zeros(50_000))], None)
    assert slow.beyond_resistance(fast) > 3 * instant.beyond_resistance(fast)


def test_a_current_that_does_not_change_tells_no_kernel():
    assert measure_kernel(prepare([sweep(0, np.full(50_000, 1e-11), np.zeros(50_000))], None), 0.0) is None
    tiny = np.where(np.arange(50_000) % 10_000 < 5000, 1e-13, 0.0)
    noisy = 1e-3 * np.random.default_rng(0).normal(size=50_000)
    assert measure_kernel(prepare([sweep(0, tiny, noisy)], None), 0.0) is None
    short = noise(0.5, 3e-3, 1e-11, 0)
    assert measure_kernel(prepare([sweep(0, short, short)], None), 0.0) is None


def test_the_kernel_of_a_real_cell_is_the_same_on_small_noise_and_in_training(shared):
    with gj.read_recording(shared / "recordings" / "gifk" / "DRN162_5HT.nwb") as recording:
        split = choose_sweeps(recording)
        shape = measure_shape([(part.voltage, part.rate) for part in split.train])
        train = prepare(split.train, shape)
        done, fitted, _ = preprocess(recording, split, shape, train, ())
        other = measure_kernel(train, shape.cut)
    assert done.kernel.sweeps == (0,)
    assert abs(done.kernel.resistance - other.resistance) < 2 * np.hypot(done.kernel.error, other.error)
    assert 10e6 < done.kernel.resistance < 35e6
    # the stimulus is slow: the kernel does nothing that a resistance does not, and no fit is needed to know
    assert done.electrode == "series"
    assert not done.compared
    assert not done.removed
    np.testing.assert_array_equal(fitted.voltage, train.voltage)
    assert not done.artefact.size
    assert not done.warnings


def test_artefacts_of_spikes_in_the_current(busy):
    data, _, shape, _ = busy
    assert spike_artefact(data, shape.cut).size == 0
    current = data.current.copy()
    for time in data.spike_times[0]:
        start = round(time / DT) - 3
        current[0, start : start + 12] += 0.5e-9 * np.sin(np.linspace(0, 2 * np.pi, 12))
    found = spike_artefact(replace(data, current=current), shape.cut)
    assert 0.1e-9 < found.size < 0.4e-9
    assert np.ptp(found.mean) > 0.5e-9
    # the very same current in two sweeps was commanded, whatever follows its spikes
    twice = lambda array: np.concatenate([array, array])
    names = ("numbers", "voltage", "valid", "counted", "forced", "crossings")
    repeated = {name: twice(getattr(data, name)) for name in names}
    assert spike_artefact(replace(data, current=twice(current), **repeated), shape.cut).size == 0


@pytest.mark.parametrize("delay", [1.5, 2.5, 4.5])  # steps from the current to the upstroke
def test_a_current_that_makes_spikes_and_then_returns_to_its_mean_is_no_artefact(delay):
    """Of a fast cell: the current peaks right before its spikes, every time, and has fallen after them."""
    current = noise(20.0, 1e-3, 300e-12, 3)
    above = current > 450e-12
    forced = above & ~np.roll(above, 1)
    times = (np.flatnonzero(forced) + delay) * DT
    crossings = np.full(len(current), np.nan)
    crossings[forced] = times
    row = lambda array: np.asarray(array)[None]
    whole = np.ones(len(current), bool)
    data = FitData(np.array([1]), row(current), row(0 * current), *[row(whole)] * 3, row(forced), row(crossings), DT)
    found = spike_artefact(data, 2e-3)
    assert found.spikes > 500
    assert np.ptp(found.mean) > 100e-12
    assert found.size == 0


def test_the_ends_of_pulses_that_make_spikes_are_no_artefact():
    """A train of pulses of 2 ms every 10 ms, as measured, each with its spike 0.6 ms after it begins."""
    at = np.arange(20_000)
    current = 1e-9 * (at % 100 < 20) + 1e-12 * np.random.default_rng(0).normal(size=len(at))
    forced = (at % 100 == 6) & (at > 100)
    crossings = np.where(forced, (at + 0.5) * DT, np.nan)
    whole = np.ones((1, len(at)), bool)
    data = FitData(np.array([1]), current[None], 0 * current[None], *[whole] * 3, forced[None], crossings[None], DT)
    found = spike_artefact(data, 5e-3)
    assert found.spikes > 100
    assert found.size == 0


def test_drift_is_found_within_and_between_sweeps(busy):
    data, _, shape, _ = busy
    still = measure_drift(data, shape.cut)
    assert still.span < 0.7e-3
    long = 80e-12 + noise(60.0, 20e-3, 60e-12, 3)
    at = np.arange(len(long)) * DT
    wander = 6e-3 * np.sin(2 * np.pi * at / 90.0)
    voltage = cell(long)[0] + wander
    shape = measure_shape([(voltage, RATE)])
    drifting = prepare([sweep(1, long, voltage)], shape)
    found = measure_drift(drifting, shape.cut)
    left = found.removed(drifting).voltage[0, : len(voltage)] - (voltage - wander)
    assert np.std(left) < 0.8e-3 < 3e-3 < np.std(wander)
    np.testing.assert_allclose(found.restored(found.removed(drifting)).voltage, drifting.voltage, atol=1e-12)

    parts = [sweep(i, long[:80_000], voltage[:80_000] - wander[:80_000] + 2e-3 * i) for i in range(4)]
    between = measure_drift(prepare(parts, shape), shape.cut)
    steps = [np.unique(row.round(9)) for row in between.offset]
    assert all(len(step) == 1 for step in steps)
    assert np.diff(np.concatenate(steps)) == pytest.approx(2e-3, abs=0.3e-3)


def test_choices_of_the_user(busy, quiet):
    data, _, shape, made = busy
    recording = SimpleNamespace(path="a.nwb", current_clamp=[])
    split = Split([Part.whole(made)], [])
    done, train, test = preprocess(recording, split, shape, data, (data,), "aec", "remove")
    assert done.removed
    assert not done.compared
    # what is held out is compensated, and keeps its drift
    np.testing.assert_array_equal(test[0].voltage, compensated(data, done.kernel).voltage)
    np.testing.assert_array_equal(train.voltage, done.drift.removed(test[0]).voltage)

    none, train, _ = preprocess(recording, split, shape, data, (), "none", "keep")
    np.testing.assert_array_equal(train.voltage, data.voltage)
    assert not any("hums" in line for line in none.warnings)
    mains = 3e-3 * np.sin(2 * np.pi * 60.05 * DT * np.arange(data.voltage.shape[1]))
    humming, *_ = preprocess(recording, split, shape, replace(data, voltage=data.voltage + mains), (), "none", "keep")
    assert any("the voltage hums with the mains by 3." in line for line in humming.warnings)
    model = PatchedNeuron(gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02), 12e6)
    moved = [Coordinate(lambda m: m.neuron.C, 1e-10, 0.5, True), Coordinate(lambda m: m.series_resistance, 12e6, 1e7)]
    for way, resistance, spread in ((none, 0.0, 0.0), (replace(none, electrode="series"), 12e6, 1e7)):
        start, kept = way.held(model, moved)
        assert float(start.series_resistance) == resistance
        assert float(kept[1].value(jnp.asarray(1.0))) == resistance + spread
        assert float(kept[0].sd) == 0.5

    with pytest.raises(ChoiceError, match=r"`electrode=\"bridge\"` is unknown; use auto, none, series or aec"):
        check_choices("bridge", "keep")
    with pytest.raises(ChoiceError, match=r"`drift=\"no\"` is unknown; use auto, keep or remove"):
        check_choices("aec", "no")
    still = prepare([sweep(1, np.full(len(made.current), 1e-10), made.voltage)], shape)
    with pytest.raises(DataError, match=r"a.nwb: the electrode's kernel cannot be measured.*`electrode=\"series\"`"):
        preprocess(recording, split, shape, still, (), "aec")


@pytest.mark.parametrize(("bits", "chosen"), [(3.2, "aec"), (3.001, "series"), (2.8, "series")])
def test_what_could_matter_is_compared_on_training_spikes_kept_aside(quiet, bits, chosen):
    """The kernel does more than a resistance to a fast stimulus; fits are stood in for by their scores."""
    current = 80e-12 + noise(30.0, 1e-3, 150e-12, 7)
    voltage, _ = cell(current)
    shape = measure_shape([(voltage, RATE)])
    data = prepare([sweep(1, current, voltage)], shape)

    def stand_in(treated, shape, resistance):
        compensated = treated is not data
        mean = (bits if compensated else 3.0) * 100 * np.log(2) / 12
        spread = np.random.default_rng(3 if compensated else 6).normal(size=12)
        return Validation(mean * 12 / 100 / np.log(2), 3.0, mean + (spread - spread.mean()), 100, np.zeros(12), 1)

    quiet_sweep = sweep(0, quiet[0].current[0], quiet[0].voltage[0], "electrode noise")
    recording = SimpleNamespace(path="a.nwb", current_clamp=[quiet_sweep])
    done, *_ = preprocess(
        recording, Split([Part.whole(sweep(1, current, voltage))], []), shape, data, (), trial=stand_in
    )
    assert done.kernel.sweeps == (0,)
    assert done.electrode == chosen
    assert set(done.compared) == {"series", "aec"}
    assert "bits per spike" in done.reason
