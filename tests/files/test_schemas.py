"""The schemas of the docs: they are those of the code, and files that we read and write follow them."""

import json
from pathlib import Path

import jsonschema
import pytest
from helpers import neuron

import glifjax as gj
from fitting.results.schema import fit_schema
from glifjax.io.config.neuron_config import neuron_to_config
from glifjax.io.config.schema import neuron_config_schema

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


@pytest.mark.parametrize(("name", "schema"), [("fit", fit_schema), ("neuron_config", neuron_config_schema)])
def test_the_published_schema_is_the_code_s(name, schema):
    file = SCHEMAS / f"{name}.schema.json"
    jsonschema.Draft202012Validator.check_schema(schema())
    assert json.loads(file.read_text()) == schema(), f"write {name}_schema() to {file}, indented by 2"


@pytest.mark.parametrize("level", gj.LEVELS)
def test_a_written_config_follows_it_and_a_broken_one_does_not(level):
    config = json.loads(json.dumps(neuron_to_config(neuron(level))))
    validator = jsonschema.Draft202012Validator(neuron_config_schema())
    validator.validate(config)
    for change in ({"C": -1e-12}, {"asc_tau_array": 0.1}, {"spike_cut_length": 2.5}, {"escape_noise": {}}):
        assert not validator.is_valid(config | change)
    assert not validator.is_valid({key: value for key, value in config.items() if key != "th_inf"})


def test_published_configs_follow_it(shared):
    files = sorted((shared / "reference" / "allen_neuron_configs").glob("*.json"))
    validator = jsonschema.Draft202012Validator(neuron_config_schema())
    for file in files:
        config = json.loads(file.read_text())
        assert validator.is_valid(config) or validator.is_valid(next(iter(config.values()))), file.name
    assert files
