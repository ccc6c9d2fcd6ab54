"""Levenberg-Marquardt: least squares, or the likelihood's maximum by its Fisher information."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

#: At x: the loss (nats), its gradient g, and F, which stands for its curvature: J^T J or the Fisher information.
Expansion = tuple[float, Float[np.ndarray, " x"], Float[np.ndarray, "x x"]]


def levenberg_marquardt(
    at: Callable[[Float[np.ndarray, " x"]], Expansion],
    x: Float[np.ndarray, " x"],
    evaluations: int,
    enough: float,
    damping: float = 1e-3,
    eased: float = 0.1,
    tightened: float = 10.0,
) -> tuple[Float[np.ndarray, " x"], list[float]]:
    """The x at which a loss is least, by x <- x + d,

        d = -(F + damping diag F)^-1 g

    which is expected to gain -g . d / 2. A step that gains is taken. The last one is expected to gain too little to be
    looked at, and is taken unseen, but where steps had to be tightened: near the minimum it leaves next to nothing.

    Args:
        at: the loss and its expansion; a step to where they are not finite is not taken.
        x: where it starts.
        evaluations: at most.
        enough: the least gain that is looked for, nats.
        damping: what it starts with, and the least: less makes no difference to a step.
        eased, tightened: what multiplies the damping after a step that gained, and after one that did not.

    Returns:
        x, and the loss at the start and after each step that was taken; after the last as it is expected to be.
    """
    least, (loss, gradient, fisher) = damping, at(x)
    losses = [float(loss)]
    for left in reversed(range(evaluations)):
        step = np.linalg.solve(fisher + damping * np.diag(np.diag(fisher)), -gradient)
        expected = float(-gradient @ step) / 2
        if not np.isfinite(expected):
            break
        if expected < enough:
            return (x + step, [*losses, losses[-1] - expected]) if damping == least else (x, losses)
        if not left:
            break
        there = at(x + step)
        gains = all(np.isfinite(part).all() for part in there) and there[0] < loss
        damping = max(least, damping * (eased if gains else tightened))
        if gains:
            x, (loss, gradient, fisher) = x + step, there
            losses.append(float(loss))
    return x, losses
