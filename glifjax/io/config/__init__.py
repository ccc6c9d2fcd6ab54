"""Neurons as files: Allen's neuron_config.json, NEST's glif_psc."""
