"""What recordings of many sweeps cost: to open, to read one sweep, to choose; CPU time and memory by their number.

    uv run python benchmarks/many_sweeps.py [--sweeps 50 500 5000] [--samples 200 20000]

Each file is written once into a temporary folder, with the icephys tables, and read in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

RATE = 10e3


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


def main() -> None:
    """A line for every number of sweeps and of samples."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sweeps", type=int, nargs="+", default=[50, 500, 5000])
    parser.add_argument("--samples", type=int, nargs="+", default=[200, 20_000])
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
                write(path, sweeps, samples)
                done = subprocess.run([sys.executable, __file__, "--file", path], capture_output=True, text=True)
                print(f"{sweeps} sweeps of {samples} samples: {(done.stdout or done.stderr).strip()}", flush=True)
                path.unlink()


if __name__ == "__main__":
    main()
