"""Timing side by side: compiled functions in turns, processes with their peak memory, tables of what came out."""

import os
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import jax
import numpy as np


def in_turns(functions: dict[str, Callable], repeats: int) -> dict[str, float]:
    """The shortest time of each, s; every repeat calls all of them once."""
    best = dict.fromkeys(functions, np.inf)
    for _ in range(repeats):
        for name, function in functions.items():
            start = perf_counter()
            jax.block_until_ready(function())
            best[name] = min(best[name], perf_counter() - start)
    return best


def compiled(function: Callable, *args) -> tuple[Callable, float]:
    """A function of no arguments that runs it, and the seconds that tracing and compiling take."""
    start = perf_counter()
    run = jax.jit(function).lower(*args).compile()
    return lambda: run(*args), perf_counter() - start


def run_alone(command: list) -> tuple[float, float, str]:
    """Seconds, peak resident memory (GB) and output of a process.

    Linux counts the memory of the process that starts it too: call this while that is small.
    """
    start = perf_counter()
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment)
    with process.stdout as pipe:
        out = pipe.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    return perf_counter() - start, 1024 * usage.ru_maxrss / 1e9, out


def ratio(a: float, b: float) -> str:
    return f"{a / b:.1f}×"


def table(heads: list[str], rows: list[list]) -> str:
    """A markdown table; numbers with one decimal."""
    cell = lambda value: f"{value:.1f}" if isinstance(value, float) else str(value)
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)


def machine() -> str:
    """Cores and processor, and how busy they are."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.machine()
    return f"{os.cpu_count()} cores of {name} (load at the start: {os.getloadavg()[0]:.1f})"
