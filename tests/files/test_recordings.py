"""NWB files in and out: what real files hold is read right, or refused in one clear line."""

import copy
import json
import os
import pickle
import re
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pynwb
import pytest
from nwb_files import CURRENT, RATE, VOLTAGE, Cell, N
from pynwb import icephys

from glifjax.io.nwb.recording_writer import SweepArrays, write_recording
from glifjax.io.nwb.recordings import read_recording
from glifjax.io.nwb.sweep import RecordingError
from glifjax.io.nwb.sweeps import Recording
from glifjax.io.writing import WritingError

REAL = Path(__file__).parents[3] / "shared" / "recordings"


def refused(call) -> str:
    with pytest.raises((RecordingError, WritingError)) as error:
        call()
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.fixture
def cell(tmp_path):
    return Cell(tmp_path)


@pytest.fixture
def plain(cell):
    cell.sweep(0)
    return cell.save()


def test_recordings_and_sweeps_go_to_another_process(plain):
    """A recording as the file, opened again; a sweep, or what is no file, with its samples."""
    with read_recording(plain) as recording:
        arrays = Recording.from_arrays(recording.sweeps[0].current, recording.sweeps[0].voltage, RATE)
        sent = [pickle.loads(pickle.dumps(thing)) for thing in (recording, arrays)]
        sweeps = [sent[0].sweeps[0], sent[1].sweeps[0], copy.deepcopy(recording.sweeps[0])]
        for sweep in sweeps:
            np.testing.assert_array_equal(sweep.current, recording.sweeps[0].current)
            np.testing.assert_array_equal(sweep.voltage, recording.sweeps[0].voltage)
            assert sweep.rate == RATE
        sent[0].close()


# Samples, units, scale


@pytest.mark.parametrize(
    ("volts", "amperes", "units"),
    [
        (
            {"data": VOLTAGE * 1e-3, "conversion": 1.0},
            {"data": CURRENT * 1e-12, "conversion": 1.0},
            ("V", "A"),
        ),
        (
            {"data": VOLTAGE, "conversion": 1e-3},
            {"data": CURRENT * 1e-3, "conversion": 1e-9},
            ("volts", "amperes"),
        ),
        (
            {"data": VOLTAGE.astype("f4")},
            {"data": CURRENT.astype("f4"), "conversion": 1e-12},
            ("Volts", "Amps"),
        ),
        (
            {"data": np.round((VOLTAGE + 70) * 100).astype("i2"), "conversion": 1e-5, "offset": -0.07},
            {"data": np.round(CURRENT - 30).astype("i2"), "conversion": 1e-12, "offset": 30e-12},
            ("volts", "amperes"),
        ),
    ],
    ids=["V-A", "mV-nA", "float32", "int16-offset"],
)
def test_samples_are_volts_and_amperes_whatever_is_stored(cell, volts, amperes, units):
    cell.response(**volts)
    cell.stimulus(**amperes)
    with h5py.File(cell.save(), "a") as file:
        file["acquisition/response_0/data"].attrs["unit"] = units[0]
        file["stimulus/presentation/stimulus_0/data"].attrs["unit"] = units[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pynwb's about the unit must not reach the user
        recording = read_recording(cell.path)
    (sweep,) = recording.sweeps
    np.testing.assert_allclose(sweep.voltage, VOLTAGE * 1e-3, atol=6e-6)
    np.testing.assert_allclose(sweep.current, CURRENT * 1e-12, atol=6e-18)
    assert sweep.voltage.dtype == sweep.current.dtype == np.float64
    recording.check()
    assert recording.warnings == []


def test_a_series_of_the_general_type_is_what_its_unit_says(plain):
    with h5py.File(plain, "a") as file:
        for path in ("acquisition/response_0", "stimulus/presentation/stimulus_0"):
            file[path].attrs["neurodata_type"] = "PatchClampSeries"
    (sweep,) = read_recording(plain).current_clamp
    np.testing.assert_allclose(sweep.voltage, VOLTAGE * 1e-3)
    np.testing.assert_allclose(sweep.current, CURRENT * 1e-12)


def test_a_quantity_under_the_wrong_type_is_refused(plain):
    with h5py.File(plain, "a") as file:
        file["acquisition/response_0/data"].attrs["unit"] = "A"  # pynwb would call it volts
    (sweep,) = read_recording(plain).sweeps
    message = refused(lambda: sweep.voltage)
    assert message.startswith("cell.nwb, sweep 0: the voltage (/acquisition/response_0/data) is in 'A', not volts;")
    assert sweep.current.max() == pytest.approx(100e-12)


@pytest.mark.parametrize(
    ("where", "conversion", "value"),
    [
        ("acquisition/response_0", 1.0, "the voltage goes from -90 to -50 V"),
        ("stimulus/presentation/stimulus_0", 0.99e-9, ""),
        ("stimulus/presentation/stimulus_0", 1.1e-9, "110 nA"),
        ("stimulus/presentation/stimulus_0", 1.0, "1e+11 nA"),
    ],
)
def test_what_is_too_large_for_a_cell_is_refused_on_reading(plain, where, conversion, value):
    with h5py.File(plain, "a") as file:
        file[where]["data"].attrs["conversion"] = conversion
    recording = read_recording(plain)
    if not value:
        return recording.check()
    message = refused(recording.check)
    assert "sweep 0" in message
    assert value in message
    assert f"conversion ({conversion:g})" in message


def test_millivolts_taken_for_volts_are_refused_even_when_they_hardly_move(cell):
    cell.response(data=-70 + 0.1 * np.sin(np.arange(N)), conversion=1.0)
    cell.stimulus()
    assert "from -70.1 to -69.9 V" in refused(lambda: read_recording(cell.save()).sweeps[0].voltage)


def test_a_voltage_too_small_over_the_file_is_refused_by_check_and_a_quiet_sweep_is_not(cell):
    cell.sweep(0)
    quiet = np.full(N, -70.0)
    cell.response("response_1", quiet, number=1)
    cell.stimulus("stimulus_1", number=1)
    recording = read_recording(cell.save())
    recording.check()
    assert "over sweep 1 the voltage spans 0 mV" in refused(lambda: recording.check(recording.select(1)))
    recording.close()
    with h5py.File(cell.path, "a") as file:
        for series in file["acquisition"].values():
            series["data"].attrs["conversion"] = 1e-6
    assert "over sweeps 0-1 the voltage spans 0.04 mV" in refused(read_recording(cell.path).check)


def test_suspicions_become_warnings_once_the_sweeps_are_read(cell):
    for number, shift in enumerate((0, 60, 65, -60)):
        cell.response(f"response_{number}", VOLTAGE + shift, number=number)
        cell.stimulus(f"stimulus_{number}", number=number)
    recording = read_recording(cell.save())
    assert recording.warnings == []
    recording.check()
    rest, dip = recording.warnings
    assert rest.startswith("cell.nwb: the voltage rests above -30 mV in sweeps 1-2 (-")
    assert "mV in sweep 2)" in rest
    assert dip.startswith("cell.nwb: the voltage dips below -120 mV in sweep 3 (-150.0 mV in sweep 3)")


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (slice(500, 501), "the voltage is NaN from sample 500 (0.05 s), 1 of 1000 samples; leave"),
        (slice(900, None), "from sample 900 (0.09 s), 100 of 1000 samples: padding at the end;"),
        (slice(0, 10), "from sample 0 (0 s), 10 of 1000 samples: padding at the start;"),
        (slice(None), "from sample 0 (0 s), 1000 of 1000 samples;"),
    ],
)
def test_nan_is_refused_with_its_place_and_other_sweeps_stay_usable(cell, bad, text):
    voltage = VOLTAGE.copy()
    voltage[bad] = np.nan
    cell.sweep(3)
    cell.response("response_4", voltage, number=4)
    cell.stimulus("stimulus_4", number=4)
    good, broken = read_recording(cell.save()).sweeps
    assert np.isfinite(good.voltage).all()
    assert broken.current.shape == (N,)
    message = refused(lambda: broken.voltage)
    assert message.startswith("cell.nwb, sweep 4: ")
    assert text in message


def test_lengths_that_differ_are_refused_and_other_sweeps_stay_usable(cell):
    cell.sweep(0)
    cell.response("response_1", number=1)
    cell.stimulus("stimulus_1", CURRENT[:-10], number=1)
    good, broken = read_recording(cell.save()).sweeps
    assert good.voltage.shape == good.current.shape == (N,)
    assert broken.n_samples == N
    for quantity in ("current", "voltage"):
        message = refused(lambda name=quantity: getattr(broken, name))
        assert "sweep 1: the response has 1000 samples and the stimulus 990;" in message


# Time


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_uniform_timestamps_are_a_rate(cell, dtype):
    times = (40 + np.arange(N) / RATE).astype(dtype)
    cell.response(timestamps=times)
    cell.stimulus()
    (sweep,) = read_recording(cell.save()).sweeps
    assert sweep.rate == pytest.approx(RATE, rel=1e-6 if dtype == "f8" else 1e-4)
    assert sweep.start_time == pytest.approx(40)


@pytest.mark.parametrize(("jitter", "kept"), [(0.2, True), (0.9, False)])
def test_timestamps_that_jitter_by_less_than_half_a_step_are_a_rate(cell, jitter, kept):
    times = 3 + (np.arange(N) + np.random.default_rng(0).uniform(-jitter, jitter, N)) / RATE
    cell.response(timestamps=times)
    cell.stimulus()
    (sweep,) = read_recording(cell.save()).sweeps
    if kept:
        assert sweep.rate == pytest.approx(RATE, rel=1e-3)
    else:
        assert "not uniform" in refused(lambda: sweep.rate)


@pytest.mark.parametrize("dropped", [1, N // 2, N - 2])
def test_timestamps_with_a_gap_are_refused(cell, dropped):
    times = np.delete(np.arange(N + 1), dropped) / RATE
    cell.response(timestamps=times)
    cell.stimulus()
    (sweep,) = read_recording(cell.save()).sweeps
    assert sweep.n_samples == N
    assert "sweep 0: the timestamps of /acquisition/response_0/data are not uniform" in refused(lambda: sweep.rate)
    assert "not uniform" in refused(lambda: sweep.voltage)


def test_timestamps_that_are_too_few_or_stand_still_are_refused(cell):
    cell.response(timestamps=np.arange(N) / RATE)
    cell.stimulus()
    path = cell.save()
    for times, text in (
        (np.arange(N - 1) / RATE, "1000 samples and 999 timestamps"),
        (np.zeros(N), "not increase"),
    ):
        with h5py.File(path, "a") as file:
            attributes = dict(file["acquisition/response_0/timestamps"].attrs)
            del file["acquisition/response_0/timestamps"]
            file["acquisition/response_0/timestamps"] = times
            file["acquisition/response_0/timestamps"].attrs.update(attributes)
        with read_recording(path) as recording:
            assert text in refused(lambda sweep=recording.sweeps[0]: sweep.voltage)


def test_a_rate_is_rounded_where_it_means_a_round_one(cell):
    cell.response(rate=49999.99999999999)
    cell.stimulus(rate=50000.0)
    (sweep,) = read_recording(cell.save()).sweeps
    assert sweep.rate == 50_000
    assert sweep.duration == N / 50_000


@pytest.mark.parametrize(
    ("without", "words"),
    [
        (["stimulus/presentation/stimulus_0"], None),
        (["acquisition/response_0"], None),
        (["acquisition/response_0", "stimulus/presentation/stimulus_0"], "states no sampling rate.*write it"),
    ],
)
def test_a_rate_may_stand_in_the_response_or_the_stimulus_alone(plain, without, words):
    with h5py.File(plain, "a") as file:
        for series in without:
            del file[f"{series}/starting_time"]
    (sweep,) = read_recording(plain).sweeps
    if words is None:
        assert sweep.rate == RATE
    else:
        assert re.search(words, refused(lambda: sweep.voltage))


def test_rates_that_are_odd_stay_and_rates_that_differ_are_refused(cell):
    cell.sweep(0, rate=1234.56)
    cell.response("response_1", number=1, rate=20_000.0)
    cell.stimulus("stimulus_1", number=1)
    odd, mixed = read_recording(cell.save()).sweeps
    assert odd.rate == 1234.56
    assert "20000 Hz and the stimulus at 10000 Hz" in refused(lambda: mixed.current)


# Pairs and numbers


def marked(cell, names, **options):
    """Add series whose largest sample is 100 plus their place in ``names``, to be known again."""
    for place, (response, stimulus) in enumerate(names):
        extra = {key: values[place] for key, values in options.items()}
        cell.response(response, VOLTAGE + place, **{k: v for k, v in extra.items() if k != "stimulus_number"})
        number = extra.get("stimulus_number", extra.get("number"))
        cell.stimulus(stimulus, CURRENT + place, **({} if number is None else {"number": number}))


def mark(sweep) -> tuple[int, int]:
    """The marks of voltage and current."""
    return round(1e3 * sweep.voltage.max() - VOLTAGE.max()), round(1e12 * sweep.current.max() - CURRENT.max())


def test_names_pair_and_sort_as_numbers(cell):
    marked(cell, [(f"Sweep_{n}_V", f"Sweep_{n}_I") for n in range(1, 13)])
    recording = read_recording(cell.save())
    assert [sweep.number for sweep in recording.sweeps] == list(range(1, 13))
    assert [mark(sweep) for sweep in recording.sweeps] == [(n, n) for n in range(12)]


def test_one_name_for_both_pairs_them(cell):
    marked(cell, [("ramp", "ramp"), ("step", "step")])
    recording = read_recording(cell.save())
    assert [mark(sweep) for sweep in recording.sweeps] == [(0, 0), (1, 1)]
    assert [sweep.number for sweep in recording.sweeps] == [0, 1]
    assert "no distinct numbers" in recording.warnings[0]


def test_names_of_more_digits_than_a_number_has_sort_as_numbers(cell):
    """Python makes no number of more than 4,300 digits."""
    marked(cell, [(name, name) for name in ("9" * 4_999 + "8", "8" * 5_000, "7", "9" * 5_000)])
    assert [mark(sweep)[0] for sweep in read_recording(cell.save()).sweeps] == [2, 1, 0, 3]


def test_sweep_numbers_go_before_names(cell):
    marked(cell, [("v_1", "i_2"), ("v_2", "i_1")], number=[7, 5])
    first, second = read_recording(cell.save()).sweeps
    assert (first.number, second.number) == (5, 7)
    assert (mark(first), mark(second)) == ((1, 1), (0, 0))


def test_a_stimulus_may_have_an_electrode_of_its_own(cell):
    for place, (response, stimulus) in enumerate([("v_1", "i_2"), ("v_2", "i_1")]):
        cell.response(response, VOLTAGE + place, number=place)
        cell.stimulus(stimulus, CURRENT + place, number=place, electrode="command")
    assert [mark(sweep) for sweep in read_recording(cell.save()).sweeps] == [(0, 0), (1, 1)]


def test_a_measured_current_among_the_acquisitions_is_found(cell):
    cell.response("v_1")
    cell.nwb.add_acquisition(cell.series(icephys.CurrentClampStimulusSeries, "i_1", CURRENT, conversion=1e-12))
    recording = read_recording(cell.save())
    assert [(sweep.number, mark(sweep)) for sweep in recording.sweeps] == [(1, (0, 0))]


def test_what_nothing_pairs_stays_unpaired(cell):
    cell.response("ramp")
    cell.response("step_1")
    cell.stimulus("tone")
    recording = read_recording(cell.save())
    assert [sweep.paired for sweep in recording.sweeps] == [False, False]
    assert "unnamed sweeps without a stimulus (sweeps 0-1)" in refused(lambda: recording.current_clamp)


def test_sweep_numbers_that_are_all_the_same_are_not_used(cell):
    marked(cell, [("v_1", "i_1"), ("v_2", "i_2")], number=[0, 0])
    first, second = read_recording(cell.save()).sweeps
    assert (first.number, second.number) == (1, 2)
    assert (mark(first), mark(second)) == ((0, 0), (1, 1))


def add_sweep_table(path: Path, numbers: dict[str, int]) -> None:
    """Add the table of NWB 2.0 to 2.3, which pynwb writes no more: sweep numbers by the paths of series."""
    with h5py.File(path, "a") as file:
        table = file.create_group("general/intracellular_ephys/sweep_table")
        columns = {
            "id": ("ElementIdentifiers", "i8", list(range(len(numbers)))),
            "sweep_number": ("VectorData", "u8", list(numbers.values())),
            "series": ("VectorData", h5py.ref_dtype, [file[name].ref for name in numbers]),
            "series_index": ("VectorIndex", "u8", list(range(1, len(numbers) + 1))),
        }
        for name, (kind, dtype, values) in columns.items():
            column = table.create_dataset(name, data=values, dtype=dtype)
            column.attrs.update({"namespace": "hdmf-common", "neurodata_type": kind, "object_id": f"0-{name}"})
            if name != "id":
                column.attrs["description"] = name
        table["series_index"].attrs["target"] = table["series"].ref
        table.attrs.update({"namespace": "core", "neurodata_type": "SweepTable", "object_id": "0-0"})
        table.attrs.update({"description": "sweeps", "colnames": ["series", "sweep_number"]})


def test_the_old_sweep_table_goes_before_names(cell):
    marked(cell, [("v_1", "i_2"), ("v_2", "i_1")])
    acquisition, stimulus = "acquisition/", "stimulus/presentation/"
    numbers = {f"{stimulus}i_1": 4, f"{stimulus}i_2": 6, f"{acquisition}v_2": 4, f"{acquisition}v_1": 6}
    add_sweep_table(cell.save(), numbers)
    first, second = read_recording(cell.path).sweeps
    assert (first.number, second.number) == (4, 6)
    assert (mark(first), mark(second)) == ((1, 1), (0, 0))


def test_the_icephys_tables_go_before_numbers_and_names_and_may_name_a_stretch(cell):
    marked(cell, [("v_1", "i_1"), ("v_2", "i_2")])
    v1, v2 = cell.nwb.acquisition["v_1"], cell.nwb.acquisition["v_2"]
    i1, i2 = cell.nwb.stimulus["i_1"], cell.nwb.stimulus["i_2"]
    add, electrode = cell.nwb.add_intracellular_recording, cell.electrode()
    add(electrode=electrode, response=v2, stimulus=i1)
    stretch = {"response_start_index": 100, "response_index_count": 300, "stimulus_start_index": 100}
    add(electrode=electrode, response=v1, stimulus=i2, **stretch, stimulus_index_count=300)
    first, second = read_recording(cell.save()).sweeps
    assert (mark(first), first.n_samples) == ((1, 0), N)
    assert (second.n_samples, second.start_time) == (300, pytest.approx(0.01))
    np.testing.assert_allclose(second.voltage, VOLTAGE[100:400] * 1e-3)
    np.testing.assert_allclose(second.current, (CURRENT[100:400] + 1) * 1e-12)


def test_starting_times_never_pair_and_come_from_the_side_that_keeps_them(cell):
    for number in range(3):
        cell.response(f"v_{number}", VOLTAGE + number, starting_time=60.0)
        cell.stimulus(f"i_{number}", CURRENT + number, starting_time=5.0 * number)
    sweeps = read_recording(cell.save()).sweeps
    assert [mark(sweep) for sweep in sweeps] == [(0, 0), (1, 1), (2, 2)]
    assert [sweep.start_time for sweep in sweeps] == [0, 5, 10]


def test_a_response_without_a_stimulus_is_refused_alone(cell):
    cell.sweep(1)
    cell.response("response_2", number=2)
    cell.stimulus("stimulus_9", number=9)
    recording = read_recording(cell.save())
    assert [sweep.number for sweep in recording.sweeps] == [1, 2]
    assert [sweep.number for sweep in recording.current_clamp] == [1]
    message = refused(lambda: recording.sweeps[1].current)
    assert message.startswith("cell.nwb, sweep 2: the file pairs no stimulus with it")
    assert any("no stimulus is found for sweep 2" in line for line in recording.warnings)
    assert any("1 of its current-clamp stimuli belong to no response" in line for line in recording.warnings)


def test_the_electrode_to_choose_is_one_that_holds_a_cells_voltage(cell):
    """The current's monitor, which a converter typed as a voltage, comes first by its name."""
    for electrode, scale in (("a monitor", 1e-9), ("b", 1e-3)):
        cell.response(f"v_{electrode}", number=0, electrode=electrode, conversion=scale)
        cell.stimulus(f"i_{electrode}", number=0, electrode=electrode)
    message = refused(lambda: read_recording(cell.save()))
    assert '`electrode="b"` (a monitor holds no voltage of a cell' in message


@pytest.mark.parametrize("lacks", ["has no current-clamp sweep with a stimulus", "holds no spike"])
def test_the_electrode_to_choose_is_one_that_a_fit_can_use(cell, lacks):
    """Beside a spiking soma a dendrite that only looks on, or a cell that is silent, comes first by its name."""
    spiking = VOLTAGE + 90 * np.exp(-(((np.arange(N) - 500) / 5) ** 2))
    cell.response("v_a", number=0, electrode="a dendrite")
    cell.response("v_b", spiking, number=0, electrode="b soma")
    for electrode in ["b soma"] + ["a dendrite"] * (lacks == "holds no spike"):
        cell.stimulus(f"i_{electrode}", number=0, electrode=electrode)
    message = refused(lambda: read_recording(cell.save()))
    assert f'`electrode="b soma"` (a dendrite {lacks})' in message


def test_electrodes_that_record_at_once_are_told_apart(cell):
    for number in range(2):
        for place, electrode in enumerate(("left", "right")):
            name, options = f"{2 * number + place}", {"number": number, "electrode": electrode}
            cell.response(f"v_{name}", VOLTAGE + place, **options)
            cell.stimulus(f"i_{name}", CURRENT + place, **options)
    path = cell.save()
    with h5py.File(path, "a") as file:  # a response that names no electrode is no third
        del file["acquisition/v_0/electrode"]
    message = refused(lambda: read_recording(path))
    assert "the electrodes left, right have" in message
    assert '`electrode="left"`' in message
    assert "no voltage" not in message
    right = read_recording(cell.path, electrode="right")
    assert [(sweep.number, sweep.electrode, mark(sweep)) for sweep in right.sweeps] == [
        (0, "right", (1, 1)),
        (1, "right", (1, 1)),
    ]
    assert "['left', 'right']" in refused(lambda: read_recording(cell.path, electrode="up"))


# Clamps


@pytest.fixture
def mixed(cell):
    """Sweep 0 in current clamp, 1 in voltage clamp, 2 at zero current."""
    cell.sweep(0)
    command = {"kind": icephys.VoltageClampStimulusSeries, "conversion": 1e-3, "number": 1}
    cell.stimulus("stimulus_1", VOLTAGE, protocol="seal", **command)
    recorded = {"kind": icephys.VoltageClampSeries, "conversion": 1e-12, "number": 1}
    cell.response("response_1", CURRENT, protocol="seal", **recorded)
    cell.response("response_2", kind=icephys.IZeroClampSeries, number=2)
    path = cell.save()
    with h5py.File(path, "a") as file:
        file["acquisition/response_2"].attrs["stimulus_description"] = "rest"  # pynwb reads N/A
    return path


def test_each_clamp_keeps_its_meaning(mixed):
    recording = read_recording(mixed)
    current, voltage, zero = recording.sweeps
    assert [sweep.clamp for sweep in recording.sweeps] == ["current", "voltage", "zero"]
    assert [sweep.protocol for sweep in recording.sweeps] == ["step", "seal", "rest"]
    assert recording.current_clamp == (current,)
    np.testing.assert_allclose(voltage.current, CURRENT * 1e-12)
    np.testing.assert_allclose(voltage.voltage, VOLTAGE * 1e-3)
    np.testing.assert_allclose(zero.voltage, VOLTAGE * 1e-3)
    assert zero.current.shape == (N,)
    assert not zero.current.any()
    assert recording.warnings == []


def test_a_current_clamp_response_never_takes_a_voltage_command(cell):
    cell.response(number=0)
    cell.stimulus(data=VOLTAGE, kind=icephys.VoltageClampStimulusSeries, conversion=1e-3, number=0)
    message = refused(lambda: read_recording(cell.save()).current_clamp)
    assert "unnamed sweeps without a stimulus (sweep 0)" in message


def test_a_file_of_voltage_clamp_opens_and_has_no_current_clamp(cell):
    cell.response(data=CURRENT, kind=icephys.VoltageClampSeries, conversion=1e-12)
    cell.stimulus(data=VOLTAGE, kind=icephys.VoltageClampStimulusSeries, conversion=1e-3)
    recording = read_recording(cell.save())
    message = refused(lambda: recording.current_clamp)
    assert "unnamed sweeps in voltage clamp (sweep 0)" in message
    assert refused(recording.check) == message


def test_a_file_of_extracellular_units_opens_and_says_what_it_holds(cell):
    cell.nwb.add_unit(spike_times=[0.1, 0.2])
    cell.nwb.add_unit(spike_times=[0.3])
    cell.nwb.add_acquisition(pynwb.TimeSeries(name="licks", data=[0.0, 1.0], unit="n/a", rate=1.0))
    recording = read_recording(cell.save())
    assert recording.sweeps == ()
    message = refused(lambda: recording.current_clamp)
    assert "no intracellular sweep but 2 sorted units and 1 TimeSeries" in message
    assert "no intracellular sweep" in refused(lambda: recording.select("1"))


def test_what_is_of_no_clamp_or_elsewhere_is_named(cell):
    response = cell.response()
    cell.nwb.add_stimulus(pynwb.TimeSeries(name="current", data=CURRENT, unit="amperes", rate=RATE))
    message = refused(lambda: read_recording(cell.save()).current_clamp)
    assert "its stimuli are 1 TimeSeries, and a current is a CurrentClampStimulusSeries" in message
    with h5py.File(cell.path, "a") as file:
        file.move("stimulus/presentation/current", "acquisition/current")
    message = refused(lambda: read_recording(cell.path).current_clamp)
    assert "its other series are 1 TimeSeries, and a current is a CurrentClampStimulusSeries" in message
    with h5py.File(cell.path, "a") as file:
        del file["acquisition/current"]
        file.create_group("processing/icephys").attrs["neurodata_type"] = "ProcessingModule"
        file.move(f"acquisition/{response.name}", f"processing/icephys/{response.name}")
    message = refused(lambda: read_recording(cell.path).current_clamp)
    assert "no intracellular sweep but /processing/icephys (ProcessingModule), where no sweeps are" in message


@pytest.mark.parametrize(("stored", "read"), [(np.nan, None), (None, None), (12e6, 12e6)])
def test_bridge_balance_is_told_and_not_applied(cell, stored, read):
    cell.response(bridge_balance=stored)
    cell.stimulus()
    (sweep,) = read_recording(cell.save()).sweeps
    assert sweep.bridge_balance == read
    np.testing.assert_allclose(sweep.voltage, VOLTAGE * 1e-3)


# Files


def test_a_file_says_who_it_is_and_closes(plain):
    with read_recording(str(plain)) as recording:
        assert (recording.path, recording.name, recording.identifier) == (plain, "cell", "id-7")
        assert (recording.session_description, recording.notes) == ("a cell", None)
        assert repr(recording) == "Recording(cell.nwb: 'step' (sweep 0))"
        (sweep,) = recording.sweeps
        assert sweep.voltage.shape == (N,)
    assert "if the recording was closed, open it again" in refused(lambda: sweep.voltage)
    with h5py.File(plain, "a"):  # nothing holds it any more
        pass


def test_a_placeholder_is_no_description(plain):
    with h5py.File(plain, "a") as file:
        del file["session_description"]
        file["session_description"] = "PLACEHOLDER"
    assert read_recording(plain).session_description == ""


def test_no_sample_is_read_before_it_is_asked_for(cell, monkeypatch):
    cell.sweep(0)
    path = cell.save()
    read = []
    original = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, key: read.append(self.name) or original(self, key))
    recording = read_recording(path)
    (sweep,) = recording.select("step")
    assert (sweep.protocol, sweep.n_samples, sweep.rate, sweep.duration) == ("step", N, RATE, N / RATE)
    assert not [name for name in read if name.endswith("/data")]
    _ = sweep.voltage
    assert [name for name in read if name.endswith("/data")] == ["/acquisition/response_0/data"]


def test_what_is_no_nwb_file_is_refused(tmp_path, plain):
    text, broken, empty, other, old = (tmp_path / f"{name}.nwb" for name in ("text", "broken", "empty", "other", "old"))
    text.write_text("sweep,time\n0,1\n")
    broken.write_bytes(plain.read_bytes()[:20_000])
    empty.touch()
    with h5py.File(other, "w") as file:
        file["x"] = 1
    with h5py.File(old, "w") as file:
        file["nwb_version"] = np.array([b"NWB-0.8"])
    for path in (text, broken, empty):
        assert f"{path.name}: not a whole HDF5 file" in refused(lambda path=path: read_recording(path))
    text.rename(tmp_path / "cell.mat")
    message = refused(lambda: read_recording(tmp_path / "cell.mat"))
    assert "cell.mat: no recording of a kind that is read (NWB, .abf" in message
    assert "gj.Recording.from_arrays" in message
    assert "other.nwb: an HDF5 file without nwb_version" in refused(lambda: read_recording(other))
    assert "old.nwb: this is NWB 0.8, and NWB 1 and 2 are read" in refused(lambda: read_recording(old))
    assert "no such file" in refused(lambda: read_recording(tmp_path / "absent.nwb"))
    assert "is a folder" in refused(lambda: read_recording(tmp_path))


def test_damage_inside_the_samples_is_refused_on_reading_them(cell):
    from hdmf.backends.hdf5 import H5DataIO

    noise = np.random.default_rng(0).normal(size=N)
    cell.stimulus()
    compressed = H5DataIO(data=noise, compression="gzip", fletcher32=True)
    response = icephys.CurrentClampSeries(name="v_0", data=compressed, electrode=cell.electrode(), rate=RATE)
    cell.nwb.add_acquisition(response)
    path = cell.save()
    with h5py.File(path, "r") as file:
        chunk = file["acquisition/v_0/data"].id.get_chunk_info(0)
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset + chunk.size // 2)
        file.write(bytes(64))
    (sweep,) = read_recording(path).sweeps
    assert "sweep 0: /acquisition/v_0/data cannot be read" in refused(lambda: sweep.voltage)
    assert sweep.current.shape == (N,)


def test_a_session_start_time_of_one_element_is_read(plain):
    with h5py.File(plain, "a") as file:
        for name in ("session_start_time", "timestamps_reference_time", "identifier"):
            value = file[name][()]
            del file[name]
            file.create_dataset(name, data=np.array([value], dtype=h5py.string_dtype()))
    assert len(read_recording(plain).sweeps) == 1


def add_extension(path: Path, cached: bool) -> None:
    """Put metadata of a type that no package defines into a file, with or without its definition."""
    source = {
        "groups": [
            {
                "neurodata_type_def": "Rig",
                "neurodata_type_inc": "LabMetaData",
                "doc": "a rig",
                "attributes": [{"name": "room", "dtype": "text", "doc": "where"}],
            }
        ]
    }
    includes = [{"namespace": "core", "neurodata_types": ["LabMetaData"]}, {"source": "ndx-rig.extensions"}]
    namespace = {
        "name": "ndx-rig",
        "version": "0.1.0",
        "doc": "rigs",
        "author": "x",
        "contact": "x",
        "schema": includes,
    }
    with h5py.File(path, "a") as file:
        rig = file.create_group("general/rig")
        rig.attrs.update({"namespace": "ndx-rig", "neurodata_type": "Rig", "object_id": "0-0", "room": "B2"})
        if cached:
            group = file.create_group("specifications/ndx-rig/0.1.0")
            group["namespace"] = json.dumps({"namespaces": [namespace]})
            group["ndx-rig.extensions"] = json.dumps(source)


def test_an_extension_that_the_file_defines_is_loaded(plain):
    add_extension(plain, cached=True)
    assert read_recording(plain).sweeps[0].voltage.shape == (N,)


def test_an_extension_that_nothing_defines_keeps_no_file_shut(plain):
    add_extension(plain, cached=False)
    recording = read_recording(plain)
    assert recording.sweeps[0].voltage.shape == (N,)
    assert recording.warnings == ["cell.nwb: not read, as it stands where no sweeps do: /general/rig (Rig)"]


def test_a_response_without_an_electrode_is_a_sweep(plain):
    with h5py.File(plain, "a") as file:
        del file["acquisition/response_0/electrode"]
    (sweep,) = read_recording(plain).sweeps
    assert (sweep.electrode, sweep.current.shape) == ("", (N,))


# Selection


@pytest.fixture
def many(cell):
    protocols = ["Long Square", "Noise 1", "Noise 2", "Noise 1", "Noise", "Short Square 30", "Noise 2"]
    for number, protocol in zip((0, 1, 2, 3, 4, 6, 11), protocols, strict=True):
        cell.sweep(number, protocol)
    return read_recording(cell.save())


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        ("3", [3]),
        (3, [3]),
        ("2-6", [2, 3, 4, 6]),
        ("4-", [4, 6, 11]),
        ("11, 0,2-3", [0, 2, 3, 11]),
        ([11, "0-1", 0], [0, 1, 11]),
        ("noise 1", [1, 3]),
        ("NOISE", [4]),
        ("square", [0, 6]),
        ("noise ?", [1, 2, 3, 11]),
        ("*square*", [0, 6]),
        ("long square,6", [0, 6]),
        (["long", "noise 2"], [0, 2, 11]),
    ],
)
def test_select(many, which, numbers):
    assert [sweep.number for sweep in many.select(which)] == numbers


@pytest.mark.parametrize(
    "which", ["5", "30", "3-50", "5-6", "6-2", "nois 1", "noise 1,ramp", "", [], "0,", "*ramp*", "9" * 5000]
)
def test_a_selection_of_what_is_not_there_is_refused_with_what_is(many, which):
    message = refused(lambda: many.select(which))
    assert message.startswith("cell.nwb: no sweep or protocol matches '")
    assert "choose from 'Long Square' (sweep 0), 'Noise 1' (sweeps 1,3), 'Noise 2' (sweeps 2,11)," in message


# Writing


def simulated(number=0, n=N, **changes):
    rng = np.random.default_rng(number)
    data = {
        "number": number,
        "protocol": "noise",
        "rate": RATE,
        "current": 1e-10 * rng.normal(size=n),
        "voltage": -0.07 + 0.005 * rng.normal(size=n),
    }
    sweep = SweepArrays(**data)
    for name, value in changes.items():
        object.__setattr__(sweep, name, value)  # past any check of types and shapes at its making
    return sweep


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "simulated.nwb"
    sweeps = [simulated(12, protocol="test"), simulated(2), simulated(3, rate=20_000.0)]
    write_recording(path, sweeps, description="simulated cell", notes=json.dumps({"seed": 3}), identifier="x")
    with read_recording(path) as recording:
        assert [sweep.number for sweep in recording.sweeps] == [2, 3, 12]
        assert (recording.session_description, recording.identifier) == ("simulated cell", "x")
        assert json.loads(recording.notes or "") == {"seed": 3}
        for read, written in zip(recording.sweeps, [sweeps[1], sweeps[2], sweeps[0]], strict=True):
            assert (read.protocol, read.rate, read.clamp) == (written.protocol, written.rate, "current")
            np.testing.assert_allclose(read.voltage, written.voltage, rtol=0, atol=0.51e-7)
            np.testing.assert_allclose(read.current, written.current, rtol=0, atol=0.51e-15)
        recording.check()
        assert recording.warnings == []
        again = tmp_path / "again.nwb"
        write_recording(again, recording.sweeps, description="a copy")
        np.testing.assert_array_equal(read_recording(again).sweeps[0].voltage, recording.sweeps[0].voltage)


def test_a_recording_of_the_same_identifier_and_start_is_the_same_bytes(tmp_path):
    fixed = {"identifier": "x", "start": datetime(2000, 1, 1, tzinfo=UTC)}
    for name, stated in (("a", fixed), ("b", fixed), ("other", {})):
        write_recording(tmp_path / name, [simulated(0), simulated(5)], description="simulated cell", **stated)
    a, b, other = ((tmp_path / name).read_bytes() for name in ("a", "b", "other"))
    assert a == b != other
    with h5py.File(tmp_path / "a") as file:
        ids = []
        file.visititems(lambda name, thing: ids.append(thing.attrs.get("object_id")))
    stated = [one for one in ids if one is not None]
    assert len(set(stated)) == len(stated) > 10


def test_other_tools_find_valid_nwb_with_a_row_for_each_sweep(tmp_path):
    path = tmp_path / "simulated.nwb"
    write_recording(path, [simulated(0), simulated(5)], description="simulated cell")
    with pynwb.NWBHDF5IO(path=str(path), mode="r") as io:
        assert not pynwb.validate(io=io)
        file = io.read()
        table = file.intracellular_recordings
        assert len(table) == len(file.icephys_simultaneous_recordings) == 2
        assert [table["responses"]["response"][row].timeseries.name for row in (0, 1)] == [
            "response_000",
            "response_005",
        ]
        assert file.stimulus["stimulus_005"].stimulus_description == "noise"
        assert file.acquisition["response_005"].starting_time == N / RATE


def test_a_minute_of_noise_stays_small(tmp_path):
    path = tmp_path / "long.nwb"
    write_recording(path, [simulated(n=600_000)], description="simulated cell")
    assert path.stat().st_size < 3.5e6


def test_a_file_is_not_overwritten_unasked_nor_lost_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "cell.nwb"
    write_recording(path, [simulated(1)], description="first")
    assert "the file exists" in refused(lambda: write_recording(path, [simulated(2)], description="second"))

    write = pynwb.NWBHDF5IO.write

    def fail(self, **options):
        write(self, **options)
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(pynwb.NWBHDF5IO, "write", fail)
        with pytest.raises(OSError, match="disk full"):
            write_recording(path, [simulated(2)], description="second", overwrite=True)
    assert os.listdir(tmp_path) == ["cell.nwb"]
    assert read_recording(path).sweeps[0].number == 1
    write_recording(path, [simulated(2)], description="second", overwrite=True)
    assert read_recording(path).sweeps[0].number == 2
    assert os.listdir(tmp_path) == ["cell.nwb"]


@pytest.mark.parametrize(
    ("sweeps", "text"),
    [
        ([], "there is no sweep to write"),
        ([simulated(1), simulated(1)], "sweep 1: the number"),
        ([simulated(1, voltage=np.zeros(N - 1))], "the current has shape (1000,) and the voltage (999,)"),
        ([simulated(1, voltage=np.where(np.arange(N) == 7, np.nan, -0.07))], "NaN from sample 7 (0.0007 s)"),
        ([simulated(1, current=np.full(N, 100.0))], "give A and V"),
        ([simulated(1, voltage=np.full(N, -70.0))], "give A and V"),
        ([simulated(1, rate=0.0)], "the sampling rate is 0 Hz"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, sweeps, text):
    path = tmp_path / "cell.nwb"
    assert text in refused(lambda: write_recording(path, sweeps, description="simulated cell"))
    assert not os.listdir(tmp_path)


def test_voltage_clamp_is_not_written(tmp_path, mixed):
    sweeps = read_recording(mixed).sweeps
    message = refused(lambda: write_recording(tmp_path / "copy.nwb", sweeps, description="a copy"))
    assert "sweep 1: its clamp is 'voltage'" in message


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "out" / "cell.nwb"
    assert "its folder does not exist" in refused(lambda: write_recording(path, [simulated()], description="x"))


def test_importing_the_module_loads_no_file_library():
    """But h5py, with the readers of NWB: nothing of ours is imported while a file is read."""
    code = (
        "import sys, glifjax.io.nwb.recordings, glifjax.io.nwb.recording_writer, glifjax.io.nwb.simulation_writer; "
        "print([name for name in ('pynwb', 'hdmf', 'neo', 'myokit', 'igor2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Real files


def real(name: str) -> Path:
    if not (REAL / name).exists():
        pytest.skip(f"no real recordings: {REAL / name} is absent")
    return REAL / name


def test_a_native_file_pairs_each_step_with_its_own_response():
    """Starting times stand still on one side and both series share a name; responses grow with the steps."""
    with read_recording(real("native/19926019.nwb")) as recording:
        assert [sweep.number for sweep in recording.sweeps] == list(range(13))
        assert {(sweep.protocol, sweep.rate, sweep.duration) for sweep in recording.sweeps} == {("IC1", 20_000, 5)}
        assert [sweep.start_time for sweep in recording.sweeps] == [5.0 * number for number in range(13)]
        assert recording.sweeps[0].bridge_balance is None
        steps, deflections, spikes = [], [], []
        for sweep in recording.sweeps:
            current, voltage = sweep.current, sweep.voltage
            steps.append(current[15_000])
            deflections.append(np.median(voltage[15_000:25_000]) - np.median(voltage[:5_000]))
            spikes.append(int(np.sum((voltage[1:] > 0) & (voltage[:-1] <= 0))))
        recording.check()
        assert recording.warnings == []
    np.testing.assert_allclose(steps, 1e-12 * np.arange(-100, 501, 50), atol=1e-18)
    resistances = np.polyfit(steps[:5], deflections[:5], 1)[0]
    assert 50e6 < resistances < 500e6
    np.testing.assert_allclose(deflections[:5], resistances * np.array(steps[:5]), atol=1.5e-3)
    assert spikes == sorted(spikes)
    assert (spikes[5], spikes[6], spikes[12]) == (0, 4, 25)


CELLS = {"DRN157_5HT": 12, "DRN159_5HT": 25, "DRN160_5HT": 32, "DRN162_5HT": 28, "DRN164_5HT": 32}


@pytest.mark.parametrize("name", CELLS)
def test_the_gifk_cells(name):
    with read_recording(real(f"gifk/{name}.nwb")) as recording:
        assert len(recording.sweeps) == len(recording.current_clamp) == CELLS[name]
        (training,) = recording.select("noise training")
        assert (training.number, training.rate, training.duration) == (1, 10_000, 60)
        tests = recording.select("noise test (frozen)")
        assert tests == recording.select("2-11")
        frozen = np.stack([sweep.current for sweep in tests])
        assert np.corrcoef(frozen).min() > 0.99
        voltages = np.stack([sweep.voltage for sweep in tests])
        assert 0.5 < np.corrcoef(voltages.mean(0), frozen.mean(0))[0, 1] < 1
        assert -0.16 < voltages.min() < -0.1
        recording.check()
        deep = any("dips below -120 mV" in line for line in recording.warnings)
        assert deep == (name in ("DRN157_5HT", "DRN159_5HT", "DRN164_5HT"))
