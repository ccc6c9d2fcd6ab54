"""A fit's folder, opened again: its neurons with their electrode, scores, trust, figures, and the recording."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import glifjax as gj

from ..model.patched import PatchedNeuron
from .provenance import find_recording
from .record import FitRecord, LevelRecord, RecordError, ScoreRecord, TrustRecord, read_fit


@dataclass(frozen=True)
class SavedFit:
    """A fit that was written to a folder.

    Attributes:
        folder: where it lies.
        record: its fit.json.
    """

    folder: Path
    record: FitRecord

    @property
    def level(self) -> str:
        """The preferred level's name."""
        return self.record.level

    @property
    def levels(self) -> dict[str, LevelRecord]:
        """What the fit of each level came to, by name."""
        return self.record.levels or {self.level: self.record}

    @cached_property
    def neuron(self) -> gj.GLIF:
        """The preferred level's neuron."""
        return _glif(self.folder / "neuron_config.json")

    @property
    def model(self) -> PatchedNeuron:
        """That neuron behind its electrode: V + Rs I is what the recording shows."""
        return _behind_electrode(self.neuron, self.record)

    def at_level(self, level: str) -> PatchedNeuron:
        """The neuron of another level behind its electrode.

        Raises:
            RecordError: it was not fitted; lists those that were.
        """
        if level not in self.levels:
            raise RecordError(f"{self.folder}: level {level!r} was not fitted; it holds {', '.join(self.levels)}")
        if level == self.level:
            return self.model
        return _behind_electrode(_glif(self.folder / f"neuron_config_{level}.json"), self.levels[level])

    @property
    def scores(self) -> ScoreRecord:
        """The preferred level's scores on the held-out sweeps: test, deterministic, ceiling; None where missing."""
        return self.record.scores

    @property
    def trust(self) -> TrustRecord | None:
        """Whether to trust it, and why not; None in a fit of an older version."""
        return self.record.trust

    @property
    def report(self) -> Path:
        """The report's page."""
        return self.folder / "report.html"

    @property
    def figures(self) -> dict[str, Path]:
        """The figures that were written beside the report (`glifjax fit --figures svg`), by name."""
        files = sorted(file for kind in ("svg", "pdf") for file in self.folder.glob(f"figure_*.{kind}"))
        return {file.stem.removeprefix("figure_"): file for file in files}

    def recording(self) -> gj.Recording:
        """The recording that was fitted, read again.

        Raises:
            LikeError: it is neither beside the fit nor where it was, or is another now.
            RecordingError: it cannot be read.
        """
        asked = self.record.settings
        path = find_recording(self.folder, self.record)
        return gj.read_recording(path, electrode=asked.get("cell"), stimulus=asked.get("stimulus"))


def _behind_electrode(neuron: gj.GLIF, record: LevelRecord) -> PatchedNeuron:
    return PatchedNeuron(neuron, 1e6 * record.parameters["series_resistance"].value)


def _glif(path: Path) -> gj.GLIF:
    neuron = gj.read_neuron_config(path)
    if not isinstance(neuron, gj.GLIF):
        raise RecordError(f"{path}: holds no GLIF neuron, which is what a fit writes")
    return neuron


def load(folder: str | Path) -> SavedFit:
    """Open a fit that `glifjax fit` or `fitting.many` wrote.

    Args:
        folder: of its results.

    Raises:
        RecordError: it holds no fit.json, or one of a newer format.
        NeuronConfigError: on access to a neuron whose file is damaged.

    Example:
        >>> fit = fitting.load("fits/cell-1")  # doctest: +SKIP
        >>> fit.neuron, fit.model.series_resistance, fit.scores.test["md_star_4ms"]  # doctest: +SKIP
    """
    folder = Path(folder)
    folder = folder.parent if folder.name == "fit.json" else folder
    return SavedFit(folder, read_fit(folder))
