"""Recordings of one cell: the injected current and the voltage that answered, sweep by sweep.

``read_recording`` opens a file and leaves the samples on disk; a sweep reads its own when asked for
``current`` or ``voltage``. What cannot be trusted is a ``RecordingError``; what is merely suspicious, a line
in ``Recording.warnings``. A reader of a format has its line in ``read_recording``.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from glifjax.io.nwb.arrays import sweeps_from_arrays
from glifjax.io.nwb.samples import LARGEST_SPAN, SMALLEST_SPAN
from glifjax.io.nwb.selection import matching, name_sweeps
from glifjax.io.nwb.sweep import RecordingError, Sweep

_SUSPICIONS = {
    "rest": "the voltage rests above -30 mV in {sweeps} ({worst:.1f} mV in {sweep}): its zero may be off",
    "dip": "the voltage dips below -120 mV in {sweeps} ({worst:.1f} mV in {sweep}): the drop over the "
    "electrode may not be compensated",
}


class Recording:
    """The sweeps of one cell in the order of their numbers, and what their file says of itself.

    The file stays open until ``close()`` or the end of a ``with`` block; after that no samples can be read. Pickled, it
    is the file that is opened again; its sweeps and a recording out of arrays go with their samples.

    Attributes:
        opened: what opens the file again; None for a recording that is no file.
    """

    opened: "Callable[[], Recording] | None" = None

    def __init__(
        self,
        path: Path,
        sweeps: Iterable[Sweep],
        *,
        identifier: str = "",
        session_description: str = "",
        notes: str | None = None,
        remarks: Iterable[str] = (),
        unpaired: str = "",
        other_content: str = "",
        close: Callable[[], object] = tuple,
    ):
        """Hold what a reader found.

        ``remarks`` become warnings, and so does ``unpaired``, which says why sweeps have no stimulus; ``other_content``
        says what is no sweep.
        """
        self.path = path
        self.name = path.stem
        self.sweeps = tuple(sorted(sweeps, key=lambda sweep: sweep.number))
        self.identifier = identifier
        self.session_description = session_description
        self.notes = notes
        self._close = close
        self._remarks = (*remarks, unpaired) if unpaired else tuple(remarks)
        self._unpaired = unpaired
        self._other_content = other_content

    @classmethod
    def from_arrays(
        cls, current: Any, voltage: Any, rate: Any, *, protocols: str | Sequence[str] = "", name: str = "arrays"
    ) -> "Recording":
        """A recording out of arrays: current in A and voltage in V, (T,), (S, T), or a list of (T,); rate in Hz.

        A matrix may stand as MATLAB has it, (T, S) or (T, 1): the longer side is time. Sweeps are numbered from 1;
        ``protocols`` is one name, or one a sweep, by which those to train on and to hold out are told apart. Raises
        RecordingError for arrays that do not go together, or are in mV or pA.
        """
        return cls(Path(name), sweeps_from_arrays(current, voltage, rate, protocols, name), session_description=name)

    def close(self) -> None:
        """Close the file; closing it again does nothing."""
        self._close()

    def __enter__(self) -> "Recording":
        """Return the recording itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self.close()

    def __reduce__(self):
        """Open the file again, where there is one."""
        return (object.__new__, (Recording,), vars(self)) if self.opened is None else (self.opened, ())

    def __repr__(self) -> str:
        """Name the file and its sweeps."""
        return f"Recording({self.path.name}: {self._content()})"

    @property
    def current_clamp(self) -> tuple[Sweep, ...]:
        """The current-clamp sweeps that have a stimulus; raises RecordingError, saying why, if none has."""
        usable = tuple(sweep for sweep in self.sweeps if sweep.clamp == "current" and sweep.paired)
        if not usable:
            why, remedy = "", "give a current-clamp recording"
            if self._unpaired:
                why, remedy = f" ({self._unpaired})", "give each response a stimulus of its sweep number or name"
            raise RecordingError(
                f"{self.path.name}: no sweep in current clamp with a stimulus; the file holds {self._content()}{why}; "
                + remedy
            )
        return usable

    @property
    def warnings(self) -> list[str]:
        """What is suspicious but usable in the file and in the sweeps read so far (``check`` reads all)."""
        lines = list(self._remarks)
        for kind, text in _SUSPICIONS.items():
            odd = {s.number: s.suspicions[kind] for s in self.sweeps if kind in s.suspicions}
            if odd:
                worst = (max if kind == "rest" else min)(odd, key=lambda number: odd[number])
                lines.append(text.format(sweeps=name_sweeps(odd), worst=odd[worst], sweep=name_sweeps([worst])))
        return [f"{self.path.name}: {line}" for line in lines]

    def check(self, sweeps: Sequence[Sweep] | None = None) -> None:
        """Read ``sweeps`` (default: ``current_clamp``) one by one and refuse what a fit must not see.

        Raises RecordingError for all that reading a sweep refuses and for what only several sweeps can show:
        over them the voltage must span 1 to 500 mV from peak to peak.
        """
        sweeps = self.current_clamp if sweeps is None else sweeps
        low, high = math.inf, -math.inf
        for sweep in sweeps:
            _ = sweep.current
            voltage = sweep.voltage
            low, high = min(low, float(voltage.min())), max(high, float(voltage.max()))
        if sweeps and not SMALLEST_SPAN <= high - low <= LARGEST_SPAN:
            raise RecordingError(
                f"{self.path.name}: over {name_sweeps(sweep.number for sweep in sweeps)} the voltage spans "
                f"{1e3 * (high - low):.3g} mV, and a cell's 1 to 500 mV; correct the conversion of the series"
            )

    def select(self, which: str | int | Iterable[str | int]) -> list[Sweep]:
        """Select sweeps, each once and in the order of their numbers.

        ``which`` is a number, a range ("2-11", or "12-" to the end), a protocol in any case, a part of its
        name or a pattern with ``*`` and ``?``, several of these with commas between, or a list of them. A
        protocol of that very name goes before those that contain it. Raises RecordingError, naming what there
        is, for whatever matches nothing.
        """
        protocols = {sweep.number: sweep.protocol for sweep in self.sweeps}
        chosen: set[int] = set()
        for part in [which] if isinstance(which, str | int) else which:
            matches = matching(protocols, str(part))
            for piece in str(part).split(",") if not matches else ():
                matches += matching(protocols, piece) or self._refuse_selection(piece)
            chosen.update(matches)
        return [sweep for sweep in self.sweeps if sweep.number in chosen] or self._refuse_selection("")

    def _refuse_selection(self, part: str) -> NoReturn:
        raise RecordingError(
            f"{self.path.name}: no sweep or protocol matches '{part.strip()}'; choose from {self._content()}"
        )

    def _content(self) -> str:
        modes = {"current": "", "voltage": " in voltage clamp", "zero": " at zero current"}
        groups: dict[str, list[int]] = {}
        for sweep in self.sweeps:
            mode = modes[sweep.clamp] + ("" if sweep.paired else " without a stimulus")
            name = f"'{sweep.protocol}'" if sweep.protocol else "unnamed sweeps"
            groups.setdefault(name + mode, []).append(sweep.number)
        if not groups:
            return "no intracellular sweep" + (self._other_content and f" but {self._other_content}")
        return ", ".join(f"{protocol} ({name_sweeps(numbers)})" for protocol, numbers in groups.items())
