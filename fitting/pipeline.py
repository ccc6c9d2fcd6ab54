"""fit(): from a recording to a neuron and its scores; the stages in their order, and nothing else."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

import glifjax as gj

from .assess.crossvalidate import Validation, cross_validate, prefer
from .assess.doubts import doubts
from .assess.evaluate import evaluate, measure_ceiling
from .assess.uncertainty import laplace
from .checkpoint import Checkpoint
from .data.arrays import DataError, FitData, prepare
from .data.protocols import Split, choose_sweeps
from .data.shape import SpikeShape, measure_shape
from .fitted import FittedNeuron
from .levels.names import AUGMENTED, PARTS, at_level, level_names
from .model.patched import PatchedNeuron
from .preprocessing import Preprocessing, check_choices, preprocess
from .stages import Stage
from .stages.deterministic import fit_shift
from .stages.initial import initial
from .stages.joint import JOINT, HazardSlopes, fit_jointly
from .stages.membrane import coordinates as membrane_coordinates
from .stages.membrane import fit_voltage
from .stages.threshold import fit_threshold, refit_threshold
from .tuning.descent import DEFAULT_LOSS, default_optimizer, finetune
from .tuning.objective import AnyLoss, check_loss, check_parameters, movable

#: Evaluations of the membrane that a refit to a part of the data may take.
REFIT = 6


@dataclass(frozen=True)
class Fit(FittedNeuron):
    """The preferred level's neuron, which reports on itself and on the levels it was preferred to.

    Attributes:
        levels: every level that was fitted, the simplest first; this one among them.
    """

    levels: tuple[FittedNeuron, ...] = ()

    def report(self, path: str | Path) -> None:
        """Write the report, one self-contained HTML page, to `path`."""
        from .report import write_report

        write_report(self.levels, self.level, path)


def fit(
    recording: gj.Recording,
    level: str | Sequence[str] | None = None,
    *,
    train_sweeps: str | None = None,
    test_sweeps: str | None = None,
    optimizer: Any | None = None,
    train: Sequence[str] | None = None,
    loss: AnyLoss = DEFAULT_LOSS,
    starts: int = 1,
    seed: int = 0,
    uncertainty: bool = False,
    electrode: str = "auto",
    drift: str = "auto",
    currents: int | None = None,
    progress: Callable[[str, str], None] = lambda level, stage: None,
    on_split: Callable[[Split], None] = lambda split: None,
    checkpoint: Checkpoint | None = None,
) -> Fit:
    """Fit GLIF neurons to a recording, prefer one, and score it on what was held out.

    Everything is chosen on the training sweeps; the held-out ones are touched once, for the scores. Computed in
    float64; the neuron that comes back has the default dtype.

    Args:
        recording: as glifjax.read_recording returns it.
        level: one of fitting.LEVELS (aliases glif1 ... glif5) or several; None or "all" fits all six. Of several, the
            simplest is preferred that predicts training spikes kept aside as well as the best does
            (fitting.assess.crossvalidate).
        train_sweeps, test_sweeps: sweeps by number, range or protocol name; guessed where None (see
            fitting.choose_sweeps).
        optimizer: any optax optimiser, or "default"; after the fit it moves parameters through surrogate spikes, and
            the result is kept where it predicts a part of the training data better that it has not seen
            (fitting.tuning.descent).
        train: the parameters it moves, by their names in fitting.tuning.objective.PARAMETERS; the threshold's if None.
            A level moves those that it has.
        loss: what it minimises, one of fitting.losses.LOSSES by name, a loss of one's own, or several.
        starts: how many places it starts from; the best is kept.
        seed: of the simulations that the scores rest on, and of those places.
        uncertainty: add standard errors of the preferred level's parameters (fitting.assess.uncertainty).
        electrode: what the recorded voltage holds of it: "none", "series" (a resistance that the fit finds), "aec" (its
            kernel, measured and convolved out), or "auto", which chooses on the training sweeps.
        drift: of the training sweeps' baseline: "keep", "remove", or "auto", which removes it where that predicts
            training spikes kept aside better (fitting.preprocessing).
        currents: how many afterspike currents a level has that has any, their time constants fitted; None is two, and
            four at the augmented level. What "auto" chooses rests on fits with two.
        progress: called with the level ("" for all) and a few words as each stage starts, and without words once a
            level is fitted; on_split: with the sweeps, once they are chosen.
        checkpoint: keeps what each stage of a level comes to, so that the same fit goes on there if it is stopped.

    Raises:
        RecordingError, DataError: the recording cannot be fitted; the message says why and what to do.
        ValueError: an unknown level, parameter or loss, parameters without an optimizer, or less than one current.
    """
    levels = level_names(level)
    if currents is not None and currents < 1:
        raise ValueError(f"{currents} afterspike currents: give 1 or more, or a level without them (LIF, LIF-R)")
    if train is not None and optimizer is None:
        raise ValueError(
            "train names the parameters that an optimizer moves, and none was given: add optimizer=optax.adam(0.02); "
            "sweeps are chosen with train_sweeps"
        )
    check_parameters(train or ())
    check_loss(loss)
    check_choices(electrode, drift)
    optimizer = default_optimizer() if optimizer == "default" else optimizer
    tuning = None if optimizer is None else (optimizer, train, loss, starts)
    with jax.enable_x64(True):
        prepared = _Prepared.of(recording, train_sweeps, test_sweeps, electrode, drift, progress, on_split)
        found = _side_by_side(
            levels,
            lambda level, start: _fit_level(
                prepared, level, currents, tuning, seed, start, len(levels) > 1, checkpoint
            ),
            progress,
        )
        validations = {each.level: each.validation for each in found if each.validation is not None}
        preferred = prefer(validations) if validations else found[-1].level
        if uncertainty:
            found = [_with_uncertainty(each, progress) if each.level == preferred else each for each in found]
    if not jax.config.read("jax_enable_x64"):
        narrow = lambda leaf: jnp.asarray(np.asarray(leaf).astype(np.float32)) if _is_float(leaf) else leaf
        found = [replace(each, model=jax.tree.map(narrow, each.model)) for each in found]
    chosen = next(each for each in found if each.level == preferred)
    return Fit(**vars(chosen), levels=tuple(found))


def _is_float(leaf) -> bool:
    return isinstance(leaf, jax.Array) and leaf.dtype == np.float64


def _side_by_side(levels: Sequence[str], fit_level: Callable[..., FittedNeuron], progress) -> list[FittedNeuron]:
    """Every level's fit, two at a time; an interruption ends both before their next stage."""
    stopped = Event()

    def start(level: str, stage: str) -> None:
        if stopped.is_set():
            raise InterruptedError(f"stopped before {stage} of {level}")
        progress(level, stage)

    # the augmented level takes as long as the others together
    order = sorted(levels, key=lambda level: level != AUGMENTED)

    def one(level: str) -> FittedNeuron:
        fitted = fit_level(level, start)
        progress(level, "")
        return fitted

    # a BLAS thread waits for work busily, on the core that the other level needs; only what is loaded is limited
    import scipy.optimize  # noqa: F401

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(2) as pool:
        try:
            fits = dict(zip(order, pool.map(one, order), strict=True))
        except BaseException:
            stopped.set()
            raise
    return [fits[level] for level in levels]


class _Clock:
    """Runs the stages of one level: announces each, and keeps how long it took."""

    def __init__(self, level: str, progress: Callable[[str, str], None], checkpoint: Checkpoint | None = None):
        self.level, self.progress, self.seconds = level, progress, {}
        self.run = checkpoint or Checkpoint()

    def __call__(self, name: str, task: Callable[..., Any], *arguments) -> Any:
        self.progress(self.level, name)
        result, seconds = self.run(self.level, name, task, *arguments)
        self.seconds[name] = round(seconds, 3)
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
    def of(cls, recording, train_sweeps, test_sweeps, electrode, drift, progress, on_split) -> "_Prepared":
        clock = _Clock("", progress)
        split = clock("choosing sweeps", choose_sweeps, recording, train_sweeps, test_sweeps)
        on_split(split)
        recording.check(split.sweeps)
        shape, train, test = clock("preparing the data", _prepare, recording, split)
        given = (recording, split, shape, train, test, electrode, drift)
        found, train, test = clock("electrode and drift", preprocess, *given)
        ceiling = clock("what the cell tells of itself", measure_ceiling, test)
        return cls(recording, split, shape, train, test, found, ceiling, clock.seconds)


@jax.enable_x64(True)  # each thread has its own setting
def _fit_level(
    prepared: _Prepared, level, currents, tuning, seed, progress, compared: bool, checkpoint: Checkpoint | None
) -> FittedNeuron:
    train, clock = prepared.train, _Clock(level, progress, checkpoint)
    model = clock("starting values", initial, level, train, prepared.shape, currents)
    model, moved = prepared.preprocessing.held(model, membrane_coordinates(model, level, train.duration))
    stages: list[Stage] = []

    def stage(name: str, task: Callable[..., Stage], *arguments) -> PatchedNeuron:
        stages.append(clock(name, task, *arguments))
        return stages[-1].model

    model = stage("membrane", fit_voltage, model, train, moved)
    model = stage("threshold", fit_threshold, model, train, level)
    if PARTS[level].gates:
        apart = sum(each.losses[-1] for each in stages)
        model = stage(JOINT, fit_jointly, model, train, moved, apart)

    def validate(model: PatchedNeuron) -> Validation:
        def apart(model: PatchedNeuron, data: FitData) -> PatchedNeuron:
            return refit_threshold(fit_voltage(model, data, moved, REFIT).model, data, level).model

        if not PARTS[level].gates:
            return cross_validate(model, train, apart)
        known = HazardSlopes.of(model, train, moved)
        return cross_validate(model, train, lambda model, data: fit_jointly(model, data, moved, known=known).model)

    validation = clock("cross-validation", validate, model) if compared else None
    model = stage("deterministic threshold", fit_shift, model, train)
    if tuning is not None:
        optimizer, names, loss, starts = tuning
        if names := movable(at_level(model, level), names):
            tune = partial(finetune, loss=loss, starts=starts, seed=seed)
            model = stage("fine-tuning", tune, model, train, optimizer, names)
    scores = clock("scores", evaluate, model, prepared.test, seed, prepared.ceiling)
    return FittedNeuron(
        recording=prepared.recording,
        level=level,
        model=at_level(model, level),
        shape=prepared.shape,
        split=prepared.split,
        train=train,
        test=prepared.test,
        stages=tuple(stages),
        scores=scores,
        seed=seed,
        seconds=prepared.seconds | clock.seconds,
        warnings=[
            *prepared.recording.warnings,
            *prepared.preprocessing.warnings,
            *doubts(model, train, scores),
            *(f"{each.name} was not kept: it did not improve on the fit before it" for each in stages if not each.kept),
        ],
        validation=validation,
        preprocessing=prepared.preprocessing,
    )


def _with_uncertainty(fitted: FittedNeuron, progress) -> FittedNeuron:
    clock = _Clock(fitted.level, progress)
    model, level = fitted.stages[-1].model, fitted.level
    moved = membrane_coordinates(model, level, fitted.train.duration)
    if fitted.preprocessing is not None:
        model, moved = fitted.preprocessing.held(model, moved)
    joint = any(each.name == JOINT and each.kept for each in fitted.stages)
    found = clock("uncertainty", partial(laplace, membrane=moved, joint=joint), model, fitted.train, level)
    return replace(fitted, uncertainty=found, seconds=fitted.seconds | clock.seconds)


def _prepare(recording, split) -> tuple[SpikeShape, FitData, tuple[FitData, ...]]:
    shape = measure_shape([(part.voltage, part.rate) for part in split.train])
    if shape is None:
        numbers = ", ".join(str(part.number) for part in split.train)
        raise DataError(
            f"{recording.path}: the training sweeps ({numbers}) hold no spikes, so there is no threshold to fit; "
            "choose others"
        )
    try:
        return shape, prepare(split.train, shape), tuple(prepare(group, shape) for group in split.test)
    except DataError as error:
        raise DataError(f"{recording.path}: {error}") from error
