"""What `glifjax fit` prints while it runs: the sweeps, and a line for all that is over."""

import logging
import math
import time
from collections.abc import Callable

from glifjax.cli.console import escape, out_console

from ..fitted import FittedNeuron

log = logging.getLogger(__name__)


class Lines:
    """A line for every stage of one level, or for every level of several, once it is over."""

    def __init__(self, levels: int, show: Callable[[str], None]):
        """Of so many levels; `show` shows what runs."""
        self.levels, self.show = levels, show
        self.running: dict[str, tuple[str, float]] = {}
        self.scores: dict[str, str] = {}

    def __call__(self, level: str, stage: str) -> None:
        """A stage of a level starts, or with no stage, the level is over."""
        log.info("%s %s", level, stage or "is done")
        line = level if self.levels > 1 and level else stage
        # what all levels share is over when the first level starts; a level, when it says so
        for name in [name for name, (now, _) in self.running.items() if now == name != line]:
            self.finish(name)
        if level in self.running and not stage:
            self.finish(level)
        if stage:
            self.running[line] = (stage, self.running.get(line, (stage, time.perf_counter()))[1])
        self.show(
            ", ".join(f"{name}: {now}" if name != now else name for name, (now, _) in self.running.items()) + " ..."
        )

    def finish(self, *names: str) -> None:
        """These lines are over; all of them if none is named."""
        for name in names or list(self.running):
            _, started = self.running.pop(name)
            words = f"[dim]{time.perf_counter() - started:.1f} s[/dim]"
            if self.levels > 1 and name in self.scores:
                words = f"{self.scores[name]} [dim]({len(self.scores)} of {self.levels} levels)[/dim] {words}"
            out_console.print(f"  [green]✓[/green] {name} {words}", soft_wrap=True)

    def scored(self, fitted: FittedNeuron) -> None:
        """A level is fitted, with these scores."""
        held_out = fitted.scores.test["evr_single_10ms"]
        words = [] if fitted.validation is None else [f"{fitted.validation.bits:.2f} bits per spike kept aside"]
        words += [f"one run's EVr {held_out:.2f}"] if math.isfinite(held_out) else []
        self.scores[fitted.level] = ", ".join(words)
        self.levels = max(self.levels, len(self.scores))  # a candidate comes after those that were asked for


def print_split(split) -> None:
    """Which sweeps are trained on and held out, and why."""
    out_console.print(f"  trains on   {_describe(split.train)}")
    for group in split.test:
        out_console.print(f"  holds out   {_describe(group)}")
    for reason in split.reasons:
        out_console.print(f"  because     {escape(reason)} [dim](--train and --test choose others)[/dim]")


def _describe(parts) -> str:
    numbers = ", ".join(str(part.number) for part in parts)
    protocols = ", ".join(dict.fromkeys(part.protocol for part in parts if part.protocol))
    seconds = sum(part.duration for part in parts)
    return f"sweep{'s' if len(parts) > 1 else ''} {numbers} [dim]({escape(protocols)}; {seconds:.0f} s in all)[/dim]"
