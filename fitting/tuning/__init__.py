"""Parameters moved by gradient, or by search, on the running neuron."""
