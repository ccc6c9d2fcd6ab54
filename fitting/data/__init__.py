"""From the sweeps of a recording to the arrays a fit works on."""
