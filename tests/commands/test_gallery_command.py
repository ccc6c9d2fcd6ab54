"""`glifjax gallery` as a user runs it."""

import numpy as np
import pytest
from typer.testing import CliRunner

from glifjax.cli import app
from glifjax.cli.gallery import choose_patterns


def run(*arguments):
    return CliRunner().invoke(app, ["gallery", *map(str, arguments)])


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder):
    return {file.name for file in folder.iterdir()}


@pytest.mark.slow
def test_it_writes_a_figure_and_a_page(here):
    result = run("T", "tonic_spiking", "--out", "some")
    assert result.exit_code == 0, result.output
    assert files(here / "some") == {"gallery.png", "gallery.svg", "gallery.html"}
    assert "6 of 6 checks hold" in result.output
    html = (here / "some/gallery.html").read_text()
    assert html.count("<details") == 2
    assert html.index("Tonic spiking") < html.index("Spike latency")
    refused = run("T", "--out", "some")
    assert refused.exit_code == 2
    assert "already holds gallery.png; choose another folder, or add --overwrite" in " ".join(refused.output.split())
    assert (here / "some/gallery.html").read_text() == html


def test_without_names_it_takes_all_twenty():
    chosen = [choose_patterns([], variant) for variant in ("paper", "notebook")]
    assert [len(patterns) for patterns in chosen] == [20, 20]
    assert {pattern.variant for pattern in chosen[1]} == {"notebook"}
    assert [pattern.letter for pattern in choose_patterns(["rebound-burst", "b", "B"], "paper")] == ["B", "O"]


def test_a_new_folder_each_time(here):
    for n in (1, 2):
        result = run("spike_latency", "--plot")
        assert result.exit_code == 0, result.output
        assert "spikes: 1" in result.output
        assert files(here / f"gallery-{n}") == {"spike_latency.png"}
    assert run("spike_latency", "--plot", "--out", "gallery-1", "--overwrite").exit_code == 0
    assert files(here) == {"gallery-1", "gallery-2"}


@pytest.mark.slow
def test_a_sweep_is_a_picture_and_its_numbers(here):
    result = run("spike_latency", "--sweep", "a", "C=0.5:2", "--size", "3")
    assert result.exit_code == 0, result.output
    assert files(here / "gallery-1") == {"spike_latency_a_C.png", "spike_latency_a_C.npz"}
    with np.load(here / "gallery-1/spike_latency_a_C.npz") as saved:
        np.testing.assert_allclose(saved["x"], [-160, -80, 0])
        np.testing.assert_allclose(saved["y"], [0.5, 1.25, 2])
        assert saved["classes"].shape == (3, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bursty"], "pattern 'bursty' is unknown; use one of tonic_spiking, class_1,"),
        (["--variant", "book"], "--variant book: is unknown; use paper or notebook"),
        (["M", "--sweep", "a", "A9"], "the neuron has no parameter 'A9'; it has C, G, El,"),
        (["M", "--sweep", "a=3:1", "A1"], "'a=3:1' is no range; write a=LOW:HIGH with LOW below HIGH, in 1/s"),
        (["--sweep", "a", "A1"], "--sweep varies one pattern; name it"),
        (["M", "--sweep", "a", "a"], "--sweep takes two parameters, but a is given twice"),
        (["M", "--sweep", "a", "b", "--plot"], "--plot and --sweep draw different figures"),
        (["M", "--sweep", "a", "b", "--size", "1"], "--size 1: a sweep takes 2 to 2000 values of each parameter"),
        (["M", "--out", "file"], "file: is a file; choose another folder with --out"),
    ],
)
def test_bad_input_is_one_clear_line(here, arguments, said):
    (here / "file").touch()
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.output.startswith("error: ")
    assert result.output.count("\n") == 1  # what runs has a line of its own
    assert said in result.output
    assert files(here) == {"file"}


def test_help_has_examples():
    result = run("--help")
    assert result.exit_code == 0
    assert "glifjax gallery tonic_bursting --sweep a A1" in result.output
