"""The report: one self-contained HTML page from which a person judges fitted neurons."""

from .page import write_report

__all__ = ["write_report"]
