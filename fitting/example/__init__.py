"""The built-in simulated cell."""
