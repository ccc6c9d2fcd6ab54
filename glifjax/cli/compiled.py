"""Compiled programs are held for the next command: most of a first fit's time goes into compiling.

In the user's cache folder (or in $GLIFJAX_CACHE), apart for every version of jax and every kind of processor, so that
no other's program is ever loaded. GLIFJAX_CACHE=off holds none; a JAX_COMPILATION_CACHE_DIR of the user's goes first.
"""

import hashlib
import os
import platform
import time
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import platformdirs

#: What GLIFJAX_CACHE says where programs are not to be held.
OFF = "off"
#: s of compiling that are worth a file.
WORTH = 0.2
#: s after which a program that nobody asked for again goes.
FORGOTTEN = 60 * 86400.0


def hold_programs() -> None:
    """Tell jax, before it is loaded, where compiled programs are."""
    root = held()
    if root is None or "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    folder = root / f"jax-{version('jax')}-{version('jaxlib')}-{processor()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:  # no home, or none that may be written to
        return
    _forget(root)
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", str(WORTH))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES", "none")
    # a program that a killed process has left in part is compiled anew; nobody need hear of it
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache entry")


def held() -> Path | None:
    """The folder for compiled programs of all kinds; None where none are to be held."""
    place = os.environ.get("GLIFJAX_CACHE", "")
    if place == OFF:
        return None
    return (Path(place).expanduser() if place else platformdirs.user_cache_path("glifjax")) / "compiled"


def processor() -> str:
    """Twelve hexadecimal digits of this machine's processor: its name, and what it can do."""
    words = [platform.machine(), platform.processor()]
    with suppress(OSError):  # only Linux has it
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        words += sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))})
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]


def _forget(root: Path) -> None:
    """Remove programs that no command has read for long, those of other versions among them."""
    with suppress(OSError):
        for file in root.glob("*/*"):
            status = file.stat()
            if time.time() - max(status.st_atime, status.st_mtime) > FORGOTTEN:
                file.unlink()
