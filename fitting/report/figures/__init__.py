"""The figures of the report: one function each, from a fit to a matplotlib Figure; no display, no state."""
