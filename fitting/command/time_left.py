"""How far a fit is: stages done of how many, and the time left, by what stages cost elsewhere and this run's speed."""

from collections.abc import Collection

from ..levels import NAMED
from ..pipeline.plan import Plan

#: Rough seconds of a stage of a linear level and of one with gated currents, in a first fit of a minute of training
#: sweeps; less for the report, as it grows less than the rest with more of them. Only their ratios matter.
COSTS = {
    "choosing sweeps": (0.2, 0.2),
    "preparing the data": (0.3, 0.3),
    "electrode and drift": (0.6, 0.6),
    "what the cell tells of itself": (0.1, 0.1),
    "starting values": (0.3, 0.3),
    "membrane": (1.5, 14.0),
    "threshold": (2.0, 7.0),
    "membrane and threshold": (9.0, 9.0),
    "cross-validation": (2.0, 14.0),
    "deterministic threshold": (0.8, 3.0),
    "spikes without noise": (2.0, 4.0),
    "scores": (1.5, 4.0),
    "change of the cell": (0.5, 0.5),
    "steps of current": (0.1, 0.1),
    "uncertainty": (15.0, 15.0),
    "predictive bands": (5.0, 5.0),
    "writing the report": (3.0, 3.0),
}
#: Of a stage that is not among them.
OTHER = 3.0
#: Levels that are fitted side by side.
SIDE_BY_SIDE = 2
#: The share of a fit's costs that tells how fast this run is.
TELLING = 0.15
#: The lane of the stages before those of the levels.
BEFORE = ""
#: And of those after them.
AFTER = "after the levels"


class TimeLeft:
    """Follows a fit: its stages run in lanes, a lane each level, two of these side by side.

    The time left is what the lanes have still before them, at their costs, times how much longer than these the stages
    took that are over: the longest lane, or all of them in two halves, whichever is more.
    """

    def __init__(self, plan: Plan):
        """A fit of these stages."""
        self.candidates, self.restored = plan.candidates, frozenset[str]()
        self.lanes: dict[str, tuple[str, ...]] = {}
        self.costs: dict[str, list[float]] = {}
        self.over: dict[str, int] = {}
        for lane, stages in {BEFORE: plan.before, **plan.levels, AFTER: plan.after}.items():
            self._add(lane, stages)
        self.started: dict[str, float] = {}
        self.seconds, self.expected = 0.0, 0.0

    def _add(self, lane: str, stages: tuple[str, ...]) -> None:
        self.lanes[lane], self.over[lane] = stages, 0
        self.costs[lane] = [0.0 if f"{lane} {stage}" in self.restored else _cost(lane, stage) for stage in stages]

    def continues(self, restored: Collection[str]) -> None:
        """Before it starts: some stages, "level stage", cost nothing, as they are only read from a disk."""
        self.restored = frozenset(restored)
        for lane, stages in self.lanes.items():
            self._add(lane, stages)

    def end(self, now: float) -> None:
        """All is over at a time, s."""
        for lane, stages in self.lanes.items():
            self._reach(lane, len(stages), now)

    def __call__(self, level: str, stage: str, now: float) -> None:
        """A stage of a level starts at a time, s, or with no stage, the level is over."""
        if level in self.candidates and level not in self.lanes:
            self._add(level, self.candidates[level])
        lane = next(lane for lane in (level, BEFORE, AFTER) if not stage or stage in self.lanes.get(lane, ()))
        for earlier in self.lanes if lane == AFTER else [BEFORE]:
            if earlier != lane:
                self._reach(earlier, len(self.lanes[earlier]), now)
        self._reach(lane, self.lanes[lane].index(stage) if stage else len(self.lanes[lane]), now)
        if stage:
            self.started[lane] = now

    def _reach(self, lane: str, place: int, now: float) -> None:
        """So many stages of a lane are over; the one that was running is."""
        if lane in self.started:
            self.seconds += now - self.started.pop(lane)
            self.expected += self.costs[lane][self.over[lane]]
        self.over[lane] = place

    @property
    def levels(self) -> int:
        """Levels, a candidate among them once it is fitted."""
        return len(self.lanes) - 2

    @property
    def done(self) -> int:
        """Stages that are over."""
        return sum(self.over.values())

    @property
    def total(self) -> int:
        """Stages in all."""
        return sum(map(len, self.lanes.values()))

    def left(self, now: float) -> float | None:
        """Seconds to go at a time, s; None as long as too little is over to tell."""
        if self.expected < TELLING * sum(map(sum, self.costs.values())):
            return None
        slower = self.seconds / self.expected
        ahead = {lane: slower * sum(costs[self.over[lane] :]) for lane, costs in self.costs.items()}
        for lane, start in self.started.items():
            ahead[lane] -= min(now - start, slower * self.costs[lane][self.over[lane]])
        alone = ahead.pop(BEFORE) + ahead.pop(AFTER)
        return alone + max(max(ahead.values()), sum(ahead.values()) / SIDE_BY_SIDE)

    def words(self, now: float) -> str:
        """As a person says it: "12 of 48 stages, about 2 min left"."""
        count, left = f"{self.done} of {self.total} stages", self.left(now)
        return count if left is None or self.done == self.total else f"{count}, {in_words(left)} left"


def in_words(seconds: float) -> str:
    """A time to come, no more exact than an estimate is."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"about {10 * round(seconds / 10)} s"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def _cost(lane: str, stage: str) -> float:
    linear, gated = COSTS.get(stage, (OTHER, OTHER))
    level = NAMED.get(lane)
    return linear if level is None or level.allensdk else gated
