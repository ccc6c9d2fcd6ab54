"""A neuron to play with, in one page: exploration.py: what is asked of it; program.py, javascript/: its step as JavaScript;
quantities.py: what moves it; recorded.py: sweeps to lay it over; page.py, assets/: what a person sees.
"""
