"""The rules that a GLIF neuron is put together from.

A rule for the dynamics is called as `rule(neuron, state, current, dt)`, one for a reset as `rule(neuron,
state)`; each returns its own part of the new state: the voltage, the threshold, or the tuple of afterspike
currents. Dynamics read the state before the step (no rule sees what another has just updated); resets read
the state after the spiking step's dynamics. A rule is a module, whose array leaves are parameters, or any
callable.

A threshold or afterspike rule with an `init(neuron)` makes its own part of the state, of a form of its own: with
`total`, `spike` and `voltage` for a threshold, iterable for afterspike currents. The matching reset returns the same
form. Currents that the voltage drives, with their gates, are in `membrane`. Any rule may ask
`neuron.time_since_spike(state)`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
