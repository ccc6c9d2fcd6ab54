"""What spikeometric and nemos take for the same work; run by the Python of an environment that has them.

    PYTHON benchmarks/glm_peers.py spikeometric [STEPS]
    PYTHON benchmarks/glm_peers.py nemos units_a2929.npz [RIDGE]

Prints a line of JSON. Processor seconds of this process, on one thread, imports left out.
"""

import json
import sys
import tempfile
from pathlib import Path
from time import process_time

import numpy as np

#: Steps of the network of 1,000 neurons.
LARGE_STEPS = 200


def spikeometric(steps: int = 100_000) -> dict:
    """The introduction, ten networks of 50 neurons in batches of five; and a step of one of 1,000, without stimulus."""
    import torch
    from spikeometric.stimulus import RegularStimulus

    torch.set_num_threads(1)
    model, loader = bernoulli(50, 10, 5)
    masks = [torch.isin(torch.arange(50), torch.randperm(25)[:4]) for _ in range(10)]
    stimulus = RegularStimulus(
        strength=5.0, period=100, stop=steps, tau=10, dt=1, stimulus_masks=masks, batch_size=5
    )  # fmt: skip
    model.add_stimulus(stimulus)
    start = process_time()
    spikes = sum(model.simulate(batch, n_steps=steps, verbose=False).sum().item() for batch in loader)
    seconds = process_time() - start
    model, loader = bernoulli(1000, 1, 1)
    start = process_time()
    for batch in loader:
        model.simulate(batch, n_steps=LARGE_STEPS, verbose=False)
    step = (process_time() - start) / (LARGE_STEPS + 100)
    return {"seconds": seconds, "rate": spikes / (500 * steps) * 1e3, "large": step}


def bernoulli(size: int, networks: int, batch: int) -> tuple:
    """The introduction's model, and networks of so many neurons in batches."""
    from spikeometric.datasets import ConnectivityDataset, NormalGenerator
    from spikeometric.models import BernoulliGLM
    from torch_geometric.loader import DataLoader

    folder = str(Path(tempfile.mkdtemp()) / "w0")
    NormalGenerator(n_neurons=size, mean=0, std=5, glorot=True).save(networks, folder)
    model = BernoulliGLM(
        alpha=0.2, beta=0.5, abs_ref_scale=3, rel_ref_scale=7, abs_ref_strength=-100, rel_ref_strength=-30,
        coupling_window=5, theta=5, r=1, dt=1,
    )  # fmt: skip
    return model, DataLoader(ConnectivityDataset(folder), batch_size=batch, shuffle=False)


def nemos(path: str, ridge: str = "1") -> dict:
    """Units in bins of 5 ms, six raised cosines over 100 ms, own spikes through the same: four blocks of every five."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import nemos as nmo

    pack, dt, duration = np.load(path), 5e-3, 1200.0
    trains = np.split(pack["spike_times"], pack["spike_times_index"][:-1])
    edges = np.arange(round(duration / dt) + 1) * dt
    counts = np.stack([np.histogram(train, edges)[0] for train in trains], axis=1).astype(float)
    start = process_time()
    design = nmo.basis.RaisedCosineLogConv(6, window_size=20).compute_features(counts)
    scored = (np.arange(len(counts)) // round(10 / dt)) % 5 == 4
    usable = np.isfinite(np.asarray(design)).all(axis=1)
    training = usable & ~scored
    model = nmo.glm.PopulationGLM(
        regularizer="Ridge", regularizer_strength=float(ridge) / (training.sum() * counts.shape[1]),
        solver_name="LBFGS", solver_kwargs={"maxiter": 2000, "tol": 1e-8},
    )  # fmt: skip
    model.fit(np.asarray(design)[training], counts[training])
    mean = np.asarray(model.predict(np.asarray(design)[usable & scored]))
    seen, constant = counts[usable & scored], counts[training].mean(axis=0)
    gain = (seen * np.log(mean / constant) - mean + constant).sum()
    return {"bits": gain / seen.sum() / np.log(2), "seconds": process_time() - start}


if __name__ == "__main__":
    name, *rest = sys.argv[1:]
    work = {"spikeometric": spikeometric, "nemos": nemos}[name]
    print(json.dumps(work(*(int(value) if value.isdigit() else value for value in rest))))
