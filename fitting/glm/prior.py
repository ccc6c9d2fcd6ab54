"""What is asked of the weights before any data: near zero, few of them, of one sign for each neuron that sends them.

    -log prior = ridge / 2 sum theta^2 + lasso sum |w| + group sum_ij |w_ij|_2,   sign(w_ij) = signs_i

theta is all but the constants; w, a vector of b functions for each pair, the coupling weights alone. The last terms
have no derivative at zero: they enter by their proximal map, argmin_x  step (those terms) + |x - w|^2 / 2. Sources:
Parikh & Boyd 2014, Found Trends Optim 1:127 (proximal maps); Simon et al. 2013, J Comput Graph Stat 22:231 (both
lassos); that one neuron's synapses are all excitatory or all inhibitory is Dale's law.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from glifjax.errors import InputError


@dataclass(frozen=True)
class Prior:
    """See the module's formula.

    Attributes:
        ridge, lasso, group: not negative.
        signs: (n,), 1 for a neuron that excites, -1 for one that inhibits, 0 for one that may do both; None for all 0.
    """

    ridge: float
    lasso: float = 0.0
    group: float = 0.0
    signs: Float[np.ndarray, " n"] | None = None

    @property
    def smooth(self) -> bool:
        """Whether the ridge is all of it."""
        return not (self.lasso or self.group or self.signs is not None)

    def value(self, weights: Float[Array, "n b m"]) -> Float[Array, " m"]:
        """Of each neuron's incoming weights, the terms without a derivative."""
        by_pair = jnp.sqrt(jnp.sum(weights**2, axis=1))
        return self.lasso * jnp.sum(jnp.abs(weights), axis=(0, 1)) + self.group * jnp.sum(by_pair, axis=0)

    def proximal(self, weights: Float[Array, "n b m"], step: Float[Array, "n 1 m"]) -> Float[Array, "n b m"]:
        """The proximal map: signs first, then each weight shrinks, then each pair."""
        if self.signs is not None:
            signs = jnp.asarray(self.signs)[:, None, None]
            weights = jnp.where(signs == 0, weights, signs * jnp.maximum(signs * weights, 0.0))
        weights = jnp.sign(weights) * jnp.maximum(jnp.abs(weights) - self.lasso * step, 0.0)
        length = jnp.sqrt(jnp.sum(weights**2, axis=1, keepdims=True))
        return weights * jnp.maximum(1 - self.group * step / jnp.maximum(length, 1e-300), 0.0)

    def __str__(self) -> str:
        """In a few words."""
        numbers = {"ridge": self.ridge, "lasso": self.lasso, "group lasso": self.group}
        words = [f"{name} {value:g}" for name, value in numbers.items() if value or name == "ridge"]
        return ", ".join(words if self.signs is None else [*words, "signs held"])


def checked_signs(signs: ArrayLike | None, size: int) -> Float[np.ndarray, " n"] | None:
    """One of 1, -1 and 0 for each neuron.

    Raises:
        InputError: another number of them, or other values.
    """
    if signs is None:
        return None
    values = np.asarray(signs, float)
    if values.shape != (size,) or not np.isin(values, (-1, 0, 1)).all():
        raise InputError(f"signs are {np.asarray(signs).tolist()}; give 1, -1 or 0 for each of the {size} neurons")
    return values
