"""Runs: simulate.py, a neuron over a current; sweeps.py, over the sweeps of a recording; many.py, many neurons."""
