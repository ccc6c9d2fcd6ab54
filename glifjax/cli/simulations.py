"""A neuron simulated over the sweeps of a recording, as AllenSDK's simulate_neuron: how, and what came of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

import glifjax as gj
from glifjax.cli.checks import refuse_choices
from glifjax.cli.neurons import reference
from glifjax.errors import InputError
from glifjax.io.config.neuron_config import neuron_to_config
from glifjax.io.nwb.selection import name_sweeps, said_left_out
from glifjax.io.nwb.written import Written
from glifjax.io.writing import whole_file
from glifjax.neuron import STATUS_WORDS, SpikeCut, check_spike_cut
from glifjax.plots.text import plain
from glifjax.spikes.detection import find_spike_peaks
from glifjax.spikes.drop import without_drop


class SimulationError(InputError):
    """A simulation that cannot be done as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Simulation:
    """How a neuron is run over sweeps, and how its voltage is written.

    Attributes:
        neuron: a GLIF, voltages relative to its El_reference, or a MihalasNiebur, whose voltages are absolute.
        source: the name of its config.
        spike_cut: "duration" or "steps", as in `glifjax.simulate`.
        seed: of spikes drawn from escape noise; None for a hard threshold.
        absolute: add El_reference to what is written.
        spike_cut_value: stands for NaN in the voltage, V; None keeps NaN.

    Raises:
        InputError: an unknown spike_cut, a spike_cut_value that is no voltage in V, a seed without escape noise,
            absolute voltages without an El_reference, options that a MihalasNiebur has no use for.
    """

    neuron: gj.GLIF | gj.MihalasNiebur
    source: str
    spike_cut: SpikeCut = "duration"
    seed: int | None = None
    absolute: bool = False
    spike_cut_value: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no simulation can use."""
        check_spike_cut(self.spike_cut)
        own, noisy = isinstance(self.neuron, gj.MihalasNiebur), self.neuron.escape_noise is not None
        refuse_choices(self.source, own, noisy, self.seed, self.absolute, self.spike_cut, self.spike_cut_value)
        if self.absolute and reference(self.neuron) == 0:
            raise SimulationError(
                f"{self.source}: has no El_reference, so its voltages stay as they are; drop --absolute"
            )

    def run(self, sweeps: Sequence[gj.Sweep]):
        """Each sweep with its Trace, see `glifjax.simulate_sweeps`."""
        return gj.simulate_sweeps(self.neuron, sweeps, seed=self.seed, spike_cut=self.spike_cut)

    @property
    def reference(self) -> float:
        """What is added to voltages when they are written, V."""
        return reference(self.neuron) if self.absolute else 0.0

    @property
    def missing(self) -> list[str]:
        """The options that make of what is written a recording: absolute voltages, and no NaN."""
        if isinstance(self.neuron, gj.MihalasNiebur):
            return []
        relative = reference(self.neuron) != self.reference
        return ["--absolute"] * relative + ["--spike-cut-value 0.05"] * (self.spike_cut_value is None)

    @property
    def written(self) -> Written:
        """How a file holds the traces."""
        return Written(
            description=f"Simulated by glifjax {version('glifjax')} from {self.source}: {'; '.join(self.choices())}.",
            neuron_config=json.dumps(neuron_to_config(self.neuron)),
            n_currents=len(self.neuron.k if isinstance(self.neuron, gj.MihalasNiebur) else self.neuron.asc_tau_array),
            reference=self.reference,
            spike_cut_value=self.spike_cut_value,
        )

    def choices(self) -> list[str]:
        """What was chosen, in words."""
        spikes = (
            "spikes where voltage exceeds threshold"
            if self.seed is None
            else f"spikes drawn from escape noise, seed {self.seed}"
        )
        if isinstance(self.neuron, gj.MihalasNiebur):
            return ["voltages are absolute", spikes]
        steps, dt = int(self.neuron.spike_cut_length), float(self.neuron.dt)
        cut = f"{steps} steps of {1e6 * dt:.4g} µs in the config"
        rest = f"El_reference, {1e3 * float(self.neuron.El_reference):.2f} mV"
        return [
            f"the spike cut keeps its duration, {1e3 * steps * dt:.4g} ms ({cut})"
            if self.spike_cut == "duration"
            else f"the spike cut keeps its number of steps at every time step, as AllenSDK does ({cut})",
            f"voltages are absolute ({rest}, is added)" if self.absolute else f"voltages are relative to {rest}",
            "NaN marks the spike cut"
            if self.spike_cut_value is None
            else f"{1e3 * self.spike_cut_value:g} mV stand for NaN in the spike cut of the voltage",
            spikes,
        ]


@dataclass(frozen=True)
class SweepSummary:
    """What a person reads of a simulated sweep: s, Hz, and what is wrong with it, if anything."""

    number: int
    protocol: str
    duration: float
    sampling: float
    recorded: int | None
    spikes: int
    status: str

    @property
    def rate(self) -> float:
        """Spikes of the model per second, Hz."""
        return self.spikes / self.duration


def choose_sweeps(recording: gj.Recording, which: str | None = None) -> tuple[list[gj.Sweep], list[str]]:
    """The sweeps to simulate, and a line on each that is left out: as selected, else all whose current can be read.

    Those are in current clamp with a stimulus, and not of the protocol "Test".

    Raises:
        RecordingError: there is none, none can be read, or the selection matches nothing.
        SimulationError: a selected sweep has no stimulus in current clamp, or none but tests are left.
    """
    if which is None:
        sweeps = [sweep for sweep in recording.current_clamp if not sweep.is_test]
        if not sweeps:
            numbers = name_sweeps(sweep.number for sweep in recording.current_clamp)
            raise SimulationError(f"{recording.path}: holds tests alone ({numbers}); select one with --sweeps")
        return _readable(sweeps)
    sweeps = recording.select(which)
    if unfit := [sweep for sweep in sweeps if sweep.clamp != "current" or not sweep.paired]:
        raise SimulationError(
            f"{recording.path}: --sweeps selects {name_sweeps(s.number for s in unfit)}, without a stimulus in current "
            "clamp; leave out what has none"
        )
    return sweeps, []


def _readable(sweeps: Sequence[gj.Sweep]) -> tuple[list[gj.Sweep], list[str]]:
    """The sweeps whose current can be read, and a line on each other; raises what the first raises if none can."""
    errors: dict[int, gj.RecordingError] = {}
    for sweep in sweeps:
        try:
            _ = sweep.rate, sweep.current
        except gj.RecordingError as error:
            errors[sweep.number] = error
    if len(errors) == len(sweeps):
        raise errors[sweeps[0].number]
    reason = lambda error: str(error).partition(": ")[2].partition("; leave the sweep out")[0]  # less file and sweep
    lines = said_left_out({number: reason(error) for number, error in errors.items()})
    return [sweep for sweep in sweeps if sweep.number not in errors], lines


def summarize(sweep: gj.Sweep, trace: gj.Trace) -> SweepSummary:
    """What came out of a sweep, beside what was recorded."""
    return SweepSummary(
        number=sweep.number,
        protocol=sweep.protocol,
        duration=sweep.duration,
        sampling=sweep.rate,
        recorded=_recorded_spikes(sweep),
        spikes=len(trace.spikes()),
        status="; ".join(words for flag, words in STATUS_WORDS.items() if int(trace.status) & flag),
    )


def _recorded_spikes(sweep: gj.Sweep) -> int | None:
    """As the file lists them, else as found in the voltage; None where that cannot be read, or is no response."""
    if sweep.spike_times is not None:
        return len(sweep.spike_times)
    voltage = _recorded_voltage(sweep)
    if voltage is None:
        return None
    return len(find_spike_peaks(without_drop(voltage, sweep.current, sweep.rate), sweep.rate))


def _recorded_voltage(sweep: gj.Sweep) -> np.ndarray | None:
    """V; None where it cannot be read, or is no response."""
    try:
        voltage = sweep.voltage
    except gj.RecordingError:
        return None
    return voltage if np.ptp(voltage) else None


def draw(simulation: Simulation, sweep: gj.Sweep, trace: gj.Trace, folder: Path) -> Path:
    """Draw a sweep to sweep_<number>.png in a folder, voltages absolute, over the recorded one where there is one."""
    figure = gj.plot_trace(
        trace,
        sweep.current,
        reference=reference(simulation.neuron),
        recorded=_recorded_voltage(sweep),
        title=plain(f"sweep {sweep.number}, {sweep.protocol}" if sweep.protocol else f"sweep {sweep.number}"),
    )
    path = folder / f"sweep_{sweep.number:03d}.png"
    with whole_file(path) as part:
        figure.savefig(part)
    return path
