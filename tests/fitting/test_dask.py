"""Many cells on a dask cluster of this machine, a worker of which is killed in the middle of a fit."""

import json
import os
import shutil
import signal
import threading
import time

import pytest

from fitting.example.cell import write_example
from fitting.many.cluster import TRIES, cluster_engine
from fitting.many.collecting import collect
from fitting.many.study import fit_many

pytestmark = pytest.mark.slow


def test_a_worker_is_killed_and_every_cell_is_fitted(tmp_path):
    distributed = pytest.importorskip("distributed", reason="no dask: uv run --group cluster")
    dask = pytest.importorskip("dask")
    first = tmp_path / "a.nwb"
    write_example(first, training=15.0, held_out=4.0, repeats=3)
    paths = [first, *(tmp_path / f"{name}.nwb" for name in "bc")]
    for path in paths[1:]:
        shutil.copy(first, path)
    out, killed = tmp_path / "study", []

    def kill():
        """The process that holds the first claim."""
        deadline = time.monotonic() + 300
        while not killed and time.monotonic() < deadline:
            for file in out.glob(".glifjax-unfinished/*-*/*.json"):  # a stage is done, so one runs
                (claim,) = out.glob(f".glifjax-unfinished/{file.parent.name.rpartition('-')[0]}.claim-1")
                killed.append(json.loads(claim.read_text())["process"])
                os.kill(killed[0], signal.SIGKILL)
                return
            time.sleep(0.05)

    with (
        dask.config.set(TRIES),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        cluster_engine(cluster.scheduler_address, len(paths)) as client,
    ):
        watcher = threading.Thread(target=kill)
        watcher.start()
        cells, _ = fit_many(paths, out, {"level": "LIF"}, client=client)
        watcher.join()
    assert killed
    assert [cell.error for cell in cells] == ["", "", ""]
    assert all(cell.folder for cell in collect(out))
