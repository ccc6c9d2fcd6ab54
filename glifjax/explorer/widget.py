"""The explorer as a widget of a notebook, which gives back the neuron that was moved."""

from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import traitlets

from glifjax.explorer.page import asset, module

#: What anywidget calls: the same explorer as the page's, which tells the notebook what was moved, at rest for a while.
RENDER = """
export default {
  render({ model, el }) {
    let waiting;
    // arrows are the slider's, not the notebook's, which would keep them for itself
    el.addEventListener("keydown", (event) => event.ctrlKey || event.metaKey || event.stopPropagation());
    mount(el, model.get("data"), PROGRAMS, (start, values) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        model.set("start", start);
        model.set("numbers", [...values]);
        model.save_changes();
      }, 200);
    });
  },
};
"""


class ExplorerWidget(anywidget.AnyWidget):
    """The explorer in a notebook.

    Attributes:
        data: what it shows, JSON.
        start: which of the starting points was chosen last.
        numbers: of the neuron as it stands, SI, in the order of its leaves.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    data = traitlets.Dict().tag(sync=True)
    start = traitlets.Int(0).tag(sync=True)
    numbers = traitlets.List().tag(sync=True)

    def __init__(self, data: Mapping[str, Any], programs: Sequence[str], neurons: Sequence[Any]):
        """A widget over the neurons that the data's models stand for."""
        self._neurons = neurons
        super().__init__(
            data=dict(data),
            numbers=data["models"][0]["values"],
            _esm=module(programs) + RENDER,
            _css=asset("style.css"),
        )

    @property
    def neuron(self) -> Any:
        """The neuron as it stands: that which was given, or a pattern's, with what was moved."""
        return with_values(self._neurons[self.data["starts"][self.start]["model"]], self.numbers)


def with_values(neuron: Any, values: Sequence[float]) -> Any:
    """A neuron with other numbers, SI, in the order of its leaves."""
    arrays, rest = eqx.partition(neuron, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    parts = np.split(np.asarray(values, float), np.cumsum([leaf.size for leaf in leaves])[:-1])
    filled = [jnp.asarray(part.reshape(leaf.shape), leaf.dtype) for part, leaf in zip(parts, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, filled), rest)
