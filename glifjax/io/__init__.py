"""Files, and nothing but files: neuron configs and recordings."""
