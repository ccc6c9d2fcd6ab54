"""How far a fit is: the stages that it goes through are known before, and so is how long they are to take."""

import re
from types import SimpleNamespace

import pytest

import fitting
import glifjax as gj
from fitting.command.progress import Lines, print_split
from fitting.command.time_left import AFTER, BEFORE, TimeLeft, in_words
from fitting.example.cell import write_example
from fitting.levels import LEVELS
from fitting.pipeline.plan import Plan
from fitting.pipeline.settings import FitSettings

PLAN = Plan.of(FitSettings())


def events(plan, preferred="LIF", candidate=False):
    """A fit's announcements, one level after another, a candidate among them or not: lane, level and stage."""
    yield from ((BEFORE, "", stage) for stage in plan.before)
    for name, stages in (plan.levels | plan.candidates if candidate else plan.levels).items():
        yield from ((name, name, stage) for stage in stages)
        yield name, name, ""
    yield from ((AFTER, preferred, stage) for stage in plan.after)


def run(ahead: TimeLeft, slower: float, until: int):
    """The first announcements of a fit one level after another, whose stages take so many times their cost."""
    now, running = 0.0, None
    for lane, level, stage in list(events(PLAN))[:until]:
        if running is not None:
            now += slower * running
        ahead(level, stage, now)
        running = ahead.costs[lane][ahead.lanes[lane].index(stage)] if stage else None
    return now


@pytest.mark.parametrize("slower", [0.5, 3.0])
def test_the_time_left_is_that_of_the_stages_left_at_the_speed_so_far(slower):
    ahead = TimeLeft(PLAN)
    until = next(i for i, (_, level, stage) in enumerate(events(PLAN)) if (level, stage) == ("LIF-R-ASC", "threshold"))
    now = run(ahead, slower, until + 1)
    left = {lane: sum(costs[ahead.over[lane] :]) for lane, costs in ahead.costs.items()}
    shared = left.pop(BEFORE) + left.pop(AFTER)
    assert left["LIF"] == left["LIF-R"] == 0
    # two levels at a time: the longest, as the others fit beside it
    assert left["augmented"] > sum(left.values()) / 2
    assert ahead.left(now) == pytest.approx(slower * (shared + left["augmented"]))
    assert ahead.left(now + 1.0) <= ahead.left(now)


def test_nothing_is_said_of_time_before_enough_is_known():
    ahead = TimeLeft(PLAN)
    now = run(ahead, 1.0, len(PLAN.before) + 2)
    assert ahead.left(now) is None
    assert ahead.words(now) == f"{len(PLAN.before) + 1} of {ahead.total} stages"


def test_stages_that_are_only_read_from_a_disk_tell_nothing_of_speed():
    ahead = TimeLeft(PLAN)
    restored = [f"{level} {stage}" for level in ("LIF", "LIF-R") for stage in PLAN.levels[level]]
    ahead.continues(restored)
    until = next(i for i, (_, level, stage) in enumerate(events(PLAN)) if (level, stage) == ("LIF-ASC", "membrane"))
    now = run(ahead, 2.0, until)
    assert ahead.done > len(restored)
    assert ahead.left(now) is None


@pytest.mark.parametrize("candidate", [False, True])
def test_every_line_says_how_far_the_fit_is(candidate, capsys):
    shown, now = [], iter(range(1000))
    lines = Lines(PLAN, shown.append, clock=lambda: float(next(now)))
    for _, level, stage in events(PLAN, candidate=candidate):
        lines(level, stage)
    lines.finish()
    printed = capsys.readouterr().out.splitlines()
    counts = [re.search(r"(\d+) of (\d+) stages", line).groups() for line in printed]
    assert len(counts) == len(PLAN.before) + len(LEVELS) + candidate + len(PLAN.after)
    done = [int(count) for count, _ in counts]
    assert done == sorted(done)
    assert counts[-1] == (str(lines.ahead.total),) * 2
    assert "left" in " ".join(shown)
    assert "left" not in printed[-1]


def test_a_time_is_no_more_exact_than_an_estimate():
    assert [in_words(seconds) for seconds in (3.0, 44.0, 89.9, 100.0, 3000.0, 9000.0)] == [
        "a few seconds",
        "about 40 s",
        "about 90 s",
        "about 2 min",
        "about 50 min",
        "about 2.5 h",
    ]


@pytest.mark.slow
def test_a_fit_goes_through_the_stages_that_it_planned(tmp_path):
    write_example(tmp_path / "cell.nwb", training=15.0, held_out=4.0, repeats=3)
    settings = FitSettings(level="LIF,LIF-R", uncertainty=True, runs=20)
    plan, seen = Plan.of(settings), []
    with gj.read_recording(tmp_path / "cell.nwb") as recording:
        asked = {name: value for name, value in vars(settings).items() if name != "stimulus"}
        fitted = fitting.fit(recording, **asked, progress=lambda level, stage: seen.append((level, stage)))
    shared = [stage for level, stage in seen if not level]
    assert tuple(shared) == plan.before
    for level, stages in plan.levels.items():
        own = tuple(stage for name, stage in seen if name == level and stage)
        # what is written comes after the fit
        assert own == (stages + plan.after[:-1] if level == fitted.level else stages)


@pytest.mark.parametrize(("count", "named"), [(1, "sweep 3 "), (3, "sweeps 3, 4, 5 "), (21, "sweeps 3-23 ")])
def test_few_sweeps_are_named_one_by_one_and_many_as_ranges(count, named, capsys):
    parts = [SimpleNamespace(number=3 + place, protocol="noise", duration=2.0) for place in range(count)]
    print_split(SimpleNamespace(train=parts, test=[], reasons=[]))
    assert f"trains on   {named}" in capsys.readouterr().out
