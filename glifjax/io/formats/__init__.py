"""Recordings in the formats of amplifiers' own programs, read through neo, and currents in text files."""
