"""The twenty firing patterns of the Mihalas-Niebur neuron, as data.

Parameters: Mihalas & Niebur 2009, Neural Computation 21:704, table 1; durations as in its figure 1. The variant
"notebook" holds the numbers of BrainPy's example `Niebur_2009_GIF`, some of which do not show what they are named after
(`Pattern.note` says so).
"""

from typing import Any

import numpy as np

from glifjax.patterns.pattern import Check, Pattern, Response, Run, Stimulus
from glifjax.spikes.firing import bursts, is_sustained

#: A current, nA, and how long it lasts, ms.
Piece = tuple[float | int, float | int]


def _pieces(*pieces: Piece) -> Stimulus:
    """Pieces of constant current, (nA, ms), in SI."""
    return tuple((1e-9 * current, 1e-3 * duration) for current, duration in pieces)


def _run(*pieces: Piece, **parameters: Any) -> tuple[Run, ...]:
    """One run, with another stimulus (nA, ms) or other parameters (SI)."""
    return (Run(_pieces(*pieces) or None, parameters),)


def _spikes(n: int, runs: tuple[Run, ...], what: str) -> Check:
    words = {0: "no spike", 1: "one spike"}
    return Check(f"{what}: {words.get(n, f'{n} spikes')}", lambda r: len(r.times) == n, runs)


def _is_burst(r: Response, least: int, most: int) -> bool:
    return least <= len(r.times) <= most and bool(np.diff(r.times).max() < 15)


def _sizes(r: Response) -> list[int]:
    return [len(burst) for burst in bursts(r.times * 1e-3)]


def _goes_on(r: Response, stop: float | int | None = None) -> bool:
    stop = r.duration if stop is None else stop
    return is_sustained(r.between(0, stop) * 1e-3, stop * 1e-3)


def _no_short_interval(r: Response) -> bool:
    return len(r.times) > 1 and bool(np.diff(r.times).min() > 10)


def _from_fixed_point(current: float | int) -> tuple[Run, ...]:
    """300 ms of a current, nA, from where the neuron would rest under it, spikes or not (a = 5/s)."""
    excess = current / 2 - 1
    rest = {"init_voltage": 1e-3 * (-70 + 40 * (1 + excess)), "init_threshold": 1e-3 * (-30 + 20 * excess)}
    return _run((current, 300), **rest)


def _pulses(gap: float | int, width: float | int, first: float | int = 5) -> tuple[Run, ...]:
    """Two pulses with a gap between them, ms; first: the first one's current, nA."""
    return _run((first, width), (0, gap), (4, width), (0, 200))


def _preferred(width: float | int) -> dict[str, tuple[Check, ...]]:
    return {
        "claim": (
            _spikes(1, _pulses(5, width), "second pulse 5 ms after the first"),
            *(_spikes(2, _pulses(gap, width), f"{gap} ms after") for gap in (45, 60)),
            *(_spikes(1, _pulses(gap, width), f"{gap} ms after") for gap in (95, 200)),
        ),
        "control": (_spikes(0, _pulses(45, width, first=0), "the second pulse alone"),),
    }


_ADAPTS = {"a": 5.0}
_BURSTS = {"a": 5.0, "A": (10e-9, -0.6e-9)}
_NO_CURRENTS = {"A": (0.0, 0.0)}
_MIXED = {"a": 5.0, "A": (5e-9, -0.3e-9)}
_FIXED = "a threshold that ignores the voltage (a = 0)"
_PAIR = lambda gap: _run((1.5, 20), (0, gap), (1.5, 20), (0, 60))

# fmt: off
PAPER = (
    Pattern(
        "A", "tonic_spiking", "Tonic spiking",
        "A constant current makes the neuron fire regularly for as long as it lasts.",
        "paper", {}, _pieces((1.5, 200)),
        claim=(
            Check("8 spikes or more, to the end", lambda r: len(r.times) >= 8 and _goes_on(r)),
            Check("intervals of 20 ln 3 = 21.97 ms that vary by less than 1 %",
                  lambda r: np.std(np.diff(r.times)) < 0.01 * np.mean(np.diff(r.times))
                  and abs(np.mean(np.diff(r.times)) - 20 * np.log(3)) < 0.2),
        ),
        control=(_spikes(0, _run((0.99, 200)), "a current below the rheobase of 1 nA"),),
    ),
    Pattern(
        "B", "class_1", "Class 1 excitability",
        "Just above the smallest current that makes it fire, the neuron fires as late, and as slowly, as one likes.",
        "paper", {}, _pieces((1.000001, 500)),
        claim=(
            _spikes(1, _run(), "a millionth above rheobase"),
            Check("each tenfold smaller excess over rheobase delays the spike by 20 ln 10 = 46 ms, to 2 ms",
                  lambda *runs: bool(np.all(np.abs(-np.diff([r.times[0] for r in runs]) - 46) < 2)),
                  tuple(_run((1 + excess, 500))[0] for excess in (1e-6, 1e-5, 1e-4, 1e-3))),
        ),
        control=(_spikes(0, _run((0.999999, 500)), "a millionth below rheobase"),),
        note="Rests on a current that is one part in a million above rheobase, which float32 does not hold to better "
             "than 6 %.",
    ),
    Pattern(
        "C", "spike_frequency_adaptation", "Spike frequency adaptation",
        "The threshold follows the voltage up, so that intervals grow from spike to spike.",
        "paper", _ADAPTS, _pieces((2, 200)),
        claim=(
            Check("every interval longer than the one before, the last by more than a quarter than the first",
                  lambda r: bool(np.all(np.diff(r.times, n=2) > 0))
                  and np.diff(r.times)[-1] > 1.25 * np.diff(r.times)[0]),
            Check("to the end", _goes_on),
        ),
        control=(Check(f"{_FIXED}: equal intervals",
                       lambda r: np.std(np.diff(r.times)) < 0.01 * np.mean(np.diff(r.times)), _run(a=0.0)),),
    ),
    Pattern(
        "D", "phasic_spiking", "Phasic spiking",
        "A constant current makes the neuron fire at its onset only: the threshold catches up with the voltage.",
        "paper", _ADAPTS, _pieces((1.5, 500)),
        claim=(Check("1 to 6 spikes, none after 200 ms",
                     lambda r: 1 <= len(r.times) <= 6 and r.times[-1] <= 200),),
        control=(Check("2.1 nA: to the end", _goes_on, _run((2.1, 500))),),
    ),
    Pattern(
        "E", "accommodation", "Accommodation",
        "A sudden step makes the neuron fire; the same current reached slowly does not.",
        "paper", _ADAPTS, _pieces((1.5, 100), (0, 500), (0.5, 100), (1, 100), (1.5, 100), (0, 100)),
        claim=(
            Check("the step fires", lambda r: len(r.between(0, 100)) > 0),
            Check("the staircase does not", lambda r: len(r.between(100, 1000)) == 0),
        ),
        control=(
            Check("the staircase's last step alone fires", lambda r: len(r.times) > 0,
                  _run((0, 800), (1.5, 100), (0, 100))),
            Check(f"{_FIXED}: the staircase fires", lambda r: len(r.between(600, 1000)) > 0, _run(a=0.0)),
        ),
    ),
    Pattern(
        "F", "threshold_variability", "Threshold variability",
        "A pulse too short to fire the neuron does so after inhibition, which has lowered the threshold.",
        "paper", _ADAPTS, _pieces((1.5, 20), (0, 180), (-1.5, 25), (0, 25), (1.5, 25), (0, 125)),
        claim=(
            Check("the first pulse: no spike", lambda r: len(r.between(0, 200)) == 0),
            Check("the pulse after inhibition: at least one", lambda r: len(r.between(250, 400)) > 0),
        ),
        control=(_spikes(0, _run((1.5, 25), (0, 375)), "that pulse from rest"),),
        note="That pulse from rest would fire the neuron if it were 0.2 ms longer, and the paper's first pulse is "
             "shorter than its last. Two pulses of 22 ms, with longer inhibition before the second, show it with 3 ms "
             "to spare.",
        robust=(
            Check("two pulses of 22 ms, the second after inhibition: a spike in the second only",
                  lambda r: len(r.times) > 0 and r.times[0] > 290,
                  _run((1.5, 22), (0, 178), (-1.5, 50), (0, 40), (1.5, 22), (0, 100))),
        ),
    ),
    Pattern(
        "G", "rebound_spike", "Rebound spiking",
        "The release from a long inhibition makes the neuron fire.",
        "paper", _ADAPTS, _pieces((0, 50), (-3.5, 756), (0, 194)),
        claim=(
            Check("no spike before the release", lambda r: len(r.between(0, 800)) == 0),
            Check("one after it", lambda r: len(r.between(800, 1000)) == 1),
        ),
        control=(
            _spikes(0, _run(a=0.0), _FIXED),
            _spikes(0, _run((0, 1000)), "no inhibition"),
        ),
    ),
    Pattern(
        "H", "class_2", "Class 2 excitability",
        "The neuron does not fire below a frequency of its own: at the smallest current that makes it, it fires fast.",
        "paper", {"a": 5.0, "init_voltage": -0.03, "init_threshold": -0.03}, _pieces((2.000002, 300)),
        claim=(
            Check("to the end, at 15 Hz or more", lambda r: _goes_on(r) and len(r.times) >= 0.015 * r.duration),
            Check("from the fixed point of 2.002 nA: to the end, at 15 Hz or more",
                  lambda r: _goes_on(r) and len(r.times) >= 0.015 * r.duration, _from_fixed_point(2.002)),
        ),
        control=(_spikes(0, _from_fixed_point(1.998), "from the fixed point of 1.998 nA"),),
        note="The pattern starts on the threshold, so that its first spike, at 0 ms, is the initial state's. The "
             "checks from fixed points need no such start.",
    ),
    Pattern(
        "I", "integrator", "Integrator",
        "Two pulses fire the neuron if the second comes before the first has leaked away.",
        "paper", _ADAPTS,
        _pieces((1.5, 20), (0, 10), (1.5, 20), (0, 250), (1.5, 20), (0, 20), (1.5, 20), (0, 40)),
        claim=(
            _spikes(1, _PAIR(10), "pulses 10 ms apart"),
            _spikes(0, _PAIR(30), "30 ms apart"),
            Check("the stimulus: one spike, in the first pair",
                  lambda r: len(r.times) == 1 and r.times[0] < 50),
        ),
        control=(_spikes(0, _run((1.5, 20), (0, 60)), "one pulse"),),
    ),
    Pattern(
        "J", "input_bistability", "Input bistability",
        "The same current makes the neuron fire or not, depending on where it comes from.",
        "paper", _ADAPTS, _pieces((1.5, 100), (1.7, 400), (1.5, 100), (1.7, 400)),
        claim=(
            Check("1.7 nA at 100 ms: 8 spikes or more, to the end of it",
                  lambda r: len(r.between(100, 500)) >= 8 and _goes_on(r, 500)),
            Check("1.7 nA at 600 ms: no spike", lambda r: len(r.between(600, 1000)) == 0),
        ),
        control=(Check(f"{_FIXED}: 8 spikes or more both times",
                       lambda r: min(len(r.between(100, 500)), len(r.between(600, 1000))) >= 8, _run(a=0.0)),),
    ),
    Pattern(
        "K", "hyperpol_spiking", "Hyperpolarization-induced spiking",
        "Inhibition pulls the threshold down below the voltage, and the neuron fires.",
        "paper", {"a": 30.0}, _pieces((-1, 400)),
        claim=(Check("3 spikes or more, at equal intervals",
                     lambda r: len(r.times) >= 3 and np.ptp(np.diff(r.times)) < 0.05 * np.mean(np.diff(r.times))),),
        control=(_spikes(0, _run((0, 400)), "no current"),),
    ),
    Pattern(
        "L", "hyperpol_bursting", "Hyperpolarization-induced bursting",
        "Inhibition pulls the threshold down, and the neuron fires in bursts.",
        "paper", {"a": 30.0, "A": (10e-9, -0.6e-9)}, _pieces((-1, 400)),
        claim=(Check("3 bursts or more, each of 3 spikes or more",
                     lambda r: len(_sizes(r)) >= 3 and min(_sizes(r)) >= 3),),
        control=(_spikes(0, _run((0, 400)), "no current"),),
    ),
    Pattern(
        "M", "tonic_bursting", "Tonic bursting",
        "A constant current makes the neuron fire in bursts for as long as it lasts.",
        "paper", _BURSTS, _pieces((2, 500)),
        claim=(
            Check("4 bursts or more, each of 3 spikes or more", lambda r: len(_sizes(r)) >= 4 and min(_sizes(r)) >= 3),
            Check("intervals below 10 ms inside bursts, above 80 ms between them",
                  lambda r: not np.any((np.diff(r.times) >= 10) & (np.diff(r.times) <= 80))),
        ),
        control=(Check("no internal currents (A = 0): no interval below 10 ms", _no_short_interval,
                       _run(**_NO_CURRENTS)),),
    ),
    Pattern(
        "N", "phasic_bursting", "Phasic bursting",
        "A constant current makes the neuron fire one burst, at its onset.",
        "paper", _BURSTS, _pieces((1.5, 500)),
        claim=(Check("one burst of 4 to 9 spikes, over by 60 ms",
                     lambda r: _is_burst(r, 4, 9) and r.times[-1] <= 60),),
        control=(Check("no internal currents (A = 0): no interval below 10 ms", _no_short_interval,
                       _run(**_NO_CURRENTS)),),
    ),
    Pattern(
        "O", "rebound_burst", "Rebound bursting",
        "The release from a long inhibition makes the neuron fire a burst.",
        "paper", _BURSTS, _pieces((0, 100), (-3.5, 500), (0, 400)),
        claim=(
            Check("no spike before the release", lambda r: len(r.between(0, 600)) == 0),
            Check("one burst of 5 to 10 after it", lambda r: _is_burst(r, 5, 10)),
        ),
        control=(_spikes(0, _run((0, 1000)), "no inhibition"),),
    ),
    Pattern(
        "P", "mixed_mode", "Mixed mode",
        "A burst at the onset, then single spikes.",
        "paper", _MIXED, _pieces((2, 500)),
        claim=(
            Check("a burst of 5 spikes or more, then 8 or more at a median interval above 25 ms",
                  lambda r: _sizes(r)[0] >= 5 and len(r.times) - _sizes(r)[0] >= 8
                  and bool(np.median(np.diff(r.times[_sizes(r)[0]:])) > 25)),
            Check("to the end", _goes_on),
        ),
        control=(Check("no internal currents (A = 0): no interval below 10 ms", _no_short_interval,
                       _run(**_NO_CURRENTS)),),
    ),
    Pattern(
        "Q", "afterpotentials", "Afterpotentials",
        "A spike is followed by a depolarization, then by a hyperpolarization.",
        "paper", _MIXED, _pieces((2, 15), (0, 185)),
        claim=(Check("after the stimulus the voltage rises above -60 mV, then falls below -70.5 mV",
                     lambda r: _rises_then_falls(r.voltage[150:])),),
        control=(Check("no internal currents (A = 0): it does neither",
                       lambda r: r.voltage[150:].max() < -60 and r.voltage[150:].min() > -70.5,
                       _run(**_NO_CURRENTS)),),
    ),
    Pattern(
        "R", "basal_bistability", "Basal bistability",
        "A pulse makes the neuron fire on without any current; a second one makes it stop.",
        "paper", {"A": (8e-9, -0.1e-9)}, _pieces((5, 10), (0, 90), (5, 10), (0, 90)),
        claim=(
            Check("10 spikes or more between the pulses", lambda r: len(r.between(10, 100)) >= 10),
            Check("none from 125 ms on", lambda r: len(r.between(125, 200)) == 0),
        ),
        control=(
            Check("no second pulse: it fires to the end of one second", _goes_on, _run((5, 10), (0, 990))),
            _spikes(0, _run((0, 200)), "no pulse"),
        ),
    ),
    Pattern(
        "S", "preferred_frequency", "Preferred frequency",
        "After a spike the voltage swings: a second pulse fires the neuron if it comes at the right time only.",
        "paper", {"a": 5.0, "A": (-3e-9, 0.5e-9)},
        _pieces((5, 5), (0, 5), (4, 5), (0, 385), (5, 5), (0, 45), (4, 5), (0, 345)),
        claim=_preferred(width=5)["claim"], control=_preferred(width=5)["control"],
    ),
    Pattern(
        "T", "spike_latency", "Spike latency",
        "The spike comes long after the short pulse that causes it.",
        "paper", {"a": -80.0}, _pieces((8, 2), (0, 48)),
        claim=(Check("one spike, more than 8 ms after the pulse", lambda r: len(r.times) == 1 and r.times[0] > 10),),
        control=(
            _spikes(0, _run(a=0.0), _FIXED),
            _spikes(0, _run((4, 2), (0, 48)), "half the current"),
        ),
    ),
)

_SPONTANEOUS = "Theta_inf is -120 mV here, so the neuron fires without any current: what the control rules out."

#: What the notebook has otherwise.
NOTEBOOK: dict[str, dict[str, Any]] = {
    "threshold_variability": {
        "stimulus": _pieces((1.5, 20), (0, 180), (-1.5, 20), (0, 20), (1.5, 20), (0, 140)),
        "note": "These pulses of 20 ms do not fire the neuron at all.",
    },
    "rebound_spike": {"stimulus": _pieces((0, 50), (-3.5, 750), (0, 200))},
    "class_2": {
        "parameters": {"a": 5.0, "init_threshold": -0.03},
        "stimulus": _pieces((2.000002, 200)),
    },
    "integrator": {
        "stimulus": _pieces((1.5, 20), (0, 10), (1.5, 20), (0, 250), (1.5, 20), (0, 30), (1.5, 20), (0, 30)),
    },
    "hyperpol_spiking": {"parameters": {"th_inf": -0.12, "a": 0.0}, "note": _SPONTANEOUS},
    "hyperpol_bursting": {"parameters": {"th_inf": -0.12, "A": (10e-9, -0.6e-9)}, "note": _SPONTANEOUS},
    "preferred_frequency": {
        "stimulus": _pieces((5, 10), (0, 10), (4, 10), (0, 370), (5, 10), (0, 90), (4, 10), (0, 290)),
        "note": "Its second pulse, 10 ms long, fires the neuron by itself, at any gap.",
        **_preferred(width=10),
    },
}
# fmt: on


def _rises_then_falls(voltage: np.ndarray) -> bool:
    high = np.flatnonzero(voltage > -60)
    return len(high) > 0 and bool(np.any(voltage[high[0] :] < -70.5))
