"""Several networks as one, of any sizes: leaves stacked, smaller ones filled up with neurons that nothing reaches."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from glifjax.errors import InputError
from glifjax.glm.driven import Columns, Function
from glifjax.glm.network import AbstractNetwork


def stacked(models: Sequence[AbstractNetwork]) -> tuple[AbstractNetwork, list[int]]:
    """One network whose leaves have a first axis of networks, and each network's size.

    Raises:
        InputError: no networks, or networks that differ in more than size and parameters.
    """
    if not models:
        raise InputError("there are no networks to simulate; give at least one")
    sizes = [model.size for model in models]
    return _joined(
        models, sizes, "the networks differ in kind, kernels, windows or dt; simulate those that agree"
    ), sizes


def stacked_drives(drives: Sequence[Columns | Function], sizes: Sequence[int]) -> Columns | Function:
    """One drive whose leaves have a first axis of networks.

    Raises:
        InputError: stimuli of different kinds.
    """
    if all(isinstance(drive, Function) for drive in drives):
        drives = [Function(drive.function, max(sizes)) for drive in drives if isinstance(drive, Function)]
    return _joined(drives, sizes, "the networks' stimuli differ in kind; give stimuli of one kind, or arrays")


def _joined(modules: Sequence[Any], sizes: Sequence[int], refusal: str) -> Any:
    """Modules of networks as one, each leaf stacked; InputError with `refusal` where they differ in more than sizes.

    Axes of neurons, which in every network are as long as it is large, are filled up with zeros to the largest.
    """

    def join(*leaves: Array) -> Array:
        lengths = zip(*(leaf.shape for leaf in leaves), strict=True)
        of_neurons = [own == tuple(sizes) for own in lengths]
        widths = lambda leaf: [(0, (max(sizes) - n) * own) for n, own in zip(leaf.shape, of_neurons, strict=True)]
        return jnp.stack([jnp.pad(leaf, widths(leaf)) if leaf.ndim else leaf for leaf in leaves])

    try:
        return jax.tree.map(join, *modules)
    except ValueError as error:  # of other structures, axes or lengths
        raise InputError(refusal) from error
