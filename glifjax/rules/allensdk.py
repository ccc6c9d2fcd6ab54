"""Rules written for AllenSDK, as its tutorial writes them: `rule(neuron, voltage_t0, custom_param_a, custom_param_b)`.

AllenSDK calls a rule with the parts of the state that its kind reads, and fixes the parameters beforehand
(`configure_method('custom', rule, params)`). Here the arguments are taken by these names, those of AllenSDK's library.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from glifjax.arrays import as_float
from glifjax.checks import Part
from glifjax.errors import InputError
from glifjax.rules.base import Threshold
from glifjax.rules.own import function_name

#: Argument -> what it is, from the neuron, the state and, for dynamics, the injected current.
ARGUMENTS: dict[str, Callable[..., Any]] = {
    "neuron": lambda neuron, state, *now: neuron,
    "voltage_t0": lambda neuron, state, *now: state.voltage,
    "voltage_v1": lambda neuron, state, *now: neuron.voltage_reset(neuron, state),
    "threshold_t0": lambda neuron, state, *now: state.threshold.total,
    "AScurrents_t0": lambda neuron, state, *now: jnp.stack(tuple(state.afterspike_currents)),
    "inj": lambda neuron, state, current, dt: current,
}
#: The first of these among the arguments is what a rule gives anew.
GIVES = ("voltage_t0", "threshold_t0", "AScurrents_t0")


class AllenSDKRule(Part):
    """A function of AllenSDK's arguments, in the place of any rule of a GLIF neuron.

    Write it with jax.numpy, and `neuron.coeffs.C` for AllenSDK's `neuron.coeffs['C']`. `time_step` and
    `spike_time_steps` do not exist here; `neuron.time_since_spike(state)` does, see docs/rules.md.

    Attributes:
        function: AllenSDK's rule.
        params: its own parameters by name, arrays, which a fit may move.

    Raises:
        InputError: an argument that is neither one of AllenSDK's nor a parameter; a parameter that is no argument.

    Example:
        >>> import equinox as eqx
        >>> from glifjax.rules import AllenSDKRule
        >>> def custom_voltage_reset_rule(neuron, voltage_t0, custom_param_a, custom_param_b):
        ...     return custom_param_a * voltage_t0 + custom_param_b
        >>> rule = AllenSDKRule(custom_voltage_reset_rule, {"custom_param_a": 0.1, "custom_param_b": 0.0})
        >>> neuron = gj.from_level("LIF", C=1e-10, R_input=1e8, th_inf=0.02)
        >>> neuron = eqx.tree_at(lambda n: n.voltage_reset, neuron, rule)
        >>> len(gj.simulate(neuron, np.full(400, 3e-10), 1e-4).spikes())
        3
    """

    function: Callable[..., Any] = eqx.field(static=True)
    params: Mapping[str, Array]

    def __init__(self, function: Callable[..., Any], params: Mapping[str, ArrayLike]):
        """Take the function and its parameters, which become arrays."""
        self.function = function
        self.params = {name: as_float(value) for name, value in params.items()}
        names = list(inspect.signature(function).parameters)
        of_rule = f"AllenSDK's rule {function_name(function)}({', '.join(names)})"
        for name in names:
            if name not in ARGUMENTS and name not in self.params:
                raise InputError(f"{of_rule} needs {name}; give it among the parameters, or use {', '.join(ARGUMENTS)}")
        for name in self.params:
            if name not in names:
                raise InputError(f"{of_rule} has no argument {name}; give parameters that it has")
        if not set(GIVES) & set(names):
            raise InputError(f"{of_rule} takes no part of the state; its first is one of {', '.join(GIVES)}")

    def __call__(self, neuron: Any, state: Any, *now: Array) -> Any:
        """The rule's part of the new state; `now` is current and dt, for dynamics."""
        names = list(inspect.signature(self.function).parameters)
        if not now and "inj" in names:
            raise InputError(f"{function_name(self.function)}: a reset sees no current; leave inj out")
        taken = {name: ARGUMENTS[name](neuron, state, *now) for name in names if name not in self.params}
        made = self.function(**taken, **self.params)
        part = next(name for name in names if name in GIVES)
        if part == "voltage_t0":
            return made
        if part == "AScurrents_t0":
            return tuple(jnp.asarray(made))
        above = jnp.asarray(made) - neuron.threshold_infinity
        return Threshold(jnp.asarray(made), jnp.zeros_like(above), above)
