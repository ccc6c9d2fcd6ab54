"""What several test files need: a recording, the data that a neuron of known parameters leaves, a fit.json."""

import json

import jax
import jax.numpy as jnp
import numpy as np

import glifjax as gj
from fitting.data.arrays import FitData
from fitting.data.shape import SpikeShape
from fitting.levels import LEVELS
from fitting.many.cells import Cell
from glifjax.io.nwb.recording_writer import SweepArrays

RATE = 1e4  # Hz, of the recordings
DT = 1e-4  # s, of the data
LEVEL = LEVELS["LIF-R-ASC-A"]
AUGMENTED = LEVELS["augmented"]
SHAPE = SpikeShape(level=-0.05, latency=0.0, cut=3e-3, reset_slope=0.3, reset_intercept=-50e-3, count=100)


def noise(seed, seconds=4.0, lead=0.0):
    """Ornstein-Uhlenbeck-like current, A, after `lead` s of nothing."""
    random = np.random.default_rng(seed)
    slow = np.repeat(random.normal(size=round(seconds * 200)), round(RATE / 200)) * 50e-12
    return np.concatenate([np.zeros(round(lead * RATE)), slow])


def step(amplitude, seconds=2.0):
    current = np.zeros(round(seconds * RATE))
    current[len(current) // 4 : 3 * len(current) // 4] = amplitude
    return current


def voltage(current, spikes=True):
    """A resting voltage with a spike every 150 ms, where spikes are asked for."""
    trace = np.full(len(current), -70e-3) + np.random.default_rng(0).normal(size=len(current)) * 2e-4
    wave = 110e-3 * np.exp(-0.5 * ((np.arange(60) - 20) / 5) ** 2)
    for start in range(800, len(trace) - 60, 1500) if spikes else ():
        trace[start : start + 60] += wave
    return trace


def record(folder, sweeps):
    """An NWB file of (protocol, current, spikes?) sweeps, numbered from 0."""
    arrays = [
        SweepArrays(number, protocol, RATE, current, voltage(current, spikes))
        for number, (protocol, current, spikes) in enumerate(sweeps)
    ]
    gj.write_recording(folder / "cell.nwb", arrays, description="synthetic")
    return gj.read_recording(folder / "cell.nwb")


def neuron(level="LIF-R-ASC-A", **changes):
    parameters = {
        "C": 100e-12,
        "R_input": 200e6,
        "th_inf": 15e-3,
        "El_reference": -70e-3,
        "asc_tau_array": (0.02, 0.1),
        "asc_amp_array": (-60e-12, -10e-12),
        "reset_slope": 0.3,
        "reset_intercept": -3e-3,
        "a_spike": 3e-3,
        "b_spike": 40.0,
        "a_voltage": 20.0,
        "b_voltage": 60.0,
        "spike_cut_length": 30,
        "dt": DT,
        "escape_noise": gj.EscapeNoise(1000.0, 1.5e-3, jitter=3e-4, lapse=0.05),
    }
    return gj.from_level(level, **(parameters | changes))


def recorded(model, seconds=20.0, sweeps=2, noise=0.5e-3, seed=0, current=None):
    """What `model` would leave on tape, spikes drawn by its escape noise and cut as the fit will cut them."""
    random = np.random.default_rng(seed)
    n = round(seconds / DT)
    if current is None:
        current = np.repeat(random.normal(size=(sweeps, n // 50)), 50, axis=1) * 150e-12 + 60e-12
    sweeps = len(current)
    keys = jax.random.split(jax.random.key(seed), sweeps)
    trace = jax.vmap(lambda i, key: model.simulate(i, DT, key=key))(jnp.asarray(current), keys)
    forced = np.asarray(trace.spiked) > 0.5
    membrane = np.asarray(model.recorded(trace.voltage_before_reset, current))
    return FitData(
        numbers=np.arange(sweeps),
        current=current,
        voltage=membrane + noise * random.normal(size=membrane.shape),
        valid=np.ones_like(forced),
        seen=np.ones_like(forced),
        counted=np.ones_like(forced),
        forced=forced,
        crossings=np.where(forced, (np.arange(forced.shape[1]) + 0.5) * DT, np.nan),
        dt=DT,
    )


def level_record(level, test, **changes):
    """What fit.json holds of a level with these held-out scores, and of little else."""
    scores = {"test": test, "deterministic": test, "ceiling": {}, "missing": {}}
    return {
        "level": level, "train_sweeps": [1], "test_sweeps": [[2, 3]], "split": [], "parameters": {},
        "uncertainty": None, "spike_shape": {}, "preprocessing": None, "scores": scores, "validation": None,
        "stages": [], "seeds": {}, "seconds": {}, "warnings": [], "versions": {"jax": "0"},
    } | changes  # fmt: skip


def fitted_cell(folder, levels, name=None, **changes):
    """A cell in its folder, whose fit.json holds these levels' records, the last one preferred."""
    folder.mkdir()
    content = levels[-1] | {"levels": {record["level"]: record for record in levels}} | changes
    (folder / "fit.json").write_text(json.dumps(content))
    return Cell(name or folder.name, folder.with_suffix(".nwb"), folder)
