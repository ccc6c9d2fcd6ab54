"""The levels that are fitted."""
