"""What published GLIF neurons are like: quantiles over the released models of Teeter et al. 2018.

For each parameter of the LIF-R-ASC-A models (287 mouse and human cells): minimum, 5 %, median, 95 %, maximum. From
them the example cell is drawn.
"""

import numpy as np

LEVELS_OF_PROBABILITY = (0.0, 0.05, 0.5, 0.95, 1.0)
QUANTILES = {
    "R_input": (60.0e6, 91.14e6, 195.9e6, 500.5e6, 882.1e6),  # ohm
    "C": (35.22e-12, 45.82e-12, 95.6e-12, 202.2e-12, 548.2e-12),  # F
    "th_inf": (8.881e-3, 14.02e-3, 22.35e-3, 32.18e-3, 35.74e-3),  # V, its coefficient included
    "spike_cut": (1.1e-3, 1.65e-3, 3.9e-3, 8.605e-3, 9.95e-3),  # s
    "El_reference": (-85.69e-3, -79.71e-3, -73.63e-3, -64.74e-3, -58.92e-3),  # V
    "a_spike": (0.0, 0.6452e-3, 2.627e-3, 7.245e-3, 16.44e-3),  # V
    "b_spike": (10.95, 16.42, 118.3, 910.0, 3041.0),  # 1/s
    "a_over_b": (-0.141, 0.08947, 0.2838, 0.4558, 0.6949),  # a_voltage / b_voltage
    "b_voltage": (1.377, 13.76, 66.38, 244.8, 1396.0),  # 1/s
    "asc_amp_fast": (-353.2e-12, -173.5e-12, -15.17e-12, -2.24e-12, 4287.0e-12),  # A
    "asc_amp_slow": (-21570.0e-12, -522.1e-12, -129.3e-12, 523.1e-12, 1416.0e-12),  # A
}


def draw(name: str, random: np.random.Generator, within: tuple[float, float] = (0.05, 0.95)) -> float:
    """A parameter (SI) drawn from its published distribution, straight lines between the quantiles.

    Args:
        name: a key of QUANTILES; random: numpy's generator.
        within: the range of probability to draw from; without the tails by default, which hold failed fits.
    """
    return float(np.interp(random.uniform(*within), LEVELS_OF_PROBABILITY, QUANTILES[name]))
