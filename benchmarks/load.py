"""The load on a server: wrk on a separate core sends one body repeatedly over a number of connections."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

from benchmarks.bodies import Written

CORE = 1
SCRIPT = """
local file = io.open("{content}", "rb")
wrk.method, wrk.body, wrk.headers = "POST", file:read("*a"), {{{headers}}}
file:close()
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n{{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def pin_to_load_core() -> None:
    """Run this process, which sleeps while the load runs, on the core of the load. Exits without the prerequisites."""
    for program in ("wrk", "taskset"):
        if not shutil.which(program):
            sys.exit(f"{program} is not installed: on Debian and Ubuntu, run apt install wrk util-linux")
    if not {0, 1} <= os.sched_getaffinity(0):
        sys.exit("CPU cores 0 and 1 are required: one for the server, one for the load")
    os.sched_setaffinity(0, {CORE})


@dataclass(frozen=True)
class Load:
    """Requests per second, latencies in milliseconds, and the number of socket errors, timeouts and statuses >= 400."""

    per_second: float
    p50: float
    p99: float
    errors: int

    @classmethod
    def measure(cls, url: str, body: Written, connections: int, seconds: int) -> Self:
        """Send requests for `seconds`: each connection sends the next one as soon as a response has arrived."""
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "post.lua"
            content = script.with_name("content")
            content.write_bytes(body.content)
            headers = ", ".join(f'["{name}"] = "{value}"' for name, value in body.headers.items())
            script.write_text(SCRIPT.format(content=content, headers=headers))
            # A slow response is not an error, so the timeout is long.
            wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "120s", "-s", str(script), url]
            run = subprocess.run(["taskset", "-c", str(CORE), *wrk], capture_output=True, text=True, check=True)
        found = json.loads(run.stdout.splitlines()[-1])
        return cls(found["requests"] / found["seconds"], found["p50"], found["p99"], found["errors"])

    @classmethod
    def median(cls, loads: Sequence[Self]) -> Self:
        """Return the medians of several measurements, and the sum of their errors."""
        per_second, p50, p99 = (median(getattr(load, name) for load in loads) for name in ("per_second", "p50", "p99"))
        return cls(per_second, p50, p99, sum(load.errors for load in loads))
