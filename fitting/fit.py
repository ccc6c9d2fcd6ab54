"""fit(): from a recording to a neuron and its scores; the stages in their order, and nothing else."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import glifjax as gj
from fitting.data import DataError, FitData, prepare
from fitting.electrode import PatchedNeuron
from fitting.evaluate import Scores, evaluate
from fitting.fitted import FittedNeuron
from fitting.protocols import Split, choose
from fitting.spikes import SpikeShape, measure_shape
from fitting.stages import Stage
from fitting.stages.deterministic import fit_shift
from fitting.stages.finetune import COEFFICIENTS, check_coefficients, finetune
from fitting.stages.initial import initial
from fitting.stages.threshold import fit_threshold
from fitting.stages.voltage import fit_voltage

DEFAULT_LEVEL = "LIF-R-ASC-A"
#: Below this share of the cell's own score a fit is called poor.
POOR = 0.6


class Fit(FittedNeuron):
    """A FittedNeuron that reports on itself."""

    def report(self, path: str | Path) -> None:
        """Write the report, one self-contained HTML page, to `path`."""
        from fitting.report import write_report

        write_report([self], path)


def fit(
    recording: gj.Recording,
    level: str = DEFAULT_LEVEL,
    *,
    train_sweeps: str | None = None,
    test_sweeps: str | None = None,
    optimizer: Any | None = None,
    train: Sequence[str] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda stage: None,
    on_split: Callable[[Split], None] = lambda split: None,
) -> Fit:
    """Fit a GLIF neuron to a recording and score it on what was held out.

    Everything is chosen on the training sweeps; the held-out ones are touched once, for the scores. Computed in
    float64; the neuron that comes back has the default dtype.

    Args:
        recording: as glifjax.read_recording returns it.
        level: "LIF", "LIF-R", "LIF-ASC", "LIF-R-ASC" or "LIF-R-ASC-A" (aliases glif1 ... glif5).
        train_sweeps, test_sweeps: sweeps by number, range or protocol name; guessed where None (see
            fitting.protocols.choose).
        optimizer: any optax optimiser; after the fit it moves Allen's coefficients through surrogate spikes, and
            the result is kept where it predicts the last fifth of the training data better.
        train: the coefficients it moves; all of Allen's (fitting.stages.finetune.COEFFICIENTS) if None.
        seed: of the simulations that the scores rest on.
        progress: called with a few words as each stage starts; on_split: with the sweeps, once they are chosen.

    Raises:
        RecordingError, DataError: the recording cannot be fitted; the message says why and what to do.
        ValueError: an unknown level or coefficient, or coefficients without an optimizer.
    """
    level = gj.level_name(level)
    if train is not None and optimizer is None:
        raise ValueError(
            "train names the coefficients that an optimizer moves, and none was given: add optimizer=optax.adam(0.02); "
            "sweeps are chosen with train_sweeps"
        )
    coefficients = tuple(COEFFICIENTS if train is None else train)
    check_coefficients(coefficients)
    with jax.enable_x64(True):
        fitted = _fit(recording, level, train_sweeps, test_sweeps, optimizer, coefficients, seed, progress, on_split)
    if not jax.config.read("jax_enable_x64"):
        narrow = lambda leaf: jnp.asarray(np.asarray(leaf).astype(np.float32)) if _is_float(leaf) else leaf
        fitted = replace(fitted, model=jax.tree.map(narrow, fitted.model))
    return fitted


def _is_float(leaf) -> bool:
    return isinstance(leaf, jax.Array) and leaf.dtype == np.float64


def _fit(recording, level, train_sweeps, test_sweeps, optimizer, coefficients, seed, progress, on_split) -> Fit:
    seconds: dict[str, float] = {}

    def timed(name: str, task: Callable[..., Any], *arguments) -> Any:
        progress(name)
        start = time.perf_counter()
        result = task(*arguments)
        seconds[name] = round(time.perf_counter() - start, 3)
        return result

    split = timed("choosing sweeps", choose, recording, train_sweeps, test_sweeps)
    on_split(split)
    recording.check(split.sweeps)
    shape, train, test = timed("preparing the data", _prepare, recording, split)

    stages: list[Stage] = []
    model = timed("starting values", initial, level, train, shape)
    for name, stage in (
        ("membrane", fit_voltage),
        ("threshold", fit_threshold),
        ("deterministic threshold", fit_shift),
    ):
        stages.append(timed(name, stage, model, train))
        model = stages[-1].model
    if optimizer is not None:
        stages.append(timed("coefficients", finetune, model, train, optimizer, coefficients))
        model = stages[-1].model
    scores = timed("scores", evaluate, model, test, seed)
    return Fit(
        recording=recording,
        level=level,
        model=model,
        shape=shape,
        split=split,
        train=train,
        test=test,
        stages=tuple(stages),
        scores=scores,
        seed=seed,
        seconds=seconds,
        warnings=[*recording.warnings, *_doubts(model, train, scores)],
    )


def _prepare(recording, split) -> tuple[SpikeShape, FitData, tuple[FitData, ...]]:
    shape = measure_shape([(part.voltage, part.rate) for part in split.train])
    if shape is None:
        numbers = ", ".join(str(part.number) for part in split.train)
        raise DataError(
            f"{recording.path}: the training sweeps ({numbers}) hold no spikes, so there is no threshold to fit; "
            "choose others with --train"
        )
    try:
        return shape, prepare(split.train, shape), tuple(prepare(group, shape) for group in split.test)
    except DataError as error:
        raise DataError(f"{recording.path}: {error}") from error


def _doubts(model: PatchedNeuron, train: FitData, scores: Scores) -> list[str]:
    """What a reader of the results should know."""
    doubts = []
    if train.n_spikes < 50:
        doubts.append(
            f"only {train.n_spikes} spikes in the training sweeps: threshold and afterspike parameters are "
            "poorly determined"
        )
    if not scores.trains:
        doubts.append("nothing was held out, so there are no scores")
    if scores.test["bits_per_spike"] < 0:
        doubts.append(
            f"{scores.test['bits_per_spike']:.1f} bits per spike: on the held-out sweeps the hazard is worse than a "
            "constant rate; the training sweeps may be too few, or too unlike the held-out ones"
        )
    if scores.test["md_star_4ms"] < POOR * scores.ceiling["md_star_4ms"]:
        doubts.append(
            f"Md* {scores.test['md_star_4ms']:.2f} against the cell's own {scores.ceiling['md_star_4ms']:.2f}: this "
            "level does not capture what makes the cell spike"
        )
    series = float(model.series_resistance)
    if series > 20e6:
        doubts.append(
            f"{series / 1e6:.0f} MΩ in series with the cell"
            + (", more than a pipette has" if series > 40e6 else "")
            + ": the bridge was not balanced, or the membrane has a fast part that this level lacks"
        )
    return doubts
