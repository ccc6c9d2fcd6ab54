"""Time of a network's step and of its gradient: CPU time of one thread, ns a cell and step.

    taskset -c 0 uv run python benchmarks/network.py [cells] [synapses each] [steps]

Cells are GLIF3 at about 10 Hz, delays 0.5 ... 3 ms, dt 0.1 ms, float64. Where NEST is installed its time for the same
numbers of cells, synapses and spikes is measured beside it.
"""

import sys
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import glifjax  # noqa: F401
from glifjax.io.sonata.components import checked
from glifjax.network.cells.glif_psc import GlifPsc
from glifjax.network.circuit import NEVER, Circuit, Drive
from glifjax.network.edges import sorted_edges
from glifjax.network.gradient import run_circuit
from glifjax.network.run import run

#: ms.
DT = 0.1
CELL = {"V_m": -78.0, "E_L": -78.0, "V_th": -50.0, "V_reset": -78.0, "g": 5.0, "C_m": 80.0, "t_ref": 3.0,
        "tau_syn": [5.5, 8.5, 2.8, 5.8], "asc_amps": [-9.0, -100.0], "after_spike_currents": True}  # fmt: skip


def network(n: int, each: int, seed: int = 0):
    """Circuit and drive: random edges, a fifth of the cells inhibitory, a constant current of each cell's own."""
    rng = np.random.default_rng(seed)
    values = {}
    for key, value in checked("glif_psc", CELL, "benchmark").items():
        array = np.asarray(value, float)
        values[key] = value if isinstance(value, bool) else jnp.asarray(np.multiply.outer(array, np.ones(n)))
    sources, targets = rng.integers(0, n, (2, n * each))
    inhibitory = sources >= 0.8 * n
    weights = np.where(inhibitory, -4.0, 1.0) * 20.0 / max(each, 1) * rng.uniform(0.5, 1.5, n * each)
    slots = np.where(inhibitory, n, 0) + targets
    edges, _ = sorted_edges(sources, slots, weights, rng.integers(5, 31, n * each), n, 4 * n)
    when, who = np.append(np.ones(n), NEVER).astype(np.int32), np.append(np.arange(n), 0).astype(np.int32)
    never = jnp.array([NEVER], jnp.int32)
    currents = jnp.asarray(np.append(rng.uniform(145, 185, n), 0.0))
    return Circuit((GlifPsc(**values),), edges, DT), Drive(never, jnp.zeros(1, jnp.int32), jnp.asarray(when),
                                                           jnp.asarray(who), currents)  # fmt: skip


def cpu_time(function, repeats: int = 3) -> tuple[float, float]:
    """Seconds of the first call, and the least CPU time of the next."""
    start = time.perf_counter()
    function()
    first, times = time.perf_counter() - start, []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return first, min(times)


def main() -> None:
    """Print one line."""
    jax.config.update("jax_enable_x64", True)
    n, each, steps = (int(argument) for argument in (sys.argv[1:] + ["1000", "100", "2000"][len(sys.argv) - 1 :]))
    circuit, drive = network(n, each)
    cells = np.arange(min(n, 100))
    _, spikes, _, _ = run(circuit, drive, circuit.init(), steps)
    compiled, forward = cpu_time(lambda: run(circuit, drive, circuit.init(), steps))

    def loss(circuit: Circuit):
        seen = run_circuit(circuit, drive, steps, cells)
        return jnp.sum(seen.times * seen.spiked)

    gradient = eqx.filter_jit(eqx.filter_grad(loss))
    both_compiled, both = cpu_time(lambda: jax.block_until_ready(gradient(circuit)), 2)
    unit = 1e9 / n / steps
    print(
        f"{n} cells x {each}: {len(spikes) / n / steps / DT * 1e3:.1f} Hz, forward {forward * unit:.0f} ns, gradient "
        f"{both * unit:.0f} ns ({both / forward:.1f} times), first calls {compiled:.1f} and {both_compiled:.1f} s"
    )
    nest(n, each, steps, unit)


def nest(n: int, each: int, steps: int, unit: float) -> None:
    """NEST's time for as many cells and synapses, if it is installed."""
    try:
        import nest as kernel  # type: ignore[import-not-found]
    except ImportError:
        print("NEST is not installed (uv pip install nest-simulator): only our own numbers")
        return
    kernel.ResetKernel()
    kernel.set(resolution=DT, local_num_threads=1, print_time=False)
    cells = kernel.Create("glif_psc", n, params=CELL)
    kernel.Connect(kernel.Create("dc_generator", n, {"amplitude": 165.0}), cells, "one_to_one")
    delays = kernel.random.uniform(0.5, 3.0)
    if each:
        rule = {"rule": "fixed_outdegree", "outdegree": each}
        kernel.Connect(cells, cells, rule, {"weight": 20.0 / each, "delay": delays, "receptor_type": 1})
    kernel.Simulate(10.0)
    start = time.process_time()
    kernel.Simulate(steps * DT)
    print(f"NEST: {(time.process_time() - start) * unit:.0f} ns")


if __name__ == "__main__":
    main()
