"""fit.json: what a fit came to, typed and numbered, written and read.

Format 1 has no number; 2 adds `format`, `recipe` and `trust`.
"""

import json
from collections.abc import Mapping
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from glifjax.errors import InputError
from glifjax.io.json_text import parse_json
from glifjax.io.writing import write_whole

from ..assess.verdict import Word

if TYPE_CHECKING:
    from ..pipeline.result import Fit

#: The number of the format that is written.
FORMAT = 2


class RecordError(InputError):
    """A file that is no fit.json; the message says what is wrong with it."""


@dataclass(frozen=True)
class Parameter:
    """A parameter as a person writes it."""

    value: float
    unit: str


@dataclass(frozen=True)
class ScoreRecord:
    """Scores on the held-out sweeps by name, None where one is missing, for the reason that stands in `missing`.

    Attributes:
        test: of the neuron with escape noise.
        deterministic: of the neuron without noise, as it decides best on the training sweeps; and how, under "kind":
            "hard" (older files do not say so) or "accumulated".
        ceiling: of one repeat of the cell as the model of the others.
        missing: by "group.score", why.
        bound: of the consensus of the other repeats against each.
        hard, accumulated: without noise, at the hard threshold and by accumulated hazard.
    """

    test: dict[str, float | None]
    deterministic: dict[str, float | str | None]
    ceiling: dict[str, float | None]
    missing: dict[str, str]
    bound: dict[str, float | None] = field(default_factory=dict)
    hard: dict[str, float | None] = field(default_factory=dict)
    accumulated: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ValidationRecord:
    """How well a level predicts training spikes: those kept aside in turn, and those it was fitted to; and the voltage
    between spikes kept aside (None in files of before)."""

    bits_per_spike: float
    training_bits_per_spike: float
    voltage_rmse_mv: float | None = None


@dataclass(frozen=True)
class TrustRecord:
    """Whether to trust a fit ("good", "care", "no"), and why not."""

    word: Word
    reasons: list[str]


@dataclass(frozen=True)
class StageRecord:
    """What a stage came to.

    Attributes:
        name: of the stage.
        objective: what `losses` is measured in.
        losses: after each iteration, or at each value tried.
        tried_mv: what was tried along a line, mV.
        kept: whether the stage's model was taken.
    """

    name: str
    objective: str
    losses: list[float]
    tried_mv: list[float] | None
    kept: bool


@dataclass(frozen=True)
class LevelRecord:
    """What the fit of one level came to.

    Attributes:
        level: its name.
        train_sweeps: numbers of the sweeps that were trained on.
        test_sweeps: numbers of those held out, by group of repeats.
        split: why these.
        parameters: by name.
        uncertainty: standard errors, intervals and correlations; None where not asked for.
        spike_shape: level, latency, cut (V, s) and reset of the recorded spikes.
        preprocessing: what was done about electrode, drift and artefacts.
        scores: on the held-out sweeps.
        validation: on training spikes; None where one level was fitted alone.
        stages: in their order.
        seeds: by what they are of.
        seconds: by stage.
        warnings: what a reader should know.
        versions: of libraries.
        recipe: class and fields of the level; None in format 1.
        trust: whether to trust it; None in format 1.
        without_noise: how the neuron decides without noise, and how well each way does on the training sweeps; None in
            files from before there was a choice.
        steps: what neuron and cell did at each step of current (fitting.assess.steps); of the preferred level.
        predictive: width (mV) and coverage of the predictive bands; None where not asked for.
    """

    level: str
    train_sweeps: list[int]
    test_sweeps: list[list[int]]
    split: list[str]
    parameters: dict[str, Parameter]
    uncertainty: dict[str, Any] | None
    spike_shape: dict[str, float]
    preprocessing: dict[str, Any] | None
    scores: ScoreRecord
    validation: ValidationRecord | None
    stages: list[StageRecord]
    seeds: dict[str, int]
    seconds: dict[str, float]
    warnings: list[str]
    versions: dict[str, str]
    recipe: dict[str, Any] | None = None
    trust: TrustRecord | None = None
    without_noise: dict[str, Any] | None = None
    predictive: dict[str, Any] | None = None
    steps: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class FileRecord:
    """The recording: its name, where it was (seen from fit.json's folder), and the SHA-256 of its bytes."""

    name: str
    path: str
    sha256: str


@dataclass(frozen=True)
class FitRecord(LevelRecord):
    """fit.json: the preferred level, all levels, and what it takes to repeat the fit.

    Attributes:
        format: number of the file's format.
        levels: every level's record by name; empty where one was fitted alone.
        runner_up: the level that comes nearest to the preferred one, how many bits per spike (cross-validated) it lies
            behind, and the standard error of that; None where one was fitted alone.
        file: the recording.
        stimulus: the file of its current, where that is one of its own.
        settings: as fitting.FitSettings writes them.
        source: SHA-256 of the code of glifjax and fitting.
        machine: what the last bits may depend on.
        constants: of what was fitted, by level.
        command: as it was typed; empty in a script.
        fingerprint: what two fits share that come to the same result.
        task: what two fits share that were asked the same, on whatever machine; empty before 0.2.
        seconds_in_all: report and reading included.
    """

    format: int = 1
    levels: dict[str, LevelRecord] = field(default_factory=dict)
    runner_up: dict[str, Any] | None = None
    file: FileRecord | None = None
    stimulus: FileRecord | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    machine: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    fingerprint: str = ""
    task: str = ""
    seconds_in_all: float | None = None


def write_fit(path: Path, fitted: "Fit", origin: Mapping[str, Any]) -> None:
    """Write fit.json; `origin` says where the fit comes from (fitting.results.provenance)."""
    record = {"format": FORMAT} | fitted.as_dict() | dict(origin)
    write_whole(path, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def read_fit(path: str | Path) -> FitRecord:
    """Read a fit.json, of this version or an older one.

    Args:
        path: the file, or the folder that it lies in.

    Raises:
        RecordError: it is none, or of a newer format.
    """
    path = Path(path)
    path = path / "fit.json" if path.is_dir() else path
    try:
        content = parse_json(path, finite=False)
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read as a fit.json ({_first_line(error)})") from error
    number = content.get("format", 1) if isinstance(content, dict) else 1
    if isinstance(number, int) and number > FORMAT:
        raise RecordError(f"{path}: has format {number}; this version of glifjax reads up to {FORMAT}, so update it")
    try:
        return _adapter().validate_python(content)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place = ".".join(map(str, fault["loc"])) or "the file"
        raise RecordError(
            f"{path}: is no fit.json that glifjax wrote: {place[:60]}: {fault['msg'][:120]}; give another"
        ) from error


@cache
def _adapter() -> TypeAdapter[FitRecord]:
    return TypeAdapter(FitRecord)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
