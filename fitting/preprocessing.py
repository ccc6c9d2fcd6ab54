"""Between the sweeps and the fit: the electrode compensated, drift removed, artefacts looked for; chosen, not assumed.

What the fit is given by default is decided on the training sweeps: cheap measurements say what could matter, and only
then are fits of LEVEL with and without it compared, by bits per spike on training spikes that they have not seen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import glifjax as gj
from glifjax.errors import InputError
from glifjax.spikes.detection import find_spike_peaks

from .assess.crossvalidate import Lag, Validation, lag, validate
from .data.amplifier import hum
from .data.arrays import DataError, FitData, prepare, same_step
from .data.choices import DriftChoice, Electrode
from .data.compensation import Artefact, ElectrodeKernel, measure_kernel, spike_artefact
from .data.drift import Drift, measure_drift
from .data.protocols import Split
from .data.shape import SpikeShape
from .data.stimulus import envelope
from .levels.registry import LEVELS
from .model.coordinates import AbstractCoordinate
from .model.patched import PatchedNeuron
from .stages.base import run_stages

#: Words in the protocol of a sweep that measures the electrode.
MEASURES = ("electrode", "aec", "noise")
#: How long such a sweep is at least, s.
LONG_ENOUGH = 5.0
#: A drop that no resistance makes (RMS) worth a comparison, V.
MATTERS = 0.3e-3
#: A drift (span) worth a comparison, V.
DRIFTS_BY = 5e-3
#: A hum of the mains (amplitude) that is told, V; noise alone has up to 1 mV of these waves.
HUMS_BY = 1.5e-3
#: The largest standard error that still tells a balanced bridge, ohm.
BALANCED = 1e6
#: The level that comparisons are made with.
LEVEL = "LIF-R-ASC-A"
#: From sweeps, their spikes, and whether there is a series resistance, to how well they are predicted.
Trial = Callable[[FitData, SpikeShape, bool], Validation]


@dataclass(frozen=True)
class Preprocessing:
    """What was done to the sweeps before the fit, and why.

    Attributes:
        electrode: "none", "series" (a resistance that the fit finds) or "aec" (its kernel convolved out).
        reason: why.
        kernel: the electrode's, where it could be measured.
        removed: whether the drift was removed from the training sweeps; drift: how large it is; why_drift: why.
        artefact: what spikes leave in the current.
        recorded: the training sweeps before any of it.
        compared: by what was tried, bits per spike, cross-validated; empty where nothing needed a comparison.
    """

    electrode: str
    reason: str
    kernel: ElectrodeKernel | None
    removed: bool
    drift: Drift
    why_drift: str
    artefact: Artefact
    recorded: FitData
    compared: dict[str, float] = field(default_factory=dict)

    def held(
        self, model: PatchedNeuron, moved: Sequence[AbstractCoordinate]
    ) -> tuple[PatchedNeuron, list[AbstractCoordinate]]:
        """Where stage A starts and what it moves; without an electrode, the series resistance is held at zero."""
        if self.electrode != "none":
            return model, list(moved)
        return without_resistance(model, moved)

    @property
    def hum(self) -> float:
        """The amplitude of the mains in the voltage, the median over the training sweeps, V."""
        rows = zip(self.recorded.voltage, self.recorded.valid, strict=True)
        return float(np.median([hum(envelope(row[valid], 1 / self.recorded.dt)) for row, valid in rows]))

    @property
    def warnings(self) -> list[str]:
        """What a reader of the results should know."""
        lines = []
        if self.hum >= HUMS_BY:
            lines.append(
                f"the voltage hums with the mains by {1e3 * self.hum:.1f} mV (amplitude): the neuron does not, and its "
                "membrane and threshold are fitted to it; fit to a recording without the hum, or filter it out"
            )
        if self.artefact.size:
            lines.append(
                f"the measured current jumps by {1e12 * self.artefact.size:.3g} pA (mean of {self.artefact.spikes} "
                "spikes) in step with the spikes: an artefact of the amplifier, which tells the fit when spikes "
                "happened; fit to the commanded current, or to a recording without it"
            )
        if self.drift.span >= DRIFTS_BY:
            done = "removed" if self.removed else "left in"
            alone = self.drift.alone
            where = "" if alone is None else f", mostly by sweep {self.recorded.numbers[alone]} alone"
            lines.append(
                f"the baseline drifts over {1e3 * self.drift.span:.1f} mV in the training sweeps{where} ({done}): the "
                "resting potential is a mean over the session, and the held-out sweeps may lie elsewhere"
            )
        return lines

    def as_dict(self) -> dict[str, Any]:
        """What fit.json holds."""
        kernel = self.kernel
        return {
            "electrode": {
                "kind": self.electrode,
                "reason": self.reason,
                "kernel": None
                if kernel is None
                else {
                    "sweeps": kernel.sweeps,
                    "resistance_mohm": round(1e-6 * kernel.resistance, 3),
                    "standard_error_mohm": round(1e-6 * kernel.error, 3),
                    "kernel_mohm": [round(1e-6 * value, 3) for value in kernel.kernel],
                    "step_ms": 1e3 * kernel.dt,
                },
            },
            "drift": {
                "removed": self.removed,
                "reason": self.why_drift,
                "span_mv": round(1e3 * self.drift.span, 3),
                "offset_mv": [[round(1e3 * value, 3) for value in row] for row in self.drift.offset],
            },
            "artefact": {"size_pa": round(1e12 * self.artefact.size, 3), "spikes": self.artefact.spikes},
            "compared_bits_per_spike": self.compared,
        }


def without_resistance(
    model: PatchedNeuron, moved: Sequence[AbstractCoordinate]
) -> tuple[PatchedNeuron, list[AbstractCoordinate]]:
    """The model without a series resistance, and what is moved, that being held."""
    resistance = model.series_resistance
    zero = lambda x: replace(x, centre=jnp.zeros_like(x.centre), sd=jnp.zeros_like(x.sd))
    held = [zero(coordinate) if coordinate.where(model) is resistance else coordinate for coordinate in moved]
    return eqx.tree_at(lambda m: m.series_resistance, model, jnp.zeros_like(resistance)), held


def preprocess(
    recording: gj.Recording,
    split: Split,
    shape: SpikeShape,
    train: FitData,
    test: tuple[FitData, ...],
    electrode: Electrode = "auto",
    drift: DriftChoice = "auto",
    trial: Trial | None = None,
) -> tuple[Preprocessing, FitData, tuple[FitData, ...]]:
    """Compensate the electrode in all sweeps, and remove the training sweeps' drift, where that predicts better.

    Held-out sweeps are compensated by the kernel of others; their drift stays, since it could only be found by looking
    at them.

    Args:
        recording, split, shape, train, test: the sweeps and what is known of them.
        electrode: how it is treated; "auto" chooses.
        drift: what becomes of it; "auto" chooses.
        trial: what is compared; fits of LEVEL if None.

    Returns:
        What was done, and the sweeps to fit and to score.

    Raises:
        DataError: the electrode is to be compensated, and nothing tells its kernel.
    """
    source = _noise(recording, split, train) or train
    kernel = measure_kernel(source, shape.cut)
    choice = _Choice(train, shape, trial or fit_and_validate)
    size = _size(kernel, source is train)
    kind, reason = electrode, f"as told; {size}"
    if electrode == "auto":
        kind, reason = _choose_electrode(kernel, choice, size)
    if kind == "aec":
        if kernel is None:
            raise DataError(
                f"{recording.path}: the electrode's kernel cannot be measured, as the current hardly changes or the "
                'sweeps are too short; use `electrode="series"`'
            )
        train, test = compensated(train, kernel), tuple(compensated(group, kernel) for group in test)
    measured = measure_drift(train, shape.cut)
    treatment, why = drift, f"as told; it spans {1e3 * measured.span:.1f} mV"
    if drift == "auto":
        treatment, why = _choose_drift(measured, choice, train, kind)
    done = Preprocessing(
        kind,
        reason,
        kernel,
        treatment == "remove",
        measured,
        why,
        spike_artefact(train, shape.cut),
        choice.data,
        choice.bits,
    )
    return done, measured.removed(train) if done.removed else train, test


def compensated(data: FitData, kernel: ElectrodeKernel) -> FitData:
    """Sweeps without the drop over the electrode."""
    return replace(data, voltage=data.voltage - kernel.drop(data.current))


def _noise(recording: gj.Recording, split: Split, train: FitData) -> FitData | None:
    """A sweep of noise that measures the electrode: named for it, used for nothing else, without spikes."""
    used = {sweep.number for sweep in split.sweeps}
    for sweep in recording.current_clamp:
        if sweep.number in used or not any(word in sweep.protocol.lower() for word in MEASURES):
            continue
        try:
            if sweep.duration < LONG_ENOUGH or len(find_spike_peaks(sweep.voltage, sweep.rate)):
                continue
            noise = prepare([sweep], None)
        except InputError:  # it cannot be used, for this as for a fit
            continue
        if same_step(noise.dt, train.dt):
            return noise
    return None


def fit_and_validate(data: FitData, shape: SpikeShape, resistance: bool) -> Validation:
    """A fit of LEVEL to sweeps with these spikes, with a series resistance or without, cross-validated."""
    level = LEVELS[LEVEL]
    model = level.start(data, shape)
    moved = level.coordinates(model, data.duration).membrane
    if not resistance:
        model, moved = without_resistance(model, moved)
    model, _ = run_stages(level.stages(moved), model, data)
    return validate(level, model, data, moved)


class _Choice:
    """Fits of LEVEL to the training data as it is treated in one way or another, compared."""

    def __init__(self, data: FitData, shape: SpikeShape, trial: Trial):
        self.data, self.shape, self.trial = data, shape, trial
        self.validations: dict[str, Validation] = {}

    @property
    def bits(self) -> dict[str, float]:
        """Bits per spike, cross-validated, by what was tried."""
        return {name: validation.bits for name, validation in self.validations.items()}

    def try_(self, name: str, data: FitData, resistance: bool = True) -> None:
        """Fit and cross-validate, unless that was done."""
        if name not in self.validations:
            self.validations[name] = self.trial(data, self.shape, resistance)

    def gain(self, name: str, over: str) -> Lag:
        """By how many bits per spike one predicts better than another, and the standard error of that."""
        return lag(self.validations[over], self.validations[name])


def _size(kernel: ElectrodeKernel | None, from_training: bool) -> str:
    """What is known of the electrode, in words."""
    if kernel is None:
        return "the current does not tell the electrode's kernel"
    where = "the training sweeps" if from_training else f"sweep {', '.join(map(str, kernel.sweeps))}"
    return f"the electrode has {1e-6 * kernel.resistance:.1f} ± {1e-6 * kernel.error:.1f} MΩ, measured on {where}"


def _choose_electrode(kernel: ElectrodeKernel | None, choice: _Choice, size: str) -> tuple[str, str]:
    """The electrode's treatment and the reason for it, in words."""
    if kernel is None:
        return "series", f"{size}, so the fit finds a resistance"
    beyond = kernel.beyond_resistance(choice.data)
    if abs(kernel.resistance) < 2 * kernel.error < 2 * BALANCED:
        return "none", f"the bridge is balanced: {size}"
    if beyond < MATTERS:
        return "series", f"{size}; what its kernel does beyond a resistance is {1e3 * beyond:.2f} mV"
    choice.try_("series", choice.data)
    choice.try_("aec", compensated(choice.data, kernel))
    gain, error = choice.gain("aec", "series")
    words = f"compensation is worth {_signed(gain)} ± {error:.3f} bits per spike on training spikes kept aside"
    return ("aec" if gain > error else "series"), f"{size}; {words}"


def _choose_drift(drift: Drift, choice: _Choice, data: FitData, electrode: str) -> tuple[str, str]:
    """Whether to remove the drift, and the reason, in words."""
    size = f"the baseline drifts over {1e3 * drift.span:.1f} mV"
    if drift.span < DRIFTS_BY:
        return "keep", f"{size}, less than {1e3 * DRIFTS_BY:g} mV"
    choice.try_(electrode, data, resistance=electrode != "none")
    choice.try_("without drift", drift.removed(data), resistance=electrode != "none")
    gain, error = choice.gain("without drift", electrode)
    words = f"without it, training spikes kept aside are told by {_signed(gain)} ± {error:.3f} bits each"
    return ("remove" if gain > error else "keep"), f"{size}; {words}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
