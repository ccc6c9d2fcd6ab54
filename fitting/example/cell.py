"""The built-in example: a simulated LIF-R-ASC-A cell, recorded into a real NWB file.

Its parameters are drawn with a fixed seed from the published distributions; it spikes with escape noise, is recorded
through an imperfectly balanced bridge, with measurement noise, and its spikes are drawn into the trace, since the
model cuts them out.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import glifjax as gj
from glifjax.io.json_text import parse_json
from glifjax.io.nwb.recording_writer import SweepArrays

from ..model.parameters import parameters
from ..model.patched import PatchedNeuron
from .published import draw

#: Of the parameters, and of everything random in the recording.
SEED = 8
#: Step of the simulation, s.
DT = 5e-5
#: Sampling rate of the recording, Hz.
RATE = 1e4
#: Duration of the training sweep, s.
TRAINING = 60.0
#: Of each held-out repeat, s, and how many there are.
HELD_OUT = 10.0
REPEATS = 10
#: Correlation time of the injected noise, s.
CORRELATION = 10e-3
#: The rate of spikes that its size is chosen for, Hz.
SPIKE_RATE = 9.0
#: Mean of the injected current, in standard deviations of its noise.
OFFSET = 0.7
#: Measurement noise, V.
NOISE = 0.5e-3
#: What the bridge leaves of the electrode, ohm.
SERIES_RESISTANCE = 8e6
#: From the onset of a spike to its crossing of 0 mV, s.
RISE = 0.4e-3
#: Its peak, V.
PEAK = 35e-3


def example_cell(seed: int = SEED) -> PatchedNeuron:
    """The cell: parameters drawn between the 5 and 95 % quantiles of the published LIF-R-ASC-A neurons."""
    random = np.random.default_rng(seed)
    p = {name: draw(name, random) for name in ("R_input", "C", "th_inf", "El_reference", "a_spike", "a_over_b")}
    b_spike, b_voltage = draw("b_spike", random, (0.05, 0.5)), draw("b_voltage", random)
    cut = draw("spike_cut", random, (0.25, 0.75))
    neuron = gj.from_level(
        "LIF-R-ASC-A",
        R_input=p["R_input"],
        C=p["C"],
        th_inf=p["th_inf"],
        El_reference=p["El_reference"],
        asc_tau_array=(1 / 30, 0.1),
        asc_amp_array=(draw("asc_amp_fast", random, (0.05, 0.5)), -0.05 * p["th_inf"] / p["R_input"]),
        reset_slope=0.4,
        reset_intercept=-0.3 * p["th_inf"],
        a_spike=p["a_spike"],
        b_spike=b_spike,
        a_voltage=p["a_over_b"] * b_voltage,
        b_voltage=b_voltage,
        spike_cut_length=round(cut / DT),
        dt=DT,
        spike_latency=RISE,
        escape_noise=gj.EscapeNoise(100.0, 1.4e-3),
    )
    return PatchedNeuron(neuron, SERIES_RESISTANCE)


def write_example(
    path: str | Path,
    seed: int = SEED,
    training: float = TRAINING,
    held_out: float = HELD_OUT,
    repeats: int = REPEATS,
    noise: float = NOISE,
    cell: PatchedNeuron | None = None,
) -> None:
    """Record the example cell into an NWB file at `path`: `training` s of noise, and `repeats` of `held_out` s.

    Measurement noise is `noise` V; another `cell` may take the example's place.

    The file's notes hold the true parameters, as JSON. Its identifier is of its samples and it has no date of its own,
    so that fits of two examples that were written alike are fits of the same bytes.

    Raises:
        RecordingError: the file exists.
    """
    with jax.enable_x64(True):
        cell = example_cell(seed) if cell is None else cell
        random = np.random.default_rng([seed, 1])
        scale = _noise_scale(cell, random)
        stimulus = lambda duration: scale * _ornstein_uhlenbeck(duration, random) + OFFSET * scale
        played = [("noise training", stimulus(training))]
        played += [("noise test (frozen)", stimulus(held_out))] * repeats
        sweeps = [
            SweepArrays(number, protocol, RATE, *_record(cell, current, number, random, noise))
            for number, (protocol, current) in enumerate(played, start=1)
        ]
        truth = {"simulated": True, "seed": seed, "true_parameters": parameters(cell)}
    gj.write_recording(
        path,
        sweeps,
        description="Simulated LIF-R-ASC-A cell with escape noise: the example of glifjax, not a real recording",
        notes=json.dumps(truth),
        identifier=hashlib.sha256(b"".join(sweep.voltage.tobytes() for sweep in sweeps)).hexdigest(),
        start=datetime(2000, 1, 1, tzinfo=UTC),
    )


def true_parameters(recording: gj.Recording) -> dict | None:
    """The parameters behind a simulated recording, as fitting.model.parameters gives them; None for a real one.

    Notes may be anybody's: whatever is no number with a unit is left out.
    """
    try:
        notes = parse_json(recording.notes or "")
    except ValueError:
        return None
    match notes:
        case {"simulated": True, "true_parameters": dict(entries)}:
            return {name: entry for name, entry in entries.items() if _is_parameter(entry)}
    return None


def _is_parameter(entry: Any) -> bool:
    match entry:
        case {"value": int() | float() as value, "unit": str()}:
            return abs(value) <= np.finfo(float).max
    return False


def _ornstein_uhlenbeck(duration: float, random: np.random.Generator) -> Float[np.ndarray, " T"]:
    """Noise of unit variance with CORRELATION, at DT, constant within each of the recording's samples."""
    from scipy.signal import lfilter

    decay = np.exp(-1 / (RATE * CORRELATION))
    white = random.normal(size=round(duration * RATE)) * np.sqrt(1 - decay**2)
    coloured = lfilter([1.0], [1.0, -decay], white, zi=[decay * random.normal()])[0]
    return np.repeat(coloured, round(1 / (RATE * DT)))


def _noise_scale(cell: PatchedNeuron, random: np.random.Generator) -> float:
    """Size of the noise, A, at which the cell spikes at SPIKE_RATE."""
    shape = _ornstein_uhlenbeck(20.0, random)
    rheobase = float(cell.neuron.th_inf / cell.neuron.R_input)
    scales = rheobase * np.geomspace(0.2, 10.0, 24)

    rates = np.asarray(_rates(cell.neuron, jnp.asarray(scales[:, None] * (shape + OFFSET))))
    return float(np.interp(SPIKE_RATE, np.maximum.accumulate(rates), scales))


@eqx.filter_jit
def _rates(neuron: gj.GLIF, currents) -> Float[Array, " n"]:
    """Spikes a second under each current (n, T)."""
    count = lambda current: jnp.sum(gj.simulate(neuron, current, DT, key=jax.random.key(0)).spiked)
    return jax.lax.map(count, currents, batch_size=8) / (currents.shape[1] * DT)


@eqx.filter_jit
def _run(neuron: gj.GLIF, current, key) -> gj.Trace:
    return gj.simulate(neuron, current, DT, key=key)


def _record(cell: PatchedNeuron, current, number: int, random, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """One sweep as an amplifier would give it: current (A) and voltage (V) at RATE."""
    trace = _run(cell.neuron, jnp.asarray(current), jax.random.key(1000 + number))
    after = _draw_spikes(np.asarray(trace.voltage) + float(cell.neuron.El_reference), cell, trace)
    # samples are means over time, the simulation's values those after each step
    recorded = (after + np.concatenate([after[:1], after[:-1]])) / 2 + float(cell.series_resistance) * current
    block = round(1 / (RATE * DT))
    means = lambda x: x.reshape(-1, block).mean(axis=1)
    return means(current), means(recorded) + noise * random.normal(size=len(current) // block)


def _draw_spikes(voltage: Float[np.ndarray, " T"], cell: PatchedNeuron, trace: gj.Trace) -> np.ndarray:
    """Fill each cut with a spike: a steep rise through 0 mV at RISE, a peak, and a fall to the reset voltage."""
    drawn = voltage.copy()
    cut = int(cell.neuron.spike_cut_length)
    time = np.arange(cut) * DT
    before = np.asarray(trace.voltage_before_reset) + float(cell.neuron.El_reference)
    for step in np.flatnonzero(np.asarray(trace.spiked) > 0.5):
        onset = before[step]
        end = voltage[step + cut] if step + cut < len(voltage) else onset
        rise = 1 / (1 + np.exp(-(time - RISE) / 0.08e-3))
        fall = np.exp(-((np.maximum(time - 2 * RISE, 0) / (0.35 * cut * DT)) ** 2))
        foot = onset + (end - onset) * np.clip((time - 2 * RISE) / max(time[-1] - 2 * RISE, DT), 0, 1)
        # 0 mV is half way up only where foot and peak lie alike around it; the latency is measured anyway
        wave = foot + (PEAK - foot) * rise * fall
        drawn[step : step + cut] = wave[: len(drawn) - step]
    return drawn
