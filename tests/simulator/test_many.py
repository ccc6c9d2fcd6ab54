"""Many neurons at once: in blocks, as a list, each with a stimulus or a key of its own, over several devices."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from neurons import KINDS

import glifjax as gj

DT, CURRENT = 1e-4, np.full(200, 4e-10)


def build(C):
    return gj.from_level("LIF", C=C, R_input=2e8, th_inf=0.02, escape_noise=gj.EscapeNoise(40.0, 2e-3))


@pytest.fixture(scope="module")
def neurons():
    return jax.vmap(build)(np.linspace(1e-10, 3e-10, 7))


def one(neurons, row):
    return jax.tree.map(lambda leaf: leaf[row], neurons)


@pytest.mark.parametrize("block", ["auto", 3])
def test_many_are_each_alone(neurons, block):
    trace = gj.simulate_many(neurons, CURRENT, DT, block=block, record="spike times")
    assert trace.fired.shape == (7, 200)
    for row in (0, 6):
        alone = gj.simulate(one(neurons, row), CURRENT, DT).spikes()
        np.testing.assert_array_equal(trace.spikes()[row].times, alone.times)
    assert len(trace.spikes()[0]) > len(trace.spikes()[6]) > 0


def test_a_list_currents_of_their_own_and_keys(neurons):
    key, currents = jax.random.key(0), np.linspace(0.5, 1.5, 7)[:, None] * CURRENT
    cells = [one(neurons, row) for row in range(7)]
    trace = gj.simulate_many(cells, currents, DT, key=key, block=2)
    keys = jax.random.split(key, 7)
    for row in (1, 5):
        alone = gj.simulate(cells[row], currents[row], DT, key=keys[row])
        np.testing.assert_array_equal(trace.fired[row], alone.fired)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"neurons": build(1e-10)}, "must have one axis of the same length in front"),
        ({"neurons": []}, "give one or more neurons"),
        ({"neurons": [build(1e-10), gj.MihalasNiebur()]}, "of several kinds, rules or numbers of currents"),
        ({"current": CURRENT[None]}, r"shape \(1, 200\); give \(T,\), one for all, or \(7, T\)"),
        ({"dt": 0.0}, "dt is 0"),
        ({"block": 0}, "block is 0"),
        ({"record": "all"}, "record='all' is unknown"),
    ],
)
def test_bad_input_is_refused_in_words(neurons, change, message):
    with pytest.raises(ValueError, match=message):
        gj.simulate_many(**({"neurons": neurons, "current": CURRENT, "dt": DT} | change))


OVER_DEVICES = """
import json, equinox as eqx, glifjax as gj, jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from neurons import DRIVE, DT, KINDS

over = NamedSharding(jax.make_mesh((2,), ("n",), axis_types=(AxisType.Auto,)), PartitionSpec("n"))
explicit = NamedSharding(jax.make_mesh((2,), ("n",), axis_types=(AxisType.Explicit,)), PartitionSpec("n"))
current, results = 3 * DRIVE[15:75], {}
for name, build in KINDS.items():
    one = build()
    many = jax.vmap(lambda C: eqx.tree_at(lambda n: n.C, one, C))(one.C * jnp.linspace(1.0, 2.0, 6))
    here = jax.jit(jax.vmap(lambda each: gj.simulate(each, current, DT, record="spikes").fired.sum()))
    there = jax.device_put(many, over)
    compiled = here.lower(there).compile()
    trace = gj.simulate_many(there, current, DT, block=2)
    counts = [here(many), compiled(there), trace.fired.sum(axis=1)]
    counts.append(gj.simulate_many(jax.device_put(many, explicit), current, DT, block=2).fired.sum(axis=1))
    counts.append(jax.jit(jax.shard_map(here, mesh=over.mesh, in_specs=over.spec, out_specs=over.spec))(many))
    stimuli = jnp.stack([current, 0.9 * current])
    of_each = jax.vmap(lambda current: gj.simulate(one, current, DT, record="spikes").fired.sum())
    spread = jax.jit(jax.shard_map(of_each, mesh=over.mesh, in_specs=over.spec, out_specs=over.spec))
    over_time = gj.simulate(one, jax.device_put(stimuli[0], explicit), DT, record="spikes").fired.sum()
    by_stimulus = [of_each(stimuli).tolist(), spread(stimuli).tolist(), [int(over_time), int(of_each(stimuli)[1])]]
    moved = [word for word in ("all-gather", "all-reduce", "all-to-all", "permute") if word in compiled.as_text()]
    lies = trace.fired.sharding.is_equivalent_to(over, 2)
    results[name] = [np.asarray(count).tolist() for count in counts], by_stimulus, moved, lies
print(json.dumps(results))
"""


@pytest.mark.slow
def test_neurons_over_devices_stay_where_they_lie():
    """Every kind of neuron: jax.jit of a vmap over laid-out arrays, simulate_many, and shard_map with its checks on.

    Over stimuli, too, and a stimulus whose time lies over devices.
    """
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2"
    environment = os.environ | {"XLA_FLAGS": flags, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", OVER_DEVICES], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert results.keys() == KINDS.keys()
    for name, (counts, by_stimulus, moved, lies) in results.items():
        assert all(count == counts[0] for count in counts), name
        assert by_stimulus[0] == by_stimulus[1] == by_stimulus[2], name
        assert sum(counts[0]) > 0, name
        assert moved == [], name
        assert lies, name
