"""Stage results on disk while a fit runs: what may be kept, its form as JSON, and the files."""

from .checkpoint import Checkpoint

__all__ = ["Checkpoint"]
