"""How many cells fit on this machine side by side: by its cores, and by the memory that a fit takes."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from ..results.provenance import cores

#: Bytes that a process with a fit takes: 0.7 to 0.9e9 measured over five cells and six levels, and what recordings add.
A_FIT = 1.2e9
#: Where Linux keeps groups of processes, and files in each of them: its limit and what it uses, bytes.
GROUPS = {
    "/sys/fs/cgroup": ("memory.max", "memory.current"),  # version 2
    "/sys/fs/cgroup/memory": ("memory.limit_in_bytes", "memory.usage_in_bytes"),  # version 1
}


def jobs_side_by_side() -> int:
    """Half as many processes as there are cores, less where memory is short; one at least."""
    by_memory = [int(room // A_FIT) for room in memory()]
    return max(1, min([cores() // 2, *by_memory]))


def memory() -> Iterator[float]:
    """Limits of this process' memory, bytes: what Slurm grants, what its groups and the machine have left."""
    granted = os.environ.get("SLURM_MEM_PER_NODE", "")
    if granted.isdigit() and int(granted):  # 0 is all of the node's
        yield int(granted) * 2.0**20
    for root, (limit, used) in GROUPS.items():
        for group in _groups(root):
            if (most := _number(f"{group}/{limit}")) is not None:
                yield most - (_number(f"{group}/{used}") or 0.0)
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield float(line.split()[1]) * 2.0**10


def _groups(root: str) -> Iterator[str]:
    """The folders of the groups that this process is in, each within the next."""
    places = {line.rpartition(":")[2] for line in _lines("/proc/self/cgroup")}
    return (f"{root}{group}" for group in {*places, *(str(own) for place in places for own in PurePath(place).parents)})


def _number(path: str) -> float | None:
    first = next(iter(_lines(path)), "")
    return float(first) if first.isdigit() else None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:  # another system, or another version of it
        return []
