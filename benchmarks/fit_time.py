"""Where the time of a fit goes: each stage, compiling (tracing and lowering included) and the rest apart.

    uv run python benchmarks/fit_time.py [--level all] [--training 60] [--held-out 10] [--repeats 10]

Fits the example cell twice in one process, then one of another length, and writes their reports: what the first fit
pays for programs, and what a second cell still does. Levels are fitted two at a time, so that stages overlap;
CPU seconds are of the whole process. JAX_COMPILATION_CACHE_DIR in the environment has its effect, and is said.
"""

import argparse
import os
import tempfile
import threading
from collections import Counter
from pathlib import Path
from time import perf_counter, process_time

import jax
from timing import machine, table

import fitting
import glifjax as gj

#: What jax tells of its work, s: an event each program.
TRACING = ("/jax/core/compile/jaxpr_trace_duration", "/jax/core/compile/jaxpr_to_mlir_module_duration")
COMPILING = "/jax/core/compile/backend_compile_duration"


class Clock:
    """Seconds of each stage, of tracing and compiling in it, and how many programs those made."""

    def __init__(self):
        """Nothing runs yet."""
        self.seconds, self.compiling, self.programs = Counter(), Counter(), Counter()
        self.running: dict[int, tuple[str, float]] = {}
        self.last = ""

    def __call__(self, level: str, stage: str) -> None:
        """A stage starts in this thread, and so the one before it is over."""
        self.stop()
        if stage:
            self.running[threading.get_ident()] = (stage, perf_counter())
            self.last = stage

    def stop(self) -> None:
        """Whatever this thread runs is over."""
        stage, start = self.running.pop(threading.get_ident(), ("", 0.0))
        if stage:
            self.seconds[stage] += perf_counter() - start

    def hear(self, event: str, seconds: float, **_) -> None:
        """Count what jax tells of, to the stage that this thread runs."""
        stage = self.running.get(threading.get_ident(), (self.last, 0.0))[0]
        if event in (*TRACING, COMPILING):
            self.compiling[stage] += seconds
        self.programs[stage] += event == COMPILING


def measure(path: Path, level: str, listener: list[Clock]) -> list[list]:
    """A row each stage of one fit, and of its report: s, of these compiling, programs; then of all."""
    clock = listener[0] = Clock()
    start, cpu = perf_counter(), process_time()
    with gj.read_recording(path) as recording:
        fit = fitting.fit(recording, level=level, progress=clock)
        clock("", "report")
        fit.report(path.with_suffix(".html"))
        clock.stop()
    rows = [[stage, seconds, clock.compiling[stage], clock.programs[stage]] for stage, seconds in clock.seconds.items()]
    elapsed, spent = perf_counter() - start, process_time() - cpu
    total = [f"all: {spent:.0f} s of CPU", elapsed, sum(clock.compiling.values()), sum(clock.programs.values())]
    return [*rows, total]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", default="all")
    parser.add_argument("--training", type=float, default=60.0, help="s")
    parser.add_argument("--held-out", type=float, default=10.0, help="s")
    parser.add_argument("--repeats", type=int, default=10)
    asked = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    listener = [Clock()]
    jax.monitoring.register_event_duration_secs_listener(lambda *event, **more: listener[0].hear(*event, **more))
    cache = os.environ.get("JAX_COMPILATION_CACHE_DIR", "none")
    print(f"jax {jax.__version__}, {machine()}; held programs: {cache}")
    with tempfile.TemporaryDirectory() as folder:
        for name, training in (("first", asked.training), ("second", asked.training), ("longer", 1.1 * asked.training)):
            path = Path(folder) / f"{name}.nwb"
            fitting.write_example(path, training=training, held_out=asked.held_out, repeats=asked.repeats)
            print(f"\n{name} fit, {training:g} s of training, {asked.repeats} x {asked.held_out:g} s held out\n")
            print(table(["stage", "s", "of these compiling", "programs"], measure(path, asked.level, listener)))


if __name__ == "__main__":
    main()
