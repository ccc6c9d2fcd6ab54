"""`glifjax simulate --step`: a neuron over one step of the current, without a recording."""

from pathlib import Path
from typing import Any

import numpy as np

import glifjax as gj
from glifjax.cli.console import escape, out_console
from glifjax.cli.neurons import reference
from glifjax.cli.units import AMPERES, SECONDS, check_units, quantity
from glifjax.errors import InputError, shown

#: Without a current before and after the step, s.
BEFORE = 0.2
AFTER = 0.3
#: Time step of a neuron whose file has none, s; a Mihalas-Niebur neuron is exact at any.
DT = 1e-4


def step_current(amplitude: str, duration: str, dt: float) -> np.ndarray:
    """The current of a step given in words, "200pA" for "1s": (T,), A.

    Raises:
        InputError: words that are no current or time, or a step shorter than dt (s).
    """
    seconds = quantity("--duration", duration, SECONDS)
    if 0 <= seconds < dt:
        raise InputError(
            f"--duration {shown(duration)} is shorter than the time step, {1e3 * dt:g} ms; give a longer one"
        )
    return gj.stimuli.step(quantity("--step", amplitude, AMPERES), seconds, dt, before=BEFORE, after=AFTER)


def step_dt(neuron: gj.GLIF | gj.MihalasNiebur) -> float:
    """The time step that a step is run with, s: that of the neuron's file, if it has one."""
    return DT if isinstance(neuron, gj.MihalasNiebur) else float(neuron.dt)


def step_recording(folder: Path, neuron: gj.GLIF | gj.MihalasNiebur, amplitude: str, duration: str) -> Path:
    """A recording of the step alone, whose voltage rests, for what reads recordings."""
    dt = step_dt(neuron)
    current = step_current(amplitude, duration, dt)
    voltage = np.full(len(current), float(neuron.El) + reference(neuron))
    path = folder / f"step {amplitude}.nwb"
    sweep = gj.io.SweepArrays(1, f"step {amplitude}", 1 / dt, current, voltage)
    gj.write_recording(path, [sweep], description=f"a step of {amplitude} for {duration}, not recorded")
    return path


def print_step(
    neuron: gj.GLIF | gj.MihalasNiebur, source: str, amplitude: str, duration: str, seed: int | None
) -> None:
    """Simulate a step, and say what the neuron does.

    Raises:
        InputError: what is no current or duration, is out of scale, or a seed without escape noise.
    """
    import jax

    dt = step_dt(neuron)
    current = step_current(amplitude, duration, dt)
    check_units(neuron, [current], dt, source)
    if seed is not None and neuron.escape_noise is None:
        raise InputError(f"{source}: has no escape_noise to draw spikes from; leave --seed out")
    trace = gj.simulate(neuron, current, dt, key=None if seed is None else jax.random.key(seed))
    spikes: Any = trace.spikes()
    times = np.asarray(spikes.times)
    during = times[(times >= BEFORE) & (times < len(current) * dt - AFTER)]
    seconds = quantity("--duration", duration, SECONDS)
    line = f"{len(times)} spike{'s' * (len(times) != 1)}, {len(during) / seconds:.1f} Hz in the step"
    if len(during):
        line += f", the first {1e3 * (during[0] - BEFORE):.1f} ms after its start"
    if len(during) > 2:
        intervals = 1e3 * np.diff(during)
        line += f"; intervals from {intervals[0]:.1f} to {intervals[-1]:.1f} ms"
    what = f"[bold]{escape(source)}[/bold], {escape(amplitude)} for {escape(duration)}"
    out_console.print(f"{what}: {line}", soft_wrap=True)
    voltage = 1e3 * (np.asarray(trace.voltage) + reference(neuron))
    out_console.print(f"  V from {np.nanmin(voltage):.1f} to {np.nanmax(voltage):.1f} mV between spikes")
