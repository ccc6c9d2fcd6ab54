"""The scan over time: its loop (loop), what of a step is computed once a run (hoisting) and once a step (once)."""

from glifjax.scan.hoisting import hoisted
from glifjax.scan.loop import Record, scan, the_sample
from glifjax.scan.once import once

__all__ = ["Record", "hoisted", "once", "scan", "the_sample"]
