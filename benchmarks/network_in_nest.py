"""The network of benchmarks/network.py in NEST, in a process of its own: its CPU time and its spikes.

    python benchmarks/network_in_nest.py FOLDER INTERVALS CLAMP

Cells, edges and times stand in FOLDER/network.npz; spikes go to FOLDER/nest.npz; prints JSON. CLAMP is a current into
every cell, pA, from one generator with a delay of a time step, as PointNet makes of a clamp; none for 0.
"""

import json
import sys
import time
from pathlib import Path

import nest
import numpy as np


def main() -> None:
    """Make the network, run it interval by interval."""
    folder, intervals, clamp = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    data = np.load(folder / "network.npz", allow_pickle=False)
    cell = json.loads(str(data["cell"]))
    nest.ResetKernel()
    nest.set(resolution=float(data["dt"]), local_num_threads=1, print_time=False)
    nest.verbosity = nest.VerbosityLevel.ERROR
    started = time.process_time()
    cells = nest.Create("glif_psc", len(data["E_L"]), params=cell)
    cells.set({key: data[key].tolist() for key in ("E_L", "V_m")})
    if len(data["weights"]):
        synapses = {"weight": data["weights"], "delay": data["delays"], "receptor_type": data["receptors"]}
        nest.Connect(data["sources"] + 1, data["targets"] + 1, "one_to_one", synapses)
    if clamp:
        generator = nest.Create(
            "step_current_generator", params={"amplitude_times": [1.0], "amplitude_values": [clamp]}
        )
        nest.Connect(generator, cells, "all_to_all", {"delay": float(data["dt"])})
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    made, seconds = time.process_time() - started, []
    nest.Prepare()
    for _ in range(intervals):
        started = time.process_time()
        nest.Run(float(data["duration"]))
        seconds.append(time.process_time() - started)
    nest.Cleanup()
    events = recorder.events
    np.savez(folder / "nest.npz", times=events["times"], cells=events["senders"] - 1)
    print(json.dumps({"made": made, "seconds": min(seconds), "version": nest.__version__}))


if __name__ == "__main__":
    main()
