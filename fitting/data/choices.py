"""What may be done about the electrode's part in the recorded voltage, and about the baseline's drift; loads no jax."""

from typing import Literal, get_args

from glifjax.errors import InputError

#: The electrode's part: "series" is a resistance that the fit finds, "aec" its kernel, convolved out.
Electrode = Literal["auto", "none", "series", "aec"]
#: The drift of the training sweeps.
DriftChoice = Literal["auto", "keep", "remove"]


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
