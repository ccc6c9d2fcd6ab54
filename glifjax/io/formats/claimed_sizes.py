"""What files claim to hold, looked at before their readers believe it.

igor2 sets memory aside by the sizes that a wave states, and neo reads as many entries as an ABF 2 or a WinWCP file
counts, and as many blocks as a Spike2 file does, whatever the file has. Formats: WaveMetrics, TN003 and PTN003; Axon
ABF 2, as pyABF reads it; WinWCP, as its manual has it; Spike2's .smr, as neo reads it.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

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
#: Bytes of a Spike2 file's header, of that of each channel after it, and of that of each block.
SMR_HEADER = 512
SMR_CHANNEL = 140
SMR_BLOCK = 20
#: Bytes in which a Spike2 file of this version counts its blocks' places; others count single bytes.
SMR_UNIT = {9: 512}
#: Bytes of the smallest item of a block, a sample.
SMR_SAMPLE = 2


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


def check_smr(path: Path) -> None:
    """Nothing, or a ValueError for a Spike2 file whose blocks have more bytes than it, as those in a ring do."""
    with open(path, "rb") as file:
        (version,) = _read(file, 0, "<h")
        (channels,) = _read(file, 30, "<h")
        room, unit = path.stat().st_size, SMR_UNIT.get(version, 1)
        for channel in range(channels):
            place, blocks = _read(file, SMR_HEADER + channel * SMR_CHANNEL + 6, "<i4xh")
            for _ in range(blocks):
                place, items = _read(file, place * unit, "<4xi10xh")
                room -= SMR_BLOCK + SMR_SAMPLE * items
                if items < 0 or room < 0:
                    raise ValueError(f"the blocks of its {channels} channels claim more than its bytes")


def _read(file: BinaryIO, place: int, form: str) -> tuple[int, ...]:
    """Numbers at a place of a file; a ValueError where it has none."""
    file.seek(place)
    content = file.read(struct.calcsize(form))
    if len(content) < struct.calcsize(form):
        raise ValueError(f"it ends before its byte {place}")
    return struct.unpack(form, content)


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
