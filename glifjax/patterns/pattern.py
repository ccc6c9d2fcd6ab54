"""A firing pattern as data: a neuron, a current, what they must show, and what it takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from glifjax.mihalas_niebur import MihalasNiebur

#: Pieces of a constant current, (A, s).
Stimulus = tuple[tuple[float, float], ...]
#: The time step of the gallery, s.
DT = 1e-4


@dataclass(frozen=True)
class Response:
    """What a run shows, in the units of the claims.

    Attributes:
        times: of the spikes, ms.
        voltage, threshold: at the end of each step, (T,), mV.
        duration: ms.
    """

    times: np.ndarray
    voltage: np.ndarray
    threshold: np.ndarray
    duration: float

    def between(self, start: float | int, stop: float | int) -> np.ndarray:
        """The spikes from start up to stop, ms."""
        return self.times[(self.times >= start) & (self.times < stop)]


@dataclass(frozen=True)
class Run:
    """One run of a check: what differs from the pattern's own.

    Attributes:
        stimulus: in its place, or None.
        parameters: of the neuron, in their place, SI.
    """

    stimulus: Stimulus | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """Something to expect of one or several runs.

    Attributes:
        expects: in words.
        holds: the same, of the runs' responses.
        runs: one run of the pattern as it is, unless others are given.
    """

    expects: str
    holds: Callable[..., bool]
    runs: tuple[Run, ...] = (Run(),)


@dataclass(frozen=True)
class Pattern:
    """A firing pattern: a neuron with its initial state, a current, and what they must show.

    Attributes:
        letter: in the paper's figure 1, A to T.
        slug, name: in code, in words.
        behaviour: one sentence.
        variant: "paper" or "notebook".
        parameters: what differs from the defaults of MihalasNiebur, SI.
        stimulus: pieces of constant current, (A, s).
        claim: what the pattern must show.
        control: that it takes what is said to cause it.
        note: where these numbers leave the claim weak or do not show it; empty if nowhere.
        robust: checks that hold by a wide margin where the claim's is narrow.
        dt: time step, s.
    """

    letter: str
    slug: str
    name: str
    behaviour: str
    variant: str
    parameters: Mapping[str, Any]
    stimulus: Stimulus
    claim: tuple[Check, ...]
    control: tuple[Check, ...]
    note: str = ""
    robust: tuple[Check, ...] = ()
    dt: float = DT

    def __reduce__(self):
        """Pickled as data: the checks, which are functions, are those of the gallery."""
        data = {name: value for name, value in vars(self).items() if name not in ("claim", "control", "robust")}
        return _from_gallery, (data,)

    @property
    def neuron(self) -> "MihalasNiebur":
        """The neuron, its initial state included; the exact integrator."""
        from glifjax.mihalas_niebur import MihalasNiebur  # which needs jax: names and numbers do not

        return MihalasNiebur(**self.parameters)

    @property
    def current(self) -> Float[np.ndarray, " T"]:
        """The stimulus at dt, A."""
        return as_current(self.stimulus, self.dt)

    @property
    def checks(self) -> tuple[Check, ...]:
        """Claim, control and what is robust."""
        return self.claim + self.control + self.robust

    def with_run(self, run: Run) -> "Pattern":
        """This pattern as one run of a check has it."""
        return replace(self, parameters={**self.parameters, **run.parameters}, stimulus=run.stimulus or self.stimulus)


def as_current(stimulus: Stimulus, dt: float) -> Float[np.ndarray, " T"]:
    """Pieces of constant current, (A, s), as one value a step, A."""
    return np.concatenate([np.full(round(seconds / dt), amperes) for amperes, seconds in stimulus])


def _from_gallery(data: Mapping[str, Any]) -> Pattern:
    """A pattern from its data and the gallery's checks."""
    from glifjax.patterns.mapping import gallery  # which is made of patterns

    return replace(gallery.variant(data["variant"])[data["slug"]], **data)
