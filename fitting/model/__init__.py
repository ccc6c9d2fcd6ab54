"""A neuron behind its electrode: its parameters as coordinates, its likelihood."""
