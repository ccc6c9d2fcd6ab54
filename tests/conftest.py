"""What all tests share: float64, checked types and shapes, compiled functions, the folder of reference material."""

import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# What is compiled once is compiled for the whole run, for its workers and for the commands that tests start; in a cache
# of the developer's own, for the next run too.
WORKER = "PYTEST_XDIST_WORKER" in os.environ
COMPILED = Path(tempfile.gettempdir()) / f"glifjax-tests-{os.getppid() if WORKER else os.getpid()}"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(COMPILED))
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
# Tests compile more than they run, and code of the lowest level takes half the time to compile. XLA_FLAGS= before the
# command compiles as for users.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")
if sys.dont_write_bytecode:  # several seconds for every command that a test starts
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = str(COMPILED / "python")
    sys.dont_write_bytecode = False

# How long an example takes is the machine's: the first one compiles, or reads tables of letters, and cores are shared.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# Before any module of glifjax is loaded: annotations of shape and type are checked at every call.
install_import_hook("glifjax", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

import jax  # noqa: E402

import glifjax  # noqa: E402, F401  (before jax is used: it sets a flag that jax reads when it starts)

jax.config.update("jax_enable_x64", True)

SHARED = Path(__file__).parents[2] / "shared"


#: The files that take longest, so that none of them is begun when the others are done.
FIRST = (
    "notebooks", "stages", "mihalas_niebur", "laws", "resume", "fit",
    "uncertainty", "finetune", "cli", "many", "gallery",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """The longest files come first."""
    place = {f"test_{name}": number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(FIRST)))


def pytest_collection_finish():
    """What was imported stays: a twelfth of the time went into looking through it for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_sessionfinish():
    """The session that started the workers ends last, and clears up."""
    if not WORKER:
        sys.dont_write_bytecode = True  # what pytest still imports would bring the folder back
        shutil.rmtree(COMPILED, ignore_errors=True)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material beside the checkout; it is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"no reference material: {SHARED} is absent")
    return SHARED
