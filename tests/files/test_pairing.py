"""Which stimulus belongs to which response, and files that other programs wrote in their own way."""

import h5py
import numpy as np
import pytest
from h5py import h5d, h5p, h5s, h5t, h5z
from nwb_files import CURRENT, VOLTAGE, Cell, N
from pynwb.icephys import CurrentClampStimulusSeries

import glifjax as gj


@pytest.fixture
def cell(tmp_path):
    return Cell(tmp_path)


def add(cell, responses, stimuli, **options):
    """Responses and stimuli by name, each marked by 1 mV or 1 pA times its place."""
    for place, name in enumerate(responses):
        cell.response(name, VOLTAGE + place, **{key: values[place] for key, values in options.items()})
    for place, name in enumerate(stimuli):
        chosen = {key: values[place % len(values)] for key, values in options.items()}
        cell.stimulus(name, CURRENT + place, **chosen)


def marks(recording) -> list[tuple[int, int]]:
    """Which response and which stimulus each sweep is of."""
    return [
        (round(1e3 * sweep.voltage.max() - VOLTAGE.max()), round(1e12 * sweep.current.max() - CURRENT.max()))
        for sweep in recording.sweeps
    ]


@pytest.mark.parametrize("described", [True, False])
def test_numbers_may_restart_with_each_protocol(cell, described):
    names = [f"{protocol}__{n}" for protocol in ("IDRest", "IDThresh") for n in (1, 2)]
    protocols = {"protocol": [name[:-3] for name in names]} if described else {}
    add(cell, [f"ic__{name}" for name in names], [f"ics__{name}" for name in names], **protocols)
    recording = gj.read_recording(cell.save())
    assert marks(recording) == [(n, n) for n in range(4)]
    assert [sweep.number for sweep in recording.sweeps] == [0, 1, 2, 3]


def test_a_channel_has_a_number_of_its_own_in_names(cell):
    add(cell, [f"data_{n:03d}_AD1" for n in range(3)], [f"data_{n:03d}_DA0" for n in range(3)])
    assert marks(gj.read_recording(cell.save())) == [(n, n) for n in range(3)]


def test_stated_numbers_may_restart_with_each_protocol(cell):
    add(
        cell,
        ["a", "b", "c", "d"],
        ["e", "f", "g", "h"],
        number=[0, 1, 0, 1],
        protocol=["rest", "rest", "step", "step"],
    )
    assert sorted(marks(gj.read_recording(cell.save()))) == [(n, n) for n in range(4)]


def test_one_stimulus_serves_all_responses_of_its_protocol(cell):
    add(cell, [f"response_{n}" for n in range(5)], [], protocol=["frozen noise"] * 5)
    add(cell, [], ["frozen_noise_1"], protocol=["Frozen Noise"])
    recording = gj.read_recording(cell.save())
    assert marks(recording) == [(n, 0) for n in range(5)]
    assert "frozen_noise_1 serves all 5 responses of its protocol" in recording.warnings[0]


def test_one_stimulus_that_nothing_ties_to_its_responses_is_named(cell):
    add(cell, ["ramp", "step", "noise"], ["tone"])
    with pytest.raises(gj.RecordingError, match=r"1 \(tone\) stand against 3 responses"):
        _ = gj.read_recording(cell.save()).current_clamp


def test_templates_serve_where_nothing_is_presented(cell):
    for n in range(2):
        cell.response(f"v_{n}", VOLTAGE + n)
        template = cell.series(CurrentClampStimulusSeries, f"i_{n}", CURRENT + n, conversion=1e-12)
        cell.nwb.add_stimulus_template(template)
    assert marks(gj.read_recording(cell.save())) == [(0, 0), (1, 1)]


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize(("command", "other"), [("command", "measured"), ("I", "monitor"), ("cmd", "I")])
def test_of_a_command_and_a_measured_current_the_command_is_taken(cell, numbered, command, other):
    for n in range(2):
        number = {"number": n} if numbered else {}
        cell.response(f"sweep_{n}_V", VOLTAGE + n, **number)
        cell.stimulus(f"sweep_{n}_{other}", CURRENT + 10, **number)
        cell.stimulus(f"sweep_{n}_{command}", CURRENT + n, **number)
    recording = gj.read_recording(cell.save())
    assert marks(recording) == [(0, 0), (1, 1)]
    assert recording.warnings == [
        f"cell.nwb: of several stimuli a response the commanded one is taken (sweep_0_{command}, not sweep_0_{other})"
    ]


def test_two_stimuli_of_one_response_that_nothing_tells_apart_are_named(cell):
    cell.response("v", number=0)
    cell.stimulus("one", number=0)
    cell.stimulus("two", number=0)
    recording = gj.read_recording(cell.save())
    assert any("(one, two), and none is named as the command" in line for line in recording.warnings)
    assert not recording.sweeps[0].paired


def test_the_protocol_may_stand_in_the_sequential_table(cell):
    for n, name in enumerate(("Short Square", "Long Square", "Long Square")):
        row = cell.nwb.add_intracellular_recording(
            electrode=cell.electrode(), stimulus=cell.stimulus(f"i_{n}"), response=cell.response(f"v_{n}")
        )
        cell.nwb.add_icephys_sequential_recording(
            simultaneous_recordings=[cell.nwb.add_icephys_simultaneous_recording(recordings=[row])], stimulus_type=name
        )
    recording = gj.read_recording(cell.save())
    assert [sweep.number for sweep in recording.select("long square")] == [1, 2]


def test_a_table_may_leave_the_stimuli_to_names(cell):
    for n, name in enumerate(("Short Square", "Long Square", "Long Square")):
        cell.stimulus(f"sweep{n}_i", CURRENT + n)
        row = cell.nwb.add_intracellular_recording(
            electrode=cell.electrode(), response=cell.response(f"sweep{n}_v", VOLTAGE + n, protocol="none")
        )
        cell.nwb.add_icephys_sequential_recording(
            simultaneous_recordings=[cell.nwb.add_icephys_simultaneous_recording(recordings=[row])], stimulus_type=name
        )
    recording = gj.read_recording(cell.save())
    assert marks(recording) == [(n, n) for n in range(3)]
    assert [sweep.number for sweep in recording.select("long square")] == [1, 2]


# What other programs write


@pytest.mark.parametrize("shape", [(-1, 1), (1, -1), (1, -1, 1)])
def test_samples_may_stand_in_a_column_or_a_row(cell, shape):
    cell.sweep(0)
    with h5py.File(cell.save(), "a") as file:
        for series in (*file["acquisition"].values(), *file["stimulus/presentation"].values()):
            samples, attributes = series["data"][()].reshape(shape), dict(series["data"].attrs)
            del series["data"]
            series.create_dataset("data", data=samples).attrs.update(attributes)
    (sweep,) = gj.read_recording(cell.path).sweeps
    np.testing.assert_allclose(sweep.voltage, VOLTAGE * 1e-3)
    np.testing.assert_allclose(sweep.current, CURRENT * 1e-12)


def test_words_and_numbers_may_be_arrays_of_one(cell):
    cell.sweep(0)
    with h5py.File(cell.save(), "a") as file:
        for series in (*file["acquisition"].values(), *file["stimulus/presentation"].values()):
            series.attrs["stimulus_description"] = np.array(["step"], dtype=h5py.string_dtype())
            for key in ("unit", "conversion"):
                series["data"].attrs[key] = [series["data"].attrs[key]]
    (sweep,) = gj.read_recording(cell.path).select("step")
    np.testing.assert_allclose(sweep.voltage, VOLTAGE * 1e-3)


def test_numbers_may_be_texts_and_a_unit_may_be_left_out(cell):
    cell.sweep(3)
    with h5py.File(cell.save(), "a") as file:
        for series in (*file["acquisition"].values(), *file["stimulus/presentation"].values()):
            series.attrs["sweep_number"] = "3"
            series["data"].attrs["conversion"] = str(series["data"].attrs["conversion"])
            del series["data"].attrs["unit"]
    (sweep,) = gj.read_recording(cell.path).sweeps
    assert sweep.number == 3
    np.testing.assert_allclose(sweep.voltage, VOLTAGE * 1e-3)
    np.testing.assert_allclose(sweep.current, CURRENT * 1e-12)


def test_a_type_derived_in_the_file_itself_is_read_as_what_it_is_derived_from(cell):
    cell.sweep(0)
    with h5py.File(cell.save(), "a") as file:
        file["acquisition/response_0"].attrs.update({"namespace": "ndx-rig", "neurodata_type": "NoisyClampSeries"})
        spec = '{"groups": [{"neurodata_type_def": "Rig"}, {"name": "notes"}, '
        spec += '{"neurodata_type_def": "NoisyClampSeries", "neurodata_type_inc": "CurrentClampSeries"}]}'
        file["specifications/ndx-rig/1.0/ndx-rig.extensions"] = spec
    assert gj.read_recording(cell.path).sweeps[0].clamp == "current"


def test_a_broken_table_of_something_else_keeps_no_file_shut(cell):
    cell.sweep(0)
    with h5py.File(cell.save(), "a") as file:
        table = file.create_group("intervals/trials")
        table.attrs.update({"neurodata_type": "TimeIntervals", "colnames": ["start_time", "stop_time"]})
        table["start_time"], table["stop_time"] = [0.0], [1.0, 2.0]
        del file["session_start_time"]
        file["session_start_time"] = "last Tuesday"
    recording = gj.read_recording(cell.path)
    assert recording.sweeps[0].voltage.shape == (N,)
    assert recording.warnings == [
        "cell.nwb: not read, as it stands where no sweeps do: /intervals/trials (TimeIntervals)"
    ]


def test_a_filter_that_is_not_installed_is_named(cell):
    cell.sweep(0)
    with h5py.File(cell.save(), "a") as file:
        series = file["acquisition/response_0"]
        attributes = dict(series["data"].attrs)
        del series["data"]
        created = h5p.create(h5p.DATASET_CREATE)
        created.set_chunk((N,))
        created.set_filter(32010, h5z.FLAG_OPTIONAL, (3,))  # registered, and in no plugin
        data = h5d.create(series.id, b"data", h5t.NATIVE_DOUBLE, h5s.create_simple((N,)), created)
        data.write_direct_chunk((0,), bytes(8 * N))
        series["data"].attrs.update(attributes)
    (sweep,) = gj.read_recording(cell.path).sweeps
    with pytest.raises(gj.RecordingError, match=r"sweep 0: .*HDF5 filter 32010.*install hdf5plugin"):
        _ = sweep.voltage


def test_a_column_of_a_table_is_read_once(cell, monkeypatch):
    for n in range(20):
        cell.nwb.add_intracellular_recording(
            electrode=cell.electrode(), stimulus=cell.stimulus(f"i_{n}", [0.0]), response=cell.response(f"v_{n}", [0.0])
        )
    cell.save()
    opened = []
    read = h5py.Dataset.__getitem__
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, key: opened.append(self.name) or read(self, key))
    assert len(gj.read_recording(cell.path).sweeps) == 20
    tables = [name for name in opened if "intracellular_recordings" in name]
    assert len(tables) == len(set(tables))
