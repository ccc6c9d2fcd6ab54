"""How well a fitted neuron does, and how well it is known."""
