"""Which stimulus belongs to which response, where no table says so: by number, name, or protocol, or as the only one.

Never by time: many files keep starting times for one of the two only.
"""

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import reduce
from operator import and_
from typing import NamedTuple

from glifjax.io.nwb.series import Series

Key = Callable[[Series], Hashable | None]

#: Words in a name that say that a current is what the amplifier was asked for, or what it measured.
COMMAND_WORDS = {"command", "commanded", "cmd", "dac", "injected", "target", "nominal"}
MEASURED_WORDS = {
    "measured",
    "measurement",
    "monitor",
    "monitored",
    "mon",
    "imon",
    "recorded",
    "actual",
    "adc",
    "read",
    "readout",
}
#: What a file writes where it has no protocol, in lower case.
NO_PROTOCOL = ("", "n/a", "na", "none", "no description", "unknown")


class Pairing(NamedTuple):
    """The stimulus of each response, or None; and what was chosen, in words."""

    stimuli: list[Series | None]
    remarks: list[str]


def pair(responses: Sequence[Series], stimuli: Sequence[Series], numbers: Mapping[int, int]) -> Pairing:
    """The stimulus of each response, by the first key that tells the responses apart and finds most of them.

    Of several stimuli of one key the one that is named a command is taken. Where no key finds half of the responses,
    stimuli of protocols of their own serve all responses of these.

    Args:
        responses: in the order of the file.
        stimuli: of the same clamp.
        numbers: of sweeps, by the address of a series.
    """
    weak: list[Pairing] = []
    for key in _keys(responses, stimuli, numbers):
        wanted, offered = [key(series) for series in responses], _grouped(stimuli, key)
        if None in wanted or None in offered or len(set(wanted)) < len(wanted):
            continue
        chosen = {place: command(several) for place, several in offered.items()}
        partners = [chosen.get(place) for place in wanted]
        paired = len(partners) - partners.count(None)
        if paired and 2 * paired >= len(responses):
            return Pairing(partners, _said(offered, chosen))
        weak.append(Pairing(partners, _said(offered, chosen)))
    strength = lambda pairing: (-pairing.stimuli.count(None), len(pairing.remarks))
    return _by_protocol(responses, stimuli) or max(weak, key=strength, default=Pairing([None] * len(responses), []))


def _keys(responses: Sequence[Series], stimuli: Sequence[Series], numbers: Mapping[int, int]) -> Sequence[Key]:
    """What may tell sweeps apart, the surest first."""
    common = {group[0].kind: _common_words(group) for group in (responses, stimuli) if group}
    number: Key = lambda series: numbers.get(series.address)
    figures: Key = lambda series: integers(series.name)
    electrode: Key = lambda series: series.electrode
    protocol: Key = lambda series: series.protocol
    own_words: Key = lambda series: _own_words(series.name, common[series.kind]) or None
    return (
        number,
        _both(number, electrode),
        _both(number, protocol),
        figures,
        _both(figures, protocol),
        lambda series: series.name,
        own_words,
        lambda series: "the only one",
    )


def _both(first: Key, second: Key) -> Key:
    return lambda series: None if (value := first(series)) is None else (value, second(series))


def _grouped(stimuli: Sequence[Series], key: Key) -> dict[Hashable | None, list[Series]]:
    groups: dict[Hashable | None, list[Series]] = {}
    for series in stimuli:
        groups.setdefault(key(series), []).append(series)
    return groups


def command(several: Sequence[Series]) -> Series | None:
    """Of stimuli of one response the one that was commanded: by name, or because the others were measured."""
    named = [series for series in several if COMMAND_WORDS.intersection(words(series.name))]
    others = [series for series in several if not MEASURED_WORDS.intersection(words(series.name))]
    return next((group[0] for group in (several, named, others) if len(group) == 1), None)


def _said(offered: Mapping, chosen: Mapping) -> list[str]:
    several = [(group, chosen[key]) for key, group in offered.items() if len(group) > 1]
    decided = [(group, one) for group, one in several if one is not None]
    remarks = []
    if decided:
        group, one = decided[0]
        others = ", ".join(series.name for series in group if series is not one)
        remarks.append(f"of several stimuli a response the commanded one is taken ({one.name}, not {others})")
    if len(decided) < len(several):
        group = next(group for group, one in several if one is None)
        names = ", ".join(series.name for series in group)
        remarks.append(f"several stimuli stand against one response ({names}), and none is named as the command")
    return remarks


def _by_protocol(responses: Sequence[Series], stimuli: Sequence[Series]) -> Pairing | None:
    """Stimuli that are stored once, for all responses of their protocol; None where protocols do not tell."""
    protocol = lambda series: series.protocol.casefold()
    stimulus_of = {protocol(series): series for series in stimuli if protocol(series) not in NO_PROTOCOL}
    if len(stimulus_of) < len(stimuli) or not all(protocol(series) in stimulus_of for series in responses):
        return None
    if not responses:
        return None
    partners = [stimulus_of[protocol(series)] for series in responses]
    names = ", ".join(dict.fromkeys(series.name for series in partners))
    return Pairing(list(partners), [f"{names} serves all {len(responses)} responses of its protocol, stored once"])


def integers(name: str) -> tuple[int, ...] | None:
    """The numbers in a name; None where there are none."""
    return tuple(int(digits) for digits in re.findall(r"\d{1,15}", name)) or None


def words(name: str) -> list[str]:
    """The words and numbers of a name, in lower case, numbers without leading zeros."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", name)
    return [part.lstrip("0") or "0" if part.isdecimal() else part.lower() for part in parts]


def _common_words(series: Sequence[Series]) -> Counter[str]:
    """What all names have in common, and how often, such as the letter that says voltage or current."""
    return reduce(and_, (Counter(words(one.name)) for one in series))


def _own_words(name: str, common: Counter[str]) -> tuple[str, ...]:
    """The words of a name less those that all names have in common, from its end."""
    own, left = [], Counter(common)
    for word in reversed(words(name)):
        if left[word] > 0:
            left[word] -= 1
        else:
            own.append(word)
    return tuple(own)
