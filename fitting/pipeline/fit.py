"""fit(): from a recording to neurons and their scores; the stages of each level in their order, and nothing else."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from threadpoolctl import threadpool_limits

import glifjax as gj
from glifjax._backend import give_back

from ..assess.changed import change
from ..assess.crossvalidate import prefer, validate
from ..assess.doubts import doubts
from ..assess.evaluate import evaluate, measure_ceiling
from ..assess.predictive import bands
from ..assess.readout import ChooseReadout
from ..assess.steps import answers, training_trains
from ..assess.trust import judge
from ..assess.uncertainty import laplace
from ..checkpoint import Checkpoint
from ..data.arrays import FitData
from ..data.choices import DriftChoice, Electrode
from ..data.protocols import Split, choose_sweeps
from ..data.shape import SpikeShape
from ..data.split import prepare_split
from ..data.usable import of_one_cell
from ..fitted import FittedNeuron
from ..levels import EXTENSIONS, AbstractLevel, SomeLevels
from ..preprocessing import Preprocessing, preprocess
from ..stages.base import AbstractStage, run_stages
from ..stages.chosen import with_capacitance_held
from ..stages.deterministic import HardThreshold
from ..tuning.descent import DEFAULT_LOSS
from ..tuning.objective import AnyLoss, movable
from .result import Fit
from .settings import FitSettings

#: Called with a level ("" for all) and a few words as each stage starts, and without words once a level is fitted.
Progress = Callable[[str, str], None]


def fit(
    recording: gj.Recording,
    level: SomeLevels = None,
    *,
    train_sweeps: str | None = None,
    test_sweeps: str | None = None,
    optimizer: optax.GradientTransformation | str | None = None,
    train: Sequence[str] | None = None,
    loss: AnyLoss = DEFAULT_LOSS,
    starts: int = 1,
    seed: int = 0,
    uncertainty: bool = False,
    electrode: Electrode = "auto",
    drift: DriftChoice = "auto",
    currents: int | None = None,
    runs: int = 500,
    cell: str | None = None,
    progress: Progress = lambda level, stage: None,
    on_split: Callable[[Split], None] = lambda split: None,
    on_level: Callable[[FittedNeuron], None] = lambda fitted: None,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Fit GLIF neurons to a recording, prefer one, and score it on what was held out.

    Everything is chosen on the training sweeps; the held-out ones are touched once, for the scores. Computed in
    float64; the neuron that comes back has the default dtype.

    Args:
        recording: as glifjax.read_recording returns it.
        level ... cell: see fitting.FitSettings.
        progress: called with the level ("" for all) and a few words as each stage starts, and without words once a
            level is fitted; on_split: with the sweeps, once they are chosen; on_level: with each level, once it is
            fitted and scored.
        checkpoint: keeps what each stage of a level comes to, so that the same fit goes on there if it is stopped.

    Raises:
        RecordingError, DataError: the recording cannot be fitted; the message says why and what to do.
        ValueError: settings that no fit can follow.
    """
    settings = FitSettings(
        level, train_sweeps, test_sweeps, optimizer, train, loss, starts, seed, uncertainty, electrode, drift, currents,
        runs, cell,
    )  # fmt: skip
    # a BLAS thread waits for work busily, on a core that others need; only what is loaded is limited
    import scipy.optimize  # noqa: F401

    with jax.enable_x64(True), threadpool_limits(1, "blas"):
        prepared = _Prepared.of(recording, settings, progress, on_split)
        one = lambda level, start: _fit_level(prepared, level, settings, start, checkpoint)
        fitted = _side_by_side(settings.levels, one, progress, on_level)
        if candidate := settings.candidates.get(preferred := _preferred(fitted)):
            fitted += _side_by_side((candidate,), one, progress, on_level)
            preferred = _preferred(fitted)
        look_closer = lambda neuron: _looked_at(neuron, prepared.preprocessing, settings.uncertainty, progress)
        fitted = [look_closer(neuron) if neuron.level == preferred else neuron for neuron in fitted]
    if not jax.config.read("jax_enable_x64"):
        narrow = lambda leaf: jnp.asarray(np.asarray(leaf).astype(np.float32)) if _is_float(leaf) else leaf
        fitted = [replace(neuron, model=jax.tree.map(narrow, neuron.model)) for neuron in fitted]
    return Fit(tuple(fitted), next(neuron for neuron in fitted if neuron.level == preferred))


def _preferred(fitted: Sequence[FittedNeuron]) -> str:
    """The level that cross-validation prefers; the last, where there is nothing to compare."""
    validations = {neuron.level: neuron.validation for neuron in fitted if neuron.validation is not None}
    return prefer(validations, EXTENSIONS) if validations else fitted[-1].level


def _is_float(leaf) -> bool:
    return isinstance(leaf, jax.Array) and leaf.dtype == np.float64


def _side_by_side(
    levels: Sequence[AbstractLevel],
    fit_level: Callable[..., FittedNeuron],
    progress: Progress,
    on_level: Callable[[FittedNeuron], None],
) -> list[FittedNeuron]:
    """Every level's fit, two at a time; an interruption ends both before their next stage."""
    stopped = Event()

    def start(level: str, stage: str) -> None:
        if stopped.is_set():
            raise InterruptedError(f"stopped before {stage} of {level}")
        progress(level, stage)

    def one(level: AbstractLevel) -> FittedNeuron:
        fitted = fit_level(level, start)
        on_level(fitted)
        progress(level.name, "")
        return fitted

    with ThreadPoolExecutor(2) as pool:
        try:
            # the last, which has most to fit, takes as long as the others together: it comes first
            last, *others = list(pool.map(one, [levels[-1], *levels[:-1]]))
        except BaseException:
            stopped.set()
            raise
    return [*others, last]


class _Clock:
    """Runs the stages of one level: announces each, and keeps how long it took."""

    def __init__(self, level: str, progress: Progress, checkpoint: Checkpoint | None = None):
        self.level, self.progress, self.seconds = level, progress, {}
        self.run = checkpoint or Checkpoint()

    def __call__(self, name: str, task: Callable[..., Any], *arguments) -> Any:
        self.progress(self.level, name)
        result, seconds = self.run(self.level, name, task, *arguments)
        self.seconds[name] = round(seconds, 3)
        give_back()
        return result


@dataclass(frozen=True)
class _Prepared:
    """What all levels share."""

    recording: gj.Recording
    split: Split
    shape: SpikeShape
    train: FitData
    test: tuple[FitData, ...]
    preprocessing: Preprocessing
    ceiling: dict[str, float]
    seconds: dict[str, float]

    @classmethod
    def of(cls, recording: gj.Recording, settings: FitSettings, progress: Progress, on_split) -> "_Prepared":
        clock = _Clock("", progress)
        recording = of_one_cell(recording, settings.cell)
        split = clock("choosing sweeps", choose_sweeps, recording, settings.train_sweeps, settings.test_sweeps)
        on_split(split)
        shape, train, test = clock("preparing the data", prepare_split, recording, split)
        sweeps = (recording, split, shape, train, test, settings.electrode, settings.drift)
        done, train, test = clock("electrode and drift", preprocess, *sweeps)
        ceiling = clock("what the cell tells of itself", measure_ceiling, test)
        return cls(recording, split, shape, train, test, done, ceiling, clock.seconds)


@jax.enable_x64(True)  # each thread has its own setting
def _fit_level(
    prepared: _Prepared,
    level: AbstractLevel,
    settings: FitSettings,
    progress: Progress,
    checkpoint: Checkpoint | None,
) -> FittedNeuron:
    train, clock = prepared.train, _Clock(level.name, progress, checkpoint)
    model = clock("starting values", level.start, train, prepared.shape)
    moved = level.coordinates(model, train.duration).membrane
    model, moved = prepared.preprocessing.held(model, moved)
    model, outcomes = run_stages(level.stages(moved), model, train, clock)
    compared = len(settings.levels) > 1
    validation = clock("cross-validation", validate, level, model, train, moved) if compared else None
    model, rest = run_stages(_finishing(level, model, settings), model, train, clock)
    readout = clock("spikes without noise", ChooseReadout(), model, train)
    scores = clock("scores", evaluate, model, prepared.test, settings.seed, prepared.ceiling, settings.runs, readout)
    outcomes = (*outcomes, *rest)
    return FittedNeuron(
        recording=prepared.recording,
        recipe=level,
        model=readout.of(level.finish(model)),
        shape=prepared.shape,
        split=prepared.split,
        train=train,
        test=prepared.test,
        stages=outcomes,
        scores=scores,
        readout=readout,
        seed=settings.seed,
        seconds=prepared.seconds | clock.seconds,
        trust=judge(level, model, train, prepared.test, scores, validation),
        warnings=[
            *prepared.recording.warnings,
            *prepared.preprocessing.warnings,
            *doubts(model, train, scores),
            *(f"{o.name} was not kept: it did not improve on the fit before it" for o in outcomes if not o.taken),
        ],
        validation=validation,
        preprocessing=prepared.preprocessing,
    )


def _finishing(level: AbstractLevel, model, settings: FitSettings) -> tuple[AbstractStage, ...]:
    """The stages that follow those of every level: the hard threshold, and tuning where it is asked for."""
    tuning = settings.fine_tuning
    if tuning is None or not (names := movable(level.finish(model), tuning.train)):
        return (HardThreshold(),)
    return HardThreshold(), replace(tuning, train=names)


def _with_change(fitted: FittedNeuron) -> FittedNeuron:
    """The fit, which warns of a cell that changed between training and held-out sweeps."""
    words = change(fitted.model, fitted.test)
    return fitted if words is None else replace(fitted, warnings=[*fitted.warnings, words])


def _looked_at(
    fitted: FittedNeuron, preprocessing: Preprocessing, uncertainty: bool, progress: Progress
) -> FittedNeuron:
    """The preferred level: whether the cell changed, what it does at steps of current, its uncertainty if asked for."""
    clock = _Clock(fitted.level, progress)
    fitted = clock("change of the cell", partial(_with_change, fitted))
    described = lambda: answers(
        fitted.scores.trains, fitted.test, *training_trains(fitted.model, fitted.train, fitted.seed)
    )
    fitted = replace(fitted, steps=clock("steps of current", described), seconds=fitted.seconds | clock.seconds)
    return _with_uncertainty(fitted, preprocessing, progress) if uncertainty else fitted


def _with_uncertainty(fitted: FittedNeuron, preprocessing: Preprocessing, progress: Progress) -> FittedNeuron:
    clock = _Clock(fitted.level, progress)
    level, model = fitted.recipe, fitted.stages[-1].model
    moved = level.coordinates(model, fitted.train.duration).membrane
    model, moved = preprocessing.held(model, moved)
    if model.neuron.C == level.start(fitted.train, fitted.shape).neuron.C:
        moved = with_capacitance_held(model, moved)
    # where a stage moved the membrane again, by what the spikes tell of it
    joint = any(outcome.taken and outcome.gains_over for outcome in fitted.stages)
    estimate = lambda: laplace(model, fitted.train, level, membrane=moved, joint=joint)
    uncertainty = clock("uncertainty", estimate)
    train = preprocessing.drift.restored(fitted.train) if preprocessing.removed else fitted.train
    draw = lambda group: bands(fitted.model, uncertainty.draws, train, group, fitted.seed)
    drawn = clock("predictive bands", lambda: tuple(map(draw, fitted.test)))
    return replace(fitted, uncertainty=uncertainty, bands=drawn, seconds=fitted.seconds | clock.seconds)
