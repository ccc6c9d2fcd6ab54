"""What may be chosen before a fit: the electrode's part in the voltage, the drift, sweeps; loads no jax."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal, get_args

from glifjax.errors import InputError
from glifjax.io.nwb.selection import list_sweeps

#: The electrode's part: "series" is a resistance that the fit finds, "aec" its kernel, convolved out.
Electrode = Literal["auto", "none", "series", "aec"]
#: The drift of the training sweeps.
DriftChoice = Literal["auto", "keep", "remove"]


class DataError(InputError):
    """Data that cannot be fitted; the message names the sweep, the reason and what to do."""


class ChoiceError(InputError):
    """No way to treat electrode or drift; the message lists the ways."""


def check_choices(electrode: str, drift: str) -> None:
    """Refuse what is no way to treat the electrode or the drift.

    Raises:
        ChoiceError: lists the ways.
    """
    for name, choice, ways in (("electrode", electrode, Electrode), ("drift", drift, DriftChoice)):
        *others, last = get_args(ways)
        if choice not in (*others, last):
            raise ChoiceError(f'`{name}="{choice}"` is unknown; use {", ".join(others)} or {last}')


def refuse_both(path: str | Path, both: Collection[int]) -> None:
    """Refuse sweeps that are selected both to train on and to hold out.

    Raises:
        DataError: names them.
    """
    if both:
        raise DataError(f"{path}: selected both to train on and to hold out: {list_sweeps(both)}; choose one")
