"""Where the time of a fit goes, stage by stage: what a first one in a process pays for its programs, what any takes.

    uv run python benchmarks/fit_time.py [--level all] [--training 60] [--held-out 10] [--repeats 10] [--out PAGE.md]

Fits four simulated cells in one process and writes their reports: a first one; another of the same length; one a
twentieth longer, whose sweeps are padded to the same length; one of half the length. Processor seconds, so that other
work on the machine matters little. Levels are fitted one after the other here, where a fit has two at a time, so that a
stage's seconds are its own. A program is what jax compiles; what a first fit spends beyond the second is what tracing
and compiling take. JAX_COMPILATION_CACHE_DIR in the environment has its effect, and is said.
"""

import argparse
import os
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from time import process_time
from typing import NamedTuple
from unittest.mock import patch

import jax
from timing import machine, table

import fitting
import glifjax as gj

#: What jax tells when it has compiled a program.
COMPILED = "/jax/core/compile/backend_compile_duration"
#: The cells: by name their seed, and their length over that of the first.
CELLS = {"first": (1, 1.0), "same length": (2, 1.0), "padded alike": (3, 1.05), "half as long": (4, 0.5)}


class Spent(NamedTuple):
    """What fits and report of one cell took.

    Attributes:
        seconds: of the processor, by stage.
        programs: compiled, by stage.
        memory: resident afterwards, MB.
    """

    seconds: Counter[str]
    programs: Counter[str]
    memory: float


class Clock:
    """Processor seconds of the stage that runs, and the programs that it compiles."""

    def __init__(self) -> None:
        """Before any stage."""
        self.seconds, self.programs = Counter[str](), Counter[str]()
        self.stage, self.start = "", process_time()

    def __call__(self, level: str, stage: str) -> None:
        """A stage starts, and so the one before it is over."""
        now = process_time()
        self.seconds[self.stage or "the rest"] += now - self.start
        self.stage, self.start = stage, now

    def hear(self, event: str, seconds: float, **_: object) -> None:
        """Count the programs that jax tells of."""
        self.programs[self.stage or "the rest"] += event == COMPILED


def measure(path: Path, level: str) -> Spent:
    """Fit one recording and write its report."""
    clock = Clock()
    jax.monitoring.register_event_duration_secs_listener(clock.hear)
    alone = patch("fitting.pipeline.fit.ThreadPoolExecutor", lambda levels: ThreadPoolExecutor(1))
    with alone, gj.read_recording(path) as recording:
        fit = fitting.fit(recording, level=level, progress=clock)
        clock("", "report")
        fit.report(path.with_suffix(".html"))
        clock("", "")
    jax.monitoring.unregister_event_duration_listener(clock.hear)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Spent(clock.seconds, clock.programs, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", default="all")
    parser.add_argument("--training", type=float, default=60.0, help="s")
    parser.add_argument("--held-out", type=float, default=10.0, help="s")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path, help="a page to write; else the page is printed")
    asked = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    fitting.FitSettings(level=asked.level)
    where, spent = machine(), {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (seed, longer) in CELLS.items():
            path = Path(folder) / f"{seed}.nwb"
            lengths = {"training": longer * asked.training, "held_out": longer * asked.held_out}
            fitting.write_example(path, seed, repeats=asked.repeats, **lengths)
            spent[name] = measure(path, asked.level)
            print(f"{name}: {spent[name].seconds.total():.0f} s, {spent[name].programs.total()} programs", flush=True)
    page = written(asked, where, spent)
    print(page) if asked.out is None else asked.out.write_text(page, encoding="utf-8")


def written(asked: argparse.Namespace, where: str, spent: dict[str, Spent]) -> str:
    """The page: a row each stage, of each cell its seconds and programs."""
    heads = ["stage", *(f"{name}: {what}" for name in spent for what in ("s", "programs"))]
    first = spent["first"]
    stages = sorted((stage for stage in first.seconds if stage != "report"), key=lambda stage: -first.seconds[stage])
    of = lambda stage: [cost for one in spent.values() for cost in (one.seconds[stage], one.programs[stage])]
    fits = [
        cost
        for one in spent.values()
        for cost in (one.seconds.total() - one.seconds["report"], one.programs.total() - one.programs["report"])
    ]
    rows = [*([stage, *of(stage)] for stage in stages), ["**the fit**", *fits], ["**its report**", *of("report")]]
    memory = ", ".join(f"{name} {one.memory:.0f}" for name, one in spent.items())
    cache = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    compiled = "none was there before" if cache is None else f"those in {Path(cache).name} were there before"
    return f"""# The time of a fit

Written by `benchmarks/fit_time.py` on {date.today()}, jax {jax.__version__}, {where}. Processor seconds, of all cores
together; programs are what jax compiled, and {compiled}.

Level: {asked.level}. The first cell has {asked.training:g} s of training, and {asked.repeats} repeats of
{asked.held_out:g} s held out; the one that is padded alike is a twentieth longer. What a first fit spends beyond the
second, {fits[0] - fits[2]:.0f} s, is tracing and compiling. Levels were fitted one after the other; a fit has two at
a time.

{table(heads, rows)}

Resident memory after each, MB: {memory}.
"""


if __name__ == "__main__":
    main()
