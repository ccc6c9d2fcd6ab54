"""The rules that a GLIF neuron is put together from.

A rule for the dynamics is called as `rule(neuron, state, current, dt)`, one for a reset as `rule(neuron,
state)`; each returns its own part of the new state: the voltage, the Threshold, or the tuple of afterspike
currents. Dynamics read the state before the step (no rule sees what another has just updated); resets read
the state after the spiking step's dynamics. A rule is a module, whose array leaves are parameters, or any
callable.
"""
