"""A fit's files."""
