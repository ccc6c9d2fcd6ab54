"""Recordings of amplifiers' programs: the current from a channel, the protocol, or a file; else refused in words."""

import struct

import numpy as np
import pytest

import glifjax as gj
from glifjax.io.formats.abf_protocol import RAMP, STEP, Epoch, Waveform
from glifjax.io.formats.stimulus_file import read_stimulus

pytest.importorskip("neo", reason="neo is not installed (glifjax[formats])")


def test_steps_and_ramps_follow_one_another_and_grow_from_sweep_to_sweep():
    epochs = (Epoch(STEP, -50.0, 10.0, 4, 0), Epoch(RAMP, 20.0, 0.0, 5, 1))
    first, second = Waveform("Cmd 0", "pA", 1.0, False, epochs).sweeps(2, 128)
    np.testing.assert_allclose(first[:12], [1, 1, -50, -50, -50, -50, -50, -32.5, -15, 2.5, 20, 1])
    np.testing.assert_allclose(second[:6], [1, 1, -40, -40, -40, -40])
    np.testing.assert_allclose(second[6:13], [-40, -28, -16, -4, 8, 20, 1])
    assert (first[12:] == 1).all()


def test_a_level_that_stays_is_where_the_next_sweep_starts():
    waveform = Waveform("Cmd 0", "pA", 0.0, True, (Epoch(RAMP, 10.0, 10.0, 11, 0),))
    first, second = waveform.sweeps(2, 64)
    np.testing.assert_allclose(first[:12], np.r_[0, np.arange(11)])
    np.testing.assert_allclose(second[:12], np.r_[10, np.arange(10, 21)])
    assert (first[12:] == 10).all()
    assert (second[12:] == 20).all()


@pytest.mark.parametrize(
    ("name", "text", "amperes"),
    [
        ("plain.csv", "0,1\n0.1,2\n", [[1e-12, 2e-12]]),
        ("greek.csv", "time (s),I (\N{GREEK SMALL LETTER MU}A)\n0,1\n", [[1e-6]]),
        ("titled.csv", "time (s),I (nA),J (pA)\n0,1,5\n0.1,2,6\n", [[1e-9, 2e-9], [5e-12, 6e-12]]),
        ("atf.atf", 'ATF\t1.0\n1\t2\n"a=b"\n"Time (s)"\t"Trace #1 (pA)"\n0\t1\n0.1\t2\n', [[1e-12, 2e-12]]),
    ],
)
def test_a_stimulus_file_holds_currents_in_its_units(tmp_path, name, text, amperes):
    (tmp_path / name).write_text(text)
    np.testing.assert_allclose(read_stimulus(tmp_path / name), amperes, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,V (mV)\n0,1\n", "is in mV; give a current"),
        ("0\n1\n", "has 1 columns"),
        ("0,1\n1,x\n", "no table of numbers"),
        ("", "has 1 columns and 0 rows"),
        ("0,1\n1,nan\n", "without gaps"),
        ("time (s),I (nA)\n0,1,2\n", "has 2 titles over 3 columns"),
        ("ATF\t1.0\nno number\n0\t1\n", "no whole ATF file"),
        (f"ATF\t1.0\n{'9' * 5000}\t2\n0\t1\n", "counts no header lines"),
    ],
)
def test_a_stimulus_file_that_is_none_is_refused(tmp_path, text, words):
    (tmp_path / "i.csv").write_text(text)
    with pytest.raises(gj.RecordingError, match=words):
        read_stimulus(tmp_path / "i.csv")


class Reader:
    """What this package asks of neo's raw readers, for channels (name, unit, (S, T) values)."""

    def __init__(self, channels, info=None):
        self.channels = channels
        rows = [(name, unit, 1.0, 0.0, "0") for name, unit, _ in channels]
        dtype = [("name", "U20"), ("units", "U5"), ("gain", "f8"), ("offset", "f8"), ("stream_id", "U2")]
        self.header = {"signal_streams": {"id": ["0"]}, "signal_channels": np.array(rows, dtype)}
        if info:
            self._axon_info = info

    def parse_header(self):
        pass

    def segment_count(self, block):
        return len(self.channels[0][2])

    def get_signal_size(self, block, segment, stream):
        return len(self.channels[0][2][segment])

    def get_signal_sampling_rate(self, stream):
        return 10e3

    def get_signal_t_start(self, block, segment, stream):
        return 2.0 * segment

    def get_analogsignal_chunk(self, *, block_index, seg_index, i_start, i_stop, stream_index, channel_indexes):
        return np.array(self.channels[channel_indexes[0]][2][seg_index])[i_start:i_stop, None]


@pytest.fixture
def abf(tmp_path, monkeypatch):
    """A function that has a file read as these channels."""

    def read(channels, info=None, **options):
        monkeypatch.setattr("neo.rawio.AxonRawIO", lambda filename: Reader(channels, info))
        (tmp_path / "cell.abf").touch()
        return gj.read_recording(tmp_path / "cell.abf", **options)

    return read


V = ("Vm", "mV", [[-70.0, -69.0], [-71.0, -68.0]])
INFO = {
    "sProtocolPath": "C:\\Protocols\\steps.pro",
    "listDACInfo": [
        {
            "nDACNum": 0,
            "DACChNames": b"Cmd 0",
            "DACChUnits": b"pA",
            "nWaveformEnable": 1,
            "nWaveformSource": 1,
            "nInterEpisodeLevel": 0,
            "fDACHoldingLevel": 0.0,
        }
    ],
    "dictEpochInfoPerDAC": {
        0: {
            0: {
                "nEpochType": 1,
                "fEpochInitLevel": 10.0,
                "fEpochLevelInc": 5.0,
                "lEpochInitDuration": 2,
                "lEpochDurationInc": 0,
            }
        }
    },
}


def test_a_recorded_current_goes_with_the_voltage(abf):
    recording = abf([V, ("Im", "nA", [[0.0, 1.0], [0.0, 2.0]])], INFO)
    first, second = recording.sweeps
    np.testing.assert_allclose(first.voltage, [-0.070, -0.069])
    np.testing.assert_allclose(second.current, [0, 2e-9])
    assert (second.start_time, second.rate, second.protocol, second.electrode) == (2.0, 10e3, "steps", "Vm")
    assert recording.warnings == ["cell.abf: the current is the recorded channel 'Im'"]


def test_of_two_electrodes_each_has_the_current_of_its_rank(abf):
    """Two headstages: the first electrode named in the refusal is one that a fit can use, and so is the second."""
    channels = [("V1", *V[1:]), ("I1", "pA", [[0.0, 1.0]] * 2), ("V2", *V[1:]), ("I2", "pA", [[0.0, 2.0]] * 2)]
    with pytest.raises(gj.RecordingError, match='choose one with `electrode="V1"`'):
        abf(channels)
    for name, height in (("V1", 1e-12), ("V2", 2e-12)):
        recording = abf(channels, electrode=name)
        np.testing.assert_allclose(recording.sweeps[0].current, [0, height])
    assert recording.warnings == ["cell.abf: the current is the recorded channel 'I2'"]


def test_else_the_protocol_and_before_either_the_file_that_is_given(abf, tmp_path):
    np.testing.assert_allclose(abf([V], INFO).sweeps[1].current, [15e-12, 15e-12])
    (tmp_path / "i.csv").write_text("0,1\n1e-4,3\n")
    given = abf([V], INFO, stimulus=tmp_path / "i.csv")
    np.testing.assert_allclose(given.sweeps[1].current, [1e-12, 3e-12])


@pytest.mark.parametrize(
    ("channels", "info", "words"),
    [
        ([V], None, 'holds no current, recorded or commanded; give the current with `stimulus="current.csv"`'),
        ([("I", "pA", [[0.0]])], None, "none of its channels is a voltage"),
        ([V, ("V2", "mV", V[2])], None, 'choose one with `electrode="Vm"`'),
        ([V, ("I", "pA", V[2]), ("J", "pA", V[2])], None, "several channels are currents"),
        ([V], {**INFO, "listDACInfo": [{**INFO["listDACInfo"][0], "nWaveformSource": 2}]}, "from another file"),
        ([V], {**INFO, "dictEpochInfoPerDAC": {0: {0: {"nEpochType": 3}}}}, "epochs of type 3"),
    ],
)
def test_what_tells_no_cell_or_no_current_is_refused(abf, channels, info, words):
    with pytest.raises(gj.RecordingError) as error:
        abf(channels, info)
    assert words in str(error.value)


def test_a_file_that_neo_cannot_read_is_refused(tmp_path):
    (tmp_path / "cell.abf").write_bytes(b"ABF2" + bytes(600))
    with pytest.raises(gj.RecordingError, match=r"cell\.abf: neo cannot read it"):
        gj.read_recording(tmp_path / "cell.abf")


@pytest.mark.parametrize("section", range(18))
def test_an_abf_file_that_counts_more_entries_than_it_has_bytes_is_not_read(tmp_path, section):
    """neo would read the same bytes for ever."""
    header = bytearray(b"ABF2" + bytes(2044))
    struct.pack_into("<IIq", header, 76 + 16 * section, 1, 0, 2**62)
    (tmp_path / "cell.abf").write_bytes(header)
    with pytest.raises(gj.RecordingError, match=r"cell\.abf: neo cannot .* \(a section claims 46.* entries of 0 bytes"):
        gj.read_recording(tmp_path / "cell.abf")


@pytest.mark.parametrize(
    ("records", "blocks", "before"), [(10**12, 8, 2), (10**12, -2, 2), (-1, 8, 2), (3, 0, 2), (3, 8, -5)]
)
def test_a_winwcp_file_that_counts_more_records_than_it_has_bytes_is_not_read(tmp_path, records, blocks, before):
    """With -2 blocks every record is the first one, for ever."""
    entries = {"VER": 8, "NC": 1, "NR": records, "NBA": before, "NBD": blocks, "ADCMAX": 2047}
    header = "".join(f"{key}={value}\r\n" for key, value in entries.items()).encode()
    (tmp_path / "cell.wcp").write_bytes(header.ljust(10_000, b"\0"))
    with pytest.raises(gj.RecordingError, match=f"it claims {records} records of {blocks} blocks after {before}"):
        gj.read_recording(tmp_path / "cell.wcp")


def spike2(path, blocks=4, after=-1, items=100):
    """A Spike2 file of a voltage of 400 samples at 1 kHz in four blocks, which may claim more, or go on elsewhere."""
    parts = pytest.importorskip("neo.rawio.spike2rawio")
    starts = [1024 + n * (20 + 2 * 100) for n in range(4)]
    header, channel = np.zeros(1, parts.headerDescription), np.zeros(1, parts.channelHeaderDesciption1)
    for name, value in {"system_id": 6, "us_per_time": 1, "channels": 1, "dtime_base": 1e-6}.items():
        header[name] = value
    claims = {"firstblock": starts[0], "blocks": blocks, "l_chan_dvd": 1000, "title": b"\x02Vm", "kind": 1}
    for name, value in claims.items():
        channel[name] = value
    of_samples = struct.pack("<ff6sh", 655.36, -70.0, b"\x02mV", 1)
    content = (header.tobytes().ljust(512, b"\0") + channel.tobytes() + of_samples).ljust(1024, b"\0")
    for n, place in enumerate([*starts[1:], after]):
        content += struct.pack("<iiiihh", -1, place, n * 100_000, n * 100_000 + 99_000, 1, items)
        content += np.arange(n * 100, (n + 1) * 100, dtype="<i2").tobytes()
    path.write_bytes(content)
    return path


def test_a_spike2_file_whose_blocks_go_round_in_a_ring_is_not_read(tmp_path):
    """neo follows as many blocks as are claimed, and holds all of their samples."""
    (tmp_path / "current.csv").write_text("s,pA\n" + "".join(f"{n / 1e3},5\n" for n in range(400)))
    path = spike2(tmp_path / "whole.smr")
    with gj.read_recording(path, stimulus=tmp_path / "current.csv") as recording:
        np.testing.assert_allclose(recording.sweeps[0].voltage, -0.07 + 1e-4 * np.arange(400))
    for name, options in {
        "ring": {"blocks": 30_000, "after": 1024},
        "long": {"items": 30_000},
        "negative": {"items": -1},
        "beyond": {"blocks": 5, "after": 10**8},
    }.items():
        path = spike2(tmp_path / f"{name}.smr", **options)
        with pytest.raises(
            gj.RecordingError, match=rf"{name}\.smr: neo cannot read it \((the blocks of|it ends before)"
        ):
            gj.read_recording(path, stimulus=tmp_path / "current.csv")


def test_real_files_hold_what_their_protocols_commanded(shared):
    """Current ranges in pA and sampling rates as pyABF gives them."""
    truths = {
        "171116sh_0016": (11, 20e3, 0, 100, 0),
        "17o05027_ic_ramp": (2, 20e3, 0, 10, 0),
        "17o05028_ic_steps": (16, 20e3, -50, 100, 0),
        "2020_03_02_0000": (16, 10e3, -200, 600, 40),  # measured, with its noise; the protocol says 550
        "File_axon_5": (9, 20e3, -100, 300, 0),
    }
    for name, (count, rate, low, high, within) in truths.items():
        with gj.read_recording(shared / f"trials/abf/{name}.abf") as recording:
            currents = [1e12 * sweep.current for sweep in recording.sweeps]
            assert (len(currents), recording.sweeps[0].rate) == (count, rate)
            assert min(map(np.min, currents)) == pytest.approx(low, abs=within + 1e-6)
            assert max(map(np.max, currents)) == pytest.approx(high, abs=within + 1e-6)
    with pytest.raises(gj.RecordingError, match="from another file"):
        gj.read_recording(shared / "trials/abf/171116sh_0017.abf")
    with gj.read_recording(shared / "trials/abf/18425108_abf1.abf") as oldest:
        assert "recorded channel 'Imemb'" in oldest.warnings[0]
