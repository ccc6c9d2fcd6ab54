"""NWB 1 files laid out as the Allen Cell Types database's ``*_ephys.nwb``, built sweep by sweep with h5py."""

from pathlib import Path

import h5py
import numpy as np

RATE = 10_000.0
N = 1000
CURRENT = 100e-12 * (np.arange(N) % 200 < 100)  # A
VOLTAGE = -70e-3 + 20e-3 * np.sin(np.arange(N) / 50)  # V
PATCH = ["TimeSeries", "PatchClampSeries"]
CONVERSIONS = {"Volts": 1e-3, "Amps": 1e-12}  # as stated


class AllenCell:
    """A file of one cell under construction; sweeps are given in A and V.

    Up to version 1.0 of the pipeline the samples are stored in SI units and the stated conversion is wrong; from 1.1
    on the conversion is true. ``version`` None leaves it out, as the oldest files do. With ``arrays`` every scalar is
    an array of one.
    """

    def __init__(self, folder: Path, name: str = "cell_ephys.nwb", *, version: str | None = "1.0", arrays=False):
        self.path = folder / name
        self.version, self.arrays = version, arrays
        self.file = h5py.File(self.path, "w")
        self.set("/", "nwb_version", b"NWB-1.0.5")
        self.set("/", "identifier", b"Allen Institute for Brain Science, Ephys Result 7")
        self.set("/", "session_description", b"Cell 311")
        self.set("/", "session_start_time", b"Wed Mar 04 2015 12:00:00")
        for group in ("acquisition/images", "analysis", "epochs", "processing", "stimulus/templates"):
            self.file.create_group(group)
        electrode = "general/intracellular_ephys/Electrode 1"
        self.set(electrode, "description", b"Borosilicate glass with a resistance of 3-7 MOhm")
        self.set(electrode, "filtering", b"Bessel filter at 10KHz")
        self.set("general", "aibs_specimen_id", b"311")
        self.set("general", "institution", b"Allen Institute for Brain Science")
        if version is not None:
            self.file["general/generated_by"] = np.array([b"pipeline", b"IVSCC", b"version", version.encode()])

    def set(self, group: str, key: str, value, **attributes) -> None:
        """A scalar; the strings of real files are of variable length, which h5py reads as bytes."""
        dtype = h5py.string_dtype() if isinstance(value, bytes) else None
        group = self.file.require_group(group)
        group.create_dataset(key, data=[value] if self.arrays else value, dtype=dtype)
        for name, attribute in attributes.items():
            group[key].attrs[name] = [attribute] if self.arrays else attribute

    def sweep(
        self,
        number: int,
        protocol: str = "Long Square",
        current=CURRENT,
        voltage=VOLTAGE,
        *,
        rate: float = RATE,
        clamp: str = "Current",
        experiment: tuple[int, int] | None = None,
        spike_times=None,
    ) -> None:
        """A sweep; ``experiment`` is (idx_start, count), and its default leaves out the first tenth, the test pulse."""
        name = f"Sweep_{number}"
        current_clamp = clamp == "Current"
        for where, values, kind in (
            ("acquisition/timeseries", voltage if current_clamp else current, "Series"),
            ("stimulus/presentation", current if current_clamp else voltage, "StimulusSeries"),
        ):
            where = f"{where}/{name}"
            self.series(where, values, "Volts" if values is voltage else "Amps", [*PATCH, f"{clamp}Clamp{kind}"], rate)
            self.set(where, "starting_time", 60.0 * number, rate=rate, unit="Seconds")
            self.set(where, "aibs_stimulus_name", protocol.encode())
            self.set(where, "aibs_stimulus_description", b"C1LSCOARSE150112[0]")
            self.set(where, "aibs_stimulus_amplitude_pa", 110.0)
        self.set(f"acquisition/timeseries/{name}", "bridge_balance", 1.2e7 if current_clamp else np.nan)
        if current_clamp:
            start, count = experiment or (len(current) // 10, len(current) - len(current) // 10)
            self.epoch(f"Sweep_{number}", number, 0, len(current))
            self.epoch(f"TestPulse_{number}", number, 0, start)
            self.epoch(f"Experiment_{number}", number, start, count)
        if spike_times is not None:
            self.file[f"analysis/spike_times/{name}"] = np.asarray(spike_times, np.float64)

    def series(self, where: str, values, unit: str, ancestry: list[str], rate: float) -> None:
        """The samples, in the single precision of real files."""
        conversion = CONVERSIONS[unit]
        true = self.version is not None and tuple(map(int, self.version.split("."))) >= (1, 1)
        stored = np.asarray(values / conversion if true else values, np.float32)
        group = self.file.require_group(where)
        group.attrs["ancestry"] = np.array(ancestry, dtype="S")
        group.attrs["neurodata_type"] = b"TimeSeries"
        group.create_dataset("data", data=stored, compression="gzip")
        group["data"].attrs.update({"conversion": conversion, "resolution": np.nan, "unit": np.bytes_(unit)})
        self.set(where, "num_samples", len(stored))
        self.set(where, "electrode_name", b"Electrode 1")

    def epoch(self, epoch: str, number: int, start: int, count: int) -> None:
        """A stretch of a sweep: a hard link to each of its two series, and where it lies in them."""
        for kind, folder in (("stimulus", "stimulus/presentation"), ("response", "acquisition/timeseries")):
            group = f"epochs/{epoch}/{kind}"
            self.set(group, "idx_start", np.int32(start))
            self.set(group, "count", np.int32(count))
            self.file[f"{group}/timeseries"] = self.file[f"{folder}/Sweep_{number}"]

    def save(self) -> Path:
        """Close the file and give its path."""
        self.file.close()
        return self.path
