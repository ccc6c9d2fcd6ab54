"""The inputs of a SONATA config, by their input_type."""
