"""What a fit was asked, and what it chose, in a person's words: from fit.json, whichever version wrote it."""

from collections.abc import Mapping
from typing import Any

from glifjax.errors import shortened

#: What a setting is called, and its values that say little by themselves.
WORDS: dict[str, tuple[str, dict[Any, str]]] = {
    "level": ("levels", {}),
    "train_sweeps": ("sweeps to train on", {None: "guessed"}),
    "test_sweeps": ("sweeps to hold out", {None: "guessed"}),
    "optimizer": ("fine-tuning", {None: "no", "default": "yes"}),
    "train": ("what it moves", {None: "the threshold"}),
    "loss": ("what it minimises", {}),
    "starts": ("places it starts from", {}),
    "seed": ("seed", {}),
    "uncertainty": ("errors and bands", {False: "no", True: "yes"}),
    "electrode": ("electrode", {}),
    "drift": ("drift", {}),
    "currents": ("afterspike currents", {None: "as many as each level has"}),
    "runs": ("runs behind the scores", {}),
    "cell": ("cell of the file", {None: "the only one"}),
    "stimulus": ("the current's file", {None: "none of its own"}),
}
#: What is made of the electrode, chosen or asked for.
ELECTRODE = {
    "none": "nothing",
    "series": "a series resistance, which the fit finds",
    "aec": "its kernel, convolved out",
}
#: Letters of a name and of a value.
LONGEST = 60


def asked(settings: Mapping[str, Any]) -> dict[str, str]:
    """Each setting by what a person calls it, in words; fine-tuning's only where there is some."""
    tunes = settings.get("optimizer") is not None
    names = [name for name in (*WORDS, *(settings.keys() - WORDS.keys())) if name in settings]
    return {
        " ".join(shortened(called(name), LONGEST).split()): _said(name, settings[name])
        for name in names
        if tunes or name not in ("train", "loss", "starts")
    }


def chosen(preprocessing: Mapping[str, Any]) -> dict[str, str]:
    """What was made of electrode and drift, by name; what a file does not state is left out."""
    electrode, drift = (preprocessing.get(name) for name in ("electrode", "drift"))
    words = {}
    if isinstance(electrode, Mapping) and electrode.get("kind") in (*ELECTRODE,):
        words["made of the electrode"] = ELECTRODE[electrode["kind"]]
    if isinstance(drift, Mapping) and isinstance(drift.get("removed"), bool):
        words["made of the drift"] = "removed" if drift["removed"] else "kept"
    return words


def called(name: str) -> str:
    """What a person calls a setting."""
    return WORDS[name][0] if name in WORDS else name.replace("_", " ")


def _said(name: str, value: Any) -> str:
    words = WORDS[name][1] if name in WORDS else {}
    if isinstance(value, list | tuple):
        text = ", ".join(map(_plain, value))
    elif isinstance(value, Mapping):
        text = _plain(value)
    else:
        text = words.get(value, str(value))
    return shortened(" ".join(text.split()), LONGEST)


def _plain(value: Any) -> str:
    """What is of one's own by its class."""
    return str(value.get("class", value.get("own", value))) if isinstance(value, Mapping) else str(value)
