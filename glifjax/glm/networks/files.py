"""Folders of weights, one file a network: .npy, and the .pt that torch writes."""

import re
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from jaxtyping import ArrayLike, Float

from glifjax.errors import InputError
from glifjax.glm.networks.torch_archive import read_tensor
from glifjax.io.writing import write_whole


def save(weights: ArrayLike | Sequence[ArrayLike], folder: str | Path) -> None:
    """Write one network's weights, (n, n), or several networks', as 0.npy, 1.npy, ... into a folder, made if needed.

    Raises:
        InputError: what `load` refuses; a folder with weights of other names, which it would read along.
    """
    several: Any = [weights] if np.size(weights[0]) and np.ndim(weights[0]) == 1 else weights  # pyright: ignore
    matrices = [_checked(np.asarray(matrix), "weights") for matrix in several]
    paths = [Path(folder) / f"{number}.npy" for number in range(len(matrices))]
    others = sorted(set(_files(Path(folder))) - set(paths)) if Path(folder).is_dir() else []
    if others:
        raise InputError(f"{others[0]} is there already, and would be read along; remove it, or name another folder")
    Path(folder).mkdir(parents=True, exist_ok=True)
    for path, matrix in zip(paths, matrices, strict=True):
        content = BytesIO()  # what numpy writes to a file itself may end halfway on a full disk, without an error
        np.save(content, matrix, allow_pickle=False)
        write_whole(path, content.getvalue())


def load(folder: str | Path) -> list[Float[np.ndarray, "n n"]]:
    """All weights of a folder's .npy and .pt files, in the order of the numbers in their names.

    Raises:
        InputError: no folder, no such files, a file that holds anything but one square matrix of finite numbers.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give one that holds .npy or .pt files of weights")
    paths = sorted(_files(folder), key=_by_number)
    if not paths:
        raise InputError(f"{folder} holds no .npy or .pt file of weights")
    return [_read(path) for path in paths]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix in (".npy", ".pt")]


def _by_number(path: Path) -> tuple:
    """2.pt before 10.pt."""
    parts = re.split(r"(\d+)", path.name)
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts if part)


def _read(path: Path) -> Float[np.ndarray, "n n"]:
    if path.suffix == ".pt":
        values = read_tensor(path)
    else:
        try:
            values = np.lib.format.open_memmap(path, mode="r")  # which looks first whether its numbers are there
        except (ValueError, EOFError, OSError, SyntaxError, TokenError) as error:  # of its header, which is Python
            raise InputError(f"{path} is not an array of numbers ({error}); write it with numpy.save") from None
    return _checked(values, str(path)).astype(float)


def _checked(values: np.ndarray, where: str) -> Float[np.ndarray, "n n"]:
    """A square matrix of finite numbers."""
    if values.dtype.kind not in "fiub" or values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise InputError(
            f"{where} holds {values.dtype} of shape {values.shape}; give a square matrix of numbers, (n, n)"
        )
    if not np.isfinite(values).all():
        raise InputError(f"{where} holds a NaN or an infinity; give finite weights, 0 for no connection")
    return values
