"""The units in which a Mihalas-Niebur neuron's numbers are shown: printed, swept, moved by a slider."""

#: By field: the unit, and what an SI value is multiplied with to be in it.
UNITS: dict[str, tuple[str, float]] = {
    "C": ("nF", 1e9),
    "G": ("nS", 1e9),
    "El": ("mV", 1e3),
    "V_reset": ("mV", 1e3),
    "th_inf": ("mV", 1e3),
    "th_reset": ("mV", 1e3),
    "a": ("1/s", 1.0),
    "b": ("1/s", 1.0),
    "k": ("1/s", 1.0),
    "R": ("", 1.0),
    "A": ("nA", 1e9),
    "init_voltage": ("mV", 1e3),
    "init_threshold": ("mV", 1e3),
    "init_currents": ("nA", 1e9),
}
