"""Time of the Mihalas-Niebur neuron and of its gradient; writes docs/measured/speed_mihalas_niebur.md.

    uv run python benchmarks/mihalas_niebur.py [--repeats 10] [--out docs/measured/speed_mihalas_niebur.md]

What stands in one row is timed in turns, the shortest of all repeats counts, and compilation is timed apart.
"""

import argparse
import platform
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from timing import compiled, in_turns, machine, ratio, table

import glifjax as gj

DT, CURRENT, CHECKPOINT = 1e-4, 2e-9, 100
#: integrator -> neurons in a block
BLOCKS = {"exponential_euler": 200, "exact": 100}
#: neurons -> steps
SIZES = {1: 200_000, 20: 20_000, 1_000: 5_000, 100_000: 200}
GRADIENT_STEPS = (5_000, 20_000, 80_000)

PAGE = """# Speed of the Mihalas-Niebur neuron

Made by `uv run python benchmarks/mihalas_niebur.py` with jax {jax} and Python {python} on {machine}.
What stands in one row was timed in turns; the shortest of {repeats} repeats counts; compilation is apart.

## Forward

Float64, dt 0.1 ms, mixed mode under 2 nA. The neurons of a population differ in capacitance and share what else they
have; which of them spikes in which step is recorded (`trace.fired`); ns a neuron and step. Many run in blocks of
{euler} (exponential Euler) or {exact} (exact), whose states stay in the processor's nearest cache:

    jax.lax.map(lambda C: simulate(replace(neuron, C=C), current, dt).fired, capacitances, batch_size={exact})

`by hand` is exponential Euler as a jitted scan over plain arrays, its constants folded, no more in it than its eleven
lines need: what BrainPy's step compiles to. "times" records the exact spike times, two numbers a step.

{forward}

## Gradient

Of the sum of all spike times (exact) or of the spikes' surrogates (exponential Euler), in every parameter, one neuron;
ns a step, and the memory beside arguments and results. With `checkpoint={checkpoint}` only every {checkpoint}th state
is kept.

{gradient}
"""


def by_hand(neuron, capacitance, current):
    """Exponential Euler for a population, from arrays alone."""
    voltage = -jnp.expm1(-DT * neuron.G / capacitance) / neuron.G
    threshold = -jnp.expm1(-DT * neuron.b) / neuron.b
    decay, (r1, r2), (a1, a2) = jnp.exp(-DT * neuron.k), neuron.R, neuron.A

    def step(state, current):
        v, theta, i1, i2 = state
        spiked = (new := v + voltage * (current - neuron.G * (v - neuron.El) + i1 + i2)) >= theta
        theta += threshold * (neuron.a * (v - neuron.El) - neuron.b * (theta - neuron.th_inf))
        i1, i2 = decay[0] * i1, decay[1] * i2
        after = neuron.V_reset, jnp.maximum(neuron.th_reset, theta), r1 * i1 + a1, r2 * i2 + a2
        return tuple(jnp.where(spiked, a, b) for a, b in zip(after, (new, theta, i1, i2), strict=True)), spiked

    rest = jnp.zeros_like(capacitance)
    start = neuron.init_voltage + rest, neuron.init_threshold + rest, rest, rest
    return jax.lax.scan(step, start, current)[1]


def population(neuron, record):
    """What `record` takes from the traces of neurons of these capacitances, in blocks where there are many."""

    def run(capacitances, current):
        one = lambda C: record(gj.simulate(replace(neuron, C=C), current, DT))
        if capacitances.ndim == 0:
            return one(capacitances)
        block = BLOCKS[neuron.integrator]
        if len(capacitances) <= block:
            return jax.vmap(one, out_axes=1)(capacitances)
        return jax.lax.map(one, capacitances, batch_size=block)

    return run


def forward(repeats: int) -> str:
    neuron = gj.gallery["mixed_mode"].neuron
    euler = replace(neuron, integrator="exponential_euler")
    functions = {
        "by hand": lambda C, current: by_hand(euler, C, current),
        "exponential Euler": population(euler, lambda trace: trace.fired),
        "exact": population(neuron, lambda trace: trace.fired),
        "exact, times": population(neuron, lambda trace: trace.crossing),
    }
    rows = []
    for n, steps in SIZES.items():
        C = neuron.C * (1 + 0.1 * jnp.asarray(np.random.default_rng(0).random(n))) if n > 1 else neuron.C
        ready = {name: compiled(function, C, jnp.full(steps, CURRENT)) for name, function in functions.items()}
        times = in_turns({name: run for name, (run, _) in ready.items()}, repeats)
        ns = {name: 1e9 * seconds / n / steps for name, seconds in times.items()}
        compiling = [seconds for _, seconds in ready.values()]
        rows.append([f"{n:,}", f"{steps:,}", ns["by hand"]])
        for name in ("exponential Euler", "exact", "exact, times"):
            rows[-1] += [ns[name], ratio(ns[name], ns["by hand"])]
        rows[-1].append(f"{compiling[1]:.1f}, {compiling[2]:.1f}")
        print(f"  {n:,} neurons", flush=True)
    heads = ["neurons", "steps", "by hand", "exponential Euler", "ratio", "exact", "ratio", "exact, times", "ratio"]
    return table([*heads, "compilation, s"], rows)


def loss(neuron, current, checkpoint=None):
    trace = gj.simulate(neuron, current, DT, checkpoint=checkpoint)
    if neuron.integrator == "exact":
        return jnp.sum(jnp.where(jnp.isfinite(trace.crossing), trace.crossing, 0.0))
    return jnp.sum(trace.spiked)


def gradient(repeats: int) -> str:
    rows = []
    for integrator in ("exponential_euler", "exact"):
        neuron = replace(gj.gallery["mixed_mode"].neuron, integrator=integrator)
        for steps in GRADIENT_STEPS:
            functions = {
                "forward": loss,
                "gradient": jax.grad(loss),
                "checkpoint": jax.grad(lambda neuron, current: loss(neuron, current, CHECKPOINT)),
            }
            current = jnp.full(steps, CURRENT)
            ready = {name: compiled(function, neuron, current) for name, function in functions.items()}
            memory = {
                name: jax.jit(function).lower(neuron, current).compile().memory_analysis().temp_size_in_bytes / 1e6
                for name, function in functions.items()
            }
            times = in_turns({name: run for name, (run, _) in ready.items()}, repeats)
            ns = {name: 1e9 * seconds / steps for name, seconds in times.items()}
            rows.append([integrator.replace("_", " "), f"{steps:,}", ns["forward"]])
            for name in ("gradient", "checkpoint"):
                rows[-1] += [ns[name], ratio(ns[name], ns["forward"]), f"{memory[name]:.1f} MB"]
            rows[-1].append(f"{ready['gradient'][1]:.1f}, {ready['checkpoint'][1]:.1f}")
            print(f"  gradient, {integrator}, {steps:,} steps", flush=True)
    heads = ["integrator", "steps", "forward", "with gradient", "ratio", "memory"]
    return table([*heads, f"checkpoint={CHECKPOINT}", "ratio", "memory", "compilation, s"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("docs/measured/speed_mihalas_niebur.md"))
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    about = machine()
    page = PAGE.format(
        jax=jax.__version__,
        python=platform.python_version(),
        machine=about,
        repeats=options.repeats,
        euler=BLOCKS["exponential_euler"],
        exact=BLOCKS["exact"],
        checkpoint=CHECKPOINT,
        forward=forward(options.repeats),
        gradient=gradient(options.repeats),
    )
    options.out.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
