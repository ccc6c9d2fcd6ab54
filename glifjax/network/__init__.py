"""Networks of point neurons in the units of NEST and SONATA: ms, mV, pA, pF, nS."""
