"""A jaxpr as JavaScript: scalars.py: the graph of its scalar operations; primitives.py: those of numbers; moves.py:
those that move elements about; jaxpr.py: a jaxpr, walked; printer.py: the graph as text.
"""
