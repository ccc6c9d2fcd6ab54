"""PatchMaster bundles and Igor's files, written here by the layouts that HEKA and WaveMetrics publish."""

import struct

import numpy as np
import pytest

import glifjax as gj

DT = 1e-4  # s


def record(size, **fields):
    """A record of a tree, zero but for fields: _OFFSET = (struct's letter, value)."""
    raw = bytearray(size)
    for offset, (form, value) in fields.items():
        struct.pack_into(f"<{form}", raw, int(offset[1:]), value.encode() if isinstance(value, str) else value)
    return bytes(raw)


def node(own, *children):
    return own + struct.pack("<i", len(children)) + b"".join(children)


def tree(sizes, root):
    return b"eerT" + struct.pack(f"<i{len(sizes)}i", len(sizes), *sizes) + root


def bundle(path, groups, flags=1, holding=0.0, mode=2, kind=0, recorded=False, stopped=False):
    """A .dat of groups: {label: sweeps}, each of a step of 0.1 nA more than the one before, and of 3,000 samples.

    stopped: a series without sweeps comes before theirs.
    """
    step = {"_4": ("b", kind), "_5": ("b", 1), "_20": ("d", 1.0), "_48": ("d", 1.0), "_36": ("d", 0.1)}
    segments = [
        node(record(80, **step)),
        node(record(80, **step | {"_8": ("d", 0.1), "_28": ("d", 0.1)})),  # nA
        node(record(80, **step)),
    ]
    output = record(400, _25=("b", mode), _40=("8s", "A"), _48=("d", holding), _76=("H", flags))
    sweeps = max(len(sweeps) for sweeps in groups.values())
    stimulus = record(248, _4=("32s", "steps"), _112=("d", DT), _144=("i", sweeps))
    pgf = tree((584, 248, 400, 80), node(record(584), node(stimulus, node(output, *segments))))

    data, tables = b"", []
    for label, voltages in groups.items():
        rows = []
        for voltage in voltages:
            traces = []
            for unit, values, scale in [("V", voltage, 1e-6), ("A", np.arange(3000) % 7 * 1e-12, 1e-13)][
                : 1 + recorded
            ]:
                where = 256 + len(data)
                data += np.round(values / scale).astype("<i2").tobytes()
                traces.append(node(record(
                    512, _4=("32s", f"{unit}mon"), _40=("i", where), _44=("i", 3000), _72=("d", scale),
                    _96=("8s", unit), _104=("d", DT), _120=("8s", "s"),
                )))  # fmt: skip
            rows.append(node(record(288, _40=("i", 1), _48=("d", 10.0 * len(rows))), *traces))
        series = node(record(1408, _4=("32s", "steps")), *rows)
        empty = [node(record(1408, _4=("32s", "stopped")))] * stopped
        tables.append(node(record(144, _4=("32s", label)), *empty, series))
    pul = tree((640, 144, 1408, 288, 512), node(record(640), *tables))

    header = record(256, _0=("8s", "DAT2"), _8=("32s", "v2x90.2"), _48=("i", 3), _52=("?", True))
    items, place = bytearray(header), 256
    for number, (kind, content) in enumerate(((".dat", data), (".pgf", pgf), (".pul", pul))):
        struct.pack_into("<ii8s", items, 64 + 16 * number, place, len(content), kind.encode())
        place += len(content)
    path.write_bytes(bytes(items) + data + pgf + pul)
    return path


def voltages(count, seed=0):
    return np.round(-0.02 + 1e-3 * np.random.default_rng(seed).normal(size=(count, 3000)), 6)


@pytest.fixture
def heka():
    pytest.importorskip("myokit", reason="myokit is not installed (glifjax[formats])")


def test_a_bundle_s_current_is_what_its_stimulus_commanded(heka, tmp_path):
    own = voltages(3)
    with gj.read_recording(bundle(tmp_path / "cell.dat", {"E-1": own})) as recording:
        assert [sweep.number for sweep in recording.sweeps] == [1, 2, 3]
        assert [sweep.start_time for sweep in recording.sweeps] == [0.0, 10.0, 20.0]
        for place, sweep in enumerate(recording.sweeps):
            assert (sweep.protocol, sweep.electrode) == ("steps", "E-1")
            assert sweep.rate == pytest.approx(1 / DT)
            np.testing.assert_allclose(sweep.voltage, own[place], atol=1e-9)
            expected = np.zeros(3000)
            expected[1000:2000] = 1e-10 * (1 + place)
            np.testing.assert_allclose(sweep.current, expected, atol=1e-20)


def test_a_bundle_s_recorded_current_goes_before_the_commanded(heka, tmp_path):
    with gj.read_recording(bundle(tmp_path / "cell.dat", {"E-1": voltages(1)}, recorded=True)) as recording:
        np.testing.assert_allclose(recording.sweeps[0].current, np.arange(3000) % 7 * 1e-12, atol=1e-18)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"flags": 0}, "sweeps 1, 2: no current is recorded, and the stimulus is not of constant segments"),
        ({"flags": 1 | 4}, "the stimulus is another file's"),
        ({"flags": 1 | 2, "holding": 0.05}, "counts from a holding current"),
        ({"kind": 1}, "not of constant segments"),
        ({"mode": 1}, "none of its series holds a voltage in current clamp"),
    ],
)
def test_a_bundle_whose_current_nobody_knows_is_refused_or_given_one(heka, tmp_path, changes, words):
    path = bundle(tmp_path / "cell.dat", {"E-1": voltages(2)}, **changes)
    with pytest.raises(gj.RecordingError, match=words):
        gj.read_recording(path)
    if "mode" not in changes:
        rows = [f"{n * DT},{n % 5}" for n in range(3000)]
        (tmp_path / "current.csv").write_text("\n".join(rows))
        with gj.read_recording(path, stimulus=tmp_path / "current.csv") as recording:
            np.testing.assert_allclose(recording.sweeps[1].current, np.arange(3000) % 5 * 1e-12, atol=1e-20)


def test_a_bundle_of_two_cells_is_one_s_by_name(heka, tmp_path):
    first, second = voltages(1, 1), voltages(2, 2)
    path = bundle(tmp_path / "cells.dat", {"E-1": first, "E-2": second})
    with pytest.raises(gj.RecordingError, match=r"electrodes \['E-1', 'E-2'\].*`electrode=\"E-1\"`"):
        gj.read_recording(path)
    with gj.read_recording(path, electrode="E-2") as recording:
        assert [sweep.number for sweep in recording.sweeps] == [2, 3]
        np.testing.assert_allclose(recording.sweeps[0].voltage, second[0], atol=1e-9)


def test_a_series_that_was_stopped_before_its_first_sweep_costs_itself_alone(heka, tmp_path):
    own = voltages(2)
    with gj.read_recording(bundle(tmp_path / "cell.dat", {"E-1": own}, stopped=True)) as recording:
        assert any("'stopped' of 'E-1' was stopped before its first sweep" in line for line in recording.warnings)
        assert [sweep.number for sweep in recording.sweeps] == [1, 2]
        np.testing.assert_allclose(recording.sweeps[1].voltage, own[1], atol=1e-9)
        assert recording.sweeps[1].current.max() == pytest.approx(2e-10)


@pytest.mark.parametrize("length", [0, 4, 100, 300, -300, -3])
def test_what_is_no_whole_bundle_is_refused(heka, tmp_path, length):
    path = bundle(tmp_path / "cell.dat", {"E-1": voltages(2)})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(gj.RecordingError, match=r"cell\.dat: myokit cannot read it"):
        gj.read_recording(path)


# ---------------------------------------------------------------------------------------------------------------- Igor


def wave(name, data, unit, step=DT, time="s"):
    """An Igor binary wave of version 5: its header, the wave's, the samples."""
    data = np.asarray(data, "<f8")
    header = record(
        320, _12=("i", data.size), _16=("h", 4), _26=("h", 1), _28=("32s", name), _68=("i", data.shape[0]),
        _72=("i", data.shape[1] if data.ndim == 2 else 0), _84=("d", step), _148=("4s", unit), _152=("4s", time),
    )  # fmt: skip
    own = record(64, _0=("h", 5), _4=("i", 320 + data.nbytes))
    checksum = -int(np.frombuffer(own + header, "<i2").sum(dtype=np.int64)) & 0xFFFF
    return own[:2] + struct.pack("<H", checksum) + own[4:] + header + data.tobytes("F")


def experiment(path, *waves):
    path.write_bytes(b"".join(struct.pack("<Hhi", 3, 5, len(one)) + one for one in waves))
    return path


@pytest.fixture
def igor():
    pytest.importorskip("igor2", reason="igor2 is not installed (glifjax[formats])")


def test_an_experiment_pairs_voltages_and_currents_by_number(igor, tmp_path):
    own, currents = voltages(2), 1e-10 * np.arange(6000).reshape(2, 3000) / 3000
    path = experiment(
        tmp_path / "cell.pxp",
        wave("ad0_3", own[0], "V"), wave("ad0_4", 1e3 * own[1], "mV"),
        wave("da0_4", 1e12 * currents[1], "pA"), wave("da0_3", currents[0], "A"), wave("notes", np.arange(9.0), ""),
    )  # fmt: skip
    recording = gj.read_recording(path)
    assert [(sweep.number, sweep.electrode) for sweep in recording.sweeps] == [(3, "ad0"), (4, "ad0")]
    for place, sweep in enumerate(recording.sweeps):
        assert sweep.rate == pytest.approx(1 / DT)
        np.testing.assert_allclose(sweep.voltage, own[place], atol=1e-12)
        np.testing.assert_allclose(sweep.current, currents[place], atol=1e-20)


def test_a_wave_of_columns_is_a_sweep_each_under_a_current_of_ones_own(igor, tmp_path):
    own = voltages(3)
    (tmp_path / "cell.ibw").write_bytes(wave("sweeps", 1e3 * own.T, "mV", 0.1, "ms"))
    with pytest.raises(gj.RecordingError, match="holds no current; give the current with `stimulus="):
        gj.read_recording(tmp_path / "cell.ibw")
    (tmp_path / "current.csv").write_text("\n".join(f"{n * DT},{n % 5}" for n in range(3000)))
    recording = gj.read_recording(tmp_path / "cell.ibw", stimulus=tmp_path / "current.csv")
    assert len(recording.sweeps) == 3
    assert recording.sweeps[2].rate == pytest.approx(1 / DT)
    np.testing.assert_allclose(recording.sweeps[2].voltage, own[2], atol=1e-12)


@pytest.mark.parametrize(
    ("waves", "words"),
    [
        ([("a", "kg")], r"none of its waves is a voltage \(a \(kg\)\)"),
        ([("a_1", "V"), ("b_1", "V"), ("c_1", "A")], r"electrodes \['a', 'b'\]"),
        ([("a_1", "V"), ("b_1", "A"), ("c_1", "A")], r"several outputs are currents \(b, c\)"),
        ([("a_1", "V"), ("a_2", "V"), ("b_1", "A")], "holds 1 currents for 2 voltages"),
    ],
)
def test_an_experiment_that_leaves_a_choice_open_is_refused(igor, tmp_path, waves, words):
    path = experiment(tmp_path / "cell.pxp", *(wave(name, np.zeros(9), unit) for name, unit in waves))
    with pytest.raises(gj.RecordingError, match=words):
        gj.read_recording(path)


@pytest.mark.parametrize("ending", [".ibw", ".pxp"])
@pytest.mark.parametrize("place", range(4, 56, 4))
def test_a_wave_that_claims_more_bytes_than_its_file_has_is_not_read(igor, tmp_path, ending, place):
    """igor2 makes a list of so many places before it looks."""
    content = bytearray(wave("ad0_1", voltages(1)[0], "V"))
    struct.pack_into("<i", content, place, 2**31 - 1)
    path = tmp_path / f"cell{ending}"
    if ending == ".ibw":
        path.write_bytes(content)
    else:
        experiment(path, content)
    with pytest.raises(gj.RecordingError, match=r"a wave of 24384 bytes claims to hold 2147483647"):
        gj.read_recording(path)


@pytest.mark.parametrize("ending", [".ibw", ".pxp"])
@pytest.mark.parametrize("length", [0, 5, 200, -7])
def test_what_is_no_whole_wave_is_refused(igor, tmp_path, ending, length):
    content = wave("ad0_1", voltages(1)[0], "V")
    path = tmp_path / f"cell{ending}"
    path.write_bytes((content if ending == ".ibw" else struct.pack("<Hhi", 3, 5, len(content)) + content)[:length])
    with pytest.raises(gj.RecordingError, match=r"igor2 cannot read it|none of its waves"):
        gj.read_recording(path)
