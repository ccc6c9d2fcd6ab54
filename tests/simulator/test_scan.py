"""The scan over time: what is computed once, and that nothing else changes by it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params
from neurons import NEURONS

import glifjax as gj
from glifjax.scan import hoisted, scan

CURRENT = np.full(50, 3e-10)


def primitives(jaxpr, inside_scan: bool = False) -> set[str]:
    """Names of what scans compute at every step."""
    names = set()
    for eqn in jaxpr.eqns:
        names |= {eqn.primitive.name} if inside_scan else set()
        for part in jaxprs_in_params(eqn.params):
            names |= primitives(part, inside_scan or eqn.primitive.name == "scan")
    return names


@pytest.mark.parametrize("level", gj.LEVELS)
def test_no_exponential_of_parameters_is_taken_at_every_step_or_on_the_way_back(level):
    loss = lambda neuron: jnp.nansum(gj.simulate(neuron, CURRENT, 5e-5).voltage)
    of_a_step = primitives(jax.make_jaxpr(jax.grad(loss, allow_int=True))(NEURONS[level]()).jaxpr)
    assert "mul" in of_a_step  # the scans were looked into
    assert not of_a_step & {"exp", "expm1", "slice", "dynamic_slice", "gather"}


def test_constants_are_computed_once_and_the_rest_every_step():
    rate, gains = jnp.asarray(2.0), jnp.asarray([3.0, 5.0])

    def step(state, inp):
        return state * jnp.exp(-rate) + gains[1] * inp, jnp.exp(state)

    shorter = hoisted(step, jnp.zeros(()), jnp.zeros(()))
    names = [eqn.primitive.name for eqn in jax.make_jaxpr(shorter)(1.0, 1.0).jaxpr.eqns]
    assert sorted(names) == ["add", "exp", "mul", "mul"]
    np.testing.assert_array_equal(shorter(jnp.asarray(0.7), jnp.asarray(0.1)), step(0.7, 0.1))


def test_few_numbers_are_not_made_many_before_the_scan():
    gain = jnp.asarray(2.0)
    step = lambda state, inp: (state + jnp.full(1000, gain) * inp, None)
    consts = jax.make_jaxpr(lambda: scan(step, jnp.zeros(1000), jnp.arange(3.0)))().jaxpr.eqns
    (loop,) = [eqn for eqn in consts if eqn.primitive.name == "scan"]
    assert sorted(var.aval.size for var in loop.invars) == [1, 3, 1000]  # the gain, the inputs, the state


def test_derivatives_through_constants_are_those_of_a_scan_written_out():
    def last(rate, gains, over):
        step = lambda state, inp: (state * jnp.exp(-rate) + gains[1] * inp, state)
        return over(step, jnp.asarray(1.0), jnp.asarray([0.3, 0.2, 0.5]))[0]

    at = jnp.asarray(0.4), jnp.asarray([3.0, 5.0])
    for derivative in (jax.grad, jax.jacfwd):
        ours, plain = (derivative(last, (0, 1))(*at, over) for over in (scan, jax.lax.scan))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14, atol=1e-16), ours, plain)
