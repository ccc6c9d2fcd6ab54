"""What files claim to hold, looked at before their readers believe it.

igor2 sets memory aside by the sizes that a wave states, and neo reads as many entries as an ABF 2 or a WinWCP file
counts, whatever the file has. Formats: WaveMetrics, TN003 and PTN003; Axon ABF 2, as pyABF reads it; WinWCP, as its
manual has it.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

#: Where the sizes of a wave are, by its version: the offset of the first, and how many.
WAVE_SIZES = {1: (2, 1), 2: (2, 2), 3: (2, 3), 5: (4, 13)}
#: Bytes before the content of a record of a packed experiment.
RECORD = 8
#: The type of a record that holds a wave; a bit above says that a later record takes its place.
WAVE = 3
TYPE = 0x7FFF
#: The first bytes of an ABF 2 file.
ABF_2 = b"ABF2"
#: Where its table of sections is, bytes: a block, the bytes of an entry and the number of entries each.
SECTIONS = slice(76, 364)
#: Bytes of a WinWCP file's header, and of that of each record.
WCP_HEADER = 1024


def check_abf(path: Path) -> None:
    """Nothing, or a ValueError for an ABF 2 file that counts more entries than it has bytes."""
    with open(path, "rb") as file:
        header = file.read(SECTIONS.stop)
    if not header.startswith(ABF_2) or len(header) < SECTIONS.stop:
        return
    for _, size, count in struct.iter_unpack("<IIq", header[SECTIONS]):
        if not 0 <= count * max(size, 1) <= path.stat().st_size:
            raise ValueError(f"a section claims {count} entries of {size} bytes")


def check_wcp(path: Path) -> None:
    """Nothing, or a ValueError for a WinWCP file that counts more records than it has bytes for."""
    with open(path, "rb") as file:
        lines = file.read(WCP_HEADER).split(b"\r\n")
    entries = {key: value for key, _, value in (line.partition(b"=") for line in lines)}
    records, blocks, before = (int(entries.get(key, b"1")) for key in (b"NR", b"NBD", b"NBA"))
    if blocks < 1 or before < 0 or not 0 <= records * WCP_HEADER <= path.stat().st_size:
        raise ValueError(f"it claims {records} records of {blocks} blocks after {before}")


def check_igor(content: bytes, packed: bool) -> None:
    """Nothing, or a ValueError for a wave that claims more bytes than there are.

    Args:
        content: of a file, of one wave or `packed` as an experiment.
    """
    for wave in _waves(content) if packed else [content]:
        order = "<" if wave[1:2] == b"\0" else ">"
        (version,) = struct.unpack_from(f"{order}h", wave) if len(wave) > 1 else (0,)
        start, count = WAVE_SIZES.get(version, (0, 0))
        if len(wave) < start + 4 * count:
            raise ValueError("a wave ends within its header")
        sizes = struct.unpack_from(f"{order}{count}i", wave, start)
        if not all(0 <= size <= len(wave) for size in sizes):
            raise ValueError(f"a wave of {len(wave)} bytes claims to hold {max(sizes, key=abs)}")


def _waves(content: bytes) -> Iterator[bytes]:
    """The waves of a packed experiment, as far as its records are whole."""
    order = "<" if content[3:4] == b"\0" else ">"
    place = 0
    while place + RECORD <= len(content):
        kind, _, length = struct.unpack_from(f"{order}Hhi", content, place)
        if length < 0:
            raise ValueError(f"a record has {length} bytes")
        place += RECORD + length
        if kind & TYPE == WAVE:
            yield content[place - length : place]
