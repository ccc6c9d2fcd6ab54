"""One sweep of a recording: the current that was injected and the voltage that answered, read when asked for.

This module knows no file format. A reader of one (``nwb1``, ``nwb2``) pairs every response with its stimulus, makes a
``Channel`` of each, and a ``Sweep`` of both.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NoReturn

import numpy as np
from jaxtyping import Float

from glifjax.errors import InputError
from glifjax.io.nwb.channel import Channel, Quantity
from glifjax.io.nwb.samples import HIGHEST_REST, LOWEST_REST, not_finite, out_of_scale, time_step

Clamp = Literal["current", "voltage", "zero"]

#: How units are written, in lower case.
WRITTEN_UNITS = {"current": ("a", "amp", "amps", "ampere", "amperes"), "voltage": ("v", "volt", "volts")}
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
        """Sampling rate in Hz, of the response or the stimulus where one alone states it.

        Raises RecordingError if none does, if it is not uniform, or if the stimulus has another.
        """
        self._refuse_faults()
        channels = [channel for channel in (self.response, self.stimulus) if channel is not None]
        stated = [one for one in channels if one.stated_rate is None or not math.isnan(one.stated_rate)]
        if not stated:
            self._refuse(
                f"{self.response.where} states no sampling rate (a starting_time with a rate, or timestamps); write it "
                "into the file"
            )
        rates = [self._rate(channel) for channel in stated]
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
        if channel.unit.strip().lower() not in WRITTEN_UNITS[quantity]:
            self._refuse(
                f"the {quantity} ({channel.where}) is in '{channel.unit}', not {WRITTEN_UNITS[quantity][-1]}; "
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
            step, late = time_step(times)
            if not step > 0:
                self._refuse(f"the timestamps of {channel.where} do not increase; leave the sweep out")
            if late is not None:
                worst = int(late.argmax())
                self._refuse(
                    f"the timestamps of {channel.where} are not uniform: sample {worst}, {times[worst]:g} s, "
                    f"is {1e3 * late[worst]:.3g} ms from where steps of {1e3 * step:.4g} ms put it; "
                    "leave the sweep out, or resample it"
                )
            rate = 1 / step
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


def first_line(error: BaseException) -> str:
    """First line of an error's own words, its last argument: hdmf puts whole files into the first."""
    words = str(error.args[-1]).strip() if error.args else ""
    return (words or type(error).__name__).splitlines()[0][:LONGEST_WORDS]
