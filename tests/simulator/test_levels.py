"""Levels by name, alone or several."""

import pytest

import fitting
from fitting.levels.names import LEVELS, level_names
from glifjax.glif.levels import LevelError


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, LEVELS),
        ("all", LEVELS),
        (" ALL ", LEVELS),
        ("glif3", ("LIF-ASC",)),
        ("augmented, lif_r, glif1", ("LIF", "LIF-R", "augmented")),
        (["LIF-R", "glif2"], ("LIF-R",)),
        (LEVELS[::-1], LEVELS),
    ],
)
def test_levels_are_each_named_once_the_simplest_first(said, meant):
    assert level_names(said) == meant


@pytest.mark.parametrize("said", ["", [], "glif6", "LIF,all", ["LIF", ""]])
def test_an_unknown_one_is_refused_with_what_there_is(said):
    with pytest.raises(LevelError, match="use one of LIF, LIF-R"):
        level_names(said)


def test_a_level_with_currents_has_at_least_one():
    with pytest.raises(ValueError, match="0 afterspike currents: give 1 or more"):
        fitting.fit(None, currents=0)
