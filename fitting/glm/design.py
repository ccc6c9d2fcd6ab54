"""What is fitted: kernels, link and stimulus as asked for, and the model that an answer makes."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from glifjax import glm
from glifjax.checks import require_not_negative, require_part
from glifjax.errors import InputError
from glifjax.glm.kernels import AbstractKernel, StimulusKernel, filtered_stimulus
from glifjax.glm.observation import MOST, AbstractObservation

from .binned import Binned
from .likelihood import Likelihood
from .terms import Terms, terms

#: The cosines of a basis that is given by their number reach back this far, s.
WINDOW = 0.1
#: Links by name.
LINKS: dict[str, tuple[Callable, AbstractObservation]] = {
    "logit": (glm.Logit(), glm.Bernoulli()),
    "hazard": (glm.Hazard(), glm.Bernoulli()),
    "poisson": (glm.ExponentialRate(), glm.Poisson()),
}
#: Bins up to this may have a logit, s.
LOGIT_DT = 1e-3 * (1 + 1e-9)


@dataclass(frozen=True)
class Design:
    """The kernels and the link of a fit.

    Attributes:
        coupling: a kernel whose functions all neurons share.
        own: the same for own spikes; None for none.
        absolute: how long after a spike no bin counts, s.
        link, observation: as a network's.
        stimulus: functions that a stimulus passes through; None, and it is added as it is.
        dt: s.
        like: the model whose parameters are fitted, in its own form; None for a model of functions with weights.
    """

    coupling: AbstractKernel
    own: AbstractKernel | None
    absolute: float
    link: Callable
    observation: AbstractObservation
    stimulus: AbstractKernel | None
    dt: float
    like: glm.GLM | None = None

    @property
    def likelihood(self) -> Likelihood:
        """Of a bin."""
        return Likelihood(self.link, self.observation, self.dt)

    @property
    def most_per_bin(self) -> int:
        """Spikes that a bin may hold."""
        return 1 if isinstance(self.observation, glm.Bernoulli) else MOST

    @property
    def absolute_steps(self) -> int:
        """The absolute refractory period's bins."""
        return round(self.absolute / self.dt)

    def coupling_taps(self) -> Float[np.ndarray, "K b"]:
        """The coupling's functions."""
        return _functions(self.coupling, self.dt, 0)

    def own_taps(self) -> Float[np.ndarray, "K o"]:
        """The own kernel's functions, nothing within the absolute period."""
        return np.zeros((0, 0)) if self.own is None else _functions(self.own, self.dt, self.absolute_steps)

    @property
    def history(self) -> int:
        """The longest kernel, bins."""
        return max(len(self.coupling_taps()), len(self.own_taps()), self.absolute_steps, 1)

    def free_bins(self, data: Binned) -> Bool[np.ndarray, "T n"]:
        """Bins outside absolute refractory periods."""
        free = np.ones(data.counts.shape, bool)
        for lag in range(1, self.absolute_steps + 1):
            free[lag:] &= data.counts[:-lag] == 0
        return free

    def terms(self, data: Binned, stimulus: np.ndarray | None, connectivity: np.ndarray) -> Terms:
        """The design over some counts; stimulus is (channels, T), laid as they are."""
        features, offset = np.zeros((len(data.counts), 0)), np.zeros((1, 1))
        if stimulus is not None and self.stimulus is not None:
            taps = jnp.asarray(_functions(self.stimulus, self.dt, 0))
            features = np.asarray(filtered_stimulus(jnp.asarray(stimulus), taps)).reshape(len(data.counts), -1)
        elif stimulus is not None:
            offset = stimulus.T
        return terms(data, self.coupling_taps(), self.own_taps(), features, offset, connectivity)

    def model(self, theta: Float[ArrayLike, "p n"], parts: tuple[Array, ...]) -> glm.GLM:
        """The network with these constants, stimulus, own and coupling weights (see Terms.parts)."""
        constant, stimulus, own, coupling = (np.asarray(part) for part in parts)
        size = constant.shape[0]
        own_kernel = None
        if self.own is not None:
            own_kernel = glm.OwnKernel(_Shifted(self.own, self.absolute_steps), own, self.absolute)
        kernel = None
        if self.stimulus is not None and len(stimulus):
            functions = _functions(self.stimulus, self.dt, 0).shape[1]
            kernel = StimulusKernel(self.stimulus, stimulus.reshape(-1, functions, size))
        weights = np.moveaxis(coupling, 1, 2)
        make = glm.BernoulliGLM if isinstance(self.observation, glm.Bernoulli) else glm.PoissonGLM
        return make(
            weights[:, :, 0] if weights.shape[2] == 1 else weights,
            coupling=self.coupling,
            own=own_kernel,
            threshold=-constant,
            link=self.link,
            stimulus=kernel,
            dt=self.dt,
        )


class _Shifted(AbstractKernel):
    """A kernel that is nothing in its first steps."""

    kernel: AbstractKernel
    first: int = eqx.field(static=True)

    def taps(self, dt: float) -> Float[Array, "T b m"]:
        """The kernel's, with zeros first."""
        return self.kernel.taps(dt).at[: self.first].set(0.0)


def _functions(kernel: AbstractKernel, dt: float, first: int) -> Float[np.ndarray, "K b"]:
    taps = np.array(kernel.taps(dt))
    if taps.shape[2] != 1:
        raise InputError("the kernel differs from neuron to neuron; a fit needs functions that all neurons share")
    taps[:first] = 0.0
    return taps[:, :, 0]


def design(
    dt: float,
    basis: int | AbstractKernel,
    own: AbstractKernel | None,
    link: str | Callable,
    absolute: float,
    stimulus_basis: int | AbstractKernel | None,
) -> Design:
    """What `fit` was asked for.

    Raises:
        InputError: a link that there is not, or that dt is too wide for.
    """
    chosen, observation = _link(link)
    chosen(jnp.zeros(()), dt)  # what it refuses, it refuses now
    coupling = _cosines(basis)
    require_part("own", own, AbstractKernel, optional=True)
    require_not_negative(absolute=absolute)
    stimulus = None if stimulus_basis is None else _cosines(stimulus_basis)
    return Design(coupling, coupling if own is None else own, absolute, chosen, observation, stimulus, dt)


def possible_links(dt: float) -> list[str]:
    """Names of the links that bins of dt may have."""
    return [name for name in LINKS if name != "logit" or dt <= LOGIT_DT]


def _cosines(basis: int | AbstractKernel) -> AbstractKernel:
    return basis if isinstance(basis, AbstractKernel) else glm.RaisedCosines(basis, WINDOW)


def _link(link: str | Callable) -> tuple[Callable, AbstractObservation]:
    if isinstance(link, str):
        if link not in LINKS:
            raise InputError(f"there is no link {link!r}; give one of {', '.join(LINKS)}, or a function")
        return LINKS[link]
    return link, glm.Poisson() if isinstance(link, glm.ExponentialRate) else glm.Bernoulli()


def design_like(like: glm.GLM, dt: float) -> Design:
    """Kernels and link as a model has them.

    Raises:
        InputError: a model that has no fit, or another dt.
    """
    if not isinstance(like, glm.GLM) or isinstance(like.link, glm.RectifiedRate):
        raise InputError(
            "rectified and synaptic-activation models have no fit: where they predict no spike, one is impossible; "
            "fit a GLM with a logit, hazard or exponential link"
        )
    if abs(like.dt / dt - 1) > 1e-6:
        raise InputError(f"the model's step is {like.dt:g} s and the spikes' bin {dt:g} s; bin them as the model steps")
    own, absolute = None, 0.0
    if isinstance(like.own, glm.Refractory):
        absolute = like.own.absolute
        unit = replace(like.own, strength=jnp.ones(()), absolute_strength=None)
        own = glm.Tabulated(unit.taps(dt)) if like.own.relative > 0 else None
    elif isinstance(like.own, glm.OwnKernel):
        own, absolute = like.own.functions, like.own.absolute
    elif like.own is not None:
        raise InputError("the model's own-spike kernel has no parameters; give a Refractory or an OwnKernel")
    return Design(like.coupling, own, absolute, like.link, like.observation, None, dt, like)
