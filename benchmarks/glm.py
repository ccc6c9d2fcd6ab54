"""What stochastic networks take to simulate, beside an event loop compiled by numba; writes docs/measured/glm_speed.md.

    uv run --group bench python benchmarks/glm.py [--peer PYTHON] [--steps 100000]

The introduction's experiment is ten networks of 50 neurons, four of them stimulated, over 100,000 steps of 1 ms. All in
one run, processor seconds on one thread, compilation apart, the least of three turns. PYTHON is that of an environment
with spikeometric, which is run once (glm_peers.py); without it only ours are measured. The pictures are made in a
process of its own, its imports and compilation counted.
"""

import argparse
import json
import sys
from io import BytesIO
from pathlib import Path
from time import process_time

import jax
import numba
import numpy as np
from glm_events import events, targets_of
from timing import machine, ratio, run_alone, table

from glifjax import glm

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "measured" / "glm_speed.md"
NETWORKS, NEURONS, STIMULATED = 10, 50, 4
WARM_UP = 100
LARGE, LARGE_STEPS = 1000, 5000
TURNS = 3

TEXT = """# Simulating stochastic networks: how long it takes

Made by `{command} --steps {steps}` with jax {jax} and numba {numba} on {machine}. Processor seconds of one thread.

## The introduction's experiment

{networks} networks of {neurons} neurons, {steps:,} steps of 1 ms, {stimulated} neurons of each stimulated; float32.
`numba` is an event loop ([glm_events.py](../../benchmarks/glm_events.py)): each spike adds its kernels along its
own connections.

{introduction}

From the start of Python to the figures (interspike intervals, PSTH, raster) of that experiment: {pictures:.1f} s.

## One network of {large:,} neurons

{larger}
"""


def experiment(steps: int) -> tuple[list, list, list]:
    """Weights, masks and ours of the introduction."""
    keys = jax.random.split(jax.random.key(0), NETWORKS)
    weights = [np.asarray(glm.networks.normal(NEURONS, std=5.0, glorot=True, key=key)) for key in keys]
    masks = [np.asarray(glm.stimuli.excitatory_mask(NEURONS, STIMULATED, key)) for key in keys]
    stimuli = [glm.stimuli.regular(5.0, period=100, tau=10, stop=steps, mask=mask) for mask in masks]
    return weights, masks, stimuli


def ours(weights: list, stimuli: list, steps: int) -> np.ndarray:
    """Spikes, (networks, neurons, steps)."""
    models = [glm.from_spikeometric("BernoulliGLM", matrix) for matrix in weights]
    return np.asarray(glm.simulate(models, steps, key=jax.random.key(1), stimulus=stimuli, warm_up=WARM_UP))


def by_events(weights: list, masks: list, steps: int) -> np.ndarray:
    """The same by the loop."""
    coupling = np.exp(-0.2 * np.arange(5))
    own = np.concatenate([np.full(3, -100.0), -30.0 * np.exp(-0.5 * np.arange(7))])
    random = np.random.default_rng(0)
    runs = [
        events(targets_of(matrix), coupling, own, 5.0, mask.astype(float), 5.0, 100, 10, steps, WARM_UP, random)
        for matrix, mask in zip(weights, masks, strict=True)
    ]
    return np.stack(runs)


def in_turns(functions: dict) -> dict[str, tuple[float, float]]:
    """Processor seconds of each, the least of some turns, and what the first call took beyond it."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(1 + TURNS):
        for name, function in functions.items():
            start = process_time()
            function()
            seconds[name].append(process_time() - start)
    return {name: (min(taken[1:]), max(taken[0] - min(taken[1:]), 0.0)) for name, taken in seconds.items()}


def introduction(steps: int, other: dict | None) -> str:
    """A table of ours, the loop's and the peer's seconds."""
    weights, masks, stimuli = experiment(steps)
    seconds = in_turns({
        "numba": lambda: by_events(weights, masks, steps),
        "glifjax": lambda: ours(weights, stimuli, steps),
    })  # fmt: skip
    spikes = {"numba": by_events(weights, masks, steps), "glifjax": ours(weights, stimuli, steps)}
    loop = seconds["numba"][0]
    rows = [
        [name, f"{taken:.2f}", ratio(taken, loop), f"{compiling:.1f}", f"{1e3 * spikes[name].mean():.2f}"]
        for name, (taken, compiling) in seconds.items()
    ]
    if other is not None:
        taken, rate = other["seconds"], other["rate"]
        rows.append(["spikeometric", f"{taken:.1f}", ratio(taken, loop), "", f"{rate:.2f}"])
    return table(["", "s", "to numba", "compilation, s", "mean rate, Hz"], rows)


def larger(other: dict | None) -> str:
    """A table of the time of a step of one large network."""
    rows = []
    for name, sparsity in (("half of all pairs", 0.5), ("a tenth of all pairs", 0.9)):
        matrix = glm.networks.normal(LARGE, std=5.0, glorot=True, sparsity=sparsity, key=jax.random.key(0))
        model = glm.from_spikeometric("BernoulliGLM", matrix)
        run = lambda model=model: np.asarray(glm.simulate(model, LARGE_STEPS, key=jax.random.key(1), warm_up=WARM_UP))
        seconds, compiling = in_turns({name: run})[name]
        step = 1e3 * seconds / (LARGE_STEPS + WARM_UP)
        rows.append([name, f"{step:.3f}", f"{compiling:.1f}", f"{run().mean() * 1e3:.1f}"])
    if other is not None:
        rows.append(["half of all pairs, spikeometric", f"{1e3 * other['large']:.1f}", "", ""])
    return table(["connected", "ms a step", "compilation, s", "mean rate, Hz"], rows)


def pictures(steps: int) -> None:
    """The introduction's figures."""
    from matplotlib.figure import Figure

    import glifjax as gj

    weights, masks, stimuli = experiment(steps)
    spikes = ours(weights, stimuli, steps)
    figure = Figure(figsize=(10, 3.2))
    left, right = figure.subplots(1, 2)
    driven = np.array(masks, bool).ravel()
    for rows in (spikes.reshape(-1, steps)[driven], spikes.reshape(-1, steps)[~driven]):
        left.hist(np.concatenate([np.diff(np.flatnonzero(row)) for row in rows]), np.arange(0, 400, 4), density=True)
        right.plot(rows[:, : steps // 100 * 100].reshape(len(rows), -1, 100).mean(axis=(0, 1)) * 1e3)
    figure.savefig(BytesIO())
    places, ids = np.nonzero(spikes[0][:, :2000].T)
    raster = gj.plot_raster(gj.SpikeTrains(places * 1e-3, ids, "network 0"), rates=True, duration=2.0)
    raster.savefig(BytesIO())
    print(process_time())


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--peer", help="the Python of an environment with spikeometric")
    parser.add_argument("--pictures", action="store_true", help="make the figures alone, and print the seconds")
    asked = parser.parse_args()
    if asked.pictures:
        pictures(asked.steps)
        return
    _, _, out = run_alone([sys.executable, __file__, "--pictures", "--steps", asked.steps])
    other = None
    if asked.peer:
        _, _, peers = run_alone([asked.peer, HERE / "glm_peers.py", "spikeometric", asked.steps])
        other = json.loads(peers.splitlines()[-1])
    PAGE.write_text(
        TEXT.format(
            command=f"uv run --group bench python benchmarks/glm.py{' --peer PYTHON' * bool(asked.peer)}",
            jax=jax.__version__,
            numba=numba.__version__,
            machine=machine(),
            networks=NETWORKS,
            neurons=NEURONS,
            stimulated=STIMULATED,
            steps=asked.steps,
            introduction=introduction(asked.steps, other),
            pictures=float(out.splitlines()[-1]),
            large=LARGE,
            larger=larger(other),
        )
    )
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
