"""Which cells of a study are this command's, where several share it out: every n-th, by number or by environment."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from glifjax.errors import InputError, shown

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
        ShardError: it is none, or is left to an environment that has no such number, or an array of another count.
    """
    match = re.fullmatch(r"(auto|\d{1,9})/(\d{1,9})", (text or "").strip(), re.ASCII)
    if text is not None and match is None:
        raise ShardError(f'`shard={text}` is no shard; give its number and how many there are, as in "7/200"')
    if match is not None and match[1] != "auto":
        return Shard(int(match[1]), int(match[2]))
    number, tasks = _number(environment), _stated(environment, "SLURM_ARRAY_TASK_COUNT")
    if match is None:
        return None if number is None or tasks is None else Shard(number, tasks)
    if number is None:
        raise ShardError(
            f"`shard={text}`: neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set; give the number itself"
        )
    if tasks not in (None, int(match[2])):  # a part of the array, sent in again: which one counts from its first
        raise ShardError(f"`shard={text}`: the array's number of tasks is {tasks}; give the shard's own number")
    return Shard(number, int(match[2]))


def _number(environment: Mapping[str, str]) -> int | None:
    """The number of this task, from 1; None where the environment states none."""
    task, first, step = (_stated(environment, f"SLURM_ARRAY_TASK_{name}") for name in ("ID", "MIN", "STEP"))
    if task is not None:
        return (task - (1 if first is None else first)) // (step or 1) + 1
    index = _stated(environment, "JOB_COMPLETION_INDEX")
    return None if index is None else index + 1


def _stated(environment: Mapping[str, str], name: str) -> int | None:
    """The whole number of a variable; None where it is not set.

    Raises:
        ShardError: it is something else.
    """
    text = environment.get(name, "")
    if text and not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ShardError(f"{name} is {shown(text)}, no whole number; unset it, or give the shard as `shard=K/N`")
    return int(text) if text else None
