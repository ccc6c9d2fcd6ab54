"""The formats in which a report's figures are written as files; loads no matplotlib."""

from typing import Literal, get_args

from glifjax.errors import InputError

#: Of a figure.
Format = Literal["svg", "pdf"]


def check_format(kind: str) -> None:
    """Refuse a format that figures are not written in.

    Raises:
        InputError: lists the formats.
    """
    if kind not in get_args(Format):
        raise InputError(f"`figures={kind!r}` is unknown; use {' or '.join(get_args(Format))}")
