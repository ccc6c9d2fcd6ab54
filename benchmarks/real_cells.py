"""Fit recordings at every level with default options, and write the table of docs/results.md.

    uv run python benchmarks/real_cells.py FOLDER [--levels LIF LIF-R-ASC-A] [--out docs/results.md]

FOLDER holds NWB files. Each is fitted twice at each level: the first run's seconds hold the compilation (unless an
earlier cell has done it), the second's do not. Everything is chosen on the training sweeps; the scores are those of
the held-out ones.
"""

import argparse
import platform
from pathlib import Path

import jax
import numpy as np

import fitting
import glifjax as gj

COLUMNS = {
    "md_star_4ms": "Md* 4 ms",
    "md_star_8ms": "Md* 8 ms",
    "evr_10ms": "EVr",
    "evr_single_10ms": "EVr single",
    "gamma_4ms": "Γ 4 ms",
    "bits_per_spike": "bits/spike",
    "subthreshold_rmse_mv": "RMSE mV",
}

TRIED = """## What was tried

One setting was compared, by the training sweep alone, on three of the cells (157, 159, 164;
`benchmarks/reset_slope.py`): the slope of the voltage reset. Taken from the recording and clipped to 0 ... 1 (the
default) it gave 3.48, 2.02, 2.66 bits per training spike; fixed at 0.5 3.47, 1.95, 2.66; at 0 3.46, 1.88, 2.65;
fitted in stage A 3.46, 1.88, 2.64, with the lowest voltage error of all (free runs, however, then explain .37
instead of .57 of the training spikes' variance in 159). That a fitted slope does worse was first seen in held-out
scores; the choice rests on the training figures. Everything else is as first written down: grids, priors, latency
and cut were not varied.

## Where it falls short

A linear membrane and one voltage-coupled threshold component cannot follow these neurons' slow potassium currents:
after a burst the predicted voltage runs up to 20 mV too high, and the series resistance comes out above what a
pipette has, standing in for a fast part of the membrane. The ceiling (one repeat of the cell) is nearly twice as
high."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--levels", nargs="+", default=list(gj.LEVELS))
    parser.add_argument("--out", type=Path, default=Path("docs/results.md"))
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rows = []
    for level in options.levels:
        for path in sorted(options.folder.glob("*.nwb")):
            with gj.read_recording(path) as recording:
                first = sum(fitting.fit(recording, level).seconds.values())
                fitted = fitting.fit(recording, level)
            rows.append((path.stem, level, fitted.scores, sum(fitted.seconds.values()), first))
            print(_row(path.stem, level, fitted.scores.test, rows[-1][3], first), flush=True)
    options.out.write_text(_page(rows, options.levels))


def _row(cell: str, kind: str, scores: dict, *seconds: float) -> str:
    numbers = [scores.get(key, float("nan")) for key in COLUMNS]
    cells = [f"{number:.2f}" if np.isfinite(number) else "–" for number in numbers]
    return f"| {cell} | {kind} | {' | '.join(cells)} | {' | '.join(f'{value:.0f}' for value in seconds)} |"


def _mean(groups: list[dict]) -> dict:
    return {key: float(np.mean([group.get(key, np.nan) for group in groups])) for key in COLUMNS}


def _page(rows: list, levels: list[str]) -> str:
    head = f"| cell | neuron | {' | '.join(COLUMNS.values())} | seconds | with compilation |"
    rule = "|" + "---|" * (len(COLUMNS) + 4)
    blank = lambda line: line.removesuffix("|  |") + "| | |"
    parts = [
        "# Results on real cells",
        "Five dorsal raphe neurons from the public GIF-K data set (whole cell, current clamp, 10 kHz, bridge not "
        "balanced). Fitted with default options to the 60 s noise sweep alone, scored on ten 10 s repeats of frozen "
        "noise. Scores are defined in [scores.md](scores.md). "
        f"Made by `uv run python benchmarks/real_cells.py FOLDER` with jax {jax.__version__} "
        f"on Python {platform.python_version()}, two cores.",
        "## Means over the cells",
        "\n".join([head.replace("cell", "cells", 1), rule] + [
            line
            for level in levels
            for line in (
                _row("mean", f"{level}, escape noise", _mean([r[2].test for r in rows if r[1] == level]),
                     np.mean([r[3] for r in rows if r[1] == level]), np.mean([r[4] for r in rows if r[1] == level])),
                blank(_row("mean", f"{level}, hard threshold",
                           _mean([r[2].deterministic for r in rows if r[1] == level]))),
            )
        ] + [blank(_row("mean", "one repeat of the cell", _mean([r[2].ceiling for r in rows if r[1] == levels[-1]])))]),
        "## Each cell",
        "\n".join([head, rule] + [
            line
            for cell in dict.fromkeys(r[0] for r in rows)
            for name, level, scores, seconds, first in rows
            if name == cell
            for line in (
                _row(cell, f"{level}, escape noise", scores.test, seconds, first),
                blank(_row(cell, f"{level}, hard threshold", scores.deterministic)),
                *([blank(_row(cell, "one repeat of the cell", scores.ceiling))] if level == levels[-1] else []),
            )
        ]),
    ]  # fmt: skip
    return "\n\n".join([*parts, TRIED]) + "\n"


if __name__ == "__main__":
    main()
