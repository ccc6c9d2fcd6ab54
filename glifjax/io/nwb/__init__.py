"""Recordings as NWB files, in and out."""

import os

# pynwb unpickles a cache in the user's folder on import, which a killed process leaves broken, and whose content runs.
os.environ.setdefault("PYNWB_NO_CACHE_DIR", "1")
