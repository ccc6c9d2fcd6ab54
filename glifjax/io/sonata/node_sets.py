"""Which nodes a `node_set`, a report's `cells` or a filter means.

A name of node_sets, the name of a population, "all", a list of node ids (in every population), or an object of
attributes that must all hold: {"population": "v1", "node_id": [0, 1], "ei": "e", "layer": ["L4", "L23"]}; "populations"
says the same as "population".
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas
from jaxtyping import Bool

from glifjax.errors import InputError, shown
from glifjax.io.sonata.config import Section
from glifjax.io.sonata.nodes import Population

#: How many node sets may name one another in a row.
DEEPEST = 100

#: Which rows of each population.
Chosen = dict[str, Bool[np.ndarray, " n"]]

#: Keys of a node set that name populations.
POPULATION = ("population", "populations")


class NodeSets:
    """The populations of a network, and the names that its config gives to parts of them."""

    def __init__(self, populations: Mapping[str, Population], named: Mapping[str, Any]):
        """`named`: the config's node_sets."""
        self.populations = populations
        self.named = named

    def of(self, section: Section, key: str = "node_set") -> Chosen:
        """What a section of the config chooses under a key, see `choose`; all where it is absent."""
        return self.choose(section.get(key, "all"), f"{section.where}.{key}")

    def choose(self, wanted: Any, where: str) -> Chosen:
        """The rows that `wanted` means, of every population that has some.

        Raises:
            InputError: a name that is none, an object or list that selects nothing, node sets that name one another
                more than 100 deep; `where` says who asked.
        """
        chosen = {name: rows for name, rows in self._choose(wanted, where, (), {}).items() if rows.any()}
        if not chosen:
            raise InputError(f"{where}: {wanted!r} selects no node; {self._attributes(wanted)}")
        return chosen

    def _choose(self, wanted: Any, where: str, within: tuple[str, ...], resolved: dict[str, Chosen]) -> Chosen:
        """`within`: the node sets that this one is a part of; `resolved`: those that are chosen already, each once."""
        if isinstance(wanted, str):
            if wanted in self.named and wanted not in within:
                if len(within) == DEEPEST:
                    raise InputError(
                        f"{where}: node sets name one another more than {DEEPEST} deep, from {within[0]!r}"
                    )
                if wanted not in resolved:
                    resolved[wanted] = self._choose(self.named[wanted], where, (*within, wanted), resolved)
                return resolved[wanted]
            if wanted == "all":
                return {name: np.ones(len(part.nodes), bool) for name, part in self.populations.items()}
            if wanted in self.populations:
                return {wanted: np.ones(len(self.populations[wanted].nodes), bool)}
            if wanted in within:
                raise InputError(f"{where}: the node set {wanted!r} names itself, and no population has its name")
            names = ", ".join([*self.named, *self.populations])
            raise InputError(f"{where}: {wanted!r} is no node set and no population; there are {names}")
        if isinstance(wanted, list):
            if all(isinstance(item, str) for item in wanted) and wanted:
                parts = [self._choose(item, where, within, resolved) for item in dict.fromkeys(wanted)]
                return {
                    name: np.any([part[name] for part in parts if name in part], axis=0)
                    for name in {key for part in parts for key in part}
                }
            wanted = {"node_id": wanted}
        if not isinstance(wanted, Mapping):
            raise InputError(f"{where}: {wanted!r} is no node set; give a name, a list of node ids or an object")
        for key, value in wanted.items():
            if not all(isinstance(item, str | int | float | None) for item in _values(value)):
                raise InputError(f"{where}: {key} is {shown(value)}; give a text or a number, or a list of them")
        names = self._named(wanted)
        for name in names:
            if name not in self.populations:
                raise InputError(f"{where}: there is no population {name!r}; there are {', '.join(self.populations)}")
        filters = {key: value for key, value in wanted.items() if key not in POPULATION}
        for key in [key for key in filters if key != "node_id"]:
            if not any(key in self.populations[name].nodes for name in names):
                raise InputError(f"{where}: no node has an attribute {key!r}; {self._attributes(wanted)}")
        return {name: matching(self.populations[name].nodes, filters) for name in names}

    def _attributes(self, wanted: Any) -> str:
        """What there is to select by."""
        parts = []
        for name in self._named(wanted) if isinstance(wanted, Mapping) else self.populations:
            nodes = self.populations[name].nodes
            ids = f"node_id {nodes.index.min()} ... {nodes.index.max()}" if len(nodes) else "no nodes"
            parts.append(f"{name} has {', '.join([ids, *map(str, nodes.columns)])}")
        return "; ".join(parts) or "there is no population"

    def _named(self, wanted: Mapping[str, Any]) -> list[Any]:
        """The populations that an object names; all of them where it names none."""
        return next((_values(wanted[key]) for key in POPULATION if key in wanted), list(self.populations))


def matching(nodes: pandas.DataFrame, filters: Mapping[str, Any]) -> Bool[np.ndarray, " n"]:
    """Which rows have all of the attributes' values (one, or a list of which one must hold)."""
    rows = np.ones(len(nodes), bool)
    for key, value in filters.items():
        if key == "node_id":
            rows &= nodes.index.isin(_values(value))
        elif key in nodes:
            rows &= nodes[key].isin(_values(value)).to_numpy(bool)
        else:
            rows &= False
    return rows


def _values(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
