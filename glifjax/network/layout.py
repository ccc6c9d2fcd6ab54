"""Where the nodes of populations are in a circuit."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int


@dataclass(frozen=True)
class Layout:
    """Sources are counted through: the cells of all groups first, then virtual nodes.

    Attributes:
        sources: of each population, the source of each of its rows, (rows,).
        node_ids: of each population, the node id of each of its rows, (rows,).
        n_cells: how many sources are cells.
        n_sources: how many there are.
    """

    sources: Mapping[str, Int[np.ndarray, " rows"]]
    node_ids: Mapping[str, Int[np.ndarray, " rows"]]
    n_cells: int
    n_sources: int

    def nodes(self, cells: Int[np.ndarray, " s"]) -> tuple[np.ndarray, Int[np.ndarray, " s"]]:
        """The population and node id of each of `cells`."""
        names, ids = np.empty(self.n_sources, object), np.zeros(self.n_sources, np.int64)
        for name, sources in self.sources.items():
            names[sources], ids[sources] = name, self.node_ids[name]
        return names[cells].astype(str), ids[cells]
