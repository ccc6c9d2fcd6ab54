"""The README's picture: the built-in example cell, fitted with default options, on stimuli it was not fitted to.

uv run python benchmarks/readme_picture.py        # writes docs/images/held_out.png
"""

import tempfile
from pathlib import Path

import fitting
import glifjax as gj
from fitting.example.cell import write_example
from fitting.report.figures import predictions
from fitting.report.runs import run


def main() -> None:
    folder = Path("docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "example.nwb"
        write_example(path)
        with gj.read_recording(path) as recording:
            fitted = fitting.fit(recording)
    print({name: round(score, 3) for name, score in fitted.scores.test.items()})
    figure = predictions.voltage(run(fitted))
    figure.savefig(folder / "held_out.png", dpi=110)


if __name__ == "__main__":
    main()
