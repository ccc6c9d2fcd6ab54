"""What holding on to freed memory saves: `uv run python benchmarks/fit_memory.py`.

The built-in cell fitted at two levels in processes of their own, in turns, with and without `hold_memory`: CPU time of
the program and of the system, page faults, and the peak of memory.
"""

import multiprocessing
import resource
import tempfile
from pathlib import Path

TURNS = 3
LEVELS = ("LIF", "LIF-R-ASC-A")


def fit(hold: bool, path: Path) -> tuple[float, float, int, float]:
    """User and system seconds, page faults, peak of memory in GB."""
    from glifjax.cli.memory import hold_memory

    if hold:
        hold_memory()
    import fitting
    import glifjax as gj

    fitting.fit(gj.read_recording(path), level=",".join(LEVELS))
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime, used.ru_stime, used.ru_minflt, used.ru_maxrss / 1e6


def main() -> None:
    """Print the shortest of each."""
    import fitting

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cell.nwb"
        fitting.write_example(path)
        runs: dict[bool, list[tuple[float, float, int, float]]] = {False: [], True: []}
        for _ in range(TURNS):
            for hold, results in runs.items():
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    results.append(pool.apply(fit, (hold, path)))
    print("| | user, s | system, s | page faults | peak, GB |\n| --- | ---: | ---: | ---: | ---: |")
    for hold, results in runs.items():
        user, system, faults, peak = min(results, key=lambda run: run[0] + run[1])
        print(f"| {'held' if hold else 'given back'} | {user:.1f} | {system:.1f} | {faults:,} | {peak:.2f} |")


if __name__ == "__main__":
    main()
