"""Several networks as one, of any sizes: leaves stacked, smaller ones filled up with neurons that nothing reaches."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from glifjax.errors import InputError
from glifjax.glm.driven import Columns, Function
from glifjax.glm.network import AbstractNetwork


def stacked(models: Sequence[AbstractNetwork]) -> tuple[AbstractNetwork, list[int]]:
    """One network whose leaves have a first axis of networks, and each network's size.

    Axes as long as a network is large are filled up with zeros to the largest: weights, and parameters of one number a
    neuron.

    Raises:
        InputError: no networks, or networks that differ in more than size and parameters.
    """
    if not models:
        raise InputError("there are no networks to simulate; give at least one")
    structures = {jax.tree.structure(model) for model in models}
    shapes = {tuple(leaf.ndim for leaf in jax.tree.leaves(model)) for model in models}
    if len(structures) > 1 or len(shapes) > 1:
        raise InputError("the networks differ in kind, kernels, windows or dt; simulate those that agree together")
    sizes = [model.size for model in models]
    largest = max(sizes)

    def padded(leaf, size: int):
        widths = [(0, largest - size if length == size else 0) for length in leaf.shape]
        return jnp.pad(leaf, widths) if widths else leaf

    leaves = zip(*(jax.tree.leaves(model) for model in models), strict=True)
    joined = [jnp.stack([padded(leaf, size) for leaf, size in zip(parts, sizes, strict=True)]) for parts in leaves]
    return jax.tree.unflatten(jax.tree.structure(models[0]), joined), sizes


def stacked_drives(drives: Sequence[Columns | Function], sizes: Sequence[int]) -> Columns | Function:
    """One drive whose leaves have a first axis of networks, filled up with zeros to the largest network.

    Raises:
        InputError: stimuli of different kinds.
    """
    largest = max(sizes)
    if all(isinstance(drive, Function) for drive in drives):
        drives = [Function(drive.function, largest) for drive in drives if isinstance(drive, Function)]
    if len({jax.tree.structure(drive) for drive in drives}) > 1:
        raise InputError("the networks' stimuli differ in kind; give stimuli of one kind, or arrays")

    def padded(leaf, size: int):
        of_neurons = leaf.ndim > 0 and len(leaf) == size
        return jnp.pad(leaf, [(0, largest - size), *[(0, 0)] * (leaf.ndim - 1)]) if of_neurons else leaf

    join = lambda *leaves: jnp.stack([padded(leaf, size) for leaf, size in zip(leaves, sizes, strict=True)])
    return jax.tree.map(join, *drives)
