"""A dask cluster by its address, or one of Slurm jobs, as an engine."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from glifjax.errors import InputError, to_install

if TYPE_CHECKING:
    from .engine import Engine

#: How many processes a task may take with it before dask gives it back: the second try is ours (engine.py).
TRIES = {"distributed.scheduler.allowed-failures": 1}
#: Slurm jobs at most, unless the user says how many.
MOST_JOBS = 100


class ClusterError(InputError):
    """A cluster that cannot be used; the message says why and what to do."""


def check_cluster(address: str) -> None:
    """Refuse what is no address of a cluster, and one that nothing speaks to which is installed.

    Raises:
        ClusterError: says what to give, or what installs it.
    """
    if address != "slurm" and "://" not in address:
        raise ClusterError(f'`cluster={address}` is no address; give a scheduler\'s, "tcp://host:8786", or "slurm"')
    extra, modules = ("slurm", ("distributed", "dask_jobqueue")) if address == "slurm" else ("dask", ("distributed",))
    for module in modules:
        if find_spec(module) is None:
            raise ClusterError(f"`cluster={address}` needs {module}: {to_install(extra)}")


@contextmanager
def cluster_engine(address: str, cells: int, jobs: int | None = None) -> "Iterator[Engine]":
    """A client of the dask scheduler at `address` ("tcp://host:8786"), or of Slurm jobs started for it ("slurm").

    Args:
        address: as above. What a Slurm job is (queue, cores, memory, time) stands in dask's jobqueue.yaml.
        cells: how many there are to fit.
        jobs: Slurm jobs; one for each cell, up to MOST_JOBS, if None.

    Raises:
        ClusterError: no such cluster answers, or what speaks to it is not installed.
    """
    check_cluster(address)
    from dask import config  # pyright: ignore[reportMissingImports]
    from distributed import Client  # pyright: ignore[reportMissingImports]

    with config.set(TRIES):
        if address == "slurm":
            with _slurm_jobs(jobs or min(cells, MOST_JOBS)) as cluster, Client(cluster) as client:
                yield client
            return
        try:
            client = Client(address)
        except (OSError, ValueError) as error:  # a timeout is an OSError
            raise ClusterError(f"`cluster={address}`: no dask scheduler answers there ({error})") from error
        with client:
            yield client


def _slurm_jobs(count: int) -> Any:
    """A cluster of so many Slurm jobs, as the site's jobqueue.yaml has them."""
    from dask_jobqueue import SLURMCluster  # pyright: ignore[reportMissingImports]

    try:
        cluster = SLURMCluster()
    except ValueError as error:
        raise ClusterError(f"`cluster=slurm`: dask's jobqueue.yaml does not say all of it ({error})") from error
    cluster.scale(jobs=count)
    return cluster
