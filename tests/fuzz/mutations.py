"""Changes to a file, drawn at random: of its bytes, its JSON's values, its HDF5's objects, the words of its lines."""

import json
import re
import zipfile
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

#: What stands where something else should.
ODD_VALUES = (
    None, True, 0, -1, 0.5, 1e300, -1e300, 5e-324, 10**400, 2**63, float("nan"), float("inf"), "", "text", "1e3",
    "x" * 10_000, "\x1b[2J", "é\u202e\ud800", "<script>", [], [1.0], [[1, 2], [3]], ["a", None], {}, {"name": "zero"},
    {"name": 3, "params": None}, {"class": "os.system", "fields": {}}, {"numpy": [1], "dtype": "O", "shape": [1]},
)  # fmt: skip
#: The same for the fields of an HDF5 file.
ODD_FIELDS = (
    0, -1, 0.5, np.nan, np.inf, 1e308, 2**63 - 1, 1 + 2j, "text", "", "x" * 10_000, "\x1b[2J", b"\xff\xfe", np.zeros(0),
    np.ones((2, 3)), np.array([1.0, 2.0]), h5py.Empty("f8"), np.zeros(2, [("a", "i4"), ("b", "f8")]), np.void(b"abc"),
)  # fmt: skip
#: The same for the words of a text.
ODD_WORDS = (
    "", "nan", "inf", "-1", "1.5", "1e400", "text", "9" * 5000, "\x1b[2J", "\0", '"', "NULL", "1,2", "[1]", "{",
    "[" * 5000,
)  # fmt: skip


def change_file(path: Path, kind: str, random: Random) -> None:
    """Change a file of a kind in one to three ways."""
    change = CHANGES.get(kind, change_json)
    (change_bytes if random.random() < 0.3 else change)(path, random)


def change_bytes(path: Path, random: Random) -> None:
    """Flip, cut, repeat, or blank out bytes."""
    data = bytearray(path.read_bytes())
    place = random.randrange(len(data))
    length = random.choice([1, 8, 512, 4096])
    match random.choice(["flip", "cut", "zeros", "ones", "copy", "insert"]):
        case "flip":
            for _ in range(random.choice([1, 3, 100])):
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        case "cut":
            del data[place:]
        case "zeros":
            data[place : place + length] = bytes(len(data[place : place + length]))
        case "ones":
            data[place : place + length] = b"\xff" * len(data[place : place + length])
        case "copy":
            data[place : place + length] = data[:length]
        case "insert":
            data[place:place] = random.randbytes(length)
    path.write_bytes(data)


def change_json(path: Path, random: Random) -> None:
    """Change values, or the text where none can be changed so."""
    path.write_text(changed_json(path.read_text(), random), encoding="utf-8", errors="surrogatepass")


def changed_json(text: str, random: Random) -> str:
    """The text with other values, keys or brackets in it."""
    if random.random() < 0.15:
        return random.choice(
            ["[" * 100_000, '{"a":' * 5000, "9" * 5000, "-" * 5000 + "1", text * 2, f"{text[:-1]},{text[1:]}", "null"]
        )
    value = json.loads(text)
    for _ in range(random.choice([1, 1, 2, 3])):
        if not (places := list(_places(value))):
            break
        parent, key = random.choice(places)
        match random.choice(["odd", "odd", "odd", "delete", "rename", "sign", "scale", "wrap"]):
            case "odd":
                parent[key] = random.choice(ODD_VALUES)
            case "delete":
                del parent[key]
            case "rename" if isinstance(parent, dict):
                parent[random.choice(["", "C", "name", "x" * 1000, "\x1b[2J"])] = parent.pop(key)
            case "sign" if isinstance(parent[key], int | float):
                parent[key] = -parent[key]
            case "scale" if isinstance(parent[key], float):
                parent[key] = parent[key] * random.choice([1e-12, 1e3, 1e12, 1e200])
            case _:
                parent[key] = [parent[key]]
    return json.dumps(value)


def _places(value: Any) -> Any:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from _places(value[key])


def change_text(path: Path, random: Random) -> None:
    """Change words of a table's lines, or of options'."""
    lines = path.read_text().splitlines()
    for _ in range(random.choice([1, 1, 2])):
        place = random.randrange(len(lines))
        words = re.split(r"([,\s]+)", lines[place])
        words[random.randrange(0, len(words), 2)] = random.choice(ODD_WORDS)
        lines[place] = "".join(words)
    path.write_text("\n".join(lines))


def change_zip(path: Path, random: Random) -> None:
    """Change a member; its name; or how often it is there."""
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name).decode()) for name in archive.namelist()]
    chosen = random.randrange(len(members))
    name, text = members[chosen]
    match random.choice(["json", "json", "delete", "twice", "climb", "bomb"]):
        case "json":
            members[chosen] = name, changed_json(text, random)
        case "delete":
            del members[chosen]
        case "twice":
            members.append((f"again_{name}", text))
        case "climb":
            members[chosen] = f"../../{name}", text
        case "bomb":
            members[chosen] = name, " " * 30_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(name, text.encode("utf-8", "surrogatepass"))


def change_hdf5(path: Path, random: Random) -> None:
    """Change objects, attributes and links."""
    with h5py.File(path, "r+") as file:
        for _ in range(random.choice([1, 1, 2, 3])):
            names: list[str] = []
            file.visit(names.append)
            names = [name for name in names if not name.startswith("specifications")]
            if not names:
                break
            name = random.choice(names)
            with suppress(KeyError, OSError, RuntimeError, TypeError, ValueError):  # what HDF5 does not let be made
                _change_object(file, name, random.choice(names), random)


def _change_object(file: h5py.File, name: str, other: str, random: Random) -> None:
    changes = ("delete", "field", "field", "field", "attribute", "attribute", "move", "swap", "link", "huge", "virtual")
    match random.choice(changes):
        case "delete":
            del file[name]
        case "field":
            _put(file, name, lambda: file.create_dataset(name, data=random.choice(ODD_FIELDS)))
        case "attribute":
            attributes = file[name].attrs
            key = random.choice(list(attributes) or ["unit"])
            if random.random() < 0.2:
                attributes.pop(key, None)
            else:
                attributes[key] = random.choice((*ODD_FIELDS, file.ref, file[other].ref, h5py.Reference()))
        case "move":
            file.move(name, f"{name.rpartition('/')[0]}/moved")
        case "swap" if not (f"{name}/".startswith(f"{other}/") or f"{other}/".startswith(f"{name}/")):
            file.move(name, "swapped")
            file.move(other, name)
            file.move("swapped", other)
        case "link":
            links = (h5py.SoftLink("/"), h5py.SoftLink("/nowhere"), h5py.ExternalLink("other.h5", "/data"), file["/"])
            _put(file, name, lambda: file.__setitem__(name, random.choice(links)), attributes=False)
        case "huge":
            size, fill = random.choice([10**5, 10**8, 10**12]), random.choice([0, 7])
            _put(file, name, lambda: file.create_dataset(name, (size,), "i2", chunks=(1000,), fillvalue=fill))
        case "virtual":
            layout = h5py.VirtualLayout((1000,), "f8")
            layout[:] = h5py.VirtualSource(".", f"/{name}", shape=(1000,))
            _put(file, name, lambda: file.create_virtual_dataset(name, layout))


def _put(file: h5py.File, name: str, make: Any, attributes: bool = True) -> None:
    """Something else of the same name, with the same attributes."""
    before = dict(file[name].attrs)
    del file[name]
    make()
    if attributes:
        file[name].attrs.update(before)


#: How a file of a kind is changed, where it is no JSON.
CHANGES = dict.fromkeys(("nwb1", "nwb2", "units", "spikes", "nodes", "edges"), change_hdf5) | {
    **dict.fromkeys(("types", "times", "current", "options"), change_text),
    "model": change_zip, "npy": change_bytes, "pt": change_bytes,
}  # fmt: skip
