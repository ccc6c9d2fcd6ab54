"""Which cells of a study are this command's, where several share it out: every n-th, by number or by environment."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from glifjax.errors import InputError

T = TypeVar("T")


class ShardError(InputError):
    """A shard that cannot be; the message says why and what to do."""


@dataclass(frozen=True)
class Shard:
    """The `number`-th of `count` shards, from 1.

    Raises:
        ShardError: there is no such shard.

    Example:
        >>> fitting.Shard(2, 3).of("abcdefgh")
        ['b', 'e', 'h']
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        """Refuse a number that none of them has."""
        if not 1 <= self.number <= self.count:
            raise ShardError(f"`shard={self.number}/{self.count}`: give a number from 1 to {max(1, self.count)}")

    def of(self, items: Sequence[T]) -> list[T]:
        """This shard's: every `count`-th, so that shards of a sorted list take as long."""
        return list(items[self.number - 1 :: self.count])

    def __str__(self) -> str:
        """As --shard takes it."""
        return f"{self.number}/{self.count}"


def shard_of(text: str | None, environment: Mapping[str, str] = os.environ) -> Shard | None:
    """The shard that is meant by "7/200", by "auto/200" (its number from the environment), or by nothing at all.

    Args:
        text: what was given; None leaves it to the environment, where that states number and count.
        environment: of a job array of Slurm's (SLURM_ARRAY_TASK_ID, _COUNT, _MIN, _STEP), or of an indexed job of
            Kubernetes' (JOB_COMPLETION_INDEX, from 0; it states no count).

    Returns:
        The shard; None where nothing states one.

    Raises:
        ShardError: it is none, or its number is left to an environment that has none.
    """
    number = _number(environment)
    if text is None:
        count = environment.get("SLURM_ARRAY_TASK_COUNT", "")
        return Shard(number, int(count)) if number is not None and count.isdigit() else None
    match = re.fullmatch(r"(auto|\d{1,9})/(\d{1,9})", text.strip(), re.ASCII)
    if match is None:
        raise ShardError(f'`shard={text}` is no shard; give its number and how many there are, as in "7/200"')
    if match[1] != "auto":
        return Shard(int(match[1]), int(match[2]))
    if number is None:
        raise ShardError(
            f"`shard={text}`: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; give the number itself"
        )
    return Shard(number, int(match[2]))


def _number(environment: Mapping[str, str]) -> int | None:
    """The number of this task, from 1; None where the environment states none."""
    task, index = (environment.get(name, "") for name in ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"))
    if task.isdigit():
        first, step = (environment.get(f"SLURM_ARRAY_TASK_{name}", "") for name in ("MIN", "STEP"))
        return (int(task) - int(first if first.isdigit() else 1)) // int(step if step.isdigit() else 1) + 1
    return int(index) + 1 if index.isdigit() else None
