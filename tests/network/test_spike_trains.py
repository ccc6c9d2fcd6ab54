"""SpikeTrains: sorted, checked, and unchanged by every format."""

import h5py
import numpy as np
import pandas as pd
import pytest

import glifjax as gj


def trains(decimals: bool = True) -> gj.SpikeTrains:
    rng = np.random.default_rng(3)
    ms = rng.uniform(0.01, 5000.0, 400)
    ms = np.round(ms, 3) if decimals else ms
    return gj.SpikeTrains(ms / 1e3, rng.integers(0, 20, 400), rng.choice(["lgn", "tc", "None"], 400))


@pytest.mark.parametrize("ending", [".csv", ".h5", ".nwb"])
def test_every_format_gives_back_what_was_written(tmp_path, ending):
    written = trains()
    gj.write_spikes(written, tmp_path / f"spikes{ending}")
    read = gj.read_spikes(tmp_path / f"spikes{ending}")
    np.testing.assert_array_equal(read.to_dataframe()["timestamps"], written.to_dataframe()["timestamps"])
    np.testing.assert_array_equal(written.to_dataframe()["timestamps"], np.round(written.times * 1e3, 3))
    np.testing.assert_array_equal(read.node_ids, written.node_ids)
    np.testing.assert_array_equal(read.populations, written.populations)
    fine = trains(decimals=False)
    gj.write_spikes(fine, tmp_path / f"fine{ending}")
    np.testing.assert_allclose(gj.read_spikes(tmp_path / f"fine{ending}").times, fine.times, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "ending"), [("a/b", ".h5"), (".", ".h5"), ("", ".h5"), ("", ".csv"), ("a\tb", ".csv")]
)
def test_names_that_a_file_cannot_hold_are_refused(tmp_path, name, ending):
    with pytest.raises(ValueError, match=r"a population is called .*; rename it"):
        gj.write_spikes(gj.SpikeTrains([0.1], [0], name), tmp_path / f"spikes{ending}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sort", ["by_time", "by_id", "none"])
def test_sonata_says_how_it_is_sorted(tmp_path, sort):
    gj.write_spikes(trains(), tmp_path / "spikes.h5", sort=sort)
    with h5py.File(tmp_path / "spikes.h5") as file:
        place = file["spikes/lgn"]
        assert place.attrs["sorting"] == sort
        assert place["timestamps"].attrs["units"] == "ms"
        key = place["node_ids" if sort == "by_id" else "timestamps"][...].astype(float)
        assert (np.diff(key) >= 0).all()
    np.testing.assert_array_equal(gj.read_spikes(tmp_path / "spikes.h5").times, trains().times)


@pytest.mark.parametrize("units", ["ms", "s"])
@pytest.mark.parametrize("enumerated", [True, False])
def test_sonata_as_others_write_it(tmp_path, units, enumerated):
    with h5py.File(tmp_path / "spikes.h5", "w") as file:
        place = file.create_group("spikes/lgn")
        place["timestamps"] = np.array([30.0, 10.0]) * (1.0 if units == "ms" else 1e-3)
        place["timestamps"].attrs["units"] = units
        place["node_ids"] = np.array([4, 2], np.uint64)
        kind = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype="u1")
        place.attrs.create("sorting", 0, dtype=kind) if enumerated else place.attrs.create("sorting", "none")
    read = gj.read_spikes(tmp_path / "spikes.h5")
    np.testing.assert_allclose(read.times, [0.01, 0.03])
    assert read.node_ids.tolist() == [2, 4]


def test_the_older_layout_takes_the_population_it_is_given(tmp_path):
    with h5py.File(tmp_path / "spikes.h5", "w") as file:
        file["spikes/timestamps"], file["spikes/gids"] = [5.0, 1.0], np.array([0, 3], np.uint32)
    assert gj.read_spikes(tmp_path / "spikes.h5", population="lgn").populations.tolist() == ["lgn", "lgn"]
    assert gj.read_spikes(tmp_path / "spikes.h5").node_ids.tolist() == [3, 0]


def test_text_files_as_they_come(tmp_path):
    path = tmp_path / "spikes.csv"
    path.write_text("node_ids trial timestamps population\n1 0 9.627 lgn\n0 0 3.5 lgn\n")
    assert gj.read_spikes(path).node_ids.tolist() == [0, 1]
    path.write_text("timestamps, population, node_ids\n9.627, lgn, 1\n3.5, tc, 0\n")
    assert gj.read_spikes(path).populations.tolist() == ["tc", "lgn"]
    path.write_text("9.627 1\n3.5 0\n")
    with pytest.warns(UserWarning, match="no header; read as times in ms and node ids of population lgn"):
        assert gj.read_spikes(path, population="lgn").times.tolist() == [3.5 / 1e3, 9.627 / 1e3]


def test_a_dataframe_and_back():
    frame = trains().to_dataframe()
    assert list(frame.columns) == ["timestamps", "population", "node_ids"]
    again = gj.SpikeTrains.from_dataframe(frame.sample(frac=1, random_state=0))
    np.testing.assert_array_equal(again.times, trains().times)
    alone = gj.SpikeTrains.from_dataframe(frame[["timestamps", "node_ids"]], population="lgn")
    assert set(alone.populations) == {"lgn"}


def test_trains_of_cells():
    spikes = gj.SpikeTrains([0.3, 0.1, 0.2], [1, 0, 1], ["a", "a", "b"])
    assert spikes.times.tolist() == [0.1, 0.2, 0.3]
    assert spikes.train(1, "a").tolist() == [0.3]
    assert len(spikes.between(0.1, 0.2)) == 2
    with pytest.raises(ValueError, match="these spikes are of a, b; name the population"):
        spikes.train(1)
    by_cell = gj.SpikeTrains.from_mapping({3: [0.2, 0.1], 5: []}, "a")
    assert by_cell.times.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0.1, np.nan], [0, 1]), r"spike 1 \(node 1 of default\) is at nan s; give finite times"),
        (([0.1], [-1]), "spike 0 is of node -1; node ids are whole numbers from 0"),
        (([0.1], [0.5]), "is of node 0.5"),
        (([0.1, 0.2], [0]), r"their shapes are \(2,\), \(1,\)"),
    ],
)
def test_what_is_no_spike_train_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        gj.SpikeTrains(*arguments)


def test_bad_files_are_refused_by_name(tmp_path):
    def refused(name, words, content: str | bytes | None = None):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(gj.spikes.trains.InputError, match=words) as error:
            gj.read_spikes(path)
        assert str(error.value).startswith(str(path))
        assert "\n" not in str(error.value)

    refused("none.csv", "there is no such file")
    refused("columns.csv", "its columns are time, cell; name them timestamps", "time cell\n1.0 2\n")
    refused("words.csv", "timestamps and node_ids must be numbers", "timestamps population node_ids\nx lgn 0\n")
    refused("nan.csv", "is at nan s", "timestamps population node_ids\nnan lgn 0\n")
    refused("text.h5", "is no HDF5 file", "timestamps\n")
    with h5py.File(tmp_path / "lengths.h5", "w") as file:
        file["spikes/lgn/timestamps"], file["spikes/lgn/node_ids"] = [1.0, 2.0], [0]
    refused("lengths.h5", r"/spikes/lgn/node_ids has shape \(1,\); it must have 2 entries")
    with h5py.File(tmp_path / "units.h5", "w") as file:
        file["spikes/lgn/timestamps"], file["spikes/lgn/node_ids"] = [1.0], [0]
        file["spikes/lgn/timestamps"].attrs["units"] = "minutes"
    refused("units.h5", "in 'minutes'; the attribute `units` must be ms or s")
    whole = (tmp_path / "units.h5").read_bytes()
    refused("short.h5", "cannot be read as HDF5", whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="give it one of these endings"):
        gj.write_spikes(trains(), tmp_path / "spikes.mat")


def virtual(file):
    layout = h5py.VirtualLayout((2,), "f8")
    layout[:] = h5py.VirtualSource(".", "spikes/lgn/timestamps", shape=(2,))
    file.create_virtual_dataset("spikes/lgn/timestamps", layout)


def link(file):
    file["spikes/lgn/timestamps"] = h5py.ExternalLink("other.h5", "/spikes/lgn/timestamps")


def bomb(file):
    file.create_dataset("spikes/lgn/timestamps", (2**30,), "f8", chunks=(1000,))


@pytest.mark.parametrize(
    ("change", "words"), [(virtual, "a view of other data"), (link, "a link to another file"), (bomb, "would unpack")]
)
def test_spikes_that_are_not_in_the_file_are_refused_unread(tmp_path, change, words):
    gj.write_spikes(trains(), tmp_path / "other.h5")
    with h5py.File(tmp_path / "spikes.h5", "w") as file:
        file["spikes/lgn/node_ids"] = [0, 1]
        change(file)
    with pytest.raises(gj.InputError, match=rf"spikes\.h5: /spikes/lgn/timestamps .*{words}"):
        gj.read_spikes(tmp_path / "spikes.h5")


def test_spikes_of_the_reference_inputs(shared):
    """Eight files of the same trains: text and both layouts, any order, ms and s."""
    folder = shared / "reference/networks/inputs_20/inputs"
    expected = gj.read_spikes(folder / "lgn_by_id.h5")
    assert len(expected) == 300
    for name in ("lgn.csv", "lgn_cols.csv", "lgn_by_time.h5", "lgn_spec.h5", "lgn_old.h5", "lgn_seconds.h5"):
        read = gj.read_spikes(folder / name, population="lgn")
        pd.testing.assert_frame_equal(read.to_dataframe(), expected.to_dataframe(), check_dtype=False)
