"""Profile a request by stage, in microseconds, from the request body to the response body.

    python -m benchmarks.request_profile

There are no options, and no other programs are needed. Requests go directly to `PredictionPipeline` in this process,
with multi-process metrics as in production. Measurements are medians; the timers themselves cost about 2 microseconds,
which are part of "other". HTTP, the socket and the event loop are not included: the server `hello` in
`python -m benchmarks.serving` measures their cost.

Related measurements: parsing into lists of Python objects takes twice as long as `fast_json`; without
`keep_freed_memory`, 64 rows of digits take a quarter longer.
"""

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

# Set before numpy and prometheus_client are imported, as in service/gunicorn.conf.py.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_folder = tempfile.TemporaryDirectory()
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _folder.name

from benchmarks.bodies import BODIES, NATIVE, Body  # noqa: E402
from benchmarks.networks import make_rows, publish_network  # noqa: E402
from benchmarks.options import make_parser  # noqa: E402
from service.logs.access_log import AccessLog  # noqa: E402
from service.metrics.registry import Metrics  # noqa: E402
from service.prediction import pipeline  # noqa: E402
from service.prediction.calls import PendingRequest  # noqa: E402
from service.prediction.catalogue import Catalogue  # noqa: E402
from service.prediction.counting import CallCounter  # noqa: E402
from service.prediction.memory_budget import MemoryBudget  # noqa: E402
from service.prediction.messages import Request, Response  # noqa: E402
from service.prediction.reloader import CatalogueReloader  # noqa: E402
from service.protocols import find_route  # noqa: E402
from service.protocols.native import codec as native  # noqa: E402
from service.settings import Settings  # noqa: E402

# The functions of each stage; none of them calls another.
STAGES: dict[str, list[tuple[Any, str]]] = {
    "route": [(Catalogue, "find")],
    "unpack": [(native, "unpack"), (native, "check_json")],
    "parse": [(native, "parse_rows"), (native, "parse_json")],
    "schema": [(native, "read_body")],
    "forward": [(pipeline, "forward")],
    "encode": [(native.NativeCodec, "encode")],
    "metrics": [(CallCounter, "count")],
}
SECONDS = 1.0  # per measurement


def main() -> None:
    """Print the microseconds of a request by stage for each body, unbatched and in a batch of eight."""
    make_parser("request_profile", __doc__).parse_args()
    metrics = Metrics()
    print(f"{'microseconds':16}" + "".join(f"{title:>9}" for title in (*STAGES, "other", "total")))
    for body in BODIES.values():
        if body.format == "json":
            for batch in (1, 8):
                *stages, whole = _profile(_handler(body, batch, metrics))
                columns = [seconds / batch * 1e6 for seconds in (*stages, whole - sum(stages), whole)]
                label = str(body) if batch == 1 else f"  batch of {batch}"
                print(f"{label:16}" + "".join(f"{microseconds:9.1f}" for microseconds in columns), flush=True)


def _handler(body: Body, batch: int, metrics: Metrics) -> Callable[[], None]:
    """Return a function that handles a batch of requests with this body per call."""
    settings = Settings(models=publish_network(Path(_folder.name) / f"{body}-{batch}", body.network))
    reloader = CatalogueReloader(settings, metrics)
    reloader.poll()
    answering = pipeline.PredictionPipeline(settings, lambda: reloader.catalogue, metrics, AccessLog(0))
    path, written = NATIVE.path.format(network=body.network), NATIVE.write(make_rows(body.network, body.rows))
    headers = {name.lower(): value for name, value in written.headers.items()}
    budget, route = MemoryBudget(settings.max_held_bytes), find_route(path)
    assert route is not None

    def handle() -> None:
        responses: list[Response] = []
        requests = [Request(headers, budget.reserve(), written.content) for _ in range(batch)]
        pending = [PendingRequest(request, route, responses.append) for request in requests]
        answering.answer(answering.decode(pending))
        answering.counter.count()
        for request in requests:
            request.release()
        assert responses[0].status == 200, responses[0].body

    return handle


def _profile(handle: Callable[[], None]) -> list[float]:
    """Return the median seconds of each stage and of the whole call."""
    spent = dict.fromkeys(STAGES, 0.0)
    found: list[list[float]] = []
    with ExitStack() as stack:
        for stage, functions in STAGES.items():
            for owner, name in functions:
                stack.enter_context(patch.object(owner, name, _timed(getattr(owner, name), stage, spent)))
        end = time.perf_counter() + SECONDS
        while (began := time.perf_counter()) < end:
            spent.update(dict.fromkeys(spent, 0.0))
            handle()
            found.append([*spent.values(), time.perf_counter() - began])
    return [median(column) for column in zip(*found, strict=True)]


def _timed(function: Callable[..., Any], stage: str, spent: dict[str, float]) -> Callable[..., Any]:
    def call(*arguments: Any, **words: Any) -> Any:
        began = time.perf_counter()
        result = function(*arguments, **words)
        spent[stage] += time.perf_counter() - began
        return result

    return call


if __name__ == "__main__":
    main()
