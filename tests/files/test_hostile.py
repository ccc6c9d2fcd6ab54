"""Files that others broke, or meant to do harm: read, or refused in a sentence; text is shown and never obeyed."""

import json
import math
import os
import shutil
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from fuzz.__main__ import trial
from fuzz.inputs import RECORD
from h5py import h5a, h5d, h5s, h5t
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import rc_context
from matplotlib.figure import Figure
from nwb_files import write_located_units
from typer.testing import CliRunner

import glifjax as gj
from fitting.command.study_file import read_options
from fitting.data.padding import without_padding
from fitting.example.cell import true_parameters
from fitting.many import notes
from fitting.many.cells import cell_names
from fitting.many.claims import holder
from fitting.results.record import read_fit
from fitting.results.text_field import text_field
from glifjax.cli import app
from glifjax.errors import InputError, printable, shortened
from glifjax.io.json_text import DEEPEST, parse_json
from glifjax.io.nwb.fields import dataset
from glifjax.io.nwb.hdf5_file import readable_hdf5
from glifjax.io.nwb.units import read_located_units
from glifjax.plots.text import plain

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
@settings(max_examples=50)
def test_json_is_read_as_python_reads_it(value):
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "nested"),
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested"),
        ("9" * 5000, "limit"),
        ('{"C": 1, "C": 2}', "comes twice"),
        ("NaN", "no number of JSON"),
        (b"\xff", "no UTF-8"),
        ("1" * 200, "more than"),
    ],
)
def test_json_that_is_too_much_is_refused_in_few_words(text, words):
    with pytest.raises(ValueError, match=words) as error:
        parse_json(text, 100 if words == "more than" else 1_000_000)
    assert len(str(error.value)) < 200


def test_nan_is_read_where_it_may_be():
    assert math.isnan(parse_json("NaN", finite=False))


@given(st.text())
@settings(max_examples=50)
def test_an_error_is_short_and_holds_nothing_that_a_terminal_obeys(text):
    message = str(InputError(f"{text * 100}\x1b[2J; give another"))
    assert len(message) <= 400
    assert message.endswith("; give another")
    assert message.isprintable()


def test_text_is_spelt_out_and_cut_in_its_middle():
    assert printable("a\x1b]0;b\x07é\udce9") == "a\\x1b]0;b\\x07é\\udce9"
    assert shortened("x" * 30 + "end", 20) == "xxxxxxxxxxx...xxxend"


CONFIG = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02, spike_cut_length=4, dt=5e-5)


@given(key=st.sampled_from(["C", "spike_cut_length", "asc_tau_array", "coeffs", "voltage_reset_method"]), value=JSON)
@settings(max_examples=100)
def test_a_config_is_read_or_refused_by_its_key(key, value):
    from glifjax.io import neuron_from_config, neuron_to_config

    config = neuron_to_config(CONFIG) | {key: value}
    refusal = ""
    try:
        neuron_from_config(config, "config.json")
    except InputError as error:
        refusal = str(error)
    assert not refusal or refusal.startswith("config.json")
    assert len(refusal) <= 400


def test_a_zip_that_unpacks_to_gigabytes_is_refused_unread(tmp_path):
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("neuron_config.json", b" " * 30_000_000)
    with pytest.raises(InputError, match="30000000 bytes"):
        gj.read_model_zip(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_LZMA])
def test_a_zip_of_which_a_byte_is_changed_is_read_or_refused(tmp_path, method):
    """Whichever byte it is: of the data, of the sizes, of a name that is then no UTF-8."""
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("\N{GREEK SMALL LETTER MU}_neuron_config.json", "{}")
        archive.writestr("ephys_sweeps.json", "[]")
        archive.writestr("neuronal_model.json", "{}")
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x9B]) + content[place + 1 :])
        with suppress(InputError):
            gj.read_model_zip(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "cell.nwb"
    voltage = np.random.default_rng(0).normal(-0.07, 0.005, 2000)
    from glifjax.io import SweepArrays

    sweeps = [SweepArrays(number, "noise", 1e4, np.full(2000, 1e-10), voltage) for number in (0, 1)]
    gj.write_recording(path, sweeps, description="made")
    return path


RESPONSE = "acquisition/response_001/data"


def virtual(file):
    layout = h5py.VirtualLayout((2000,), "f8")
    layout[:] = h5py.VirtualSource(".", f"/{RESPONSE}", shape=(2000,))
    del file[RESPONSE]
    file.create_virtual_dataset(RESPONSE, layout)


def external_link(file):
    del file[RESPONSE]
    file[RESPONSE] = h5py.ExternalLink("other.h5", "/data")


def external_storage(file):
    del file[RESPONSE]
    file.create_dataset(RESPONSE, (2000,), "i2", external=[("/etc/hostname", 0, 4000)])


def bomb(file):
    del file[RESPONSE]
    file.create_dataset(RESPONSE, (10**12,), "i2", chunks=(1000,), fillvalue=7)


def times_without_dimension(file):
    del file["acquisition/response_001/starting_time"]
    file["acquisition/response_001/timestamps"] = 0.5


@pytest.mark.parametrize("change", [virtual, external_link, external_storage, bomb, times_without_dimension])
def test_samples_that_leave_a_file_or_explode_are_refused_unread_and_others_are_read(whole, tmp_path, change):
    path = tmp_path / "cell.nwb"
    shutil.copyfile(whole, path)
    with h5py.File(path, "r+") as file:
        change(file)
    with gj.read_recording(path) as recording:
        good, bad = recording.sweeps
        assert good.voltage.shape == (2000,)
        with pytest.raises(gj.RecordingError, match=r"cell\.nwb, sweep 1: .*(not read|.T,.); write the file anew"):
            _ = bad.voltage


@pytest.mark.parametrize(
    "damage", ["zeros in a heap of texts", "a text of 2^64 - 16 letters in one", "an address that no file has"]
)
def test_damage_that_hdf5_does_not_survive_is_refused(tmp_path, damage):
    path = tmp_path / "cell.nwb"
    with h5py.File(path, "w") as file:
        file["identifier"] = "of any length"
        file.attrs["nwb_version"] = "2.7.0"
    data = path.read_bytes()
    heap = data.index(b"GCOL")
    if damage.startswith("zeros"):
        path.write_bytes(data[: heap + 16] + bytes(64) + data[heap + 80 :])
    elif damage.startswith("a text"):
        path.write_bytes(data[: heap + 24] + (2**64 - 16).to_bytes(8, "little") + data[heap + 32 :])
    else:
        path.write_bytes(data.replace(data.index(b"TREE").to_bytes(8, "little"), b"\xf0" + b"\xff" * 7))
    with pytest.raises(gj.RecordingError, match=r"cell\.nwb: .* signature"):
        gj.read_recording(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_series_that_is_a_link_out_of_the_file_is_left_out_and_said(whole, tmp_path):
    path = tmp_path / "cell.nwb"
    shutil.copyfile(whole, path)
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(path, "r+") as file:
        del file["acquisition/response_001"]
        file["acquisition/response_001"] = h5py.ExternalLink(str(tmp_path / "pipe"), "/data")
        file["acquisition/circle"] = h5py.SoftLink("/acquisition/circle")
    with gj.read_recording(path) as recording:
        assert recording.sweeps[0].voltage.shape == (2000,)
        assert any("response_001 is left out" in line and "another file" in line for line in recording.warnings)
        assert any("leads in a circle" in line for line in recording.warnings)


def test_a_field_that_explodes_is_not_read(whole, tmp_path):
    path = tmp_path / "cell.nwb"
    shutil.copyfile(whole, path)
    with h5py.File(path, "r+") as file:
        del file["identifier"]
        file.create_dataset("identifier", (10**12,), "i2", chunks=(1000,), fillvalue=7)
    with gj.read_recording(path) as recording:
        assert (recording.identifier, len(recording.sweeps)) == ("", 2)


def test_a_text_that_claims_more_letters_than_its_file_has_is_not_read(whole, tmp_path):
    path = tmp_path / "cell.nwb"
    shutil.copyfile(whole, path)
    with h5py.File(path, "r+") as file:
        place = file["identifier"].id.get_offset()
        file["general"].create_dataset("lab", (3,), h5py.string_dtype(), chunks=(2,))[...] = "text"
        chunk = file["general/lab"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    for descriptor in (place, chunk + 16):
        data[descriptor + 3] = 0x7F  # the length's highest byte: 2 GB
    path.write_bytes(data)
    with gj.read_recording(path) as recording:
        assert (recording.identifier, len(recording.sweeps)) == ("", 2)
    with readable_hdf5(path) as file, pytest.raises(gj.RecordingError, match=r"/general/lab claims 21\d{8} letters"):
        dataset(file, "general/lab")


@pytest.mark.parametrize("damage", [(0, 2**50), (2**62, 0)])
def test_texts_that_lie_where_no_file_has_bytes_are_not_read(whole, tmp_path, damage):
    path = tmp_path / "cell.nwb"
    shutil.copyfile(whole, path)
    with h5py.File(path) as file:
        stored = file["identifier"].id.get_offset(), file["identifier"].id.get_storage_size()
    data, further = path.read_bytes(), np.add(stored, damage)
    path.write_bytes(data.replace(np.array(stored, "<u8").tobytes(), further.astype("<u8").tobytes(), 1))
    with gj.read_recording(path) as recording:
        assert recording.identifier in ("", gj.read_recording(whole).identifier)
        assert len(recording.sweeps) == 2


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("acquisition/response_001", "neurodata_type"),
        ("acquisition/response_001", "sweep_number"),
        ("acquisition/response_001/data", "unit"),
        ("acquisition/response_001/data", "conversion"),
        ("acquisition/response_001/starting_time", "rate"),
        ("general/devices", "neurodata_type"),
    ],
)
def test_an_attribute_of_a_type_that_nobody_reads_costs_its_own_sweep_at_most(whole, tmp_path, place, name):
    path = tmp_path / "cell.nwb"
    shutil.copyfile(whole, path)
    with h5py.File(path, "r+") as file:
        file[place].attrs.pop(name, None)
        h5a.create(file[place].id, name.encode(), h5t.UNIX_D32LE, h5s.create(h5s.SCALAR))
    with gj.read_recording(path) as recording:
        assert recording.sweeps[0].voltage.shape == (2000,)
        if place.startswith("general"):
            assert len(recording.sweeps) == 2
        elif len(recording.sweeps) == 2:
            with pytest.raises(gj.RecordingError, match=f"damaged attribute {name}"):
                _ = recording.sweeps[1].voltage
        else:
            assert any(f"damaged attribute {name}" in line for line in recording.warnings)


def test_a_file_whose_groups_are_damaged_is_refused(whole, tmp_path):
    path = tmp_path / "cell.nwb"
    path.write_bytes(whole.read_bytes().replace(b"SNOD", b"SNOB"))  # nodes of the tables of names in groups
    with pytest.raises(gj.RecordingError, match=r"cell\.nwb: .*; fetch or export it again"):
        gj.read_recording(path)


def test_units_of_one_electrode_each_are_where_it_is(tmp_path):
    path = tmp_path / "units.nwb"
    write_located_units(path)
    with h5py.File(path, "r+") as file:
        units = file["units"]
        for name in ("electrodes", "electrodes_index"):
            del units[name]
        units["electrodes"] = np.array([0, 1])
    spikes, _ = read_located_units(path)
    assert set(spikes.population_names) == {"ca1", "adn"}


def test_a_voltage_of_three_numbers_a_sample_costs_its_sweep(whole, tmp_path):
    path = tmp_path / "cell.nwb"
    shutil.copyfile(whole, path)
    with h5py.File(path, "r+") as file:
        attributes = dict(file[RESPONSE].attrs)
        del file[RESPONSE]
        file.create_dataset(RESPONSE, (2000,), np.dtype(("f8", (3,)))).attrs.update(attributes)
    with gj.read_recording(path) as recording:
        assert without_padding(recording) == (recording, [])
        assert recording.sweeps[0].voltage.shape == (2000,)
        for read in (lambda sweep: sweep.voltage, lambda sweep: sweep.stored(sweep.response)):
            with pytest.raises(gj.RecordingError, match=r"sweep 1: the voltage .* has the shape \(2000, 3\)"):
                read(recording.sweeps[1])


def test_a_float_that_numpy_has_no_type_for_costs_its_sweep(whole, tmp_path):
    """An exponent of 20 bits: h5py raises a ValueError there."""
    path = tmp_path / "cell.nwb"
    shutil.copyfile(whole, path)
    wide = h5t.IEEE_F64LE.copy()
    wide.set_fields(63, 43, 20, 0, 43)
    with h5py.File(path, "r+") as file:
        series = next(iter(file["acquisition"].values()))
        del series["data"]
        h5d.create(series.id, b"data", wide, h5s.create_simple((2000,)))
    with gj.read_recording(path) as recording:
        assert recording.sweeps[1].voltage.shape == (2000,)
        with pytest.raises(gj.RecordingError, match=r"/data is of a damaged type \(Insufficient precision"):
            _ = recording.sweeps[0].voltage


def test_a_dataset_of_a_type_that_is_none_is_refused(tmp_path):
    """A text whose encoding HDF5 does not have."""
    path = tmp_path / "spikes.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("text", data=np.array([b"a"], "S17"))
    content = bytearray(path.read_bytes())
    place = content.find(b"\x13\x01\x00\x00\x11\x00\x00\x00")  # a string of version 1, ASCII, 17 bytes
    content[place + 1] |= 0x90
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"spikes\.h5: /text is of a damaged type \(Unknown string encoding"):
        gj.read_spikes(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_no_recording(tmp_path):
    os.mkfifo(tmp_path / "pipe.nwb")
    with pytest.raises(gj.RecordingError, match="is a pipe or a device"):
        gj.read_recording(tmp_path / "pipe.nwb")
    os.mkfifo(tmp_path / "fit.json")
    for read in (gj.read_neuron_config, gj.read_model_zip, read_fit, lambda path: read_options(path, set())):
        for path in (tmp_path / "fit.json", Path("/dev/zero")):
            with pytest.raises(InputError, match="a pipe or a device, not a file"):
                read(path)


@pytest.mark.parametrize(
    "notes",
    [
        '{"simulated": true, "true_parameters": 5}',
        '{"simulated": true, "true_parameters": {"C": 3}}',
        '{"simulated": true, "true_parameters": {"C": {"value": null}}}',
        '{"simulated": true, "true_parameters": {"C": {"value": 1e999, "unit": "F"}}}',
        "[" * 100_000,
        "NaN",
    ],
)
def test_odd_notes_hold_no_parameters(whole, notes):
    with gj.read_recording(whole) as recording:
        recording.notes = notes
        assert not true_parameters(recording)


CLAIM = {"host": "a", "process": 3, "run": "r", "time": 2.0**33}


@pytest.mark.parametrize(
    "content",
    [*(CLAIM | {key: value} for key in CLAIM for value in (None, {}, 10**400, -1.0, "x" * 5000)), [], "[" * 100_000],
)
def test_what_a_study_s_folder_says_may_be_anything(tmp_path, content):
    text = content if isinstance(content, str) else json.dumps(content)
    for name in ("cells-1.json", "cell.failed", "cell.claim-1"):
        (tmp_path / name).write_text(text)
    claim = holder(tmp_path, "cell")
    assert claim is not None  # of nobody, as of now
    assert len(str(claim)) < 400
    assert claim.host in ("another host", "a")
    assert notes.asked_cells(tmp_path) == []
    assert notes.failure(tmp_path, "cell") is None


def test_names_of_cells_are_folders_beside_the_table(tmp_path):
    paths = [tmp_path / name for name in ("...nwb", "cells.csv.nwb", ".run.nwb", "a.nwb")]
    assert cell_names(paths) == ["_", "cells.csv_", "run", "a"]


def test_no_cell_of_a_table_is_a_formula():
    assert [text_field(value) for value in ("=1", "+1", "@SUM(1)", "a=1", -1.5, None)] == [
        "'=1", "'+1", "'@SUM(1)", "a=1", -1.5, None,
    ]  # fmt: skip


@given(st.text("$\\^_{}%ab"))
@settings(max_examples=50)
def test_no_text_in_a_figure_is_a_formula(text):
    figure, page = Figure(), BytesIO()
    figure.text(0, 0, plain(f"a{text}$\\frac$"))
    with rc_context({"svg.fonttype": "none"}):
        figure.savefig(page, format="svg")
    assert "$\\frac$</text>" in page.getvalue().decode()


def test_names_in_records_that_are_compared_are_no_markup(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"[/b]": "[/b]", "train_sweeps": "1\n" * 5000}
    odd = {"parameters": {"[/red]\x1b[2J": {"value": 1.0, "unit": "[bold]"}}, "settings": settings}
    for name in ("[a]", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fit.json").write_text(json.dumps(RECORD | (odd if name == "b" else {})))
    result = CliRunner().invoke(app, ["compare", "[a]", "b"])
    assert result.exit_code == 0, result.output
    assert "[a]" in result.stdout
    assert "[/red]\\x1b[2J ([bold])" in result.stdout
    assert "\x1b[2J" not in result.stdout
    assert "[/b]" in result.stdout
    assert result.stdout.count("1 1 1") <= 20  # cut, however long a setting is


def test_a_changed_file_that_holds_is_gone_and_one_that_does_not_stays(tmp_path, monkeypatch):
    inputs = tmp_path / "inputs"
    (inputs / "config").mkdir(parents=True)
    (inputs / "config/config.json").write_text(json.dumps({"C": 1}))
    monkeypatch.setattr("fuzz.__main__.NAMES", {"config": "config.json"})
    monkeypatch.setattr("fuzz.__main__.KINDS", ("config",))
    monkeypatch.setattr("fuzz.__main__.check", lambda path, kind: 1 / 0)
    assert not trial(7, 3, inputs, tmp_path / "a")
    assert not trial(7, 3, inputs, tmp_path / "b")  # always the same file
    assert (tmp_path / "a/3-7/config.json").read_bytes() == (tmp_path / "b/3-7/config.json").read_bytes()
    monkeypatch.setattr("fuzz.__main__.check", lambda path, kind: None)
    assert trial(7, 3, inputs, tmp_path / "a")
    assert not list((tmp_path / "a").iterdir())
