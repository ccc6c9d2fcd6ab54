"""What a fit is asked, in and out of JSON; and fit.json as a typed record."""

import json
from dataclasses import fields

import optax
import pytest

import fitting
from fitting import FitSettings, RecordError, SettingsError
from fitting.pipeline.settings import TYPES
from glifjax.errors import InputError


@pytest.mark.parametrize(
    "settings",
    [
        FitSettings(),
        FitSettings(
            "glif3,augmented", "1", "2-4", "default", ("th_inf", "C"), "likelihood", 3, 5, True, "none", "keep", 3
        ),
        FitSettings(level=["LIF-R", "glif1"], loss=("van Rossum", "MLIN"), runs=20),
    ],
)
def test_settings_come_back_from_json(settings):
    again = FitSettings.from_json(json.loads(json.dumps(settings.as_json())))
    assert again.as_json() == settings.as_json()
    assert [level.name for level in again.levels] == [level.name for level in settings.levels]
    assert again.as_json().keys() == {field.name for field in fields(FitSettings)} == TYPES.keys()


def test_all_six_levels_are_all():
    assert FitSettings(level=list(fitting.LEVELS)).as_json()["level"] == "all"
    assert FitSettings(level=["LIF-R", "glif1"]).as_json()["level"] == "LIF,LIF-R"


def test_beside_all_six_a_candidate_stands_ready():
    ready = FitSettings(currents=3).candidates
    assert {extended: level.name for extended, level in ready.items()} == {"augmented": "augmented-slow"}
    assert ready["augmented"].n_currents == 3
    assert not FitSettings("LIF,augmented").candidates
    assert not FitSettings("all,augmented-slow").candidates


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"starts": 0}, "`starts=0`: give 1 or more"),
        ({"runs": 0}, "`runs=0`: give 1 or more"),
        ({"optimizer": "adam"}, "`optimizer='adam'` is unknown"),
        ({"train": ("C",)}, r"add optimizer=optax\.adam"),
        ({"electrode": "bridge"}, '`electrode="bridge"` is unknown; use auto, none, series or aec'),
        ({"drift": "no"}, '`drift="no"` is unknown; use auto, keep or remove'),
        ({"loss": "victor"}, "no loss is called 'victor'"),
        ({"level": "glif6"}, "glif6.*use one of LIF"),
        ({"optimizer": "default", "train": ("El",)}, "no coefficient is called El"),
    ],
)
def test_what_no_fit_can_follow_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        FitSettings(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"zeal": 1}, "setting zeal is not one of this version"),
        ({"seed": "3"}, "setting seed is '3'"),
        ({"seed": True}, "setting seed is True"),
        ({"uncertainty": 1}, "setting uncertainty is 1"),
        ({"level": [{"class": "mine.Level"}]}, r"mine\.Level, which no file can bring back.*level="),
        ({"loss": 3}, "setting loss is 3"),
    ],
)
def test_a_file_with_other_settings_is_refused(settings, words):
    with pytest.raises(SettingsError, match=words):
        FitSettings.from_json(settings)


def test_an_optimiser_of_ones_own_is_said_but_not_brought_back():
    written = FitSettings(optimizer=optax.adam(0.02)).as_json()
    assert written["optimizer"] == {"own": "an optax optimiser"}
    with pytest.raises(SettingsError, match="which no file can bring back"):
        FitSettings.from_json(written)


#: As glifjax 0.1 wrote it, before the format had a number; one level, nothing held out.
OLD = {
    "level": "LIF", "train_sweeps": [1], "test_sweeps": [], "split": ["as selected"],
    "parameters": {"C": {"value": 100.0, "unit": "pF"}}, "uncertainty": None,
    "spike_shape": {"level": 0.0, "latency": 1e-3, "cut": 3e-3, "reset_slope": 0.1, "reset_intercept": 0.0, "count": 7},
    "preprocessing": None,
    "scores": {"test": {"md_star_4ms": None}, "deterministic": {}, "ceiling": {}, "missing": {}},
    "validation": None,
    "stages": [{"name": "membrane", "objective": "nats", "losses": [2.0, 1.0], "tried_mv": None, "kept": True}],
    "seeds": {"scores": 0}, "seconds": {"membrane": 1.0}, "warnings": [], "versions": {"jax": "0.10.2"},
    "file": {"name": "a.nwb", "path": "a.nwb", "sha256": "0"}, "settings": {"level": "LIF"}, "source": "",
    "machine": {}, "constants": {}, "command": "", "fingerprint": "0", "seconds_in_all": 2.0,
}  # fmt: skip


def written(folder, record):
    (folder / "fit.json").write_text(json.dumps(record))
    return folder / "fit.json"


def test_a_record_of_the_first_format_still_reads(tmp_path):
    record = fitting.read_fit(written(tmp_path, OLD))
    assert record == fitting.read_fit(tmp_path)
    assert record.format == 1
    assert record.recipe is None
    assert record.parameters["C"].value == 100.0
    assert record.stages[0].losses == [2.0, 1.0]
    assert record.scores.test["md_star_4ms"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 99}, "has format 99; this version of glifjax reads up to"),
        ({"parameters": {"C": {"unit": "pF"}}}, r"parameters\.C\.value"),
        ({"stages": 3}, "stages"),
        ({"level": None}, "level"),
    ],
)
def test_what_is_no_record_is_refused_with_its_place(tmp_path, change, words):
    with pytest.raises(RecordError, match=words):
        fitting.read_fit(written(tmp_path, OLD | change))


@pytest.mark.parametrize("text", ["", "[" * 100_000, "3", "null", '{"level": "LIF"}'])
def test_what_is_no_json_object_is_refused(tmp_path, text):
    (tmp_path / "fit.json").write_text(text)
    with pytest.raises(RecordError, match=r"fit\.json"):
        fitting.read_fit(tmp_path)
