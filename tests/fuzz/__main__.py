"""Whole files, changed at random: each is read, or refused in a sentence, in little time and memory.

    PYTHONPATH=tests uv run python -m fuzz [--seconds 60] [--files N] [--seed 0] [--first 0] [--failures fuzz_failures]

Trial n of a seed is always the same file. It lies among the failures while it is read, so that one which ends the
process or takes for ever stays there too; one more run with `--first n --seconds 0` reads it again. `--files` stops
after so many, however quick the machine is.
"""

import argparse
import faulthandler
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from itertools import count
from pathlib import Path
from random import Random

import jax

from .inputs import NAMES, write_inputs
from .mutations import change_file
from .readers import check

#: Seconds that a file may take.
LONGEST_TRIAL = 120
#: Kinds that are drawn from: recordings twice as often as others.
KINDS = (*NAMES, "nwb1", "nwb2")
#: Bytes that the process may hold.
LARGEST_PROCESS = 6 * 2**30


def trial(number: int, seed: int, inputs: Path, failures: Path) -> bool:
    """Change a file and read it; whether what must hold did."""
    random = Random(f"{seed} {number}")
    kind = random.choice(KINDS)
    folder = failures / f"{seed}-{number}"
    shutil.copytree(inputs / kind, folder, dirs_exist_ok=True)
    path = folder / NAMES[kind]
    change_file(path, kind, random)
    faulthandler.dump_traceback_later(LONGEST_TRIAL, exit=True)
    try:
        check(path, kind)
    except Exception:
        print(f"trial {number}, {kind}, {path}:\n{traceback.format_exc()}", flush=True)
        return False
    finally:
        faulthandler.cancel_dump_traceback_later()
    shutil.rmtree(folder)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--files", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--failures", type=Path, default=Path("fuzz_failures"), help="where failing files stay")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (LARGEST_PROCESS, LARGEST_PROCESS))
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs"
        write_inputs(inputs)
        began, failed = time.monotonic(), []
        for number in count(options.first):
            if not trial(number, options.seed, inputs, options.failures):
                failed.append(number)
            if time.monotonic() - began >= options.seconds or number - options.first + 1 >= options.files:
                break
    print(f"{number - options.first + 1} files of seed {options.seed}, {len(failed)} failures: {failed or 'none'}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
