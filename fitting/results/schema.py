"""fit.json as a JSON Schema (draft 2020-12), for editors and other languages."""

from typing import Any

from pydantic import TypeAdapter

from .record import FORMAT, FitRecord


def fit_schema() -> dict[str, Any]:
    """The schema of the files that this version writes, and reads of older ones."""
    schema = TypeAdapter(FitRecord).json_schema()
    words = f"What a fit came to, and all that repeats it; format {FORMAT}."
    return (
        {"$schema": "https://json-schema.org/draft/2020-12/schema"}
        | schema
        | {"title": "fit.json", "description": words}
    )
