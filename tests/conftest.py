"""What all tests share: float64, checked types and shapes, and the folder of reference material."""

from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Before any module of glifjax is loaded: annotations of shape and type are checked at every call.
with install_import_hook("glifjax", "beartype.beartype"):
    import glifjax  # noqa: F401  (before jax is used: it sets a flag that jax reads when it starts)

import jax

jax.config.update("jax_enable_x64", True)

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the checkout; it is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference material: {SHARED} is absent")
    return SHARED
