"""An arrow-shaped matrix: a block W_j for each neuron, a corner C for what all share, and borders B_j between them.

H^-1 comes of the Schur complement S = C - sum_j B_j^T W_j^-1 B_j: no larger matrix than a block is ever laid out.
"""

import numpy as np
from jaxtyping import Float

Blocks = Float[np.ndarray, "n q q"]
Borders = Float[np.ndarray, "n q s"]
Corner = Float[np.ndarray, "s s"]


def solved(
    blocks: Blocks,
    borders: Borders,
    corner: Corner,
    right: Float[np.ndarray, "n q k"],
    shared_right: Float[np.ndarray, "s k"],
) -> tuple[Float[np.ndarray, "n q k"], Float[np.ndarray, "s k"]]:
    """H^-1 of several right sides, the neurons' rows and the shared ones."""
    both = np.linalg.solve(blocks, np.concatenate([right, borders], axis=2))
    inner, left = both[:, :, : right.shape[2]], both[:, :, right.shape[2] :]
    shared = np.linalg.solve(complement(borders, left, corner), shared_right - np.einsum("nqs,nqk->sk", borders, inner))
    return inner - left @ shared, shared


def inverse(blocks: Blocks, borders: Borders, corner: Corner) -> tuple[Blocks, Corner]:
    """The blocks and the corner of H^-1."""
    alone = np.linalg.inv(blocks)
    left = alone @ borders
    shared = np.linalg.inv(complement(borders, left, corner))
    return alone + np.einsum("nqs,su,nru->nqr", left, shared, left), shared


def complement(borders: Borders, left: Borders, corner: Corner) -> Corner:
    """S, from the borders and W^-1 of them."""
    return corner - np.einsum("nqs,nqu->su", borders, left)
