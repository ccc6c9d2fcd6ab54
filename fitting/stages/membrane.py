"""Stage A: the membrane. Spikes are forced where they were recorded, and the voltage between them is fitted.

Between forced spikes the neuron is linear, so nothing explodes; and as the model's voltage is simulated (output
error), not regressed on the recording, measurement noise does not bias it.

It is fitted in coarse steps, which put spikes and changes of the current up to a step aside. What that adds to the
voltage is measured near the minimum, V_coarse(x) - V_own(x), with V_own in the recording's own steps, and taken off; it
changes little from there to the minimum, which thus is that of own steps (defect correction: Stetter 1978, Numer Math
29:425).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from glifjax.rules.voltage import LinearExact

from ..data.arrays import FitData, coarsen
from ..data.masks import SETTLE, observed_steps
from ..model.compiled import compiled
from ..model.coordinates import AbstractCoordinate, place, positions
from ..model.patched import PatchedNeuron
from ..model.runs import on_mean, predict
from ..model.sweeps import gram
from .base import AbstractStage, Outcome

#: What else is known of the coordinates: a matrix M and a vector m stand for |M (x - start) + m|^2 / 2.
Evidence = tuple[Float[np.ndarray, "k x"], Float[np.ndarray, " k"]]


class VoltageNoise(eqx.Module):
    """How the voltage's errors weigh against a prior.

    Attributes:
        sigma: expected misfit of a good model, V.
        correlation: the time over which its errors are alike, s.
    """

    sigma: float = eqx.field(default=2e-3, static=True)
    correlation: float = eqx.field(default=20e-3, static=True)


class Misfit(eqx.Module):
    """The voltage's misfit as a function of coordinates x: a vector whose squares sum to

        N / sigma^2 mean (V_model - V_recorded)^2 + |x|^2

    N being the observed time over the errors' correlation time.

    Attributes:
        model: with the exact voltage rule, which coarse steps call for.
        moved: what x moves.
        data: sweeps, in the steps that are compared; where they are, they are counted.
        noise: how the voltage weighs.
    """

    model: PatchedNeuron
    moved: list[AbstractCoordinate]
    data: FitData
    noise: VoltageNoise

    @classmethod
    def of(
        cls,
        model: PatchedNeuron,
        data: FitData,
        moved: Sequence[AbstractCoordinate],
        noise: VoltageNoise,
        step: float,
        settle: float = SETTLE,
    ) -> "Misfit":
        """The misfit of a model on sweeps whose voltage is averaged over `step` s, and simulated in steps of that.

        The first `settle` s of each sweep do not count.
        """
        data = coarsen(data, step)
        exact = eqx.tree_at(lambda m: m.neuron.voltage_dynamics, model, LinearExact())
        observed = observed_steps(data, float(model.neuron.spike_cut_duration), settle)
        return cls(exact, list(moved), replace(data, counted=observed), noise)

    @eqx.filter_jit
    def residuals(self, x: Float[ArrayLike, " x"]) -> Float[Array, " r"]:
        """Errors of the voltage, weighed, and the prior's."""
        return jnp.concatenate([self._errors(x, self.data), x])

    @compiled
    def residuals_and_slopes(self, x: Float[ArrayLike, " x"]) -> tuple[Float[Array, " r"], Float[Array, "r x"]]:
        """The same, and their derivatives by x."""
        x = jnp.asarray(x)
        slopes, errors = self._slopes(x, self.data)
        return jnp.append(errors, x), jnp.concatenate([slopes, jnp.eye(x.size)])

    def normal_equations(
        self, x: Float[ArrayLike, " x"]
    ) -> tuple[Float[np.ndarray, "x x"], Float[np.ndarray, " x"], Float[np.ndarray, ""]]:
        """J^T J, J^T r and r^T r of the residuals r and their derivatives J, a few sweeps at a time."""
        x = np.asarray(x)
        of_voltage = gram(lambda data: replace(self, data=data)._slopes_and_errors(x), self.data)
        of_prior = np.column_stack([np.eye(x.size), x])
        products = of_voltage + of_prior.T @ of_prior
        return products[:-1, :-1], products[:-1, -1], products[-1, -1]

    @compiled
    def _slopes_and_errors(self, x: Float[ArrayLike, " x"]) -> Float[Array, "r x+1"]:
        return jnp.column_stack(self._slopes(jnp.asarray(x), self.data))

    def corrected(self, x: Float[ArrayLike, " x"], data: FitData) -> "Misfit":
        """The misfit, less what coarse steps add to the voltage at x.

        Args:
            x: near the minimum.
            data: the sweeps in their own steps.
        """
        added = np.asarray(self._added(jnp.asarray(x), data))
        return replace(self, data=replace(self.data, voltage=self.data.voltage + added))

    @compiled
    def _added(self, x, data: FitData) -> Float[Array, "S T"]:
        """The voltage in coarse steps, less the means over these of the voltage in own steps, V."""
        placed = place(self.model, self.moved, x)
        (sweeps, steps), block = self.data.voltage.shape, round(self.data.dt / data.dt)
        own = predict(placed, data)[:, : steps * block].reshape(sweeps, steps, block)
        return predict(placed, self.data) - own.mean(axis=2)

    def _errors(self, x, data: FitData) -> Float[Array, " r"]:
        """Errors of the voltage in some of the sweeps, weighed; 0 where it is not compared."""
        placed = place(self.model, self.moved, x)
        return jnp.ravel(self._weighed(predict(placed, data) - data.voltage, data))

    def _slopes(self, x, data: FitData) -> tuple[Float[Array, "r x"], Float[Array, " r"]]:
        """Their derivatives by x, and the errors; arrays stay as the scan over time leaves them, x last."""

        def sweep(current, recorded, forced):
            def at(x):
                run = place(self.model, self.moved, x).simulate(
                    current, data.dt, recorded_start=recorded[0], spikes=forced
                )
                return (run.initial_voltage, run.voltage_before_reset), run

            return jax.jacfwd(at, has_aux=True)(x)

        (first, after), run = jax.vmap(sweep)(*map(jnp.asarray, (data.current, data.voltage, data.forced)))
        placed = place(self.model, self.moved, x)
        error = self._weighed(predict(placed, data, run) - data.voltage, data)
        rest, series = jax.jacfwd(lambda x: _seen_through(place(self.model, self.moved, x)))(x)
        slopes = on_mean(first, after) + rest + jnp.asarray(data.current)[..., None] * series
        slopes = self._weighed(slopes, replace(data, counted=data.counted[..., None]))
        return slopes.reshape(-1, x.size), jnp.ravel(error)

    def _weighed(self, error, data: FitData) -> Float[Array, "..."]:
        """Errors in units of their expected size; 0 where the voltage is not compared."""
        weight = jnp.sqrt(data.dt / self.noise.correlation) / self.noise.sigma
        return jnp.where(data.counted, error, 0.0) * weight


def _seen_through(model: PatchedNeuron) -> Float[Array, "2"]:
    """What a recorded voltage has beside the membrane's: V + El_reference + Rs I."""
    return jnp.stack([model.neuron.El_reference, model.series_resistance])


class Membrane(AbstractStage):
    """Levenberg-Marquardt on the voltage between spikes, with a weak prior: that of the coordinates.

    Minimises half the squares of `Misfit` over the coordinates x.

    Attributes:
        moved: what it moves, as a level's `coordinates` gives it.
        evaluations: of the model at most, in each search.
        searches: what coarse steps add is measured anew before each.
        block: the voltage is averaged over this time, s.
        settle: the start of each sweep that does not count, s.
        flat: a relative gain in loss, or a relative step, that ends the search.
        noise: how the voltage weighs against the prior.
        evidence: what else is known of the coordinates.
    """

    moved: tuple[AbstractCoordinate, ...] = ()
    evaluations: int = 40
    searches: int = 2
    block: float = 0.5e-3
    settle: float = SETTLE
    flat: float = 1e-4
    noise: VoltageNoise = VoltageNoise()
    evidence: Evidence | None = None
    name: str = "membrane"

    def __call__(self, model: PatchedNeuron, data: FitData) -> Outcome:
        """The model whose voltage fits best."""
        misfit = self.misfit(model, data)
        x = start = np.asarray(positions(model, self.moved))
        matrix, offset = (np.zeros((0, start.size)), np.zeros(0)) if self.evidence is None else self.evidence
        losses: list[float] = []
        for _ in range(self.searches):
            normal_equations = misfit.corrected(x, data).normal_equations

            def at(x: np.ndarray, normal_equations=normal_equations) -> tuple[np.ndarray, np.ndarray]:
                residuals, slopes = condensed(*normal_equations(x))
                return np.concatenate([residuals, matrix @ (x - start) + offset]), np.concatenate([slopes, matrix])

            x, of_search = levenberg_marquardt(at, x, self.evaluations, self.flat)
            losses += of_search
        return Outcome(place(model, self.moved, x), self.name, "misfit and prior (nats)", losses)

    def misfit(self, model: PatchedNeuron, data: FitData, step: float | None = None) -> Misfit:
        """What it minimises; in steps of `block` s, or of others."""
        return Misfit.of(model, data, self.moved, self.noise, self.block if step is None else step, self.settle)


def levenberg_marquardt(
    at: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]], start: np.ndarray, evaluations: int, flat: float
) -> tuple[Float[np.ndarray, " x"], list[float]]:
    """The x at which residuals are least, and half their squares after each evaluation.

    A step to where they are not finite is not taken.

    Args:
        at: residuals and their derivatives at x.
        start: where x starts.
        evaluations: at most.
        flat: a relative gain, or a relative step, that ends the search.
    """
    from scipy.optimize import least_squares

    losses: list[float] = []
    cached = lru_cache(1)(lambda x: at(np.array(x)))

    def residuals(x: np.ndarray) -> np.ndarray:
        values, _ = cached(tuple(x))
        losses.append(min([float(values @ values) / 2, *losses[-1:]]))
        return values

    jacobian: Any = lambda x: cached(tuple(x))[1]
    solution = least_squares(
        residuals, start, jacobian, method="lm", ftol=flat, xtol=flat, x_scale=1.0, max_nfev=evaluations
    )
    return solution.x, losses


def condensed(
    normal: Float[np.ndarray, "x x"], gradient: Float[np.ndarray, " x"], squares: Float[np.ndarray, ""]
) -> tuple[np.ndarray, np.ndarray]:
    """Residuals f and derivatives F, of which there are only x + 1, and which least squares cannot tell from r and J.

    Where these are not finite, which ends a step there, f is infinite.

    F^T F = J^T J, F^T f = J^T r and |f| = |r|: F = [L^T; 0] with L L^T = J^T J, and f = [L^-1 J^T r; the rest of |r|].

    Args:
        normal: J^T J.
        gradient: J^T r.
        squares: r^T r.
    """
    n = len(gradient)
    if not np.isfinite(normal).all() or not np.isfinite(gradient).all():
        return np.full(n + 1, np.inf), np.zeros((n + 1, n))
    L = np.linalg.cholesky(normal)
    f = np.linalg.solve(L, gradient)
    rest = np.sqrt(max(squares - f @ f, 0.0))
    return np.append(f, rest), np.concatenate([L.T, np.zeros((1, n))])
