"""Time of the Mihalas-Niebur neuron, ns per neuron-step: spikes recorded, dt 0.1 ms, float64; gradients, their memory.

    uv run python benchmarks/mihalas_niebur.py [--quick]

Neurons differ in capacitance (10 %) and fire in mixed mode under 2 nA. Compilation is shown apart; times are the best
of five. More than BLOCK neurons run in blocks of that many, one after another (`jax.lax.map`), which stay in the cache.
"""

import argparse
import platform
import time
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import glifjax as gj

DT = 1e-4
BLOCK = 50
#: neurons -> steps
SIZES = {1: 200_000, 20: 20_000, 1_000: 5_000, 100_000: 200}
INTEGRATORS = ("exponential_euler", "exact")


def population(n: int, integrator: str):
    """n neurons, with an axis in front unless there is one alone."""
    neuron = replace(gj.gallery["mixed_mode"].neuron, integrator=integrator)
    if n == 1:
        return neuron
    many = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape)), neuron)
    return replace(many, C=neuron.C * (1 + 0.1 * jnp.asarray(np.random.default_rng(0).random(n))))


def spikes_of(neuron, current, checkpoint=None):
    """What is recorded: spike times where the integrator knows them, else spiking steps."""
    trace = gj.simulate(neuron, current, DT, checkpoint=checkpoint)
    return trace.crossing if neuron.integrator == "exact" else trace.spiked > 0.5


def forward(n: int):
    if n == 1:
        return spikes_of
    block = jax.vmap(spikes_of, (0, None), out_axes=1)
    if n <= BLOCK:
        return block
    return lambda neurons, current: jax.lax.map(partial(spikes_of, current=current), neurons, batch_size=BLOCK)


def loss(neuron, current, checkpoint):
    trace = gj.simulate(neuron, current, DT, checkpoint=checkpoint)
    if neuron.integrator == "exact":
        return jnp.sum(jnp.where(jnp.isfinite(trace.crossing), trace.crossing, 0.0))
    return jnp.sum(trace.spiked)


def measure(function, *arguments, repeats: int = 5):
    """Seconds to compile, seconds to run (the best), and bytes that a run needs beside its arguments and results."""
    start = time.perf_counter()
    compiled = jax.jit(function).lower(*arguments).compile()
    compiling = time.perf_counter() - start
    runs = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        runs.append(time.perf_counter() - start)
    memory = compiled.memory_analysis()
    return compiling, min(runs[1:]), memory.temp_size_in_bytes if memory else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    print(f"{platform.machine()}, jax {jax.__version__}, {jax.devices()[0].platform}\n")
    print("| integrator | neurons | steps | ns per neuron-step | compilation, s |\n|---|---|---|---|---|")
    for integrator in INTEGRATORS:
        for n, steps in SIZES.items():
            steps = max(100, steps // 10) if options.quick else steps
            current = jnp.full(steps, 2e-9)
            compiling, running, _ = measure(forward(n), population(n, integrator), current)
            print(
                f"| {integrator} | {n:,} | {steps:,} | {1e9 * running / n / steps:.1f} | {compiling:.1f} |", flush=True
            )
    steps = 2_000 if options.quick else 20_000
    current = jnp.full(steps, 2e-9)
    print(f"\nGradients with respect to every parameter, one neuron, {steps:,} steps:\n")
    print("| integrator | checkpoint | forward, ns | with gradient, ns | ratio | memory, MB | compilation, s |")
    print("|---|---|---|---|---|---|---|")
    for integrator in INTEGRATORS:
        neuron = population(1, integrator)
        _, alone, _ = measure(partial(loss, checkpoint=None), neuron, current)
        for checkpoint in (None, 100):
            function = jax.value_and_grad(partial(loss, checkpoint=checkpoint))
            compiling, running, memory = measure(function, neuron, current)
            print(
                f"| {integrator} | {checkpoint or 'none'} | {1e9 * alone / steps:.0f} | {1e9 * running / steps:.0f} "
                f"| {running / alone:.1f} | {memory / 1e6:.1f} | {compiling:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
