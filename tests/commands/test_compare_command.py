"""`glifjax compare`: what it says of two fits, in words."""

import json

import pytest
from helpers import level_record
from typer.testing import CliRunner

from fitting import FitSettings
from glifjax.cli import app

#: What every fit.json here holds beside what a test changes.
SAME = {
    "settings": FitSettings("LIF").as_json(),
    "versions": {"glifjax": "0.1.0", "jax": "0.10.2"},
    "source": "1",
    "file": {"name": "cell.nwb", "path": "/data/cell.nwb", "sha256": "a"},
    "parameters": {"C": {"value": 100.0, "unit": "pF"}},
    "preprocessing": {"electrode": {"kind": "none"}, "drift": {"removed": False}},
    "without_noise": {"kind": "hard"},
}
ALIKE = "Both were asked the same of the same recording."


def compared(folder, **changes):
    """The lines of `glifjax compare a b`, where b's fit.json differs by this; folders of spaces are taken out."""
    for name, changed in (("a", {}), ("b", changes)):
        (folder / name).mkdir()
        record = level_record("LIF", {"gamma_4ms": 0.5, "md_star_4ms": float("nan")}) | SAME | changed
        (folder / name / "fit.json").write_text(json.dumps(record))
    result = CliRunner().invoke(app, ["compare", str(folder / "a"), str(folder / "b")], env={"COLUMNS": "400"})
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.stdout.splitlines() if line.strip()]


def test_two_fits_that_are_alike(tmp_path):
    lines = compared(tmp_path)
    assert {"recording cell.nwb cell.nwb", "level LIF LIF", "C (pF) 100 100", "all runs: Md* (4 ms) – –"} <= {*lines}
    assert lines[-1] == ALIKE
    assert "What else differs" not in lines


def setting(**changes):
    return {"settings": SAME["settings"] | changes}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (setting(level="all"), ["levels LIF all"]),
        (setting(uncertainty=True), ["errors and bands no yes"]),
        (setting(train_sweeps="2-4"), ["sweeps to train on guessed 2-4"]),
        (setting(currents=3), ["afterspike currents as many as each level has 3"]),
        (
            setting(optimizer="default", loss="likelihood"),
            ["fine-tuning no yes", "what it moves – the threshold", "what it minimises – likelihood"],
        ),
        (setting(optimizer={"own": "an optax optimiser"}), ["fine-tuning no an optax optimiser"]),
        (setting(level=["LIF", {"class": "mine.Level", "name": "x"}]), ["levels LIF LIF, mine.Level"]),
        (setting(unheard_of=[1, None]), ["unheard of – 1, None"]),
        ({"settings": {}}, ["levels LIF –", "seed 0 –"]),
        ({"preprocessing": {"drift": {"removed": True}}}, ["made of the electrode nothing –"]),
        ({"preprocessing": {"electrode": 3, "drift": []}}, ["made of the drift kept –"]),
        ({"without_noise": {"kind": "accumulated"}}, ["without noise hard threshold accumulated hazard"]),
        ({"without_noise": {"kind": []}}, ["without noise hard threshold –"]),
        ({"versions": {"glifjax": "0.2.0"}}, ["version of glifjax 0.1.0 0.2.0", "version of jax 0.10.2 –"]),
        ({"source": "2"}, ["The code of glifjax has changed between them."]),
        ({"train_sweeps": [1, 5]}, ["trained on sweep 1 sweeps 1,5"]),
        (
            {"test_sweeps": [[2], [3, 4]]},
            [
                "scored on sweeps 2-3 sweeps 2-4",
                "They are scored on other sweeps, so scores tell sweeps apart as well as fits.",
            ],
        ),
        (
            {"file": SAME["file"] | {"sha256": "b"}},
            ["The recordings are not the same, so scores tell cells apart as well as fits."],
        ),
        ({"parameters": {"g_1": {"value": 2.0, "unit": ""}}}, ["C (pF) 100 –", "g_1 – 2"]),
    ],
)  # fmt: skip
def test_what_differs_is_said_in_words(tmp_path, changes, words):
    lines = compared(tmp_path, **changes)
    assert {*words} <= {*lines}, lines
    assert not [line for line in lines if "None" in line.replace("1, None", "") or "False" in line or "True" in line]
    assert (ALIKE in lines) == ("parameters" in changes)  # two levels' numbers may differ
