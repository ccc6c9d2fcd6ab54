"""Rules of one's own: plain functions, and modules that declare none of the classes in `glifjax.rules.base`.

A rule that does not say otherwise is taken for one of Allen's: it starts from the neuron's initial values, stops where
a reset leaves the voltage above the threshold, and holds its currents constant within a step.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from glifjax.checks import Part, compiled, in_form
from glifjax.errors import InputError, shown
from glifjax.rules.base import (
    DYNAMICS,
    PLACES,
    RESET,
    AbstractAfterspike,
    AbstractDynamics,
    AbstractReset,
    Rule,
    first_currents,
    first_threshold,
)


class Function(Part):
    """A plain function as a rule: no leaf of the neuron, so that jit and vmap take it like any other.

    Attributes:
        func: called as rules are, with its parameters besides.
        keywords, args: its parameters, arrays: by name, or in front of what rules are called with.
    """

    func: Callable[..., Any] = eqx.field(static=True)
    keywords: Mapping[str, Any] = eqx.field(default_factory=dict)
    args: tuple[Any, ...] = ()

    def __call__(self, *passed: Any) -> Any:
        """The function's own part of the state."""
        return self.func(*self.args, *passed, **self.keywords)


def as_rule(rule: Any) -> Any:
    """A plain function, a partial one, or whatever else is called and holds no arrays, as a Function; others as is."""
    if isinstance(rule, functools.partial | eqx.Partial) and _is_function(rule.func):
        return Function(rule.func, dict(rule.keywords), tuple(rule.args))
    return Function(rule) if _is_function(rule) else rule


def _is_function(rule: Any) -> bool:
    """Whether a rule is a leaf of jax's trees that can be called, as functions are, and modules are not."""
    return callable(rule) and not inspect.isclass(rule) and jax.tree_util.all_leaves([rule])


def require_rules(neuron: Any) -> None:
    """Something that can be called as its rules are, in each of a neuron's places; else an InputError."""
    for name in PLACES:
        rule = getattr(neuron, name)
        if not callable(rule) or inspect.isclass(rule):
            raise InputError(f"{name} is {shown(rule)}; give a rule: one of glifjax.rules, made, or a function")
        passed = RESET if name.endswith("reset") else DYNAMICS
        function = rule if not isinstance(rule, Function) else functools.partial(rule.func, *rule.args, **rule.keywords)
        try:
            inspect.signature(function).bind(*passed)
        except TypeError as error:
            raise InputError(
                f"{name} ({rule_name(rule)}) is called as rule({', '.join(passed)}): {error}; a rule for AllenSDK goes "
                "into glifjax.rules.AllenSDKRule"
            ) from error
        except ValueError:  # it has no signature that Python can tell
            continue


Class = TypeVar("Class", bound=type)


def places_for_rules(*names: str) -> Callable[[Class], Class]:
    """Make these attributes of a neuron's class places for rules: what is put there, by eqx.tree_at too, is as_rule."""

    def decorate(cls: Class) -> Class:
        for name in names:
            setattr(cls, name, _Place(name))
        return cls

    return decorate


class _Place:
    def __init__(self, name: str):
        self.name = name

    def __get__(self, neuron: Any, owner: Any) -> Any:
        if neuron is None:
            return self
        if self.name not in vars(neuron):
            raise AttributeError(f"the neuron has no {self.name}")
        return vars(neuron)[self.name]

    def __set__(self, neuron: Any, rule: Any) -> None:
        vars(neuron)[self.name] = as_rule(rule)


@runtime_checkable
class _Starts(Protocol):
    def init(self, neuron: Any) -> Any: ...


@runtime_checkable
class _SaysWhetherItStops(Protocol):
    stops_above: bool


@runtime_checkable
class _HasLargestStep(Protocol):
    def largest_step(self, neuron: Any) -> Any: ...


@runtime_checkable
class _HasOnePerCurrent(Protocol):
    def one_per_current(self) -> Mapping[str, Any]: ...


@runtime_checkable
class _HasVoltages(Protocol):
    def voltages(self) -> Sequence[Any]: ...


def threshold_of(rule: Rule, neuron: Any) -> Any:
    """A threshold rule's part of the first state."""
    return rule.init(neuron) if isinstance(rule, _Starts) else first_threshold(neuron)


def currents_of(rule: Rule, neuron: Any) -> Any:
    """An afterspike rule's part of the first state."""
    return rule.init(neuron) if isinstance(rule, _Starts) else first_currents(neuron)


def decay_rates(rule: Rule, neuron: Any) -> Float[Array, " n"]:
    """At which afterspike currents decay within a step, 1/s."""
    if isinstance(rule, AbstractAfterspike):
        return rule.decay_rates(neuron)
    return jnp.zeros_like(neuron.asc_tau_array)


def one_per_current(rule: Rule) -> Mapping[str, Any]:
    """An afterspike reset's arrays with one number per current, by name."""
    return rule.one_per_current() if isinstance(rule, _HasOnePerCurrent) else {}


def voltages(*rules: Rule) -> list[Float[Array, "..."]]:
    """All parameters of these rules that are voltages, V; of those that say so."""
    return [value for rule in rules if isinstance(rule, _HasVoltages) for value in rule.voltages()]


def stops_above(rule: Rule) -> bool:
    """Whether a neuron with this threshold rule stops where a reset leaves the voltage above the threshold."""
    return rule.stops_above if isinstance(rule, _SaysWhetherItStops) else True


def is_stable(rule: Rule, neuron: Any, dt: Float[Array, ""]) -> Bool[Array, ""]:
    """Whether dynamics that have a largest step (Euler's) are given one of at most that, s."""
    return dt <= rule.largest_step(neuron) if isinstance(rule, _HasLargestStep) else jnp.asarray(True)


def part_of(rule: Rule, name: str, before: Any, *passed: Any) -> Any:
    """What a rule makes of what it is called with, in the form and type of the state's part before it.

    A number stands for a part of one leaf.

    Args:
        rule: which is called.
        name: of its place, for messages.
        before: the state's part.
        passed: what it is called with.

    Raises:
        InputError: another form or shape, or Python's numbers asked for while the rule is compiled; names the rule.
    """
    with compiled(f"{name} ({rule_name(rule)})"):
        made = rule(*passed)
    if isinstance(before, tuple) and isinstance(made, list | jax.Array | np.ndarray):
        made = tuple(made)
    if not isinstance(made, eqx.Module | tuple | list | dict):
        made = jax.tree.map(lambda _: made, before) if len(jax.tree.leaves(before)) == 1 else made
    made = in_form(f"{name} ({rule_name(rule)})", made, before)
    return jax.tree.map(lambda leaf, old: jnp.asarray(leaf, old.dtype), made, before)


def rule_name(rule: Rule) -> str:
    """A rule's class or function, for messages."""
    return function_name(rule.func) if isinstance(rule, Function) else type(rule).__name__


def function_name(function: Callable[..., Any]) -> str:
    """A function's name; that of what is called for a partial one, or its class."""
    function = function.func if isinstance(function, functools.partial) else function
    return getattr(function, "__name__", type(function).__name__)


def mechanism(rule: Rule) -> str:
    """Which part of the name of Allen's levels a rule stands for; empty for none."""
    return rule.mechanism if isinstance(rule, AbstractDynamics | AbstractReset) else ""
