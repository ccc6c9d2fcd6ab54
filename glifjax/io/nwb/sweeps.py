"""Recordings of one cell: the injected current and the voltage that answered, sweep by sweep.

``read_recording`` opens a file and leaves the samples on disk; a sweep reads its own when asked for
``current`` or ``voltage``. What cannot be trusted is a ``RecordingError``; what is merely suspicious, a line
in ``Recording.warnings``.

This module knows no file format. A reader of one (``nwb1``, ``nwb2``) pairs every response with its stimulus,
makes a ``Channel`` of each, a ``Sweep`` and the ``Recording``, and has its line in ``read_recording``.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from jaxtyping import Float

from glifjax.errors import InputError
from glifjax.io.nwb.channel import Channel, Quantity
from glifjax.io.nwb.samples import HIGHEST_REST, LARGEST_SPAN, LOWEST_REST, SMALLEST_SPAN, not_finite, out_of_scale
from glifjax.io.nwb.selection import matching, name_sweeps

Clamp = Literal["current", "voltage", "zero"]

_UNITS = {"current": ("a", "amp", "amps", "ampere", "amperes"), "voltage": ("v", "volt", "volts")}
_SUSPICIONS = {
    "rest": "the voltage rests above -30 mV in {sweeps} ({worst:.1f} mV in {sweep}): its zero may be off",
    "dip": "the voltage dips below -120 mV in {sweeps} ({worst:.1f} mV in {sweep}): the drop over the "
    "electrode may not be compensated",
}


#: What another library's error says is cut there, characters: it may hold a whole file.
LONGEST_WORDS = 400


class RecordingError(InputError):
    """A recording or a part of it cannot be used; the message has file, sweep, value and remedy."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """One sweep of a recording; its samples are read from disk at each access and not kept.

    In current clamp ``voltage`` is recorded and ``current`` commanded, in voltage clamp the other way round;
    with the amplifier at zero (clamp "zero") ``current`` is 0.
    """

    file: str
    number: int
    protocol: str
    clamp: Clamp
    response: Channel = field(repr=False)
    stimulus: Channel | None = field(repr=False)
    start_time: float = 0.0  # s, from the start of the session; many files do not keep it
    electrode: str = ""
    bridge_balance: float | None = None  # ohm, as stated in the file; applied to nothing
    spike_times: Float[np.ndarray, " n"] | None = field(default=None, repr=False)  # s, where the file holds them
    suspicions: dict[str, float] = field(default_factory=dict, repr=False)  # kind -> mV, found on reading

    @property
    def paired(self) -> bool:
        """Whether both current and voltage are there: a stimulus was found, or none is needed."""
        return self.stimulus is not None or self.clamp == "zero"

    @property
    def is_test(self) -> bool:
        """Whether its protocol is "Test", the amplifier's own: nobody wants it unless it is asked for."""
        return self.protocol.strip().lower() == "test"

    @property
    def n_samples(self) -> int:
        """Number of recorded samples."""
        return self.response.n_samples

    @property
    def duration(self) -> float:
        """Duration in s; raises as ``rate`` does."""
        return self.n_samples / self.rate

    @cached_property
    def rate(self) -> float:
        """Sampling rate in Hz; raises RecordingError if not uniform, or if the stimulus has another."""
        self._refuse_faults()
        rates = [self._rate(channel) for channel in (self.response, self.stimulus) if channel is not None]
        if (max(rates) - min(rates)) * self.n_samples > 0.5 * max(rates):  # half a sample apart at the end
            self._refuse(
                f"the response is sampled at {rates[0]:g} Hz and the stimulus at {rates[1]:g} Hz; "
                "leave the sweep out, or write it anew at one rate"
            )
        return rates[0]

    @property
    def current(self) -> Float[np.ndarray, " T"]:
        """Current in A, (T,) float64; raises RecordingError if missing, not finite or wrong in scale."""
        return np.zeros(self.n_samples) if self.clamp == "zero" else self._read("current")

    @property
    def voltage(self) -> Float[np.ndarray, " T"]:
        """Voltage in V, (T,) float64; raises RecordingError if missing, not finite or wrong in scale."""
        voltage = self._read("voltage")
        if self.clamp != "voltage":
            rest, dip = 1e3 * float(np.median(voltage)), 1e3 * float(voltage.min())
            if not 1e3 * LOWEST_REST <= rest <= 1e3 * HIGHEST_REST:
                self._refuse(
                    f"the voltage rests at {rest:.3g} mV, and no cell's does; correct the conversion "
                    f"({self.response.conversion:g}) or offset ({self.response.offset:g}) of {self.response.where}"
                )
            if rest > -30:
                self.suspicions["rest"] = rest
            if dip < -120:
                self.suspicions["dip"] = dip
        return voltage

    def stored(self, channel: Channel) -> Float[np.ndarray, " T"]:
        """A channel's samples as they stand in the file, unscaled; raises RecordingError where they cannot be read."""
        self._refuse_faults()
        values = self._slice(channel, channel.data)
        if values.shape != (channel.n_samples,) or not values.size:
            self._refuse(
                f"the {channel.quantity} ({channel.where}) has the shape {values.shape} instead of "
                f"({channel.n_samples or 'T'},); leave the sweep out"
            )
        return values

    def _read(self, quantity: Quantity) -> Float[np.ndarray, " T"]:
        channel = self.response if self.response.quantity == quantity else self.stimulus
        if channel is None:
            self._refuse(f"the file pairs no stimulus with it, so it has no {quantity}; leave the sweep out")
        self._refuse_faults()
        if self.stimulus is not None and self.stimulus.n_samples != self.n_samples:
            self._refuse(
                f"the response has {self.n_samples} samples and the stimulus {self.stimulus.n_samples}; "
                "leave the sweep out, or write it anew with equal lengths"
            )
        if channel.unit.strip().lower() not in _UNITS[quantity]:
            self._refuse(
                f"the {quantity} ({channel.where}) is in '{channel.unit}', not {_UNITS[quantity][-1]}; "
                "correct its unit and conversion or, if it is another quantity, the type of its series"
            )
        values = self.stored(channel) * channel.conversion + channel.offset
        if problem := not_finite(quantity, values, self.rate):
            self._refuse(f"{problem}; leave the sweep out, or write it anew without those samples")
        if problem := out_of_scale(quantity, values):
            self._refuse(
                f"{problem}; correct the conversion ({channel.conversion:g}) or offset ({channel.offset:g}) "
                f"of {channel.where}, whose unit is '{channel.unit}'"
            )
        return values

    def _refuse_faults(self) -> None:
        for channel in (self.response, self.stimulus):
            if channel is not None and channel.fault:
                self._refuse(channel.fault)

    def _rate(self, channel: Channel) -> float:
        rate = channel.stated_rate
        if rate is None:
            times = self._slice(channel, channel.timestamps)
            if not len(times) == channel.n_samples > 1:
                self._refuse(
                    f"{channel.where} has {channel.n_samples} samples and {len(times)} timestamps; leave the sweep out"
                )
            step = (times[-1] - times[0]) / (len(times) - 1)
            if not step > 0:
                self._refuse(f"the timestamps of {channel.where} do not increase; leave the sweep out")
            late = np.abs(times - times[0] - step * np.arange(len(times)))
            # where a sample was dropped others are 0.5 steps off, and float32 timestamps a few hundredths
            if not late.max() < 0.1 * step:
                worst = int(late.argmax())
                self._refuse(
                    f"the timestamps of {channel.where} are not uniform: sample {worst}, {times[worst]:g} s, "
                    f"is {1e3 * late[worst]:.3g} ms from where steps of {1e3 * step:.4g} ms put it; "
                    "leave the sweep out, or resample it"
                )
            rate = 1 / float(step)
        if not 0 < rate < math.inf:
            self._refuse(f"the sampling rate of {channel.where} is {rate:g} Hz; correct it in the file")
        return float(round(rate)) if abs(rate - round(rate)) < 1e-6 * rate else rate

    def _slice(self, channel: Channel, source: Any) -> np.ndarray:
        try:
            return np.asarray(source[channel.first : channel.first + channel.n_samples], dtype=np.float64)
        except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:  # of h5py and neo
            self._refuse(
                f"{channel.where} cannot be read ({first_line(error)}); if the recording was closed, open it "
                "again, else fetch or export the file again"
            )

    def _refuse(self, reason: str) -> NoReturn:
        raise RecordingError(f"{self.file}, sweep {self.number}: {reason}")


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
        cls, current: Any, voltage: Any, rate: float, *, protocols: str | Sequence[str] = "", name: str = "arrays"
    ) -> "Recording":
        """A recording out of arrays: current in A and voltage in V, (T,), (S, T), or a list of (T,); rate in Hz.

        Sweeps are numbered from 1; ``protocols`` is one name, or one a sweep, by which those to train on and to hold
        out are told apart. Raises RecordingError for arrays that do not go together.
        """
        from glifjax.io.nwb.arrays import sweeps_from_arrays

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
            raise RecordingError(
                f"{self.path.name}: no sweep in current clamp with a stimulus; the file holds {self._content()}"
                f"{self._unpaired and f' ({self._unpaired})'}; "
                + ("give each pair one sweep number or name" if self._unpaired else "give a current-clamp recording")
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
            groups.setdefault(f"'{sweep.protocol}'{mode}", []).append(sweep.number)
        if not groups:
            return "no intracellular sweep" + (self._other_content and f" but {self._other_content}")
        return ", ".join(f"{protocol} ({name_sweeps(numbers)})" for protocol, numbers in groups.items())


def first_line(error: BaseException) -> str:
    """First line of an error's own words, its last argument: hdmf puts whole files into the first."""
    words = str(error.args[-1]).strip() if error.args else ""
    return (words or type(error).__name__).splitlines()[0][:LONGEST_WORDS]
