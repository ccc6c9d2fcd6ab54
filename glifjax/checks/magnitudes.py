"""How large what a cell has can be, in SI units: of what is larger another unit was meant, mV, pA, pF, Mohm or ms."""

#: A, of what a spike adds to a current, which may be over at once.
LARGEST_PULSE = 1e-4
#: A, V, F, ohm, S.
LARGEST_CURRENT = 1e-6
LARGEST_VOLTAGE = 1.0
LARGEST_C = 1e-6
SMALLEST_R = 1e2
LARGEST_R = 1e14
LARGEST_G = 1e-2
#: s: a time step, from a spike to what is recorded of it, a time constant of afterspike currents.
LARGEST_DT = 1e-2
LARGEST_LATENCY = 0.1
LARGEST_TAU = 30.0
