"""What decides a spike: a hard step forward, a smooth bump backward; the escape-noise hazard; that hazard gathered."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from glifjax.arrays import as_float
from glifjax.checks import Part, require_choice, require_not_negative, require_positive

#: Derivative of the spike with respect to x = (V - threshold) / width; each integrates to one.
SURROGATES: dict[str, Callable[[Array], Array]] = {
    "fast_sigmoid": lambda x: 0.5 / (1 + jnp.abs(x)) ** 2,
    "sigmoid": lambda x: jax.nn.sigmoid(x) * jax.nn.sigmoid(-x),
    "triangle": lambda x: jnp.maximum(1 - jnp.abs(x), 0),
}

if TYPE_CHECKING:
    Shape = Literal["fast_sigmoid", "sigmoid", "triangle"]
else:  # another one is refused by its value, in words
    Shape = str

#: Expected spikes a step at which the exponential hazard stops growing: no spike is predicted to better than a step.
MAX_SPIKES_PER_STEP = 1.0
#: Beyond this its logarithm is cut off, so that neither it nor its derivatives overflow, even in single precision.
LARGEST = 40.0


@jax.custom_jvp
def _indicator(spiked, excess, slope):
    return spiked.astype(excess.dtype)


@_indicator.defjvp
def _indicator_jvp(primals, tangents):
    _spiked, excess, slope = primals
    # zero, not NaN, where the drive itself is not finite
    bump = jnp.where(jnp.isfinite(excess), slope, 0)
    return _indicator(*primals), bump * tangents[1]


class SurrogateSpike(Part):
    """spike(x) = 1 if x > 0 else 0; d spike / dx = surrogate(x / width) / width.

    The true derivative is zero nearly everywhere, so a bump stands in for it (Neftci, Mostafa & Zenke 2019,
    IEEE Signal Process. Mag. 36:51). Its shape matters little, its width much.

    Attributes:
        width: half-width of the bump, V.
        shape: one of "fast_sigmoid", "sigmoid", "triangle".
    """

    width: Float[Array, ""] = eqx.field(default=2e-3, converter=as_float)
    shape: Shape = eqx.field(default="fast_sigmoid", static=True)

    def __check_init__(self):
        """Refuse an unknown shape and a width of 0 before anything is traced."""
        require_choice("surrogate shape", self.shape, *SURROGATES)
        require_positive(width=self.width)

    def __call__(self, excess: Float[Array, ""]) -> Float[Array, ""]:
        """1.0 where the voltage exceeds the threshold strictly, else 0.0 (also for NaN); excess in V."""
        return self.of(excess > 0, excess)

    def of(self, spiked: Bool[Array, ""], excess: Float[Array, ""]) -> Float[Array, ""]:
        """A decision as 1.0 or 0.0, with the surrogate derivative at this excess, V."""
        width = jax.lax.stop_gradient(self.width)
        return _indicator(spiked, excess, SURROGATES[self.shape](excess / width) / width)


class EscapeNoise(Part):
    """A spike's hazard: lambda(V) = 1 / (1 / e(V) + jitter) + lapse, e(V) = lambda0 exp((V - threshold) / delta_v).

    Jitter and lapse say how sure a spike is to come, and silence to last, where the voltage leaves no doubt. But for
    lapses, the hazard is at most MAX_SPIKES_PER_STEP / dt: within a time step a spike cannot be told to be late.
    Source: Gerstner, Kistler, Naud & Paninski 2014, Neuronal Dynamics, eq. 9.3; floor and ceiling as of a psychometric
    function, Wichmann & Hill 2001, Perception & Psychophysics 63:1293.

    Attributes:
        lambda0: e at the threshold, 1/s; the hazard itself, without jitter and lapses.
        delta_v: sharpness of the threshold, V.
        jitter: how long a spike waits on average, however far the voltage is above the threshold, s.
        lapse: rate of spikes however far it is below, 1/s.
    """

    lambda0: Float[Array, ""] = eqx.field(converter=as_float)
    delta_v: Float[Array, ""] = eqx.field(converter=as_float)
    jitter: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)
    lapse: Float[Array, ""] = eqx.field(default=0.0, converter=as_float)

    def __check_init__(self):
        """Refuse rates below 0, and a threshold of no width."""
        require_positive(delta_v=self.delta_v)
        require_not_negative(lambda0=self.lambda0, jitter=self.jitter, lapse=self.lapse)

    def expected_spikes(self, excess: Float[Array, "..."], dt: float | Float[Array, ""]) -> Float[Array, "..."]:
        """lambda dt: the hazard, integrated over one step of dt seconds; excess = V - threshold in V."""
        return self.evoked_spikes(excess, dt) + self.lapse * dt

    def evoked_spikes(self, excess: Float[Array, "..."], dt: float | Float[Array, ""]) -> Float[Array, "..."]:
        """The same without lapses: those that the voltage accounts for."""
        exponential = jnp.exp(jnp.minimum(jnp.log(self.lambda0) + excess / self.delta_v, LARGEST))
        spikes = exponential * dt / (1 + exponential * self.jitter)
        return jnp.minimum(spikes, MAX_SPIKES_PER_STEP)

    def probability(self, excess: Float[Array, "..."], dt: float | Float[Array, ""]) -> Float[Array, "..."]:
        """1 - exp(-lambda dt): the chance of a spike within one step of dt seconds."""
        return -jnp.expm1(-self.expected_spikes(excess, dt))

    def draw(self, excess, exponential, dt) -> Float[Array, ""]:
        """1.0 where lambda dt exceeds a number drawn exponentially, of mean 1: which is with that probability.

        Its derivative is the probability's.
        """
        expected = self.expected_spikes(excess, dt)
        probability = -jnp.expm1(-expected)  # computed only where it is differentiated
        return _indicator(exponential < expected, probability, jnp.ones_like(probability))


class AccumulatedHazard(Part):
    """Spikes without noise, where the hazard has gathered: dA/dt = lambda(V) - A / tau,   a spike where A > A*.

    A is how many spikes the hazard lambda, without its lapses, has lately let expect; it starts at 0, also after each
    spike. A hard threshold spikes as soon as one may come, this where one is due. With a tau that is long against the
    intervals and a random A* it is escape noise, by time rescaling: Brown et al. 2002, Neural Comput. 14:325.

    Attributes:
        tau: time constant with which A is forgotten, s.
        threshold: A*, spikes.
    """

    tau: Float[Array, ""] = eqx.field(default=50e-3, converter=as_float)
    threshold: Float[Array, ""] = eqx.field(default=0.55, converter=as_float)

    def __check_init__(self):
        """Refuse a tau of 0 and a threshold below 0."""
        require_positive(tau=self.tau)
        require_not_negative(threshold=self.threshold)

    def advance(
        self, accumulated: Float[Array, ""], evoked: Float[Array, ""], dt: float | Float[Array, ""]
    ) -> Float[Array, ""]:
        """A after a step of dt seconds in which the hazard, evoked = lambda dt, is constant: exact."""
        forgotten = -jnp.expm1(-dt / self.tau)
        return accumulated + forgotten * (evoked * (self.tau / dt) - accumulated)
