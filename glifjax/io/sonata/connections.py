"""Which nodes are connected: nodes of a population, and rules for how many synapses each pair of them has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas
from jaxtyping import Int

from glifjax.errors import InputError
from glifjax.io.sonata.node_sets import matching

#: From the sources' and targets' numbers, and a random generator: how many synapses each pair has.
Rule = Callable[["Nodes", "Nodes", np.random.Generator], Int[np.ndarray, "sources targets"]]


@dataclass(frozen=True)
class Nodes:
    """Some nodes of one population: what `add_nodes` gives and `add_edges` takes.

    Attributes:
        population: its name.
        table: a row a node under its node_id, a column an attribute.
    """

    population: str
    table: pandas.DataFrame

    def __len__(self) -> int:
        """How many they are."""
        return len(self.table)

    def __getitem__(self, attributes: Mapping[str, Any]) -> "Nodes":
        """Those with these values of attributes, of a list one: nodes[{"ei": "e", "node_id": [0, 1]}]."""
        for key in attributes:
            if key not in (self.table.index.name, *self.table):
                raise InputError(f"nodes of {self.population} have no {key!r}, but {', '.join(self.table)}")
        return Nodes(self.population, self.table.loc[matching(self.table, attributes)])


def all_to_all(nsyns: int = 1) -> Rule:
    """Every pair, with nsyns synapses."""
    return lambda sources, targets, rng: np.full((len(sources), len(targets)), nsyns)


def one_to_one(nsyns: int = 1) -> Rule:
    """The first source to the first target, and so on."""

    def rule(sources: Nodes, targets: Nodes, rng: np.random.Generator) -> np.ndarray:
        if len(sources) != len(targets):
            raise InputError(f"one_to_one has {len(sources)} sources and {len(targets)} targets; give as many of both")
        return nsyns * np.eye(len(sources), dtype=int)

    return rule


def probability(p: float, nsyns: int = 1) -> Rule:
    """Each pair with probability p, on its own."""
    if not 0 <= p <= 1:
        raise InputError(f"the probability is {p}; give a number from 0 to 1")
    return lambda sources, targets, rng: nsyns * (rng.random((len(sources), len(targets))) < p).astype(int)


def number_of_inputs(k: int, nsyns: int = 1) -> Rule:
    """k different sources, drawn for each target."""

    def rule(sources: Nodes, targets: Nodes, rng: np.random.Generator) -> np.ndarray:
        if not 0 <= k <= len(sources):
            raise InputError(f"{k} inputs are asked for of {len(sources)} sources; give at most as many")
        pairs = np.zeros((len(sources), len(targets)), int)
        for target in range(len(targets)):
            pairs[rng.choice(len(sources), k, replace=False), target] = nsyns
        return pairs

    return rule


def by_function(function: Callable[[pandas.Series, pandas.Series], int | None]) -> Rule:
    """function(source, target), which sees the attributes of both, gives the number of synapses; none for 0 or None."""

    def rule(sources: Nodes, targets: Nodes, rng: np.random.Generator) -> np.ndarray:
        ends = [[row for _, row in nodes.table.reset_index().iterrows()] for nodes in (sources, targets)]
        return np.array([[int(function(one, other) or 0) for other in ends[1]] for one in ends[0]]).reshape(
            len(sources), len(targets)
        )

    return rule
