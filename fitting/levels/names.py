"""The levels that are fitted: Allen's five, and the augmented GIF.

Allen's five are fitted as one: a LIF-R-ASC-A neuron in which whatever a level lacks is without effect and held. So they
share their compiled functions; `at_level` then gives the neuron that is made of the level's own rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import glifjax as gj
from glifjax.glif.levels import LevelError

from ..model.patched import PatchedNeuron

AUGMENTED = "augmented"
LEVELS = (*gj.LEVELS, AUGMENTED)


@dataclass(frozen=True)
class Parts:
    """What a level has.

    Attributes:
        resets: spikes leave something behind in voltage and threshold (R).
        currents: spikes leave currents behind (ASC).
        adapts: the voltage drags the threshold along (A).
        gates: gated membrane currents, and a threshold made of kernels (augmented).
    """

    resets: bool
    currents: bool
    adapts: bool
    gates: bool = False


PARTS = {level: Parts(*flags) for level, flags in gj.LEVELS.items()} | {AUGMENTED: Parts(True, True, True, True)}


def level_name(name: str) -> str:
    """A level's name from any spelling of it.

    Raises:
        LevelError: lists the levels.
    """
    if name.strip().lower() == AUGMENTED:
        return AUGMENTED
    try:
        return gj.level_name(name)
    except LevelError as error:
        known = ", ".join(LEVELS)
        raise LevelError(f"level {name!r} is unknown; use one of {known} (or glif1 ... glif5)") from error


def level_names(level: str | Sequence[str] | None) -> tuple[str, ...]:
    """The levels that are meant by None or "all", by one's name, or by several (a list, or with commas between).

    Returns:
        Them, each once, the simplest first.

    Raises:
        LevelError: one is unknown.
    """
    names = level.split(",") if isinstance(level, str) else ["all"] if level is None else list(level) or [""]
    if [name.strip().lower() for name in names] == ["all"]:
        return LEVELS
    meant = {level_name(name) for name in names}
    return tuple(name for name in LEVELS if name in meant)


def at_level(model: PatchedNeuron, level: str) -> PatchedNeuron:
    """The same neuron, made of the rules of its level alone."""
    if level == AUGMENTED:
        return model
    neuron = model.neuron
    kept = ("C", "R_input", "th_inf", "asc_tau_array", "asc_amp_array", "init_threshold", "init_AScurrents", "coeffs",
            "El", "El_reference", "init_voltage", "spike_cut_length", "dt", "spike_latency", "escape_noise", "spike",
            "detach_reset")  # fmt: skip
    return PatchedNeuron(
        gj.from_level(
            level,
            **{name: getattr(neuron, name) for name in kept},
            r=neuron.afterspike_reset.r,
            reset_slope=neuron.voltage_reset.a,
            reset_intercept=neuron.voltage_reset.b,
            a_spike=neuron.threshold_reset.a_spike,
            b_spike=neuron.threshold_reset.b_spike,
            a_voltage=neuron.threshold_dynamics.a_voltage,
            b_voltage=neuron.threshold_dynamics.b_voltage,
        ),
        model.series_resistance,
    )
