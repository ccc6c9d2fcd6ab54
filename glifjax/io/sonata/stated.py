"""What a config says by itself: the times of its run, and files that it names and that must be there; loads no jax."""

import warnings
from pathlib import Path
from typing import NamedTuple

from glifjax.io.regular import check_file
from glifjax.io.sonata.config import Section, read_config

#: The shortest time step, ms: NEST's smallest unit of time.
SHORTEST = 0.001
#: Files of a row of networks.nodes, and of networks.edges; the second may be left out.
FILES = {"nodes": ("nodes_file", "node_types_file"), "edges": ("edges_file", "edge_types_file")}


class Times(NamedTuple):
    """Of a run.

    Attributes:
        stop, dt: ms.
        nest_exact: NEST's oddities hold.
    """

    stop: float
    dt: float
    nest_exact: bool


def read_times(section: Section) -> Times:
    """The times of a config's run.

    Raises:
        InputError: one that is missing or means nothing, with its key.
    """
    run = section.section("run")
    dt = run.number("dt", 0.1)
    stop = run.number("duration" if "duration" in run else "tstop")
    if run.number("n_runs", 1) != 1:
        raise run.error("n_runs", f"is {run.get('n_runs')}; one run is simulated, so leave it out")
    if run.number("tstart", 0.0) != 0:
        warnings.warn(f"{run.where}.tstart is {run.get('tstart')} ms; the run starts at 0, as PointNet's", stacklevel=2)
    if dt < SHORTEST or abs(round(dt / SHORTEST) * SHORTEST - dt) > 1e-9:
        raise run.error("dt", f"is {dt:g} ms; it must be a multiple of {SHORTEST:g} ms")
    if round(stop / dt) < 1:
        raise run.error("tstop", f"is {stop:g} ms; the run must last at least one step of {dt:g} ms")
    return Times(stop, dt, run.flag("nest_exact", True))


def check_stated(path: Path) -> None:
    """Refuse a config that says by itself that it cannot be run, before anything that it names is read.

    Raises:
        InputError: as read_config and read_times; no nodes, or a file of nodes or edges that is not there.
    """
    section = read_config(path)
    with warnings.catch_warnings(action="ignore"):  # what is doubtful is said where the run is made
        read_times(section)
    networks = section.section("networks")
    if not networks.rows("nodes"):
        raise networks.error("nodes", "is missing or empty; name the files of the cells to simulate")
    for kind, (file, types) in FILES.items():
        for row in networks.rows(kind):
            check_file(row.path(file))
            if types in row:
                check_file(row.path(types))
