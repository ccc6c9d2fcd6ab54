"""NWB files to test with, built series by series, so that each can be wrong in its own way."""

import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pynwb
from pynwb import icephys

RATE = 10_000.0
N = 1000
VOLTAGE = -70.0 + 20 * np.sin(np.arange(N) / 50)  # mV
CURRENT = 100.0 * (np.arange(N) % 200 < 100)  # pA


class Cell:
    """A small NWB file under construction; series are in mV and pA, with the conversions that say so."""

    def __init__(self, folder: Path, name: str = "cell.nwb"):
        self.path = folder / name
        self.nwb = pynwb.NWBFile("a cell", "id-7", datetime(2020, 1, 1, tzinfo=UTC))
        self.device = self.nwb.create_device(name="amplifier")

    def electrode(self, name="electrode_0"):
        found = self.nwb.icephys_electrodes.get(name) if self.nwb.icephys_electrodes else None
        return found or self.nwb.create_icephys_electrode(name=name, device=self.device, description="sharp")

    def series(self, kind, name, data, electrode="electrode_0", **options):
        options = {"rate": RATE, "starting_time": 0.0, "conversion": 1e-3, **options}
        if "timestamps" in options:
            del options["rate"], options["starting_time"]
        if "number" in options:
            options["sweep_number"] = np.uint32(options.pop("number"))
        if "protocol" in options:
            options["stimulus_description"] = options.pop("protocol")
        return kind(name=name, data=np.asarray(data), electrode=self.electrode(electrode), **options)

    def response(self, name="response_0", data=VOLTAGE, kind=icephys.CurrentClampSeries, **options):
        series = self.series(kind, name, data, **options)
        self.nwb.add_acquisition(series)
        return series

    def stimulus(self, name="stimulus_0", data=CURRENT, kind=icephys.CurrentClampStimulusSeries, **options):
        series = self.series(kind, name, data, **{"conversion": 1e-12, **options})
        self.nwb.add_stimulus(series)
        return series

    def sweep(self, number, protocol="step", **options):
        return (
            self.stimulus(f"stimulus_{number}", number=number, protocol=protocol, **options),
            self.response(f"response_{number}", number=number, protocol=protocol, **options),
        )

    def save(self) -> Path:
        with pynwb.NWBHDF5IO(path=str(self.path), mode="w") as io, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            io.write(self.nwb)
        return self.path


def write_located_units(path: Path) -> None:
    """A file of two sorted units, each at an electrode of its own region, and of a trial."""
    cell = Cell(path.parent, path.name)
    device = cell.nwb.create_device("probe")
    for name in ("ca1", "adn"):
        group = cell.nwb.create_electrode_group(name, "shank", name, device)
        cell.nwb.add_electrode(group=group, location=name)
    cell.nwb.add_unit(spike_times=[0.1, 0.5], electrodes=[0])
    cell.nwb.add_unit(spike_times=[0.2], electrodes=[1])
    cell.nwb.add_trial(start_time=0.25, stop_time=0.4)
    cell.save()
