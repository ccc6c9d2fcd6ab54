"""The page on a fitted network: what it predicts, whether it may be simulated, what it is made of."""

from .page import write_report

__all__ = ["write_report"]
