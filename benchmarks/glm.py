"""Seconds of the processor that stochastic networks take to simulate: the introduction's experiment, and larger ones.

    uv run python benchmarks/glm.py [--steps 100000]

Processor seconds of one process, compilation apart, the least of three runs. The introduction's experiment is ten
networks of 50 neurons, four of them stimulated, over 100,000 steps of 1 ms. Peers are not run here.
"""

import argparse
from time import process_time

import jax
import numpy as np

from glifjax import glm

NETWORKS, NEURONS, STIMULATED = 10, 50, 4
LARGE, LARGE_STEPS = 1000, 2000
REPEATS = 3


def introduction(steps: int, key) -> tuple[float, float, float]:
    """Processor seconds of a run, of compiling it, and the mean rate, Hz."""
    keys = jax.random.split(key, NETWORKS)
    weights = [glm.networks.normal(NEURONS, std=5.0, glorot=True, key=one) for one in keys]
    models = [glm.from_spikeometric("BernoulliGLM", matrix) for matrix in weights]
    masks = [glm.stimuli.excitatory_mask(NEURONS, STIMULATED, one) for one in keys]
    stimuli = [glm.stimuli.regular(5.0, period=100, tau=10, stop=steps, mask=mask) for mask in masks]
    run = lambda: np.asarray(glm.simulate(models, steps, key=key, stimulus=stimuli))
    return *timed(run), float(run().mean() * 1e3)


def large(sparsity: float, key) -> float:
    """Processor seconds a step of one network of LARGE neurons."""
    matrix = glm.networks.normal(LARGE, std=5.0, glorot=True, sparsity=sparsity, key=key)
    model = glm.from_spikeometric("BernoulliGLM", matrix)
    return timed(lambda: np.asarray(glm.simulate(model, LARGE_STEPS, key=key)))[0] / (LARGE_STEPS + 100)


def timed(run) -> tuple[float, float]:
    """The least of some runs, and what the first took beyond it."""
    seconds = []
    for _ in range(REPEATS + 1):
        start = process_time()
        run()
        seconds.append(process_time() - start)
    return min(seconds[1:]), seconds[0] - min(seconds[1:])


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    steps, key = parser.parse_args().steps, jax.random.key(0)
    seconds, compiling, rate = introduction(steps, key)
    print(f"introduction, {steps:,} steps: {seconds:.2f} s, compilation {compiling:.1f} s; {rate:.1f} Hz")
    for sparsity in (0.5, 0.9):
        print(f"{LARGE} neurons, {sparsity:.0%} of weights zero: {1e6 * large(sparsity, key):.0f} microseconds a step")


if __name__ == "__main__":
    main()
