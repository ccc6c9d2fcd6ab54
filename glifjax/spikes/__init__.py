"""Spikes of recordings and models: found, named, compared."""
