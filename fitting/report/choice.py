"""Why a level is preferred, in words, and what each step up in level bought."""

import math
from collections.abc import Sequence

from markupsafe import Markup

from glifjax.html import markup

from ..assess.crossvalidate import lag, runner_up
from ..fitted import FittedNeuron
from ..levels import EXTENSIONS
from .words import show_score


def preference(fits: Sequence[FittedNeuron], chosen: FittedNeuron) -> Markup:
    """Why a level is preferred, and which is the best that AllenSDK reads."""
    validations = {fit.level: fit.validation for fit in fits if fit.validation is not None}
    bits = {level: validation.bits for level, validation in validations.items()}
    best, extended = max(bits, key=lambda level: bits[level]), EXTENSIONS.get(chosen.level, "")
    if chosen.level == best:
        text = f"it tells most of training spikes that its fit has not seen, {show_score(bits[best])} bits each."
    elif extended in validations:
        errors = (show_score(1e3 * validations[level].rmse) for level in (chosen.level, extended))
        text = (
            f"it predicts training spikes that its fit has not seen as well as {extended} does, to within the standard "
            f"error of the difference, and the voltage between them better: to {' and '.join(errors)} mV (RMS)."
        )
    else:
        behind, error = lag(validations[chosen.level], validations[best])
        text = (
            "it is the simplest that predicts training spikes its fit has not seen as well as the best "
            f"({best}) does, {show_score(bits[chosen.level])} and {show_score(bits[best])} bits a spike, to "
            "within the standard error of the difference."
            if behind <= error
            else f"it tells {show_score(bits[chosen.level])} bits of a training spike its fit has not seen, the best "
            f"({best}) {show_score(bits[best])}; what lies between and is as good as the best, to within the standard "
            "error of the difference, is less simple and tells no more."
        )
    if second := runner_up(validations, chosen.level):
        level, (behind, error) = second
        where = "behind" if behind >= 0 else "ahead"
        text += f" The nearest other is {level}, {show_score(abs(behind))} ± {show_score(error)} {where}."
    readable = [fit.level for fit in fits if fit.recipe.allensdk and fit.level in bits]
    if readable and not chosen.recipe.allensdk:
        best = max(readable, key=lambda level: bits[level])
        text += f" The best that AllenSDK reads is {best}, with {show_score(bits[best])}."
    return markup("<strong>{}</strong> is preferred: {}", chosen.level, text + _best_without_noise(fits, chosen))


def _best_without_noise(fits: Sequence[FittedNeuron], chosen: FittedNeuron) -> str:
    """Which level does best without noise, where that is another."""
    explained = {fit.level: fit.scores.deterministic["evr_single_10ms"] for fit in fits}
    finite = {level: value for level, value in explained.items() if math.isfinite(value)}
    best = max(finite, key=lambda level: finite[level], default=chosen.level)
    if chosen.level not in finite or show_score(finite[best]) == show_score(finite[chosen.level]):
        return ""
    return (
        f" Without noise, on the held-out sweeps, {best} does better: its EVr is {show_score(finite[best])}, "
        f"this level's {show_score(finite[chosen.level])}."
    )


def steps_up(fits: Sequence[FittedNeuron]) -> list[Markup]:
    """What each step up in level bought, a line each."""
    by_level = {fit.level: fit for fit in fits}
    lines = []
    for now in fits:
        before = by_level.get(now.recipe.contains or "")
        if before and now.validation and before.validation:
            pairs = [
                ("bits per spike (cross-validated)", before.validation.bits, now.validation.bits),
                ("Md*", before.scores.test["md_star_4ms"], now.scores.test["md_star_4ms"]),
                ("RMSE (mV)", *(fit.scores.test["subthreshold_rmse_mv"] for fit in (before, now))),
            ]
            gains = ", ".join(f"{name} {show_score(old)} → {show_score(new)}" for name, old, new in pairs)
            lines.append(
                markup("<strong>{}</strong> adds {} to {}: {}.", now.level, now.recipe.words, before.level, gains)
            )
    return lines
