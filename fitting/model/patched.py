"""A neuron seen through its electrode: what the amplifier records is V + Rs I."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

import glifjax as gj
from glifjax.arrays import as_float

from ..checkpoint.registry import register


@register
class PatchedNeuron(eqx.Module):
    """A neuron and the series resistance that it is recorded through.

    Attributes:
        neuron: in volts relative to its El_reference.
        series_resistance: what the bridge balance left of the electrode, ohm; a parameter of the fit, not a
            measurement of the pipette.
    """

    neuron: gj.GLIF
    series_resistance: Float[Array, ""] = eqx.field(converter=as_float)

    @property
    def noise(self) -> gj.EscapeNoise:
        """The neuron's escape noise.

        Raises:
            ValueError: it has none.
        """
        if self.neuron.escape_noise is None:
            raise ValueError("the neuron has no escape noise, hence no likelihood of spikes; give it some")
        return self.neuron.escape_noise

    def simulate(
        self,
        current: Float[Array, " T"],
        dt: float,
        *,
        recorded_start: Float[Array, ""] | None = None,
        spikes: Bool[Array, " T"] | None = None,
        key=None,
        uniforms: Float[Array, " T"] | None = None,
        checkpoint: int | None = None,
    ) -> gj.Trace:
        """Run the neuron, from the recording's first voltage (V) where that is given; else as glifjax.simulate."""
        neuron = self.neuron
        if recorded_start is not None:
            start = self.membrane(recorded_start, current[0])
            neuron = eqx.tree_at(lambda n: n.init_voltage, neuron, start)
        return gj.simulate(neuron, current, dt, spikes=spikes, key=key, uniforms=uniforms, checkpoint=checkpoint)

    def membrane(self, recorded: Float[Array, "..."], current: Float[Array, "..."]) -> Float[Array, "..."]:
        """Membrane voltage relative to El_reference, V, of a recorded voltage (V) under a current (A)."""
        return recorded - self.series_resistance * current - self.neuron.El_reference

    def recorded(self, membrane: Float[Array, "..."], current: Float[Array, "..."]) -> Float[Array, "..."]:
        """Voltage the amplifier shows, V, for a membrane voltage relative to El_reference (V) under a current (A)."""
        return membrane + self.neuron.El_reference + self.series_resistance * current


def without_electrode(
    model: PatchedNeuron, recorded: Float[np.ndarray, "..."], current: Float[np.ndarray, "..."]
) -> Float[np.ndarray, "..."]:
    """A recorded voltage less the drop over the electrode, V: V - Rs I, in numpy, which compiles nothing."""
    return recorded - float(model.series_resistance) * current


def strong_types(model: PatchedNeuron) -> PatchedNeuron:
    """The model, none of whose arrays has a weak type: compiled functions tell them apart."""
    return jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf)), model)
