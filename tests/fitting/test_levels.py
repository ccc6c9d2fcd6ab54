"""Levels by name, alone or several, and one's own beside them."""

from dataclasses import replace

import jax.numpy as jnp
import pytest

import fitting
from fitting import LEVELS
from fitting.levels import NAMED, levels_of, names
from glifjax.glif.names import LevelError

ALL = tuple(LEVELS)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, ALL),
        ("all", ALL),
        (" ALL ", ALL),
        ("glif3", ("LIF-ASC",)),
        ("augmented, lif_r, glif1", ("LIF", "LIF-R", "augmented")),
        (["LIF-R", "glif2"], ("LIF-R",)),
        (ALL[::-1], ALL),
        ("augmented-slow, augmented", ("augmented", "augmented-slow")),
        ("all,augmented-slow", (*ALL, "augmented-slow")),
        ("LIF,all", ALL),
    ],
)
def test_levels_are_each_named_once_the_simplest_first(said, meant):
    assert tuple(level.name for level in levels_of(said)) == meant


def test_a_candidate_has_a_current_more_which_hyperpolarisation_opens():
    plain, slow = levels_of("augmented,augmented-slow")
    assert slow.contains == plain.name
    *others, last = slow.augment.currents
    assert tuple(others) == plain.augment.currents
    current, rest = last.current(-60e-3), -60e-3
    opened = [float(current.gates[0].steady(jnp.asarray(voltage - rest))) for voltage in (-90e-3, -75e-3, -60e-3)]
    assert opened == pytest.approx([0.867, 0.5, 0.133], abs=1e-3)
    assert float(current(jnp.asarray(-35e-3 - rest), (1.0,))) == pytest.approx(0, abs=1e-20)


def test_levels_of_ones_own_come_last_in_their_order():
    first, second = (replace(LEVELS["LIF"], name=name) for name in ("mine", "another"))
    assert levels_of(first) == (first,)
    assert [level.name for level in levels_of([second, "LIF-R", first, "glif1"])] == ["LIF", "LIF-R", "another", "mine"]
    with pytest.raises(LevelError, match="two levels are called 'LIF'"):
        levels_of(["LIF", replace(first, name="LIF")])
    with pytest.raises(ValueError, match="mine says itself how many"):
        levels_of(first, currents=3)


@pytest.mark.parametrize("said", ["", [], "glif6", ["LIF", ""]])
def test_an_unknown_one_is_refused_with_what_there_is(said):
    with pytest.raises(LevelError, match="use one of LIF, LIF-R"):
        levels_of(said)


def test_a_level_with_currents_has_as_many_as_can_be_told_apart():
    with pytest.raises(ValueError, match="0 afterspike currents: give 1 or more"):
        fitting.fit(None, currents=0)
    with pytest.raises(ValueError, match="100 afterspike currents: give 10 or fewer"):
        fitting.fit(None, currents=100)
    assert [level.n_currents for level in levels_of("LIF-ASC,augmented", currents=3)] == [3, 3]


def test_names_without_jax_are_those_of_the_levels():
    assert tuple(NAMED) == names.NAMES
    assert tuple(LEVELS) == names.DEFAULT
