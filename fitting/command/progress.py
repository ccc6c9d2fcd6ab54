"""What `glifjax fit` prints while it runs: the sweeps, a line for all that is over, and how far it is."""

import logging
import math
import time
from collections.abc import Callable
from threading import Lock

from glifjax.cli.console import escape, out_console
from glifjax.io.nwb.selection import name_sweeps

from ..fitted import FittedNeuron
from ..pipeline.plan import Plan
from .time_left import TimeLeft

log = logging.getLogger(__name__)

#: So many sweeps are named one by one; more as ranges.
LISTED = 20


class Lines:
    """A line for every stage of one level, or for every level of several, once it is over."""

    def __init__(self, plan: Plan, show: Callable[[str], None], clock: Callable[[], float] = time.perf_counter):
        """Of a fit of these stages; `show` shows what runs, `clock` tells the time, s."""
        self.several, self.show, self.clock, self.ahead = len(plan.levels) > 1, show, clock, TimeLeft(plan)
        self.lock = Lock()  # two levels run at a time
        self.running: dict[str, tuple[str, float]] = {}
        self.scores: dict[str, str] = {}

    def __call__(self, level: str, stage: str) -> None:
        """A stage of a level starts, or with no stage, the level is over."""
        log.info("%s %s", level, stage or "is done")
        with self.lock:
            self.ahead(level, stage, self.clock())
            of_level = level and (not stage or stage in self.ahead.lanes[level])
            line = level if self.several and of_level else stage
            # what levels share is over when the next thing starts; a level, when it says so
            for name in [name for name, (now, _) in self.running.items() if now == name != line]:
                self.finish(name)
            if level in self.running and not stage:
                self.finish(level)
            if stage:
                self.running[line] = (stage, self.running.get(line, (stage, self.clock()))[1])
            running = ", ".join(f"{name}: {now}" if name != now else name for name, (now, _) in self.running.items())
            self.show(f"{running} ... [dim]({self.ahead.words(self.clock())})[/dim]")

    def finish(self, *names: str) -> None:
        """These lines are over; all of them if none is named."""
        if not names:
            self.ahead.end(self.clock())
        for name in names or list(self.running):
            _, started = self.running.pop(name)
            words, far = f"{self.clock() - started:.1f} s", self.ahead.words(self.clock())
            if self.several and name in self.scores:
                words, far = f"{self.scores[name]}, {words}", f"{len(self.scores)} of {self.ahead.levels} levels, {far}"
            out_console.print(f"  [green]✓[/green] {name} {words} [dim]({far})[/dim]", soft_wrap=True)

    def scored(self, fitted: FittedNeuron) -> None:
        """A level is fitted, with these scores."""
        held_out = fitted.scores.test["evr_single_10ms"]
        words = [] if fitted.validation is None else [f"{fitted.validation.bits:.2f} bits per spike kept aside"]
        words += [f"one run's EVr {held_out:.2f}"] if math.isfinite(held_out) else []
        self.scores[fitted.level] = ", ".join(words)


def print_split(split) -> None:
    """Which sweeps are trained on and held out, and why."""
    out_console.print(f"  trains on   {_describe(split.train)}")
    for group in split.test:
        out_console.print(f"  holds out   {_describe(group)}")
    for reason in split.reasons:
        out_console.print(f"  because     {escape(reason)}")
    out_console.print("  [dim]--train and --test choose others[/dim]")


def _describe(parts) -> str:
    numbers = [part.number for part in parts]
    plain = f"sweep{'s' if len(parts) > 1 else ''} {', '.join(map(str, numbers))}"
    named = plain if len(parts) <= LISTED else name_sweeps(numbers)
    protocols = ", ".join(dict.fromkeys(part.protocol for part in parts if part.protocol))
    seconds = sum(part.duration for part in parts)
    return f"{named} [dim]({escape(protocols)}{protocols and '; '}{seconds:.3g} s in all)[/dim]"
