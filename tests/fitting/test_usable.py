"""Sweeps that cannot be used, recordings that tell nothing, currents of a wrong scale: left out, or refused."""

import dataclasses
from itertools import accumulate

import numpy as np
import pytest

import fitting
import glifjax as gj
from fitting import DataError, choose_sweeps
from fitting.assess.steps import find_step
from fitting.data.arrays import prepare
from fitting.data.candidates import inspect
from fitting.data.padding import find_padding
from fitting.data.plausible import check_slope
from fitting.data.split import prepare_split
from fitting.data.usable import blank, of_one_cell

RATE, DT = 10e3, 1e-4
STEPS = np.array([-6, 6, 12, 18, 24, 30]) * 1e-11
CELL = gj.from_level("LIF", C=1e-10, R_input=2e8, th_inf=20e-3, El_reference=-70e-3, spike_cut_length=20, dt=DT)


def step(size: float, seconds: float = 0.8) -> np.ndarray:
    """A step of the current, A, from 0.1 s to 0.2 s before the end."""
    time = np.arange(round(seconds * RATE)) / RATE
    return np.where((time >= 0.1) & (time < seconds - 0.2), size, 0.0)


def answer(current: np.ndarray) -> np.ndarray:
    """The cell's voltage, V, with a spike of 2 ms wherever it fires."""
    trace = gj.simulate(CELL, current, DT)
    voltage = np.asarray(trace.voltage_before_reset) - 70e-3
    for at in trace.spikes().steps:
        wave = np.concatenate([np.linspace(-45e-3, 40e-3, 6), np.linspace(40e-3, -70e-3, 14)])
        voltage[at : at + 20] = wave[: len(voltage) - at]
    return voltage + 1e-4 * np.random.default_rng(0).normal(size=len(voltage))


CURRENTS = [step(size) for size in STEPS]
VOLTAGES = [answer(current) for current in CURRENTS]


def recorded(change=lambda currents, voltages: None, rate: float = RATE, **options) -> gj.Recording:
    """The recording after a change."""
    currents, voltages = [c.copy() for c in CURRENTS], [v.copy() for v in VOLTAGES]
    change(currents, voltages)
    return gj.Recording.from_arrays(currents, voltages, rate, **({"protocols": "steps", "name": "cell"} | options))


def stopped(currents, voltages):
    currents[3][3000:] = voltages[3][3000:] = np.nan


def short(currents, voltages):
    currents[3] = currents[3][5:]


def at_once(currents, voltages):
    currents[3], voltages[3] = currents[3][:3], voltages[3][:3]


def zeros(currents, voltages):
    currents[3][3500:] = voltages[3][3500:] = 0.0


def zeros_at_its_start(currents, voltages):
    voltages[3][:200] = 0.0


def zeros_under_a_current(currents, voltages):
    voltages[3][3000:3500] = 0.0


def zeros_throughout(currents, voltages):
    voltages[3][:] = 0.0


def held(currents, voltages):
    voltages[3][3500:] = voltages[3][3499]


def saturated(currents, voltages):
    voltages[3][6000:] = -0.16384


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (stopped, "NaN"),
        (short, "the stimulus 7995"),
        (at_once, "3 samples"),
        (zeros, "from 0.35 s on"),
        (zeros_at_its_start, "from 0 s to 0.02 s"),
        (zeros_under_a_current, "from 0.3 s to 0.35 s"),
        (zeros_throughout, "0 mV throughout: nothing was recorded, or its scale (conversion) is 0"),
        (held, "from 0.35 s on the voltage never changes"),
        (saturated, "from 0.6 s on the voltage never changes"),
    ],
)
def test_one_sweep_does_not_cost_the_others(change, words):
    recording = recorded(change)
    split = choose_sweeps(recording)
    assert 4 not in {sweep.number for sweep in split.sweeps}
    assert {sweep.number for sweep in split.sweeps} == {1, 2, 3, 5, 6}
    (line,) = [reason for reason in split.reasons if "left out" in reason]
    assert line.startswith("sweep 4 is left out: ")
    assert words in line
    with pytest.raises(DataError, match="cell, sweep 4: "):
        choose_sweeps(recording, train="4")


@pytest.mark.parametrize(
    ("filling", "words"), [(np.nan, "NaN"), (0.0, "zeros"), ("edge", "its last value")], ids=["NaN", "zeros", "held"]
)
def test_sweeps_that_a_program_padded_to_one_length_are_cut(filling, words):
    """A table whose rows are sweeps of 0.8 s and, two of them, of 0.7 s, padded to 0.9 s."""
    ends = [8000, 7000, 8000, 7000, 8000, 8000]
    fill = {"mode": "edge"} if filling == "edge" else {"constant_values": filling}
    rows = lambda traces: np.stack([np.pad(x[:n], (0, 9000 - n), **fill) for x, n in zip(traces, ends, strict=True)])
    recording = gj.Recording.from_arrays(rows(CURRENTS), rows(VOLTAGES), RATE, protocols="steps")
    split = choose_sweeps(recording)
    assert {sweep.number for sweep in split.sweeps} == {1, 2, 3, 4, 5, 6}
    assert split.reasons[-1] == (
        f"sweeps 1, 2, 3, 4, 5, 6 are cut where their voltage ends and padding ({words}) begins, at 0.7 to 0.8 s"
    )
    for sweep in split.sweeps:
        end = ends[sweep.number - 1]
        np.testing.assert_array_equal(sweep.voltage, VOLTAGES[sweep.number - 1][:end])
        assert len(sweep.current) == end
    named = choose_sweeps(recording, train="4", test="5")
    assert [part.duration for part in (named.train[0], named.test[0][0])] == [0.7, 0.8]
    assert named.reasons[-1] == split.reasons[-1]


def test_rest_is_no_padding():
    rest = np.full(3000, -0.07)
    assert find_padding(np.concatenate([rest, -0.07 + 1e-5 * np.arange(2000.0), rest]), RATE) is None
    assert find_padding(rest, RATE) is None


def test_a_cell_whose_voltage_crosses_zero_is_not_touched():
    assert not [reason for reason in choose_sweeps(recorded()).reasons if "left out" in reason]
    from_rest = np.concatenate([np.zeros(1000), 1e-5 * np.arange(1000.0)])  # relative to it, without noise
    assert blank(from_rest, 0.0, RATE) is None


def test_zeros_of_a_file_are_its_offset():
    voltage = np.concatenate([np.full(500, -0.07), np.full(500, -0.02)])
    assert blank(voltage, -0.02, RATE) == (500, 1000)


def test_sweeps_that_are_left_out_for_one_reason_share_a_line():
    def two(currents, voltages):
        for number in (1, 4):
            currents[number - 1] = currents[number - 1][5:]

    assert (
        "sweeps 1, 4 are left out: the response has 8000 samples and the stimulus 7995"
        in choose_sweeps(recorded(two)).reasons
    )


def test_where_no_sweep_can_be_used_it_is_said_what_to_do():
    def all_short(currents, voltages):
        currents[:] = [current[5:] for current in currents]

    with pytest.raises(
        DataError, match=r"none of its sweeps can be used: sweep 1: .*; write it anew with equal lengths"
    ):
        choose_sweeps(recorded(all_short))


def measured_at_rest(currents, voltages):
    noise = np.random.default_rng(3)
    currents[:] = [2e-12 * noise.normal(size=len(current)) for current in currents]


def humming(currents, voltages):
    measured_at_rest(currents, voltages)
    for phase, current in enumerate(currents):
        current += 3e-12 * np.sin(2 * np.pi * 50 * DT * np.arange(len(current)) + phase)


def drifting(currents, voltages):
    measured_at_rest(currents, voltages)
    for current in currents:
        current += 1.5e-11 * np.linspace(-0.3, 1, len(current)) ** 2


def wandering(currents, voltages):
    """Noise of 4 pA whose power falls with frequency, 1/f, and beside it the mains."""
    humming(currents, voltages)
    noise = np.random.default_rng(5)
    for current in currents:
        spectrum = np.fft.rfft(noise.normal(size=len(current)))
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        slow = np.fft.irfft(spectrum, len(current))
        current += 4e-12 * slow / slow.std()


@pytest.mark.parametrize(
    ("recording", "words"),
    [
        (recorded(lambda currents, voltages: [c.fill(2e-11) for c in currents]), "constant in all.*never changes"),
        (recorded(measured_at_rest), "constant in all.*never changes, but for noise"),
        (recorded(humming), "constant in all.*never changes, but for noise"),
        (recorded(drifting), "constant in all.*never changes, but for noise"),
        (recorded(wandering), "constant in all.*never changes, but for noise"),
        (
            recorded(lambda currents, voltages: [v.__isub__(0.4) for v in voltages]),
            "the voltage rests at -4.. mV, and no cell's does; correct the conversion .* or offset",
        ),
        (recorded(rate=10.0), "sampled at 10 Hz, too slow.*check the rate"),
        (recorded(rate=1e7), "at 1e\\+07 Hz less than 50 ms"),
        (
            recorded(lambda currents, voltages: [v.__imul__(1e-3) for v in voltages]),
            "spans .*correct the conversion",
        ),
        (
            recorded(lambda currents, voltages: [v.__imul__(0.1) for v in voltages]),
            "holds a spike, and the voltage rests at .* mV: correct its scale .conversion",
        ),
        (
            recorded(lambda currents, voltages: [v.__imul__(-1) for v in voltages]),
            "the voltage rests at .* mV, and no cell's does; correct the conversion",
        ),
        (
            recorded(lambda currents, voltages: [c.__imul__(1e3) for c in currents]),
            "that can be used holds a spike: sweep 3 is left out: the current reaches 120 nA.*correct the conversion",
        ),
    ],
)
def test_a_recording_that_tells_nothing_is_refused(recording, words):
    with pytest.raises(ValueError, match=words):
        choose_sweeps(recording)


@pytest.mark.parametrize(
    ("number", "factor", "words"),
    [
        (6, 1e-3, "correct the scale"),
        (3, 0.1, "correct the scale"),
        (2, 1e2, "correct the scale"),
        (5, -1.0, "turn the"),
        (5, 3.0, "correct the scale"),
        (5, 0.3, "correct the scale"),
    ],
)
def test_a_sweep_of_another_scale_or_sign_is_left_out_and_refused_where_it_is_named(number, factor, words):
    recording = recorded(lambda currents, voltages: currents[number - 1].__imul__(factor))
    split = choose_sweeps(recording)
    assert number not in [sweep.number for sweep in split.sweeps]
    assert len(split.sweeps) == len(CURRENTS) - 1
    (reason,) = [line for line in split.reasons if f"sweep {number} is left out: its input resistance comes to" in line]
    assert words in reason
    with pytest.raises(DataError, match=f"sweep {number}: its input resistance comes to .*{words}"):
        choose_sweeps(recording, train=str(number))


@pytest.mark.parametrize(
    "change",
    [lambda v: v + 20e-3, lambda v: v - 40e-3, lambda v: v / 2, lambda v: 0.0 * v + 1e-4 * np.sin(np.arange(len(v)))],
    ids=["zero", "zero below", "gain", "no cell"],
)
@pytest.mark.parametrize("number", [1, 4])
def test_a_sweep_that_rests_elsewhere_is_left_out_and_refused_where_it_is_named(change, number):
    recording = recorded(lambda currents, voltages: voltages.__setitem__(number - 1, change(voltages[number - 1])))
    split = choose_sweeps(recording)
    assert {sweep.number for sweep in split.sweeps} == {1, 2, 3, 4, 5, 6} - {number}
    assert f"sweep {number} is left out: the voltage rests at" in " ".join(split.reasons)
    with pytest.raises(DataError, match=f"sweep {number}: the voltage rests at .*offset or scale .conversion."):
        choose_sweeps(recording, train=str(number))


def test_a_cell_that_is_held_elsewhere_or_drifts_costs_no_sweep():
    held = [current - 1e-10 * (k in (1, 4)) for k, current in enumerate(CURRENTS)]
    voltages = [answer(current) for current in held]
    assert len(choose_sweeps(gj.Recording.from_arrays(held, voltages, RATE)).sweeps) == len(CURRENTS)
    drifts = recorded(lambda currents, voltages: [v.__iadd__(8e-3 * k) for k, v in enumerate(voltages)])
    assert len(choose_sweeps(drifts).sweeps) == len(CURRENTS)


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_of_two_sweeps_of_different_scales_neither_is_left_out_and_it_is_said(factor):
    currents, voltages = [CURRENTS[3], factor * CURRENTS[4]], VOLTAGES[3:5]
    split = choose_sweeps(gj.Recording.from_arrays(currents, voltages, RATE))
    assert {sweep.number for sweep in split.sweeps} == {1, 2}
    (line,) = [reason for reason in split.reasons if "the input resistance comes to" in reason]
    assert "check the scale (conversion)" in line
    assert "in sweep 1" in line
    assert "in sweep 2" in line
    right = choose_sweeps(gj.Recording.from_arrays(CURRENTS[3:5], voltages, RATE))
    assert not [reason for reason in right.reasons if "input resistance" in reason]


def test_a_small_noise_is_a_stimulus_where_the_voltage_follows_it():
    current = 5e-12 * played_noise(3e-3)[:16_000]
    for voltage, stimulus in ((answer(current), True), (answer(0.0 * current), False)):
        (candidate,) = inspect(gj.Recording.from_arrays(current, voltage, RATE).sweeps)
        assert candidate.is_driven == candidate.is_noise == stimulus


def test_a_step_is_as_high_as_over_what_is_held_before_a_test_pulse():
    current = 3e-11 + step(1e-10, 2.0)
    current[150:450] -= 2e-11
    assert find_step(current, DT) == pytest.approx((1e-10, 0.1, 1.8))


def test_a_small_ramp_that_was_commanded_is_a_stimulus():
    ramp = 1e-11 * np.linspace(0, 1, 10_000).round(3)
    (candidate,) = inspect(gj.Recording.from_arrays(ramp, answer(0.0 * ramp), RATE).sweeps)
    assert candidate.is_driven
    assert not candidate.is_noise


def test_a_short_pulse_after_a_test_pulse_is_no_noise():
    current = step(-2e-11)
    current[6500:6530] = 1.2e-9
    (candidate,) = inspect(gj.Recording.from_arrays(current, answer(current), RATE).sweeps)
    assert candidate.is_driven
    assert not candidate.is_noise


def test_a_little_noise_does_not_stand_for_many_steps():
    current = 1.2e-10 + 4e-11 * played_noise(3e-3)[:8000]
    noise = inspect(gj.Recording.from_arrays(current, answer(current), RATE).sweeps)[0]
    split = choose_sweeps(gj.Recording.from_arrays([*CURRENTS, current], [*VOLTAGES, answer(current)], RATE))
    assert noise.is_noise
    assert f"only {noise.spikes} spikes: all sweeps serve" in split.reasons[0]
    assert len(split.train) > 3


def test_an_undriven_sweep_does_not_train_alone():
    silent, driven = np.zeros_like(CURRENTS[4]), CURRENTS[4]
    recording = gj.Recording.from_arrays([silent, driven], [VOLTAGES[4], VOLTAGES[5]], RATE, protocols="ramp")
    split = choose_sweeps(recording)
    assert [part.number for part in split.train] == [2]
    assert split.test[0][0].start == split.train[0].stop


@pytest.mark.parametrize(
    ("amplifier", "hum", "averaged"),
    [(0.0, 0.0, 1), (4e-12, 0.0, 1), (4e-12, 8e-12, 1), (4e-12, 0.0, 5), (8e-12, 0.0, 12)],
)
def test_steps_are_steps_whether_commanded_or_measured(amplifier, hum, averaged):
    """The amplifier's filter is a running mean over samples; its noise comes to as much after it."""
    noise = np.random.default_rng(1)
    filtered = lambda trace: np.convolve(trace, np.full(averaged, 1 / averaged), "same")
    silent = [np.zeros_like(CURRENTS[0]), *CURRENTS[1:]]
    turn = 2 * np.pi * 49.95 * DT * np.arange(len(CURRENTS[0]))
    mains = hum * (np.sin(turn + 1) + 0.3 * np.sin(3 * turn))
    added = lambda current: mains + amplifier * np.sqrt(averaged) * noise.normal(size=len(current))
    currents = [filtered(current + added(current)) for current in silent]
    voltages = [answer(current) for current in silent]
    split = choose_sweeps(gj.Recording.from_arrays(currents, voltages, RATE, protocols="Long Square"))
    spiking = [number for number, voltage in enumerate(voltages, start=1) if (voltage > 0).any()]
    assert [part.number for group in split.test for part in group] == spiking[1::3]
    assert {part.number for part in split.train} == {1, 2, 3, 4, 5, 6} - set(spiking[1::3])
    assert "steps serve" in split.reasons[0]


def played_noise(memory: float) -> np.ndarray:
    """Noise of 2 s that is forgotten over a time, s; standard deviation 1."""
    kick = np.random.default_rng(4).normal(size=20_000)
    decay = np.exp(-DT / memory)
    played = np.array(list(accumulate(kick, lambda before, now: decay * before + now)))
    return played / played.std()


@pytest.mark.parametrize("memory", [1e-3, 3e-3, 50e-3])
def test_noise_that_is_played_wanders(memory):
    pedestal = np.concatenate([np.zeros(5000), 2e-10 + 4e-11 * played_noise(memory), np.zeros(5000)])
    (candidate,) = inspect(gj.Recording.from_arrays(pedestal, np.full(30_000, -0.07), RATE).sweeps)
    assert candidate.is_noise
    assert find_step(pedestal, DT) is None


def test_small_steps_beside_large_ones_are_steps_too():
    noise = np.random.default_rng(2)
    currents = [
        step(size) + 4e-12 * noise.normal(size=8000) for size in (-2e-11, -1e-11, 0, 1e-11, 2e-11, 2.4e-10, 3e-10)
    ]
    small = inspect(gj.Recording.from_arrays(currents, [answer(c) for c in currents], RATE).sweeps)
    assert not any(candidate.is_noise for candidate in small)
    assert [candidate.is_driven for candidate in small] == [True, True, False, True, True, True, True]
    for height, current in zip((-20, -10, 10, 20), (*currents[:2], *currents[3:5]), strict=True):
        size, start, stop = find_step(current, DT)
        assert 1e12 * size == pytest.approx(height, abs=1.0)  # the first 16 ms, its zero, are noisy too
        assert (start, stop) == pytest.approx((0.1, 0.6), abs=1e-3)
    assert find_step(currents[2], DT) is None


@pytest.mark.parametrize("late", [False, True])
def test_spikes_only_at_one_end_are_shared_out(late):
    rest = np.zeros(20_000)
    current = np.concatenate([rest, CURRENTS[5]] if late else [CURRENTS[5], rest])
    recording = gj.Recording.from_arrays(current, answer(current), RATE, protocols="pulse")
    split = choose_sweeps(recording)
    part = split.test[0][0]
    assert (part.voltage > 0).any()
    assert (split.train[0].voltage > 0).any()
    assert "come early or late" in split.reasons[0]


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1e-3, "too high for a neuron.*scale"),
        (100.0, "too low for a neuron.*scale"),
        (-1.0, "turn the sign"),
    ],
)
def test_a_current_of_another_scale_or_sign_is_refused(factor, words):
    data = prepare(recorded().current_clamp, None)
    check_slope(data, 2e-3)
    with pytest.raises(DataError, match=f"sweeps 1, 2, 3, 4, 5, 6: the input resistance.*{words}"):
        check_slope(dataclasses.replace(data, current=factor * data.current), 2e-3)


def test_noise_that_ends_early_and_repeats_is_shared_out():
    early = np.concatenate([1e-10 + 2e-10 * np.repeat(np.random.default_rng(5).normal(size=160), 50), np.zeros(22_000)])
    split = choose_sweeps(gj.Recording.from_arrays([early, early], [answer(early)] * 2, RATE, protocols="pulse"))
    assert [part.number for part in split.train] == [1, 2]
    assert all((part.voltage > 0).any() for group in split.test for part in group)


def test_of_one_spiking_sweep_the_silent_ones_train_too():
    split = choose_sweeps(gj.Recording.from_arrays(CURRENTS[:3], VOLTAGES[:3], RATE, protocols="steps"))
    assert [number for number, voltage in enumerate(VOLTAGES[:3], start=1) if (voltage > 0).any()] == [3]
    assert {part.number for part in split.train} == {1, 2, 3}
    assert [part.number for part in split.test[0]] == [3]


def test_a_sweep_of_another_rate_does_not_cost_the_others():
    recording, other = recorded(), recorded(rate=5e3)
    recording.sweeps = tuple(other.sweeps[3] if sweep.number == 4 else sweep for sweep in recording.sweeps)
    split = choose_sweeps(recording)
    assert {sweep.number for sweep in split.sweeps} == {1, 2, 3, 5, 6}
    assert split.reasons[-1] == "sweep 4 is left out: sampled at 5 kHz, the others at 10 kHz"
    assert 4 not in {sweep.number for sweep in choose_sweeps(recording, train="6").sweeps}


def test_the_noise_of_a_current_that_is_held_has_no_slope():
    """Of strong steps only the baseline lies between spikes: there an after-hyperpolarisation meets the noise."""
    data = prepare(recorded().current_clamp, None)
    time = np.arange(data.current.shape[1]) * DT
    step = np.where((time > 0.1) & (time < 0.7), 2e-10, 0.0)
    forced = np.broadcast_to((time > 0.1) & (time < 0.7), data.forced.shape)
    held = 1e-13 * (time < 0.1)  # a little more before the step than after it
    after = np.where(time > 0.7, -75e-3, -70e-3)
    rows = lambda array: np.broadcast_to(array, data.current.shape)
    check_slope(dataclasses.replace(data, current=rows(step - held), voltage=rows(after), forced=forced), 2e-3)


def test_sweeps_shorter_than_what_a_slope_is_measured_over_pass():
    short = [slice(900, 1800)] * len(CURRENTS)
    cut = lambda traces: [trace[part] for trace, part in zip(traces, short, strict=True)]
    recording = gj.Recording.from_arrays(cut(CURRENTS), cut(VOLTAGES), RATE)
    prepare_split(recording, choose_sweeps(recording))


def test_a_slope_of_a_few_blocks_is_not_believed():
    """What lies between spikes comes to 0.5 s of a voltage that follows something else."""
    data = prepare(recorded().current_clamp[5:], None)
    blocks = lambda values: np.repeat(values, 1000)[None, : data.current.shape[1]]
    few = dataclasses.replace(data, forced=blocks([False] * 5 + [True] * 5))
    current, voltage = blocks([1, 5, 2, 4, 3, 9, 9, 9, 9, 9]), blocks([-7, -8, -7.2, -6.5, -8, 0, 0, 0, 0, 0])
    check_slope(dataclasses.replace(few, current=1e-11 * current, voltage=1e-2 * voltage), 2e-3)
    with pytest.raises(DataError, match="hyperpolarises"):
        check_slope(dataclasses.replace(few, current=1e-11 * current, voltage=-1e-2 * current), 2e-3)


def test_electrodes_are_never_mixed():
    recording = recorded()
    recording.sweeps = tuple(
        dataclasses.replace(sweep, electrode="left" if sweep.number < 4 else "right") for sweep in recording.sweeps
    )
    with pytest.raises(DataError, match=r'2 electrodes \(left, right\).*`cell="left"`'):
        choose_sweeps(recording)
    assert {sweep.number for sweep in choose_sweeps(of_one_cell(recording, "right")).sweeps} == {4, 5, 6}
    unnamed = [dataclasses.replace(s, electrode="" if s.number == 4 else "left") for s in recording.sweeps]
    recording.sweeps = tuple(unnamed)
    assert {sweep.number for sweep in choose_sweeps(recording).sweeps} == {1, 2, 3, 4, 5, 6}
    recording.sweeps = tuple(dataclasses.replace(s, electrode="right") if s.number > 4 else s for s in unnamed)
    with pytest.raises(DataError, match=r'2 electrodes \(left, right\).*`cell="left"`'):
        choose_sweeps(recording)
    with pytest.raises(DataError, match="no sweep is from electrode up; there are left, right"):
        fitting.fit(recording, level="LIF", cell="up")


NOISE = 1e-10 + 6e-11 * played_noise(3e-3)
LOST = 12_000  # samples


def dying(voltage):
    left = np.exp(-(np.arange(8000) / RATE) / 0.05)
    voltage[LOST:] = left * voltage[LOST:] + 1e-4 * np.random.default_rng(6).normal(size=8000)


def without_a_seal(voltage):
    voltage[LOST:] = -3e-3 + 5e6 * NOISE[LOST:]


def in_open_air(voltage):
    voltage[LOST:] = 0.02 + 0.05 * np.random.default_rng(6).normal(size=8000)


def off(voltage):
    voltage[LOST:] = -70e-3 + 1e-4 * np.random.default_rng(6).normal(size=8000)


@pytest.mark.parametrize("lose", [dying, without_a_seal, in_open_air, off])
def test_a_sweep_is_cut_where_its_cell_or_clamp_is_lost_and_left_out_where_others_repeat_it(lose):
    voltage = answer(NOISE)
    lose(voltage)
    for options in ({}, {"train": "1"}):
        split = choose_sweeps(gj.Recording.from_arrays(NOISE, voltage, RATE), **options)
        end = split.test[0][0].stop / RATE
        assert 0.9 <= end <= 1.2
        (line,) = [reason for reason in split.reasons if "cell was lost, or its clamp off" in reason]
        assert line.startswith(f"sweep 1 is cut at {end:.3g} s, from where on the voltage ")
    other = 1e-10 + 6e-11 * played_noise(3e-3)[::-1]
    currents, voltages = [other, *[NOISE] * 3], [answer(other), answer(NOISE), voltage, answer(NOISE)]
    split = choose_sweeps(gj.Recording.from_arrays(currents, voltages, RATE))
    assert [[part.number for part in group] for group in (split.train, *split.test)] == [[1], [2, 4]]
    assert any("sweep 3 is left out: from " in line and "play its stimulus whole" in line for line in split.reasons)


def a_plateau(current, voltage):
    voltage[9000:13_000] = -10e-3


def blocked(current, voltage, stop=16_000):
    """As depolarisation does, until the step ends."""
    current[12_000:stop] = 6e-10
    voltage[12_000:stop] = -15e-3 - 45e-3 * np.exp(-DT * np.arange(stop - 12_000) / 6e-3)


def blocked_to_the_end(current, voltage):
    blocked(current, voltage, 20_000)


def bursting(current, voltage):
    for at in range(6000, 7000, 40):
        voltage[at : at + 20] = np.concatenate([np.linspace(-50e-3, 40e-3, 6), np.linspace(40e-3, -50e-3, 14)])


def zero_a_current(current, voltage):
    current[12_000:] = 0.0
    voltage[12_000:] = -70e-3 + 1e-4 * np.random.default_rng(6).normal(size=8000)


@pytest.mark.parametrize("change", [a_plateau, blocked, blocked_to_the_end, bursting, zero_a_current])
def test_what_a_cell_does_is_no_loss(change):
    current, voltage = NOISE.copy(), answer(NOISE)
    change(current, voltage)
    (candidate,) = inspect(gj.Recording.from_arrays(current, voltage, RATE).sweeps)
    assert candidate.loss is None
    assert candidate.sweep.n_samples == 20_000


def test_a_sweep_that_does_not_answer_at_all_is_left_out():
    recording = recorded(lambda currents, voltages: np.copyto(voltages[4], answer(0.0 * currents[4])))
    split = choose_sweeps(recording)
    assert "sweep 5 is left out: the voltage does not answer the current" in split.reasons
    with pytest.raises(DataError, match="sweep 5: the voltage does not answer the current"):
        choose_sweeps(recording, train="5")


def counts(voltage):
    """As a converter stores it, 0.3 mV a count."""
    return 3e-4 * np.round(voltage / 3e-4)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (
            (-np.inf, 0.01),
            "spikes are cut off in sweeps 3, 4, 5, 6 at 10 mV, an amplifier's or converter's limit: they",
        ),
        ((-0.074, np.inf), "the voltage is cut off in sweep 1 at -74 mV, an amplifier's or converter's limit: what is"),
    ],
)
def test_rails_are_told_and_what_is_cut_off_is_not_fitted(limits, words):
    recording = recorded(lambda currents, voltages: [np.clip(v, *limits, out=v) for v in voltages])
    split = choose_sweeps(recording)
    assert any(line.startswith(words) for line in split.reasons)
    for data, voltage in zip(prepare(recording.sweeps, None).seen, VOLTAGES, strict=True):
        at_rail = (voltage <= limits[0]) | (voltage >= limits[1])
        np.testing.assert_array_equal(data[: len(voltage)], ~at_rail if at_rail.sum() > 10 else True)


def test_a_measured_current_that_was_cut_off_is_told_and_a_commanded_one_is_no_rail():
    noise = np.random.default_rng(7)
    measured = [np.minimum(c + 2e-12 * noise.normal(size=len(c)), 2e-10) for c in CURRENTS]
    words = "the current is cut off in sweeps 5, 6 at 200 pA, an amplifier's or converter's limit"
    told = lambda currents: choose_sweeps(gj.Recording.from_arrays(currents, VOLTAGES, RATE)).reasons
    assert any(line.startswith(words) for line in told(measured))
    rectified = [np.maximum(c, 0.0) for c in measured]
    ramp = [np.clip(np.linspace(-1e-10, 4e-10, 8000), 0.0, c.max()) for c in CURRENTS]
    for currents in (CURRENTS, ramp):
        assert not any("cut off" in line for line in told(currents))
    assert not any("at 0 pA" in line for line in told(rectified))


@pytest.mark.parametrize(
    "stored",
    [counts, lambda v: np.repeat(v[::4], 4)],
    ids=["coarse counts", "held samples"],
)
def test_tops_of_spikes_and_rest_are_no_rails(stored):
    split = choose_sweeps(recorded(lambda currents, voltages: [np.copyto(v, stored(v)) for v in voltages]))
    assert not any("cut off" in line for line in split.reasons)


def test_repeats_under_another_held_current_are_none_and_one_that_rests_elsewhere_is_told():
    other = 1e-10 + 6e-11 * played_noise(3e-3)[::-1]
    lower = NOISE - 6e-11
    voltages = [answer(current) for current in (other, NOISE, NOISE, lower, NOISE)]
    recording = gj.Recording.from_arrays([other, NOISE, NOISE, lower, NOISE], voltages, RATE)
    groups = [[part.number for part in group] for group in choose_sweeps(recording).test]
    assert groups == [[2, 3, 5], [4]]
    unsaid = gj.Recording.from_arrays([other, *[NOISE] * 4], voltages, RATE)
    (line,) = [reason for reason in choose_sweeps(unsaid).reasons if "rests at" in reason]
    assert line.startswith("sweep 4 rests at ")
    assert "another current was held than the file says, or the cell changed" in line
