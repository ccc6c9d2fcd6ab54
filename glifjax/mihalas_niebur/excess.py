"""The excess V - Theta over time, without a spike: a sum of exponentials, and how often such a sum can be zero.

With D = d/dt, E = V - Theta and g = G/C, each of these has one exponential less than the one before:

    F_1 = (D + b) E     F_2 = (D + g) F_1     F_3 = (D + kappa_0) F_2     F_4 = (D + kappa_1) F_3     ...

where F_2(t) = sum_i p_i e^(-kappa_i t), kappa = (0, k_1, ..., k_n), and the last is one exponential. Since
(D + c) F = e^(-c t) D (e^(c t) F), there is a zero of the next between any two zeros of one (Rolle's theorem): between
neighbouring zeros of the next, a function has one zero where its sign changes, and none where it does not.

    F_1(t) = e^(-g t) F_1(0) + sum_i p_i overlap(kappa_i, g)
    E(t)   = e^(-b t) E(0) + F_1(0) overlap(g, b) + sum_i p_i overlap3(kappa_i, g, b)
"""

from functools import partial

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from glifjax.mihalas_niebur.flow import Equations, Point, Propagator
from glifjax.mihalas_niebur.overlap import decay, overlap, overlap3
from glifjax.mihalas_niebur.zeros import Curve, zeros_between


class Excess(eqx.Module):
    """E(t) from where a neuron is, under a constant current.

    Attributes:
        start: E(0), V.
        drive: F_1(0), V/s.
        amplitudes: p_i of F_2, (n + 1), V/s^2.
        rates: kappa_i, (n + 1), 1/s.
        leak, back: g and b, 1/s.
    """

    start: Float[Array, ""]
    drive: Float[Array, ""]
    amplitudes: tuple[Float[Array, ""], ...]
    rates: tuple[Float[Array, ""], ...]
    leak: Float[Array, ""]
    back: Float[Array, ""]

    @property
    def _amplitudes(self) -> Float[Array, " m"]:
        return jnp.stack(self.amplitudes)

    @property
    def _rates(self) -> Float[Array, " m"]:
        return jnp.stack(self.rates)

    @staticmethod
    def of(equations: Equations, at: Point, current: Float[Array, ""]) -> "Excess":
        """E(t) of a neuron at a point, A."""
        a, b, G, C = equations.a, equations.b, equations.G, equations.C
        constant = (b * (current - G * equations.above_rest) - a * current) / C
        internal = tuple((b - a - k) / C * i for k, i in zip(equations.k, at.currents, strict=True))
        return Excess(
            start=at.excess,
            drive=equations.velocity(at, current).excess + b * at.excess,
            amplitudes=(constant, *internal),
            rates=(jnp.zeros_like(b), *equations.k),
            leak=G / C,
            back=b,
        )

    def may_reach_zero(self, end: Float[Array, ""], h: Float[Array, ""], over: Propagator) -> Bool[Array, ""]:
        """False only where E stays below zero for h seconds, those of the propagator, at whose end it is `end`.

        From E(t) <= e^(-b h) E(0) + t max F_1 and F_1(t) <= max(F_1(0), 0) + t max(F_2, 0). Near the threshold, and at
        rates far below 1/h, that is the tangent, which lies above a curve that bends down.
        """
        internal = zip(self.amplitudes[1:], over.decay, strict=True)
        most = self.amplitudes[0] + sum(jnp.maximum(p, p * left) for p, left in internal)
        rise = jnp.maximum(self.drive, 0.0) + h / 2 * jnp.maximum(most, 0.0)
        fade = 1 - self.back * over.threshold  # e^(-b h)
        return jnp.maximum(jnp.maximum(self.start, end), fade * self.start + h * rise) >= 0

    def curve(self, t: Float[Array, "..."]) -> Curve:
        """E, dE/dt and d2E/dt2 after t seconds; V, V/s, V/s^2."""
        drive, late = self.drive_curve(t), t[..., None]
        leak, back = decay(self.leak, late), decay(self.back, late)
        terms = self._amplitudes * overlap3(decay(self._rates, late), leak, back, late)
        free = self.start * back.left + self.drive * overlap(leak, back, late)
        excess = jnp.sum(terms, axis=-1) + free[..., 0]
        slope = drive.value - self.back * excess
        return Curve(excess, slope, drive.slope - self.back * slope)

    def drive_curve(self, t: Float[Array, "..."]) -> Curve:
        """F_1 and its first two derivatives after t seconds; V/s, V/s^2, V/s^3."""
        inner, late = self.inner_curve(t), t[..., None]
        leak = decay(self.leak, late)
        terms = self._amplitudes * overlap(decay(self._rates, late), leak, late)
        drive = jnp.sum(terms, axis=-1) + self.drive * leak.left[..., 0]
        slope = inner.value - self.leak * drive
        return Curve(drive, slope, inner.slope - self.leak * slope)

    def inner_curve(self, t: Float[Array, "..."], order: int = 0) -> Curve:
        """F_(2 + order) and its first two derivatives after t seconds."""
        rates, amplitudes = self._rates[order:], self._amplitudes[order:]
        for gone in self.rates[:order]:
            amplitudes *= gone - rates
        terms = amplitudes * jnp.exp(-rates * t[..., None])
        return Curve(*(jnp.sum((-rates) ** power * terms, axis=-1) for power in range(3)))

    def turning_points(self, h: Float[Array, ""]) -> tuple[Float[Array, " m"], Bool[Array, ""]]:
        """0, the zeros of F_1 within h seconds, and h, in order; between two of them E has at most one zero.

        There are as many numbers as F_1 can have zeros at most, and two; those that it does not have are h. And whether
        all of them, and of the functions that lead to them, have all digits.
        """
        points, located = jnp.stack([0 * h, h]), h >= 0
        curves = [partial(self.inner_curve, order=order) for order in range(len(self.rates) - 1)]
        for curve in [*reversed(curves), self.drive_curve]:
            zeros, settled = zeros_between(curve, points)
            points, located = jnp.concatenate([points[:1], zeros, points[-1:]]), located & settled
        return points, located
