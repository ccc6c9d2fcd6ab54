"""Recordings as NWB files, in and out."""
