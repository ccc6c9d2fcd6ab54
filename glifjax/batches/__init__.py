"""Runs of many: sweeps.py, one neuron over the sweeps of a recording; many.py, many neurons of one kind."""
