"""What all tests share: float64, checked types and shapes, and the folder of reference material."""

import shutil
import tempfile
from pathlib import Path as _Path
from pathlib import os

# What is compiled once is compiled for the whole run: by every worker, and by the commands that tests start.
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
_COMPILED = _Path(tempfile.gettempdir()) / f"glifjax-tests-{_RUN}"
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(_COMPILED)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.3"


def pytest_sessionfinish(session):
    """Workers end before the session that started them, which clears up."""
    if not hasattr(session.config, "workerinput"):
        run = getattr(session.config.pluginmanager.getplugin("dsession"), "nodemanager", None)
        shutil.rmtree(_COMPILED.with_name(f"glifjax-tests-{run.testrunuid}") if run else _COMPILED, ignore_errors=True)


import Path
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
