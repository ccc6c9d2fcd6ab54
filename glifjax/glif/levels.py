"""Neurons of Allen's five levels: which rules each is made of (Teeter et al. 2018)."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from glifjax.arrays import as_float
from glifjax.glif.glif import GLIF
from glifjax.glif.names import LEVELS, level_name
from glifjax.rules import afterspike, threshold, voltage


def from_level(
    level: str,
    *,
    C: Float[ArrayLike, ""],
    R_input: Float[ArrayLike, ""],
    th_inf: Float[ArrayLike, ""],
    asc_tau_array: Sequence[float] | Float[Array, " n"] = (0.1, 0.01),
    asc_amp_array: Sequence[float] | Float[Array, " n"] = (0.0, 0.0),
    r: Sequence[float] | Float[Array, " n"] | None = None,
    reset_slope: Float[ArrayLike, ""] = 0.0,
    reset_intercept: Float[ArrayLike, ""] = 0.0,
    a_spike: Float[ArrayLike, ""] = 0.0,
    b_spike: Float[ArrayLike, ""] = 100.0,
    a_voltage: Float[ArrayLike, ""] = 0.0,
    b_voltage: Float[ArrayLike, ""] = 10.0,
    **others,
) -> GLIF:
    """A GLIF neuron with the rules of one of Allen's five levels.

    Args:
        level: "LIF", "LIF-R", "LIF-ASC", "LIF-R-ASC" or "LIF-R-ASC-A" (aliases glif1 ... glif5).
        C, R_input, th_inf: F, ohm, V.
        asc_tau_array, asc_amp_array: (n,), s and A; kept, but without effect, at levels without ASC.
        r: fraction of each afterspike current that survives a spike, (n,); all of it by default.
        reset_slope, reset_intercept: V <- slope V + intercept (levels with R; others reset to 0), 1 and V.
        a_spike, b_spike: what a spike adds to the threshold, V, and its decay rate, 1/s (levels with R).
        a_voltage, b_voltage: the threshold's coupling to the voltage and its decay rate, 1/s (levels with A).
        **others: any other attribute of GLIF.

    Raises:
        ValueError: an unknown level.

    Example:
        >>> neuron = gj.from_level("LIF-ASC", C=1e-10, R_input=1e8, th_inf=0.02, asc_amp_array=(-1e-11, 0.0))
        >>> neuron.asc_tau_array.tolist()
        [0.1, 0.01]
    """
    resets, currents, adapts = LEVELS[level_name(level)]
    others.setdefault("init_threshold", th_inf)
    tau, amplitudes = as_float(asc_tau_array), as_float(asc_amp_array)
    others.setdefault("init_AScurrents", jnp.zeros_like(amplitudes))
    if adapts:
        threshold_dynamics = threshold.ThreeComponents(b_spike, a_voltage, b_voltage)
    else:
        threshold_dynamics = threshold.SpikeComponent(b_spike) if resets else threshold.Constant()
    return GLIF(
        C=C,
        R_input=R_input,
        th_inf=th_inf,
        asc_tau_array=tau,
        asc_amp_array=amplitudes,
        voltage_dynamics=voltage.ForwardEuler(),
        threshold_dynamics=threshold_dynamics,
        afterspike_dynamics=afterspike.Exponential() if currents else afterspike.NoCurrents(),
        voltage_reset=(voltage.ResetFromVoltage(reset_slope, reset_intercept) if resets else voltage.ResetToZero()),
        threshold_reset=(threshold.ResetThreeComponents(a_spike, b_spike) if resets else threshold.ResetToInfinity()),
        afterspike_reset=(
            afterspike.ResetBySum(jnp.ones_like(amplitudes) if r is None else r)
            if currents
            else afterspike.ResetToNone()
        ),
        **others,
    )
