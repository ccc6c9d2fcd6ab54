"""`glifjax simulate` as a user runs it, and what stands behind it."""

import h5py
import jax
import numpy as np
import pynwb
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from nwb1_files import AllenCell
from nwb_files import CURRENT, RATE, VOLTAGE, Cell, N
from pynwb import icephys
from rich.progress import Progress
from typer.testing import CliRunner

import glifjax as gj
from glifjax.cli import app
from glifjax.io.nwb.channel import Channel
from glifjax.simulation.sweeps import length_batches

LONGER = 2 * np.abs(np.sin(np.arange(N + 100) / 40)) * CURRENT.max()  # pA


def run(*arguments, typed=None):
    return CliRunner().invoke(app, ["simulate", *map(str, arguments)], input=typed, env={"COLUMNS": "200"})


def config(path, **changes):
    neuron = gj.from_level(
        "LIF-R-ASC-A",
        C=30e-12,
        R_input=200e6,
        th_inf=0.012,
        asc_amp_array=(-20e-12, 30e-12),
        reset_slope=0.2,
        reset_intercept=1e-3,
        a_spike=2e-3,
        a_voltage=1.0,
        El_reference=-0.07,
        spike_cut_length=40,
        dt=5e-5,
        **changes,
    )
    gj.write_neuron_config(neuron, path)
    return path


def file_of(folder):
    """Sweeps 1 and 3 of one length, 4 a little longer and at another rate; a test, and what is no current clamp."""
    cell = Cell(folder)
    cell.nwb.experimenter = ["A. Nonymous"]
    cell.nwb.subject = pynwb.file.Subject(subject_id="mouse 7", species="Mus musculus")
    cell.sweep(0, "Test")
    cell.sweep(1, "Long Square")
    cell.series(icephys.VoltageClampSeries, "other", VOLTAGE)
    cell.response("response_2", VOLTAGE, icephys.VoltageClampSeries, conversion=1e-12, number=2, protocol="clamped")
    cell.sweep(3, "test of noise")
    cell.stimulus("stimulus_4", LONGER, number=4, protocol="Ramp", rate=2 * RATE)
    cell.response("response_4", np.full(N + 100, -70.0), number=4, protocol="Ramp", rate=2 * RATE)
    return cell.save()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cell")
    return config(folder / "neuron_config.json"), file_of(folder)


@pytest.fixture
def copies(files, tmp_path):
    """A config and a cell of one's own; in the cell's folder there is nothing else."""
    path = tmp_path / "cell.nwb"
    path.write_bytes(files[1].read_bytes())
    return files[0], path


@pytest.fixture(scope="module")
def simulated(files):
    out = files[1].with_name("out.nwb")
    result = run(*files, "--out", out, "--plot")
    assert result.exit_code == 0, result.output
    return out, result.output


def traces(files, **options):
    """What `simulate_sweeps` says of the sweeps that the command simulates."""
    with gj.read_recording(files[1]) as recording:
        runs = gj.simulate_sweeps(gj.read_neuron_config(files[0]), recording.select("1,3,4"), **options)
        return {sweep.number: trace for sweep, trace in runs}


def stored(path):
    """Voltage, threshold and afterspike currents of each sweep, straight from an NWB 2 file."""
    with h5py.File(path) as file:
        module, names = file["processing/simulation"], ("threshold", "afterspike_currents")
        where = lambda number: module if f"response_{number:03d}" in module else file["acquisition"]
        return {
            number: [where(number)[f"response_{number:03d}/data"][:]]
            + [module[f"{name}_{number:03d}/data"][:] for name in names]
            for number in (1, 3, 4)
        }


def assert_holds(path, expected):
    for number, (voltage, threshold, currents) in stored(path).items():
        trace = expected[number]
        assert voltage.dtype == np.float64
        assert_array_equal(voltage, trace.voltage)
        assert_array_equal(threshold, trace.threshold)
        assert_array_equal(currents, trace.afterspike_currents)


def test_the_file_holds_the_traces_bit_by_bit(files, simulated):
    expected = traces(files)
    assert_holds(simulated[0], expected)
    with pynwb.NWBHDF5IO(simulated[0], "r") as io:
        table = io.read().processing["simulation"]["spikes"].to_dataframe()
    assert all(len(trace.spikes()) > 1 for trace in expected.values())
    for number, trace in expected.items():
        rows, spikes = table[table.sweep_number == number], trace.spikes()
        for column, values in (
            ("time", spikes.times),
            ("grid_time", spikes.grid_times),
            ("step", spikes.steps),
            ("voltage", spikes.voltages),
            ("crossing_threshold", spikes.crossing_thresholds),
        ):
            assert_array_equal(rows[column], values)


def test_the_file_is_a_recording_of_the_same_session(files, simulated):
    assert pynwb.validate(path=simulated[0]) == []
    with gj.read_recording(files[1]) as before, gj.read_recording(simulated[0]) as after:
        assert [sweep.number for sweep in after.sweeps] == [1, 3, 4]
        for sweep in after.current_clamp:
            original = next(each for each in before.sweeps if each.number == sweep.number)
            assert (sweep.protocol, sweep.rate) == (original.protocol, original.rate)
            assert_array_equal(sweep.current, original.current)
        assert "duration, 2 ms" in after.session_description
    with pynwb.NWBHDF5IO(simulated[0], "r") as io:
        nwb = io.read()
        assert nwb.subject.subject_id == "mouse 7"
        assert list(nwb.experimenter) == ["A. Nonymous"]
        assert nwb.session_start_time.year == 2020


def test_it_says_what_it_did_and_draws_each_sweep(files, simulated):
    out, said = simulated
    counts = {number: len(trace.spikes()) for number, trace in traces(files).items()}
    for number, protocol in ((1, "Long Square"), (3, "test of noise"), (4, "Ramp")):
        line = next(line.split() for line in said.splitlines() if protocol in line)
        assert line[0] == str(number)
        assert str(counts[number]) in line
    assert "keeps its duration, 2 ms (40 steps of 50 µs" in said
    assert "relative to El_reference, -70.00 mV" in said
    assert "glifjax fit takes it if written with --absolute --spike-cut-value 0.05." in said
    plots = sorted(out.with_name("out_plots").iterdir())
    assert [plot.name for plot in plots] == ["sweep_001.png", "sweep_003.png", "sweep_004.png"]
    assert run(*files, "--out", out.with_name("again.nwb"), "--sweeps", "1").exit_code == 0


def test_options_change_the_voltage_as_they_say(files, tmp_path):
    out = tmp_path / "out.nwb"
    options = ("--spike-cut", "steps", "--spike-cut-value", 0.03, "--absolute", "--sweeps", "1,3-4")
    said = run(*files, "--out", out, *options).output
    assert "keeps its number of steps" in said
    assert f"glifjax fit {out}" in said
    expected = traces(files, spike_cut="steps")
    kept = traces(files)
    assert np.isnan(expected[1].voltage).sum() == 2 * np.isnan(kept[1].voltage).sum() > 0
    with gj.read_recording(out) as recording:
        for sweep in recording.sweeps:
            voltage = np.asarray(expected[sweep.number].voltage) - 0.07
            assert_array_equal(sweep.voltage, np.where(np.isnan(voltage), 0.03, voltage))


def test_a_seed_draws_spikes(files, tmp_path):
    noisy = config(tmp_path / "noisy.json", escape_noise=gj.EscapeNoise(20.0, 1e-3))
    out = tmp_path / "out.nwb"
    assert run(noisy, files[1], "--out", out, "--seed", 5).exit_code == 0
    assert_holds(out, traces((noisy, files[1]), seed=5))


@pytest.mark.parametrize("seed", [None, 5])
def test_a_batch_is_simulate_sweep_by_sweep(files, tmp_path, seed):
    """Of sweeps 1, 3 and 4, which differ in length and rate: what lengthens one of them is not seen."""
    neuron = gj.read_neuron_config(config(tmp_path / "noisy.json", escape_noise=gj.EscapeNoise(20.0, 1e-3)))
    with gj.read_recording(files[1]) as recording:
        for sweep, batched in gj.simulate_sweeps(neuron, recording.select("1,3,4"), seed=seed):
            key = None if seed is None else jax.random.fold_in(jax.random.key(seed), sweep.number)
            alone = gj.simulate(neuron, sweep.current, 1 / sweep.rate, key=key)
            assert int(batched.status) == int(alone.status) == 0
            assert_array_equal(batched.spikes().steps, alone.spikes().steps)
            for one, other in zip(jax.tree.leaves(batched), jax.tree.leaves(alone), strict=True):
                assert_allclose(one, other, rtol=1e-12, atol=1e-15)


@pytest.mark.slow
def test_a_mihalas_niebur_neuron_runs_over_sweeps(files, tmp_path):
    path, out = tmp_path / "mihalas_niebur.json", tmp_path / "out.nwb"
    gj.write_neuron_config(gj.MihalasNiebur(C=3e-11, G=2e-9, A=(1e-11, -1e-12)), path)
    result = run(path, files[1], "--out", out, "--plot")
    assert result.exit_code == 0, result.output
    assert "voltages are absolute" in result.output
    expected = traces((path, files[1]))
    assert all(len(trace.spikes()) > 1 and trace.status == 0 for trace in expected.values())
    assert_holds(out, expected)
    assert len(list((tmp_path / "out_plots").iterdir())) == 3
    for option in (["--absolute"], ["--spike-cut", "steps"], ["--spike-cut-value", "0.05"]):
        refused = run(path, files[1], "--out", tmp_path / "new.nwb", *option)
        assert refused.exit_code == 2
        assert "has absolute voltages and no spike cut" in refused.output


def test_in_place_wants_the_name_typed_and_keeps_what_was_recorded(copies):
    path = copies[1]
    before = path.read_bytes()
    for typed in ("", "yes\n"):
        refused = run(*copies, "--in-place", typed=typed)
        assert refused.exit_code == 2
        assert "nothing was changed" in refused.output
        assert path.read_bytes() == before
    done = run(*copies, "--in-place", typed="cell.nwb\n")
    assert done.exit_code == 0, done.output
    assert_holds(path, traces(copies))
    assert pynwb.validate(path=path) == []
    with gj.read_recording(path) as recording:
        assert [sweep.number for sweep in recording.sweeps] == [0, 1, 2, 3, 4]
        assert_array_equal(recording.sweeps[1].voltage, VOLTAGE * 1e-3)
    assert run(*copies, "--in-place", "--yes", "--sweeps", "1").exit_code == 0
    with h5py.File(path) as file:
        assert sorted(file["processing"]) == ["simulation", "simulation_2"]
    assert [each.name for each in path.parent.iterdir()] == ["cell.nwb"]


@pytest.mark.parametrize("where", [("--in-place", "--yes"), ("--out", "{}/out.nwb", "--plot")])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("the disk is full")])
def test_an_interruption_leaves_everything_as_it_was(copies, monkeypatch, where, error):
    path = copies[1]
    before = path.read_bytes()

    def interrupted(progress, task, **_):
        raise error

    monkeypatch.setattr(Progress, "update", interrupted)  # comes when the first sweep is written
    done = run(*copies, *(part.format(path.parent) for part in where))
    assert done.exit_code == (130 if error is KeyboardInterrupt else 2)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["cell.nwb"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--out OUT.nwb for a new file, or --in-place"),
        (["--out", "{}/out.nwb", "--in-place"], "one of the two"),
        (["--out", "{}/out.nwb", "--yes"], "--yes"),
        (["--out", "{}/cell.nwb", "--overwrite"], "is the recording itself"),
        (["--out", "{}/neuron_config.json"], "the file exists"),
        (["--out", "{}/none/out.nwb"], "folder does not exist"),
        (["--out", "{}/new.nwb", "--sweeps", "7"], "no sweep or protocol matches '7'"),
        (["--out", "{}/new.nwb", "--sweeps", "1-2"], "selects sweep 2, without a stimulus in current clamp"),
        (["--out", "{}/new.nwb", "--spike-cut", "half"], "'half' is not one of 'duration', 'steps'"),
        (["--out", "{}/new.nwb", "--spike-cut-value", "50"], "no voltage in V"),
        (["--out", "{}/new.nwb", "--seed", "1"], "no escape_noise"),
        (["--out", "{}/new.nwb", "--electrode", "b"], "no sweep is from electrode 'b'"),
    ],
)
def test_bad_input_is_one_line(files, options, words):
    folder = files[1].parent
    done = run(*files, *(option.format(folder) for option in options))
    assert done.exit_code == 2
    assert words in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert not (folder / "new.nwb").exists()


def test_a_sweep_that_cannot_be_read_does_not_cost_the_others(files, tmp_path):
    cell = Cell(tmp_path)
    cell.sweep(1)
    cell.response("response_2", number=2)
    cell.stimulus("stimulus_2", CURRENT[5:], number=2)
    path, out = cell.save(), tmp_path / "out.nwb"
    named = run(files[0], path, "--out", out, "--sweeps", "2")
    assert named.exit_code == 2
    assert "sweep 2: the response has 1000 samples and the stimulus 995; leave the sweep out" in named.output
    done = run(files[0], path, "--out", out)
    assert done.exit_code == 0, done.output
    assert "sweep 2 is left out: the response has 1000 samples and the stimulus 995\n" in done.output
    with gj.read_recording(out) as recording:
        assert [sweep.number for sweep in recording.sweeps] == [1]


def test_an_allen_file_gets_the_voltage_and_spike_times_in_place_of_its_own(files, tmp_path):
    cell = AllenCell(tmp_path)
    current = np.float32(LONGER * 1e-12)
    cell.sweep(1, "Test")
    cell.sweep(5, "Ramp", current, np.full(len(current), -0.07), experiment=(100, 800), spike_times=[0.01])
    path, out = cell.save(), tmp_path / "out.nwb"
    before = path.read_bytes()
    done = run(files[0], path, "--out", out, "--spike-cut-value", 0.05)
    assert done.exit_code == 0, done.output
    assert path.read_bytes() == before
    neuron = gj.read_neuron_config(files[0])
    with gj.read_recording(path, trim=False) as recording:
        [(sweep, trace)] = gj.simulate_sweeps(neuron, recording.select("Ramp"))
        assert_array_equal(sweep.current, current)
    voltage = np.asarray(trace.voltage)
    with h5py.File(out) as file, h5py.File(path) as original:
        written = file["acquisition/timeseries/Sweep_5/data"][:]
        assert_array_equal(written, np.float32(np.where(np.isnan(voltage), 0.05, voltage)))
        assert_array_equal(file["analysis/spike_times/Sweep_5"][:], trace.spikes().times)
        assert_array_equal(file["processing/simulation/Sweep_5/voltage"][:], voltage)
        assert_array_equal(file["processing/simulation/Sweep_5/threshold"][:], trace.threshold)
        for untouched in ("acquisition/timeseries/Sweep_1/data", "stimulus/presentation/Sweep_5/data"):
            assert_array_equal(file[untouched][:], original[untouched][:])


def test_sweeps_of_similar_length_share_a_compilation_and_batches_stay_small():
    channels = [Channel("", "voltage", "V", None, n) for n in (1000, 3000, 990, 2900, 1000, 1000, 850, 100)]
    sweeps = [gj.Sweep("", number, "", "current", channel, None) for number, channel in enumerate(channels)]
    batches = list(length_batches(sweeps, batch_steps=3000))
    assert sorted(sweep.number for _, batch in batches for sweep in batch if sweep) == list(range(8))
    assert [(len(batch), length) for length, batch in batches] == [(1, 3000), (1, 3000), (3, 1000), (3, 1000), (1, 100)]
