"""Whole files, changed at random, and read."""
