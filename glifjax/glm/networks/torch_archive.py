"""One tensor out of a .pt file, without torch and without running what the file says.

The format (torch.save since 1.6): a zip archive with a pickle, `*/data.pkl`, and the numbers, `*/data/KEY`. The
pickle's opcodes are walked one by one; the only names that they may use are those that build a dense tensor, and any
other name or opcode is refused. Nothing in the archive is compressed, and a tensor has no more numbers than are stored.
"""

import math
import pickletools
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from glifjax.errors import InputError

#: Storage classes, and their numbers.
STORAGES = {
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "i1",
    "torch ByteStorage": "u1",
    "torch BoolStorage": "?",
}
#: What the pickle may call: it puts a tensor together, or makes its (empty) dictionary of hooks.
REBUILD = "torch._utils _rebuild_tensor_v2"
HOOKS = "collections OrderedDict"
#: Opcodes that push their argument.
PUSHED = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
#: Opcodes that push a constant.
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_MARK = object()


class _Refused(Exception):
    pass


def read_tensor(path: str | Path) -> np.ndarray:
    """The dense tensor that a .pt file holds.

    Raises:
        InputError: not such an archive, or one that holds anything beside one dense tensor.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (pickled,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            return _walked(archive, pickled)
    except _Refused as reason:
        raise InputError(
            f"{path} holds more than an array ({reason}), and was not read; save the weights alone, or as .npy"
        ) from None
    except (OSError, LookupError, ValueError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a tensor written by torch.save ({error}); save the weights as .npy") from None


def _walked(archive: zipfile.ZipFile, pickled: str) -> np.ndarray:
    folder = pickled.removesuffix("data.pkl")
    if f"{folder}byteorder" in archive.namelist() and _stored(archive, f"{folder}byteorder") != b"little":
        raise ValueError("its numbers are big-endian")
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(_stored(archive, pickled)):
        name = opcode.name
        if name in ("PROTO", "FRAME"):
            continue
        if name in PUSHED:
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "GLOBAL":
            stack.append(_allowed(argument))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(_allowed(f"{_text(module)} {_text(attribute)}"))
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[int(str(argument))] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[int(str(argument))])
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "TUPLE":
            start = max(place for place, entry in enumerate(stack) if entry is _MARK)
            stack[start:] = [tuple(stack[start + 1 :])]
        elif name == "BINPERSID":
            stack.append(_storage(archive, folder, stack.pop()))
        elif name == "REDUCE":
            arguments, function = stack.pop(), stack.pop()
            stack.append(_called(function, arguments))
        elif name == "STOP":
            break
        else:
            raise _Refused(f"opcode {name}")
    (value,) = stack
    if not isinstance(value, np.ndarray):
        raise _Refused(f"a {type(value).__name__}")
    return value


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    return archive.read(name)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Refused("no text where one must be")
    return value


def _allowed(name: Any) -> str:
    if name not in STORAGES and name not in (REBUILD, HOOKS):
        raise _Refused(f"the name {name.replace(' ', '.')}")
    return name


def _storage(archive: zipfile.ZipFile, folder: str, reference: Any) -> np.ndarray:
    word, kind, key, _place, count = reference
    if word != "storage" or _text(kind) not in STORAGES or not _text(key).isdecimal():
        raise _Refused("a reference to something else")
    values = np.frombuffer(_stored(archive, f"{folder}data/{key}"), STORAGES[kind])
    if len(values) < count:
        raise ValueError(f"{len(values)} numbers where {count} are announced")
    return values


def _called(function: Any, arguments: Any) -> Any:
    if not isinstance(function, str) or function not in (HOOKS, REBUILD):
        raise _Refused("a call of something else")
    if function == HOOKS:
        return OrderedDict()
    storage, offset, shape, strides = arguments[:4]
    if not isinstance(storage, np.ndarray) or math.prod(shape) > len(storage):
        raise ValueError("it has more numbers than are stored")
    last = offset + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    if offset < 0 or min((*shape, *strides), default=0) < 0 or (0 not in shape and last >= len(storage)):
        raise ValueError("its shape does not fit its numbers")
    width = storage.itemsize
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, [width * stride for stride in strides]).copy()
