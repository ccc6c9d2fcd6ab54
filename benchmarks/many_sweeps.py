"""What recordings of many sweeps cost: to open, to read every sweep, to fit; CPU time and memory by their number.

    uv run python benchmarks/many_sweeps.py [--sweeps 50 500 5000] [--samples 200 20000] [--fit 500]

Each file is written once into a temporary folder, with the icephys tables, and read in a process of its own. A fit is
`glifjax fit --level LIF` of the example cell's noise, cut into sweeps of 2 s: the whole command, report included.

This process itself stays small, as Linux counts what a process held before it became another program to that one.
"""

import argparse
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RATE = 10e3
#: s, of a sweep that is fitted.
SECONDS = 2.0


def write(path: Path, sweeps: int, samples: int) -> None:
    """A file of step sweeps, each with its row in the tables."""
    import glifjax as gj
    from glifjax.io import SweepArrays

    random = np.random.default_rng(0)
    voltage = -0.07 + 1e-4 * random.normal(size=samples)
    current = np.where(np.arange(samples) > samples // 2, 1e-10, 0.0)
    gj.write_recording(
        path,
        (SweepArrays(n, "Long Square", RATE, current * (1 + n % 5), voltage) for n in range(sweeps)),
        description="simulated, for measuring",
    )


def measure(path: Path) -> None:
    """CPU seconds of opening and of reading every sweep once, and the most memory."""
    import glifjax as gj
    import glifjax.io.nwb.nwb2  # what is imported once is no part of it

    start = time.process_time()
    with gj.read_recording(path) as recording:
        opened = time.process_time()
        total = sum(float(sweep.voltage.mean() + sweep.current.mean()) for sweep in recording.sweeps)
        read = time.process_time()
    assert np.isfinite(total)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"open {opened - start:.2f} s, read all {read - opened:.2f} s, peak {peak:.0f} MB")


def write_cell(path: Path, sweeps: int) -> None:
    """The example cell: one noise over all training sweeps, and four repeats of another of 2 s."""
    import fitting
    import glifjax as gj
    from glifjax.io import SweepArrays

    whole = path.with_name("whole.nwb")
    fitting.write_example(whole, training=SECONDS * sweeps, held_out=SECONDS, repeats=4)
    with gj.read_recording(whole) as recording:
        training, *held_out = recording.sweeps
        count = round(SECONDS * training.rate)
        parts = np.split(training.current, sweeps), np.split(training.voltage, sweeps)
        played = [
            SweepArrays(n, "noise 1", count / SECONDS, *pair) for n, pair in enumerate(zip(*parts, strict=True), 1)
        ]
        played += [
            SweepArrays(sweeps + n, "noise 2", sweep.rate, sweep.current, sweep.voltage)
            for n, sweep in enumerate(held_out, start=1)
        ]
        gj.write_recording(path, played, description="simulated, for measuring")
    whole.unlink()


def fit(path: Path) -> str:
    """CPU seconds and the most memory of the command in a process of its own."""
    words = ["--level", "LIF", "--train", "noise 1", "--test", "noise 2", "--out", path.with_suffix("")]
    command = [sys.executable, "-m", "glifjax", "fit", path, *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return f"the fit ended with {process.returncode}"
    return (
        f"{path.stat().st_size / 1e6:.0f} MB, fit {used.ru_utime + used.ru_stime:.0f} s, "
        f"peak {used.ru_maxrss / 1e3:.0f} MB"
    )


def aside(function, *arguments) -> None:
    """Call a function in a process of its own."""
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"{function.__name__} ended with {process.exitcode}")


def main() -> None:
    """A line for every number of sweeps and of samples."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sweeps", type=int, nargs="+", default=[50, 500, 5000])
    parser.add_argument("--samples", type=int, nargs="*", default=[200, 20_000])
    parser.add_argument("--fit", type=int, nargs="*", default=[500], metavar="SWEEPS")
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.file is not None:
        return measure(options.file)
    with tempfile.TemporaryDirectory() as folder:
        for samples in options.samples:
            for sweeps in options.sweeps:
                if sweeps * samples > 50_000_000:
                    continue
                path = Path(folder) / f"{sweeps}_{samples}.nwb"
                aside(write, path, sweeps, samples)
                done = subprocess.run([sys.executable, __file__, "--file", path], capture_output=True, text=True)
                print(f"{sweeps} sweeps of {samples} samples: {(done.stdout or done.stderr).strip()}", flush=True)
                path.unlink()
        for sweeps in options.fit:
            path = Path(folder) / f"cell_{sweeps}.nwb"
            aside(write_cell, path, sweeps)
            print(f"{sweeps} sweeps of {SECONDS:g} s: {fit(path)}", flush=True)


if __name__ == "__main__":
    main()
