"""Derivatives of spike times in a network with recurrence and delays, against central differences at dt 0.001 ms."""

from operator import attrgetter

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import glifjax as gj
from glifjax.network.cells.gathered import gathered
from glifjax.network.cells.glif_psc import GlifPsc
from glifjax.network.cells.neurons import cells_of_neurons
from glifjax.network.circuit import NEVER, Circuit, Drive
from glifjax.network.edges import Edges, sorted_edges

#: ms; cells; ms of the run, and of its part whose spikes are looked at.
DT = 0.001
N = 4
DURATION = 40.0
LOOKED_AT = 36.0
#: What a parameter is moved by in a random direction of length one: small beside its effect's curvature, large enough
#: that spikes move by many steps; by kind of cells.
MOVES = {
    "glif_psc": {"V_th": 0.25, "E_L": 0.25, "g": 0.03, "C_m": 0.4, "tau_syn": 0.3, "asc_amps": 0.5, "V_reset": 0.25,
                 "weights": 0.5},
    "gathered": {"V_th": 0.25, "C_m": 0.4, "weights": 0.5, "hazard.escape_noise.lambda0": 5.0,
                 "hazard.accumulated_hazard.tau": 1e-3, "hazard.accumulated_hazard.threshold": 0.05},
    "neurons": {"neurons.th_inf": 0.25e-3, "neurons.C": 0.4e-12, "neurons.R_input": 1e6, "tau_syn": 0.3,
                "neurons.asc_amp_array": 2e-12, "weights": 0.5},
}  # fmt: skip


def neurons(dt: float):
    """GLIF neurons in SI units, of the level with all mechanisms."""
    rng = np.random.default_rng(3)
    each = [
        gj.from_level(
            "LIF-R-ASC-A", C=c * 1e-12, R_input=2e8, th_inf=v * 1e-3, El_reference=-0.075,
            asc_tau_array=[0.05, 0.01], asc_amp_array=[-9e-12, -6e-11], r=[1.0, 0.8], reset_slope=0.2,
            reset_intercept=-2e-3, a_spike=1.4e-3, b_spike=30.0, a_voltage=5.0, b_voltage=90.0,
            spike_cut_length=round(3 / dt), dt=dt * 1e-3,
        )
        for c, v in zip(rng.uniform(76, 84, N), rng.uniform(24, 26, N), strict=True)
    ]  # fmt: skip
    return cells_of_neurons(each, (5.5, 8.5))


def network(dt: float = DT, kind: str = "glif_psc") -> tuple[Circuit, Drive]:
    rng = np.random.default_rng(0)
    normal = lambda mean, spread: jnp.asarray(mean + spread * rng.standard_normal(N))
    rows = lambda *values: jnp.asarray(np.multiply.outer(values, np.ones(N)))
    (one,) = rows(1.0)
    hazard = gathered([(gj.EscapeNoise(40.0, 2e-3), gj.AccumulatedHazard(5e-3, 0.3))] * N)
    cells = GlifPsc(
        V_m=normal(-70, 2), E_L=normal(-75, 1), V_th=normal(-50, 1), V_reset=normal(-72, 1), g=normal(5.0, 0.3),
        C_m=normal(80, 4), t_ref=3 * one, tau_syn=rows(5.5, 8.5), asc_init=rows(0.0, 0.0), asc_decay=rows(0.02, 0.1),
        asc_amps=rows(-9.0, -60.0), asc_r=rows(1.0, 0.8), th_spike_add=1.4 * one, th_spike_decay=0.03 * one,
        voltage_reset_fraction=0.2 * one, voltage_reset_add=-2 * one, th_voltage_index=0.005 * one,
        th_voltage_decay=0.09 * one, spike_dependent_threshold=False, after_spike_currents=True,
        adapting_threshold=False,
        hazard=hazard if kind == "gathered" else None,
    )  # fmt: skip
    n_edges = 10
    sources, targets = rng.integers(0, N + 1, n_edges), rng.integers(0, N, n_edges)
    ports = rng.integers(0, 2, n_edges)
    weights = np.where(ports == 1, -1, 1) * rng.uniform(10, 40, n_edges)
    delays = np.rint(rng.uniform(1, 3, n_edges) / dt).astype(int)
    edges = sorted_edges(sources, ports * N + targets, weights, delays, N + 1, 2 * N)
    ended = lambda values, last: jnp.asarray(np.append(values, last).astype(np.int32))
    spikes = np.rint(np.array([5.0, 11.0, 17.3, 24.0]) / dt)
    return Circuit((neurons(dt) if kind == "neurons" else cells,), edges, dt), Drive(
        ended(spikes, NEVER), ended(np.full(4, N), 0), ended(np.zeros(N), NEVER), ended(np.arange(N), 0),
        jnp.asarray(np.append(rng.uniform(240, 280, N), 0.0)),
    )  # fmt: skip


def of(circuit: Circuit, name: str):
    return circuit.edges.weights if name == "weights" else attrgetter(name)(circuit.cells[0])


@pytest.fixture(scope="module")
def measured(request):
    """The gradient of a random sum of spike times, and that sum as a function of the circuit."""
    circuit, drive = network(kind=request.param)
    n_steps = round(DURATION / DT)
    spiked = eqx.filter_jit(lambda circuit: gj.run_circuit(circuit, drive, n_steps, np.arange(N)).spiked)

    def steps(circuit):
        return [np.flatnonzero(train) for train in np.asarray(spiked(circuit)).T > 0.5]

    first = [train[train < LOOKED_AT / DT] for train in steps(circuit)]
    assert sum(map(len, first)) >= 6
    factors = [np.random.default_rng(1).standard_normal(len(train)) for train in first]
    mask = np.zeros((n_steps, N))
    for cell, train in enumerate(first):
        mask[train, cell] = factors[cell]

    def total(circuit):
        trains = [train[: len(own)] for train, own in zip(steps(circuit), factors, strict=True)]
        return sum(float(own @ ((train + 1) * DT)) for train, own in zip(trains, factors, strict=True))

    loss = lambda circuit: jnp.sum(mask * gj.run_circuit(circuit, drive, n_steps, np.arange(N)).times)
    return circuit, eqx.filter_jit(eqx.filter_grad(loss))(circuit), total


@pytest.mark.parametrize(
    ("measured", "name", "move"),
    [
        pytest.param(kind, name, move, marks=[] if kind == "glif_psc" else pytest.mark.slow)
        for kind, moves in MOVES.items()
        for name, move in moves.items()
    ],
    indirect=["measured"],
)
def test_the_gradient_of_spike_times_is_that_of_central_differences(measured, name, move):
    circuit, gradient, total = measured
    direction = np.random.default_rng(2).standard_normal(of(circuit, name).shape)
    direction = jnp.asarray(direction / np.linalg.norm(direction))

    def difference(step: float) -> float:
        ends = (of(circuit, name) + sign * step * direction for sign in (1, -1))
        up, down = (total(eqx.tree_at(lambda c: of(c, name), circuit, end)) for end in ends)
        return (up - down) / (2 * step)

    # of two steps, so that neither the curvature of a long one nor the grid of a short one matters
    expected = (4 * difference(move) - difference(2 * move)) / 3
    along = float(jnp.sum(of(gradient, name) * direction))
    assert abs(expected - along) < 0.01 * float(jnp.linalg.norm(of(gradient, name)))


@pytest.mark.slow
def test_segments_change_nothing():
    circuit, drive = network(0.1)
    loss = lambda circuit, segment: jnp.sum(
        (run := gj.run_circuit(circuit, drive, 350, np.arange(N), segment=segment)).times * run.spiked
    )
    one, other = (eqx.filter_grad(loss)(circuit, segment) for segment in (350, 40))
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_two_groups_have_the_gradient_of_one():
    circuit, drive = network(0.1)
    half = N // 2
    part = lambda first: jax.tree.map(lambda leaf: leaf[..., first : first + half], circuit.cells[0])
    rows, ports, targets = np.unravel_index(np.asarray(circuit.edges.offsets), (circuit.edges.depth, 2, N))
    group, cell = np.divmod(targets, half)
    offsets = np.ravel_multi_index((rows, group, ports, cell), (circuit.edges.depth, 2, 2, half))
    edges = Edges(circuit.edges.weights, jnp.asarray(offsets), circuit.edges.starts, circuit.edges.depth)
    two = Circuit((part(0), part(half)), edges, circuit.dt)
    loss = lambda circuit: jnp.sum((run := gj.run_circuit(circuit, drive, 350, np.arange(N))).times * run.spiked)
    of_one, of_two = map(eqx.filter_jit(eqx.filter_grad(loss)), (circuit, two))
    joined = jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=-1), *of_two.cells)
    parts = (of_one.cells[0], of_one.edges.weights), (joined, of_two.edges.weights)
    for a, b in zip(*map(jax.tree.leaves, parts), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_a_silent_cell_has_a_gradient_with_a_surrogate_alone():
    circuit, drive = network(0.1)
    quiet = eqx.tree_at(lambda drive: drive.currents, drive, jnp.full(N + 1, 115.0))
    loss = lambda circuit, surrogate: jnp.sum(
        gj.run_circuit(circuit, quiet, 300, np.arange(N), surrogate=surrogate).spiked
    )
    none = eqx.filter_grad(loss)(circuit, None)
    some = eqx.filter_grad(loss)(circuit, gj.Surrogate(width=5.0))
    assert float(jnp.abs(none.cells[0].V_th).max()) == 0.0
    slopes = np.asarray(some.cells[0].V_th)  # a lower threshold would bring spikes, of cells that come near it
    assert slopes.min() < 0.0
    assert slopes.max() <= 0.0


def test_a_neuron_that_says_not_when_it_spikes_is_refused():
    cells = cells_of_neurons([gj.gallery["tonic_spiking"].neuron], (5.0,))
    with pytest.raises(ValueError, match=r"MihalasNiebur as a cell has no derivatives of spike times; use a GLIF"):
        cells.init(leads=True)
