"""Every file appears whole or not at all: on a full disk, beside a killed writer, and whatever lies in wait."""

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from fitting.checkpoint import Checkpoint
from glifjax.io import WritingError, whole_file, write_whole
from glifjax.io.temporary import remove_leftovers, temporary_folder, temporary_name

#: What full_disk.py writes.
FILES = (
    "neuron_config.json", "like.json", "recording.nwb", "simulation.nwb", "in_place.nwb", "report.html", "cells.csv",
    "cells.html", "LIF scores.json", "fit.json", "gallery.html", "0.npy", "sweep_001.png",
)  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    pytest.importorskip("resource", reason="no limits on the size of files on this system")
    folder = tmp_path_factory.mktemp("full")
    script = Path(__file__).with_name("full_disk.py")
    done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_full_disk_is_named_and_what_was_there_stays(outcomes, name):
    outcome = outcomes[name]
    assert re.search(rf"{name}: cannot be written \(File too large\)", outcome["outcome"])
    assert outcome["intact"]
    assert outcome["left"] == []


def test_a_block_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail():
        with whole_file(path) as part:
            part.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_nothing_that_lies_in_wait_is_written_through(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    monkeypatch.setattr(secrets, "token_hex", lambda size: size * "0f")  # somebody who guesses the name
    (tmp_path / temporary_name(".txt")).symlink_to(victim)
    with pytest.raises(WritingError, match=r"file\.txt: cannot be written"):
        write_whole(tmp_path / "file.txt", "new")
    assert victim.read_text() == "mine"


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644)])
def test_modes_are_those_of_the_umask_or_of_the_file_before(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "new", "")
        with temporary_folder(tmp_path) as folder:
            assert folder.stat().st_mode & 0o777 == mode | 0o111 & ~umask
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == mode
    (tmp_path / "new").chmod(0o640)
    write_whole(tmp_path / "new", "again")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    write_whole(os.devnull, "lost")
    assert not Path(os.devnull).is_file()


def test_a_folder_that_may_not_be_written_to_is_named(tmp_path):
    with pytest.raises(WritingError, match=r"gone/file\.txt: cannot be written \(No such file or directory\)"):
        write_whole(tmp_path / "gone" / "file.txt", "")


def test_a_folder_in_a_file_s_place_is_named_and_stays(tmp_path):
    (tmp_path / "LIF membrane.json").mkdir()
    for place in (tmp_path / "LIF membrane.json", tmp_path):
        with pytest.raises(WritingError, match="is a folder; give the name of a file"):
            write_whole(place, "text")
    stage = Checkpoint(tmp_path)
    with pytest.raises(WritingError, match=r"LIF membrane\.json: is a folder"):
        stage("LIF", "membrane", lambda: 1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["LIF membrane.json"]


def test_text_that_is_no_unicode_is_escaped_as_json_reads_it(tmp_path):
    write_whole(tmp_path / "name.json", json.dumps({"name": "caf\udce9 神"}, ensure_ascii=False))
    assert json.loads((tmp_path / "name.json").read_text(encoding="utf-8")) == {"name": "caf\udce9 神"}


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_writes_stays(tmp_path):
    script = (
        "import os, signal, sys; from pathlib import Path; from glifjax.io import temporary\n"
        "(Path(sys.argv[1]) / temporary.temporary_name('.txt')).write_text('half')\n"
        "with temporary.temporary_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path], check=False)
    assert len(os.listdir(tmp_path)) == 2
    mine, other = tmp_path / temporary_name(), tmp_path / ".glifjax-elsewhere-1-0123456789abcdef"
    mine.mkdir()
    other.write_text("of another host")
    (tmp_path / ".glifjax-unfinished").mkdir()
    remove_leftovers(tmp_path)
    assert set(os.listdir(tmp_path)) == {mine.name, other.name, ".glifjax-unfinished"}
    os.utime(other, (0, 0))
    write_whole(tmp_path / "next", "")
    assert set(os.listdir(tmp_path)) == {mine.name, ".glifjax-unfinished", "next"}
