"""A neuron to play with, in one page: exploration.py: what it is made of; program.py, javascript/: the neuron's step as
JavaScript; quantities.py: what moves it; recorded.py: sweeps to lay it over; page.py, assets/: what a person sees.
"""
