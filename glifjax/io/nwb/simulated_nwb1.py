"""Simulated sweeps in NWB 1, a file of the Allen Cell Types database, as AllenSDK's simulate_neuron leaves them.

Voltage and spike times take the place of the recorded ones; what AllenSDK does not keep goes into
/processing/simulation/Sweep_N: voltage (with its NaN), threshold, (T,), V, and afterspike_currents, (T, n), A.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from glifjax.io.nwb.hdf5_file import writable_hdf5
from glifjax.io.nwb.nwb1 import write_responses
from glifjax.io.nwb.sweep import Sweep
from glifjax.io.nwb.written import Written
from glifjax.trace import Trace

MODULE = "processing/simulation"


def change_nwb1(path: Path, runs: Iterable[tuple[Sweep, Trace]], written: Written) -> None:
    """Write traces into a file, over what it holds of their sweeps; give it a copy."""
    with writable_hdf5(path, "r+") as file:
        attributes = file.require_group(MODULE).attrs
        attributes["description"] = f"{written.description} neuron_config: {written.neuron_config}"
        attributes["interfaces"] = np.array([], dtype="S1")
        attributes["neurodata_type"] = "Module"
    for sweep, trace in runs:
        spikes: Any = trace.spikes()
        write_responses(path, {sweep.number: (written.voltage(trace), spikes.times)})
        with writable_hdf5(path, "r+") as file:
            group = f"{MODULE}/Sweep_{sweep.number}"
            file.pop(group, None)
            for name, unit, values in (
                ("voltage", "Volts", np.asarray(trace.voltage, float) + written.reference),
                ("threshold", "Volts", written.threshold(trace)),
                ("afterspike_currents", "Amps", np.asarray(trace.afterspike_currents, float)),
            ):
                data = file.create_dataset(f"{group}/{name}", data=values, compression="gzip", shuffle=True)
                data.attrs["unit"] = unit
