"""The report: one self-contained HTML page from which a person judges fitted neurons."""
