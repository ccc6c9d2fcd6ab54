"""`python -m glifjax` is the command."""

from glifjax.cli import app

app()
