"""What is said of a run: its stimulus, what was measured, the code that makes it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from glifjax.patterns.page.runs import Shown
from glifjax.patterns.pattern import Pattern, Stimulus
from glifjax.spikes.firing import BURST_SPIKES, bursts


def number(value: float, digits: int = 7) -> str:
    """A number with a minus sign that is one."""
    return f"{value:.{digits}g}".replace("-", "−")


def stimulus_words(stimulus: Stimulus) -> str:
    """A stimulus piece by piece: "1.5 nA for 200 ms, then 0 nA for 20 ms"."""
    pieces = [f"{number(1e9 * amperes)} nA for {number(1e3 * seconds)} ms" for amperes, seconds in stimulus]
    return ", then ".join(pieces)


def measured(shown: Shown) -> str:
    """How many spikes, when, at which intervals, in which bursts; after a single one, where the voltage goes."""
    times = shown.response.times
    if len(times) == 0:
        return f"no spike; the voltage stays {_least_distance(shown)} below the threshold"
    if len(times) == 1:
        return f"1 spike, at {times[0]:.1f} ms{_afterwards(shown)}"
    intervals = np.diff(times)
    said = f"{len(times)} spikes from {times[0]:.1f} to {times[-1]:.1f} ms"
    if len(times) == 2:
        return f"{said}, {intervals[0]:.1f} ms apart"
    sizes = np.array([len(group) for group in bursts(1e-3 * times)])
    long = sizes[sizes >= BURST_SPIKES]
    if len(long):
        group = np.repeat(np.arange(len(sizes)), sizes)
        inside = (np.diff(group) == 0) & (sizes[group[1:]] >= BURST_SPIKES)
        alone = f" and {len(times) - long.sum()} single" if long.sum() < len(times) else ""
        said += f"; {len(long)} burst{'s' * (len(long) > 1)} of {_span(int(long.min()), int(long.max()), 0)}{alone}"
        said += f", intervals {_span(intervals[inside].min(), intervals[inside].max(), 1)} ms inside"
        outside = intervals[~inside]
        return said + (f", {_span(outside.min(), outside.max(), 1)} ms outside" if len(outside) else "")
    variation = f"CV of intervals {intervals.std() / intervals.mean():.3f}"
    return f"{said}; intervals {_span(intervals.min(), intervals.max(), 2)} ms, {variation}"


def _span(low: float, high: float, digits: int) -> str:
    ends = [f"{value:.{digits}f}" for value in (low, high)]
    return " to ".join(dict.fromkeys(ends))


def _least_distance(shown: Shown) -> str:
    distance = (shown.response.threshold - shown.response.voltage).min()
    return f"{distance:.2g} mV" if distance >= 1e-3 else "less than 0.001 mV"


def _afterwards(shown: Shown) -> str:
    """Where the voltage goes after a stimulus that ends in no current."""
    *before, (amperes, _) = shown.pattern.stimulus
    start = round(sum(seconds for _, seconds in before) / shown.pattern.dt)
    if amperes or not before or shown.response.times[0] > 1e3 * start * shown.pattern.dt:
        return ""
    rest = shown.response.voltage[start:]
    return f"; after the stimulus the voltage goes from {number(rest.min(), 4)} to {number(rest.max(), 4)} mV"


def code(pattern: Pattern) -> str:
    """Python that runs a pattern and its first control, and draws them; it needs glifjax alone."""
    control = pattern.control[0]
    lookup = "gj.gallery" if pattern.variant == "paper" else f'gj.gallery.variant("{pattern.variant}")'
    return "\n".join(
        [
            "import jax",
            "import numpy as np",
            "",
            "import glifjax as gj",
            "",
            'jax.config.update("jax_enable_x64", True)',
            "dt = 1e-4  # s",
            "",
            *_simulation(pattern, "trace"),
            'print("spikes:", len(trace.spikes()))',
            f'gj.plot_trace(trace, current).savefig("{pattern.slug}.png")',
            "",
            f"# The control: {control.expects}",
            *_simulation(pattern.with_run(control.runs[0]), "control"),
            'print("spikes:", len(control.spikes()))',
            "",
            "# The same pattern by its name",
            f'pattern = {lookup}["{pattern.slug}"]',
            "trace = gj.simulate(pattern.neuron, pattern.current, pattern.dt)",
            "",
        ]
    )


def _simulation(pattern: Pattern, name: str) -> list[str]:
    amperes, seconds = zip(*pattern.stimulus, strict=True)
    pieces = ", ".join(f"{value:.12g}" for value in amperes)
    steps = ", ".join(str(round(value / pattern.dt)) for value in seconds)
    return [
        f"neuron = gj.MihalasNiebur({_arguments(pattern.parameters)})",
        f"current = np.repeat([{pieces}], [{steps}])  # A; for so many steps",
        f"{name} = gj.simulate(neuron, current, dt)",
    ]


def _arguments(parameters: Mapping[str, Any]) -> str:
    """Keyword arguments, SI."""
    write = lambda value: f"({', '.join(f'{x:.12g}' for x in value)})" if isinstance(value, tuple) else f"{value:.12g}"
    return ", ".join(f"{name}={write(value)}" for name, value in parameters.items())
