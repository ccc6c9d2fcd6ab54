"""NWB 1 files of the Allen Cell Types database give the same recordings as NWB 2, or one clear line."""

from functools import partial

import h5py
import numpy as np
import pytest
from nwb1_files import CURRENT, RATE, VOLTAGE, AllenCell, N

import glifjax as gj
from fitting.data.protocols import choose_sweeps
from glifjax.io.nwb.nwb1 import write_responses

RESPONSE = "acquisition/timeseries/Sweep_1"
same = partial(np.testing.assert_allclose, rtol=1e-6)  # to single precision


@pytest.fixture
def cell(tmp_path):
    return AllenCell(tmp_path)


def refused(call) -> str:
    with pytest.raises(gj.RecordingError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("arrays", [False, True], ids=["scalars", "arrays of one"])
@pytest.mark.parametrize("version", [None, "1.0", "1.1", "2.0"])
def test_a_sweep_is_volts_and_amperes_in_every_version_of_the_pipeline(tmp_path, version, arrays):
    cell = AllenCell(tmp_path, version=version, arrays=arrays)
    cell.sweep(10, "Noise 1", spike_times=[0.01, 0.02])
    cell.sweep(2, "Test", clamp="Voltage")
    with gj.read_recording(cell.save()) as recording:
        assert recording.identifier == "Allen Institute for Brain Science, Ephys Result 7"
        assert recording.session_description == "Cell 311"
        assert [sweep.number for sweep in recording.sweeps] == [2, 10]
        (sweep,) = recording.current_clamp
        assert (sweep.number, sweep.protocol, sweep.clamp, sweep.electrode) == (10, "Noise 1", "current", "Electrode 1")
        assert (sweep.rate, sweep.n_samples, sweep.duration, sweep.start_time) == (RATE, N, N / RATE, 600.0)
        assert sweep.bridge_balance == 1.2e7
        assert sweep.current.dtype == sweep.voltage.dtype == np.float64
        same(sweep.current, CURRENT)
        same(sweep.voltage, VOLTAGE)
        np.testing.assert_array_equal(sweep.spike_times, [0.01, 0.02])
        recording.check()
        assert recording.warnings == []
        test = recording.sweeps[0]
        assert (test.clamp, test.bridge_balance, test.spike_times) == ("voltage", None, None)
        same(test.current, CURRENT)


def test_a_sweep_ends_where_its_recording_broke_off(cell):
    broken = np.where(np.arange(N) < 700, VOLTAGE, 0)
    cell.sweep(1, "Ramp", voltage=broken, experiment=(100, 600))
    path = cell.save()
    with gj.read_recording(path) as recording, gj.read_recording(path, trim=False) as whole:
        (sweep,), (longer,) = recording.sweeps, whole.sweeps
        assert sweep.current.shape == sweep.voltage.shape == (700,)
        same(sweep.voltage, VOLTAGE[:700])
        same(longer.current, CURRENT)
        same(longer.voltage, broken)


def test_names_fall_back_on_the_description_and_spike_times_on_their_old_place(cell):
    cell.sweep(1, spike_times=[0.5])
    for where in ("acquisition/timeseries", "stimulus/presentation"):
        del cell.file[f"{where}/Sweep_1/aibs_stimulus_name"]
    cell.file.move("analysis/spike_times", "analysis/aibs_spike_times")
    with gj.read_recording(cell.save()) as recording:
        (sweep,) = recording.sweeps
        assert sweep.protocol == "C1LSCOARSE150112[0]"
        np.testing.assert_array_equal(sweep.spike_times, [0.5])


def test_no_sample_is_read_before_it_is_asked_for(cell, monkeypatch):
    cell.sweep(1)
    read = []
    original = h5py.Dataset.__getitem__
    path = cell.save()
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda self, key: read.append(self.name) or original(self, key))
    with gj.read_recording(path) as recording:
        assert recording.sweeps[0].rate == RATE
        assert not [name for name in read if name.endswith("/data")]
        _ = recording.sweeps[0].voltage
        assert [name for name in read if name.endswith("/data")] == ["/acquisition/timeseries/Sweep_1/data"]


# Bad files


def test_a_truncated_file_is_refused(cell):
    cell.sweep(1)
    path = cell.save()
    path.write_bytes(path.read_bytes()[:-2000])
    assert f"{path.name}: not a whole HDF5 file" in refused(lambda: gj.read_recording(path))


def test_a_file_without_epochs_is_refused(cell):
    cell.sweep(1)
    del cell.file["epochs"]
    assert "cell_ephys.nwb: it has no /epochs" in refused(lambda: gj.read_recording(cell.save()))


def test_an_epoch_without_its_bounds_is_refused(cell):
    cell.sweep(1)
    del cell.file["epochs/Experiment_1/stimulus/count"]
    assert "idx_start and count give nan samples" in refused(lambda: gj.read_recording(cell.save()))


def test_a_series_without_samples_is_refused_alone(cell):
    for number in (1, 2):
        cell.sweep(number)
    del cell.file["stimulus/presentation/Sweep_1/data"]
    with gj.read_recording(cell.save()) as recording:
        bad, good = recording.sweeps
        assert good.current.shape == CURRENT.shape
        assert "sweep 1: /stimulus/presentation/Sweep_1 has no samples" in refused(lambda: bad.current)


def test_a_sweep_that_is_a_link_to_nothing_is_left_out(cell):
    cell.sweep(1)
    cell.file["acquisition/timeseries/Sweep_2"] = h5py.SoftLink("/nowhere")
    with gj.read_recording(cell.save()) as recording:
        assert [sweep.number for sweep in recording.sweeps] == [1]
        assert any("Sweep_2 is a link that leads nowhere" in line for line in recording.warnings)


def test_a_sweep_without_a_stimulus_is_no_current_clamp_sweep_to_fit(cell):
    cell.sweep(1)
    del cell.file["stimulus/presentation/Sweep_1"]
    with gj.read_recording(cell.save()) as recording:
        assert recording.warnings == ["cell_ephys.nwb: no stimulus is found for sweep 1 in /stimulus/presentation"]
        assert "'Long Square' without a stimulus (sweep 1)" in refused(lambda: recording.current_clamp)


def test_a_file_of_voltage_clamp_has_no_current_clamp(cell):
    cell.sweep(0, "Test", clamp="Voltage")
    with gj.read_recording(cell.save()) as recording:
        assert "'Test' in voltage clamp (sweep 0)" in refused(lambda: recording.current_clamp)


def test_a_file_of_something_else_says_what_it_holds(cell):
    cell.series("acquisition/timeseries/data_00001_AD0", VOLTAGE, "Volts", ["CurrentClampSeries"], RATE)
    cell.series("acquisition/timeseries/running", VOLTAGE, "Volts", ["TimeSeries"], RATE)
    with gj.read_recording(cell.save()) as recording:
        assert recording.sweeps == ()
        message = refused(lambda: recording.current_clamp)
    assert "no intracellular sweep but 1 CurrentClampSeries not named Sweep_N and 1 TimeSeries" in message


def test_millivolts_that_are_called_volts_are_refused(cell):
    cell.sweep(1, voltage=1e3 * VOLTAGE)
    with gj.read_recording(cell.save()) as recording:
        assert "sweep 1: the voltage goes from -90 to -50 V" in refused(recording.check)


def test_a_wrong_unit_is_refused(cell):
    cell.sweep(1)
    cell.file["stimulus/presentation/Sweep_1/data"].attrs["unit"] = "pA"
    with gj.read_recording(cell.save()) as recording:
        assert "sweep 1: the current (/stimulus/presentation/Sweep_1/data) is in 'pA'" in refused(recording.check)


def test_a_gap_within_the_experiment_is_refused(cell):
    cell.sweep(1, voltage=np.where(np.arange(N) == 500, np.nan, VOLTAGE))
    with gj.read_recording(cell.save()) as recording:
        assert "sweep 1: the voltage is NaN from sample 500" in refused(recording.check)


def test_a_missing_rate_is_refused(cell):
    cell.sweep(1)
    for folder in ("acquisition/timeseries", "stimulus/presentation"):
        del cell.file[f"{folder}/Sweep_1/starting_time"]
    with gj.read_recording(cell.save()) as recording:
        assert "/acquisition/timeseries/Sweep_1/data states no sampling rate" in refused(recording.check)


def test_an_electrode_that_is_not_there_is_refused_with_those_that_are(cell):
    cell.sweep(1)
    path = cell.save()
    gj.read_recording(path, electrode="Electrode 1").close()
    assert "choose from ['Electrode 1']" in refused(lambda: gj.read_recording(path, electrode="Electrode 2"))


# A model's responses


@pytest.mark.parametrize("version", [None, "1.1"])
def test_a_models_voltage_and_spike_times_replace_the_recorded_ones(tmp_path, version):
    cell = AllenCell(tmp_path, version=version)
    cell.sweep(1, spike_times=[0.01, 0.02, 0.03])
    cell.sweep(2, spike_times=[0.04])
    path = cell.save()
    model = np.linspace(-80e-3, -50e-3, N)
    write_responses(path, {1: (model, np.array([0.05])), 2: (model[:900], np.zeros(0))})
    with gj.read_recording(path) as recording:
        first, second = recording.sweeps
        same(first.voltage, model)
        same(first.current, CURRENT)
        np.testing.assert_array_equal(first.spike_times, [0.05])
        same(second.voltage, [*model[:900], *np.zeros(100)])
        assert second.spike_times.shape == (0,)
    with h5py.File(path) as file:
        linked, own = (file[f"{where}/data"] for where in ("epochs/Sweep_1/response/timeseries", RESPONSE))
        np.testing.assert_array_equal(linked[:], own[:])
        assert file["analysis/spike_times/Sweep_1"].dtype == np.float64


def test_a_spike_cut_stays_nan_and_other_sweeps_stay_as_they_were(cell):
    cell.sweep(1)
    cell.sweep(2, spike_times=[0.04])
    path = cell.save()
    cut = np.where(np.arange(N) < 3, np.nan, VOLTAGE)
    write_responses(path, {1: (cut, np.array([0.0001]))})
    with h5py.File(path) as file:
        assert np.isnan(file[f"{RESPONSE}/data"][:]).sum() == 3
    with gj.read_recording(path) as recording:
        np.testing.assert_array_equal(recording.sweeps[1].spike_times, [0.04])
        same(recording.sweeps[1].voltage, VOLTAGE)


def test_responses_that_do_not_fit_are_refused(cell):
    cell.sweep(1)
    cell.sweep(2, clamp="Voltage")
    path = cell.save()
    none = np.zeros(0)
    for number in (2, 3):
        message = refused(lambda number=number: write_responses(path, {number: (VOLTAGE, none)}))
        assert f"no sweep {number} in current clamp" in message
    longer = np.zeros(N + 1)
    assert "sweep 1: 1001 samples of voltage do not fit into 1000" in refused(
        lambda: write_responses(path, {1: (longer, none)})
    )


# A fit


def test_noise_1_trains_and_noise_2_is_held_out(cell):
    """The sweeps of a published cell, shortened: tests, squares, a ramp and the two noises, three times each."""
    samples = round(2 * RATE)
    square = np.where((np.arange(samples) > 5000) & (np.arange(samples) < 15000), 100e-12, 0)
    noise = {name: np.repeat(np.random.default_rng(seed).normal(0, 50e-12, 400), 50) for seed, name in enumerate("12")}
    ramp = np.linspace(0, 300e-12, samples)
    spike = 110e-3 * np.exp(-0.5 * ((np.arange(60) - 20) / 5) ** 2)
    voltage = np.full(samples, -70e-3) + np.random.default_rng(7).normal(size=samples) * 2e-4
    for start in range(2000, samples - 2000, 1500):
        voltage[start : start + 60] += spike
    plan = ["Test", "Long Square", "Ramp", *["Noise 1", "Noise 2"] * 3]
    currents = {"Test": 0 * ramp, "Long Square": square, "Ramp": ramp, "Noise 1": noise["1"], "Noise 2": noise["2"]}
    cell.sweep(0, "Test", clamp="Voltage")
    for number, protocol in enumerate(plan, start=4):
        recorded = np.where(np.arange(samples) < 12000, voltage, 0) if protocol == "Ramp" else voltage
        span = (2000, 10000) if protocol == "Ramp" else None
        cell.sweep(number, protocol, currents[protocol], recorded, experiment=span)
    with gj.read_recording(cell.save()) as recording:
        recording.check()
        split = choose_sweeps(recording)
    assert [part.number for part in split.train] == [7, 9, 11]
    assert [[part.number for part in group] for group in split.test] == [[8, 10, 12]]
