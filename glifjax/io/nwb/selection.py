"""Sweeps chosen by number, range or protocol, and named in the words that choose them."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping


def matching(protocols: Mapping[int, str], part: str) -> list[int]:
    """The numbers of the sweeps that one piece of a selection names; none where it matches nothing.

    Args:
        protocols: of the sweeps, by their numbers.
        part: a number, a range ("2-11", or "12-" to the end), or a protocol in any case, a part of its name or a
            pattern with ``*`` and ``?``; a protocol of that very name goes before those that contain it.
    """
    part = part.strip().lower()
    tests: list[Callable[[int, str], bool]] = [lambda number, name: name == part]
    if match := re.fullmatch(r"(\d{1,15})(\s*-\s*(\d{0,15}))?", part):
        first = int(match[1])
        last = first if match[2] is None else int(match[3]) if match[3] else max(protocols, default=first)
        if first in protocols and last in protocols:  # "2-50" of 25 sweeps is a slip, not a selection
            tests = [lambda number, name: first <= number <= last]
    elif part:
        tests.append(lambda number, name: part in name)
        tests.append(lambda number, name: fnmatch.fnmatchcase(name, part))
    names = {number: name.lower() for number, name in protocols.items() if part}
    selections = ([number for number, name in names.items() if test(number, name)] for test in tests)
    return next(filter(None, selections), [])


def list_sweeps(numbers: Iterable[int]) -> str:
    """Name sweeps one by one: "sweep 3", "sweeps 1, 4"."""
    several = sorted(set(numbers))
    return f"sweep{'s' * (len(several) != 1)} {', '.join(map(str, several))}"


def name_sweeps(numbers: Iterable[int]) -> str:
    """Name sweeps as a selection takes them: "sweep 3", "sweeps 1-4,7"."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    text = ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"sweep {text}" if text.isdecimal() else f"sweeps {text}"


def said_left_out(reasons: Mapping[int, str]) -> list[str]:
    """A line for each reason why sweeps, by number, are left out: "sweeps 1, 4 are left out: ..."."""
    lines = []
    for reason in dict.fromkeys(reasons.values()):
        numbers = [number for number, other in reasons.items() if other == reason]
        lines.append(f"{list_sweeps(numbers)} {'is' if len(numbers) == 1 else 'are'} left out: {reason}")
    return lines
