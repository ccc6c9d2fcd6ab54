"""A fit's folder: whole under its name, or as it was; a recording's name becomes a folder's."""

import ctypes
import os
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitting.results import replacing
from fitting.results.files import new_results
from fitting.results.folder import ResultsError, check_folder
from fitting.results.naming import folder_name

OLD = {"fit.json": "old", "neuron_config.json": "old", "neuron_config_LIF.json": "old", "report.html": "old"}
NEW = {"fit.json": "new", "neuron_config.json": "new", "report.html": "new"}
MINE = {"notes.txt": "mine", "cell.nwb": "mine"}


def fill(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


def write_new(out: Path) -> None:
    with new_results(out, "cell", overwrite=True) as (folder, _):
        fill(folder, NEW)


@pytest.mark.parametrize("exchanges", [True, False])
@pytest.mark.parametrize("before", [OLD, OLD | MINE, MINE, {}])
def test_new_results_take_the_place_of_old_ones_and_of_nothing_else(tmp_path, monkeypatch, exchanges, before):
    if not exchanges:
        monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())  # a system that has no such call
    out = tmp_path / "fit"
    fill(out, before)
    write_new(out)
    assert content(out) == NEW | (MINE if "notes.txt" in before else {})
    assert os.listdir(tmp_path) == ["fit"]


def test_folders_of_others_and_links_stay(tmp_path):
    out = tmp_path / "fit"
    fill(out, OLD)
    fill(out / "figures", MINE)
    (tmp_path / "link").symlink_to(out)
    write_new(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert content(out) == NEW
    assert content(out / "figures") == MINE


def killed(out: Path, fatal: int, exchanges: bool) -> bool:
    """Write new results in a process that kills itself before its n-th change of a folder; whether it did."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    calls = 0

    def deadly(function):
        def call(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*arguments, **options)

        return call

    with new_results(out, "cell", overwrite=True) as (folder, _):
        fill(folder, NEW)
        for name in ("rename", "replace", "unlink", "link", "mkdir", "rmdir"):
            setattr(os, name, deadly(getattr(os, name)))
        calls_of_the_system = (
            {"renameat2": deadly(ctypes.CDLL(None).renameat2)} if exchanges and sys.platform == "linux" else {}
        )
        ctypes.CDLL = lambda name: SimpleNamespace(**calls_of_the_system)
    os._exit(0)


@pytest.mark.filterwarnings("ignore:os.fork")  # the child runs no jax
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("exchanges", [True, False])
def test_killed_at_any_step_it_is_the_old_or_the_new_fit(tmp_path, exchanges):
    """Where folders cannot exchange names, the next run finishes what was decided."""
    out = tmp_path / "fit"
    for fatal in range(1, 30):
        shutil.rmtree(out, ignore_errors=True)
        fill(out, OLD | MINE)
        was_killed = killed(out, fatal, exchanges)
        if not exchanges:
            replacing.finish_replacing(out)
        assert content(out) in (OLD | MINE, NEW | MINE), fatal
        write_new(out)
        assert content(out) == NEW | MINE
        assert os.listdir(tmp_path) == ["fit"]
        if not was_killed:
            break
    assert not was_killed
    assert fatal > 3


def test_what_cannot_be_written_to_is_refused_before_anything_is_computed(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to("nowhere")
    fill(tmp_path / "fit", OLD)
    (tmp_path / "odd" / "report.html").mkdir(parents=True)
    for name, overwrite, words in [
        ("file", True, "no folder"),
        ("dangling", True, "no folder"),
        ("fit", False, "already holds a fit"),
        ("odd", True, "report.html is a folder there"),
    ]:
        with pytest.raises(ResultsError, match=words):
            check_folder(tmp_path / name, overwrite)
    check_folder(tmp_path / "fit", True)
    check_folder(tmp_path / "new" / "deep", False)


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ResultsError, match="may not be written"):
        check_folder(tmp_path / "fit", False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cell", "cell"),
        ("a b é 神経", "a b é 神経"),
        ("..", "_"),
        ("", "_"),
        (".hidden", "hidden"),
        ("-n", "n"),
        ("a/b\\c:d?", "a_b_c_d_"),
        ("caf\udce9", "caf_"),
        ("a\nb\x1b]0;c\x07", "a_b_]0;c_"),
        ("CON", "CON_"),
        ("x" * 300, "x" * 150),
    ],
)
def test_the_name_of_a_folder(name, expected):
    assert folder_name(name) == expected


@given(st.text())
def test_any_name_becomes_one_visible_folder(name):
    folder = folder_name(name)
    assert folder == folder_name(folder)
    assert folder.isprintable()
    assert not set(folder) & set('<>:"/\\|?*')
    assert folder[0] not in ".- "
    assert 0 < len(os.fsencode(folder)) <= 155


def test_a_new_folder_where_nothing_is_renamed_onto_a_folder(tmp_path, monkeypatch):
    """As Windows has it; also while another takes the name."""
    rename = os.rename

    def windows(source, target):
        if os.path.exists(target):
            raise FileExistsError(17, "exists", target)
        rename(source, target)

    monkeypatch.setattr(os, "rename", windows)
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        with new_results(None, "cell") as (folder, final):
            fill(folder, NEW)
        assert final == [Path("fits") / f"cell-{number}"]
        assert content(final[0]) == NEW

    def taken(source, target):
        fill(Path(target), OLD)
        monkeypatch.setattr(os, "rename", windows)
        windows(source, target)

    monkeypatch.setattr(os, "rename", taken)
    with new_results(None, "cell") as (folder, final):
        fill(folder, NEW)
    assert final == [Path("fits") / "cell-4"]
    assert content(Path("fits") / "cell-3") == OLD
