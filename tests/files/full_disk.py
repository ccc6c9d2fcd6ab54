"""Calls every writer over a file that is there already, where only so many bytes fit into one; see test_writing."""

import json
import resource
import sys
import warnings
from pathlib import Path

import jax
import numpy as np

import fitting
import glifjax as gj
from fitting.checkpoint import Checkpoint
from fitting.example.cell import write_example
from fitting.many.cells import Cell
from fitting.many.collecting import write_overview
from fitting.results.files import write_results
from glifjax.cli.gallery import write_files
from glifjax.cli.simulations import Simulation, draw
from glifjax.io import SweepArrays, write_simulation

jax.config.update("jax_enable_x64", True)
warnings.simplefilter("ignore")
top = Path(sys.argv[1])
cell = top / "cell.nwb"
write_example(cell, training=15.0, held_out=4.0, repeats=3)  # as other tests, whose compiled programs it finds
recording = gj.read_recording(cell)
fit = fitting.fit(recording, level="LIF")
simulation = Simulation(fit.neuron, "neuron_config.json")
sweep = recording.sweeps[0]
trace = gj.simulate(fit.neuron, sweep.current, 1 / sweep.rate)
config = top / "neuron_config.json"
gj.write_neuron_config(fit.neuron, config)
noise = SweepArrays(0, "noise", 1e4, np.full(40000, 1e-10), np.random.default_rng(0).normal(-0.07, 0.01, 40000))


def simulated(path, source):
    with gj.read_recording(source) as recording:
        sweeps = recording.current_clamp
        write_simulation(path, recording, sweeps, simulation.run(sweeps), simulation.written, overwrite=True)


def overview(path):
    done = path.parent / "cell"
    done.mkdir()
    (done / "report.html").touch()
    record = fit.as_dict() | {"seconds_in_all": 1.0, "command": "", "settings": {}}
    (done / "fit.json").write_text(json.dumps(record))
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZES[path.name], resource.RLIM_INFINITY))
    write_overview([Cell("cell", cell, done)], path.parent)


WRITERS = {
    "neuron_config.json": lambda path: gj.write_neuron_config(fit.neuron, path),
    "like.json": lambda path: gj.write_neuron_config(fit.neuron, path, like=path),
    "recording.nwb": lambda path: gj.write_recording(path, [noise], description="", overwrite=True),
    "simulation.nwb": lambda path: simulated(path, cell),
    "in_place.nwb": lambda path: simulated(path, path),
    "report.html": fit.report,
    "cells.csv": overview,
    "cells.html": overview,
    "LIF scores.json": lambda path: Checkpoint(path.parent)("LIF", "scores", lambda: [0.1] * 100),
    "fit.json": lambda path: write_results(fit, path.parent, {}),
    "gallery.html": lambda path: write_files({"gallery.html": b"x" * 5000}, path.parent),
    "0.npy": lambda path: gj.glm.networks.save(np.eye(20), path.parent),
    "sweep_001.png": lambda path: draw(simulation, sweep, trace, path.parent),
}
#: Bytes that fit; where it is not 500, a part of the file, or of those before it, is to be written.
SIZES = dict.fromkeys(WRITERS, 500) | {
    "recording.nwb": 30000, "simulation.nwb": 30000, "in_place.nwb": cell.stat().st_size + 30000,
    "report.html": 5000, "cells.csv": 100, "cells.html": 5000, "fit.json": 3000,
}  # fmt: skip
# What is cached for other processes would be cut short too.
sys.dont_write_bytecode = True
jax.config.update("jax_enable_compilation_cache", False)
outcomes = {}
for name, write in WRITERS.items():
    path = top / f"of {name}" / name
    path.parent.mkdir()
    path.write_bytes({"like.json": config, "in_place.nwb": cell}.get(name, Path(__file__)).read_bytes())
    before = path.read_bytes()
    if write is not overview:
        resource.setrlimit(resource.RLIMIT_FSIZE, (SIZES[name], resource.RLIM_INFINITY))
    try:
        write(path)
        outcome = "written"
    except Exception as error:
        outcome = f"{type(error).__name__}: {error}"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    left = [file.name for file in path.parent.glob(".*")]
    outcomes[name] = {"outcome": outcome, "intact": path.read_bytes() == before, "left": left}
print(json.dumps(outcomes))
