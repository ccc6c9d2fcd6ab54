"""JavaScript in node, for tests."""

import json
import shutil
import subprocess

import numpy as np
import pytest

#: Runs each job's program and writes its outputs, float64, one after another.
RUN = """
for (const job of JSON.parse(require("fs").readFileSync(0))) {
  const { prepare, run } = new Function(job.text + "; return { prepare, run };")();
  const current = Float64Array.from(job.current);
  const out = Array.from({ length: job.outputs }, () => new Float64Array(current.length));
  run(...prepare(job.parameters), current, out);
  for (const row of out) process.stdout.write(Buffer.from(row.buffer));
}
"""


def printed_by(script, given):
    """What a script writes that reads `given`, JSON, from its standard input: bytes."""
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        pytest.skip("no node: JavaScript is not run")
    text = json.dumps(given).encode()
    done = subprocess.run([node, "-e", script], input=text, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def run(jobs):
    """The outputs of each job, (outputs, T): a dict of text, parameters, current (T,), outputs (their number)."""
    plain = [{**job, "current": np.asarray(job["current"]).tolist()} for job in jobs]
    sizes = [job["outputs"] * len(job["current"]) for job in jobs]
    parts = np.split(np.frombuffer(printed_by(RUN, plain)), np.cumsum(sizes)[:-1])
    return [part.reshape(job["outputs"], -1) for part, job in zip(parts, jobs, strict=True)]
