"""The trees in a PatchMaster bundle, looked at before myokit reads them: whether they are whole, and its flags.

A bundle begins with a table of its parts (start, length, kind): .pul is the tree of responses, .pgf that of stimuli. A
tree has the sizes of its levels' records; a node is a record, the number of its children, and these one after another.
Layout: HEKA, DataFile_v9.txt, PulsedFile_v9.txt, StimFile_v9.txt.
"""

import struct
from pathlib import Path
from typing import NamedTuple

#: Bytes of a bundle's header, and where in it the byte order and the table of parts are.
HEADER = 256
LITTLE_ENDIAN = 52
PARTS = 64
#: In a stimulus: the offset of its number of sweeps, and how many there may be.
SWEEPS = 144
MOST_SWEEPS = 100_000
#: In a channel of a stimulus: the offsets of its holding value, and of StimToDacID, a set of bits.
HOLDING = 48
STIM_TO_DAC = 76
#: Bits of StimToDacID: values count from the holding value; a file holds the waveform.
RELATIVE = 1 << 1
FROM_FILE = 1 << 2


class Output(NamedTuple):
    """A channel of a stimulus.

    Attributes:
        relative_to: the holding value that the segments' values count from, in nA or V; 0 where they do not.
        from_file: whether the waveform is in another file.
    """

    relative_to: float
    from_file: bool


class _Node(NamedTuple):
    record: bytes
    order: str
    children: "list[_Node]"

    def value(self, form: str, offset: int):
        return struct.unpack_from(self.order + form, self.record, offset)[0]


def outputs(path: Path) -> list[list[Output]]:
    """The channels of every stimulus, in their order.

    Raises:
        ValueError, struct.error, KeyError: the trees are not whole, or a stimulus has too many sweeps.
    """
    with open(path, "rb") as handle:
        header = handle.read(HEADER)
        table = struct.iter_unpack("<ii8s" if header[LITTLE_ENDIAN] else ">ii8s", header[PARTS:])
        parts = {kind.rstrip(b"\0"): (start, length) for start, length, kind in table}
        trees = []
        for start, length in (parts[b".pul"], parts[b".pgf"]):
            handle.seek(start)
            trees.append(_root(handle.read(length)))
    stimuli = trees[1].children
    for stimulus in stimuli:
        if not 0 <= (count := stimulus.value("i", SWEEPS)) <= MOST_SWEEPS:
            raise ValueError(f"a stimulus has {count} sweeps")
    return [[_output(channel) for channel in stimulus.children] for stimulus in stimuli]


def _output(channel: _Node) -> Output:
    flags = channel.value("H", STIM_TO_DAC)
    return Output(channel.value("d", HOLDING) if flags & RELATIVE else 0.0, bool(flags & FROM_FILE))


def _root(tree: bytes) -> _Node:
    order = "<" if tree.startswith(b"eerT") else ">"
    (levels,) = struct.unpack_from(f"{order}i", tree, 4)
    sizes = struct.unpack_from(f"{order}{min(levels, len(tree))}i", tree, 8)
    if min(sizes) < 1:
        raise ValueError("a tree has records of no size")
    return _node(tree, order, sizes, 8 + 4 * levels)[0]


def _node(tree: bytes, order: str, sizes: tuple[int, ...], start: int) -> tuple[_Node, int]:
    """A node, and where the next one starts."""
    end = start + sizes[0]
    (count,) = struct.unpack_from(f"{order}i", tree, end)
    node, place = _Node(tree[start:end], order, []), end + 4
    for _ in range(count):
        child, place = _node(tree, order, sizes[1:], place)
        node.children.append(child)
    return node, place
