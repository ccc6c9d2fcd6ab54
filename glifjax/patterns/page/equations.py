"""Equations as MathML, which browsers set by themselves."""

import re

from markupsafe import Markup

from glifjax.html import join, markup
from glifjax.patterns.page.parameters import elements
from glifjax.patterns.page.words import number
from glifjax.patterns.pattern import Pattern

#: The model, a line each: tokens apart by spaces; d(X) is the derivative of X, X_y has y set lower.
MODEL = (
    "d(I_j) = − k_j I_j",
    "C d(V) = I + ∑_j I_j − G ( V − E_L )",
    "d(Θ) = a ( V − E_L ) − b ( Θ − Θ_∞ )",
)
RESETS = ("I_j ← R_j I_j + A_j", "V ← V_reset", "Θ ← max ( Θ_reset , Θ )")


def mathml(formula: str) -> Markup:
    """One formula, on a line of its own."""
    tokens = join(map(_token, formula.split()))
    return markup('<div class="equation"><math displaystyle="true">{}</math></div>', tokens)


def _token(token: str) -> Markup:
    if derivative := re.fullmatch(r"d\((.+)\)", token):
        of = _token(derivative[1])
        return markup("<mfrac><mrow><mi>d</mi>{}</mrow><mrow><mi>d</mi><mi>t</mi></mrow></mfrac>", of)
    letter, below, index = token.partition("_")
    if below:
        return markup("<msub>{}{}</msub>", _token(letter), _index(index))
    if re.fullmatch(r"[\d.e−+]*\d", token):
        return markup("<mn>{}</mn>", token)
    return markup("<mi>{}</mi>" if token.isalpha() else "<mo>{}</mo>", token)


def _index(index: str) -> Markup:
    return markup("<mn>{}</mn>" if index.isdigit() else "<mi>{}</mi>", index)


def symbol(text: str) -> Markup:
    """A parameter's symbol, in a line of text: a letter, what is set lower, and what follows in brackets."""
    letter, below, rest = re.fullmatch(r"(\w)(?:_([^(]+))?(.*)", text).groups("")  # pyright: ignore
    return markup("<i>{}</i><sub>{}</sub>{}", letter, below, rest)


def pattern_equations(pattern: Pattern) -> tuple[list[str], list[str]]:
    """The equations with a pattern's numbers, in mV, ms and nA: dynamics, and resets. What is zero is left out."""
    value = {name: element.value for name, element in elements(pattern.neuron).items()}
    names = [name.removeprefix("A") for name in value if re.fullmatch(r"A\d+", name)]
    used = [n for n in names if value[f"A{n}"] or value[f"init_currents{n}"]]
    g, a, b = 1e-3 * value["G"], 1e-3 * value["a"], 1e-3 * value["b"]
    above_rest = f"( V {_minus(value['El'])} )"
    dynamics = [f"d(I_{n}) = {number(-1e-3 * value[f'k{n}'])} I_{n}" for n in used]
    capacitance = "" if value["C"] == 1 else f"{number(value['C'])} "
    dynamics.append(f"{capacitance}d(V) = I {''.join(f'+ I_{n} ' for n in used)}− {number(g)} {above_rest}")
    pull = f"{number(a)} {above_rest} " if a else ""
    dynamics.append(f"d(Θ) = {pull}− {number(b)} ( Θ {_minus(value['th_inf'])} )")
    resets = []
    for n in used:
        keep, gain = value[f"R{n}"], value[f"A{n}"]
        factor = "" if keep == 1 else f"{number(keep)} "
        resets.append(f"I_{n} ← {f'{factor}I_{n} {_plus(gain)}' if keep else number(gain)}")
    resets += [f"V ← {number(value['V_reset'])}", f"Θ ← max ( {number(value['th_reset'])} , Θ )"]
    return dynamics, resets


def _minus(value: float) -> str:
    return _plus(-value)


def _plus(value: float) -> str:
    return f"{'−' if value < 0 else '+'} {number(abs(value))}"
