"""Large bodies are decoded in a thread, one at a time, beside small requests; too many are refused from their heads."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.app import create_app
from service.errors import Overloaded, RequestError
from service.prediction.calls import PendingRequest
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import LARGE_BODY, Request, Response
from service.protocols import find_route
from service.protocols.native.codec import NativeCodec
from service.server.batching.backlog import FULL
from service.server.batching.batcher import REFUSAL_SECONDS, Batcher
from service.server.batching.turns import TICK_SECONDS
from service.settings import Settings
from store import publish
from tests.helpers.models import ROW, make_artifact
from tests.helpers.wire import JSON

BODY = json.dumps({"instances": [ROW]}).encode()
ROUTE = find_route("/predict")
assert ROUTE is not None
GZIP = {"content-encoding": "gzip", "content-type": JSON}


class Decodes:
    """Records the threads that decode, and can block those of large bodies."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.threads: list[str] = []
        self.open = threading.Event()
        decode = NativeCodec.decode

        def recorded(codec: NativeCodec, request: Request) -> Any:
            self.threads.append(threading.current_thread().name.partition("_")[0])
            if self.threads[-1] == "decode":
                assert self.open.wait(10)
            return decode(codec, request)

        monkeypatch.setattr(NativeCodec, "decode", recorded)


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> Decodes:
    return Decodes(monkeypatch)


class Harness:
    """A batcher in an event loop, and the statuses of the responses by the number of the request."""

    def __init__(self, models: Path, max_queue_seconds: float = 100) -> None:
        service = create_app(Settings(models=models)).extensions["npserve"]
        self.pipeline = service.pipeline
        self.batcher = Batcher(self.pipeline, service.reloader, asyncio.get_running_loop(), max_queue_seconds)
        self.statuses: dict[int, int] = {}
        self.requests: dict[int, Request] = {}

    def submit(
        self, number: int, body: bytes, headers: Mapping[str, str] | None = None, error: RequestError | None = None
    ) -> None:
        request = self.requests[number] = Request(headers or {}, MemoryBudget(2**30).reserve(len(body)), body)
        request.error = error
        assert ROUTE is not None

        def respond(response: Response) -> None:
            self.statuses[number] = response.status

        self.batcher.submit(PendingRequest(request, ROUTE, respond))

    async def wait_for(self, *numbers: int) -> None:
        async with asyncio.timeout(10):
            while not {*numbers} <= self.statuses.keys():
                await asyncio.sleep(0.001)


def test_small_requests_do_not_wait_for_large_bodies(iris: Path, decodes: Decodes) -> None:
    async def run() -> dict[int, int]:
        harness = Harness(iris)
        for number in range(3):
            harness.submit(number, gzip.compress(BODY), GZIP)
        for number in range(10, 15):
            harness.submit(number, BODY)
            await harness.wait_for(number)
        assert not harness.statuses.keys() & {0, 1, 2}
        decodes.open.set()
        await harness.wait_for(0, 1, 2)
        return harness.statuses

    assert {*asyncio.run(run()).values()} == {200}
    assert decodes.threads.count("decode") == 3


@pytest.mark.parametrize(
    ("small_before", "body", "headers", "in_thread"),
    [
        (False, BODY.ljust(100_000), {}, False),
        (True, BODY.ljust(100_000), {}, True),
        (False, BODY.ljust(2_000_000), {}, True),
        (False, gzip.compress(BODY), GZIP, True),
    ],
    ids=["alone", "beside small ones", "very large", "compressed"],
)
def test_a_large_body_is_decoded_in_the_loop_only_where_it_delays_nobody(
    small_before: bool, body: bytes, headers: dict[str, str], in_thread: bool, iris: Path, decodes: Decodes
) -> None:
    async def run() -> dict[int, int]:
        decodes.open.set()
        harness = Harness(iris)
        if small_before:
            harness.submit(0, BODY)
            await harness.wait_for(0)
        harness.submit(1, body, headers)
        await harness.wait_for(1)
        return harness.statuses

    assert asyncio.run(run())[1] == 200
    assert (decodes.threads[-1] == "decode") is in_thread


def test_invalid_large_bodies_get_their_errors(iris: Path, decodes: Decodes) -> None:
    async def run() -> dict[int, int]:
        decodes.open.set()
        harness = Harness(iris)
        harness.submit(0, b"no gzip", GZIP)
        harness.submit(1, gzip.compress(b"[" * 4_000_000), GZIP)
        harness.submit(2, gzip.compress(BODY), GZIP)
        await harness.wait_for(0, 1, 2)
        return harness.statuses

    assert asyncio.run(run()) == {0: 400, 1: 413, 2: 200}


def test_a_large_body_whose_client_has_gone_is_not_decoded(iris: Path, decodes: Decodes) -> None:
    async def run() -> dict[int, int]:
        harness = Harness(iris)
        for number in range(4):
            harness.submit(number, gzip.compress(BODY), GZIP)
        harness.requests[0].half_closed = True  # served, because it has not waited
        harness.requests[1].half_closed = True
        harness.requests[2].abandon()
        decodes.open.set()
        await harness.wait_for(*range(4))
        return harness.statuses

    assert asyncio.run(run()) == {0: 200, 1: 499, 2: 499, 3: 200}
    assert decodes.threads.count("decode") == 2


def test_a_short_pass_does_not_wait_for_a_long_one(models: Path, rng: np.random.Generator) -> None:
    """Both are computed in a thread: a row takes some milliseconds here, ten thousand take seconds."""
    publish(models, "wide", make_artifact(rng, (4, 2200, 2200, 3)), {}, {})

    async def run() -> list[int]:
        harness = Harness(models)
        harness.submit(0, json.dumps({"instances": [ROW] * 3000}).encode())
        await asyncio.sleep(0.05)
        harness.submit(1, BODY)
        await harness.wait_for(1)
        return [*harness.statuses]

    assert asyncio.run(run()) == [1]


def test_bodies_beyond_the_queue_are_refused_from_their_heads(iris: Path) -> None:
    """Only bytes that are received count: a client that only announces a body does not block others."""

    async def run() -> list[bool]:
        harness, budget = Harness(iris, max_queue_seconds=0.05), MemoryBudget(2**30)
        admitted = []
        assert ROUTE is not None
        for _ in range(20):
            requests = [Request({"content-length": "4000000"}, budget.reserve()) for _ in range(5)]
            errors = [harness.batcher.admit(ROUTE, request) for request in requests]
            assert len({*map(str, errors)}) == 1
            admitted.append(errors[0] is None)
            requests[0].reservation.receive(1_000_000)
        assert str(errors[0]) == FULL
        return admitted

    admitted = asyncio.run(run())
    assert admitted[0]
    assert admitted == sorted(admitted, reverse=True)
    assert not admitted[-1]


@pytest.mark.parametrize(
    ("small_before", "size", "least"),
    [(False, 2**62, 0.0), (True, LARGE_BODY, 0.0), (True, LARGE_BODY + 1, REFUSAL_SECONDS), (True, 2**62, 0.2)],
)
def test_the_sender_of_a_refused_large_request_is_slowed_beside_small_ones(
    iris: Path, small_before: bool, size: int, least: float
) -> None:
    """By the announced size of the body, which may be any number."""

    async def run() -> float:
        harness = Harness(iris)
        if small_before:
            harness.submit(0, BODY)
            await harness.wait_for(0)
        began = time.perf_counter()
        harness.submit(1, b"", {"content-length": str(size)}, Overloaded(FULL))
        await harness.wait_for(1)
        assert harness.statuses[1] == 503
        return time.perf_counter() - began

    assert least - TICK_SECONDS < asyncio.run(run()) < least + 1


@pytest.mark.parametrize("step", ["decode", "encode"])
def test_small_requests_that_take_longer_than_estimated_are_shed(
    iris: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows as objects, or with all labels, take up to 25 times as long as the bytes of a small body tell."""
    method, seconds = getattr(NativeCodec, step), list[float]()

    def slow(codec: NativeCodec, *arguments: Any) -> Any:
        began = time.perf_counter()
        time.sleep(0.001)
        result = method(codec, *arguments)
        seconds.append(time.perf_counter() - began)  # on a busy machine several milliseconds
        return result

    monkeypatch.setattr(NativeCodec, step, slow)

    async def run() -> tuple[list[int], list[int], float]:
        harness = Harness(iris, max_queue_seconds=0.05)
        for number in range(0, 1000, 100):
            for each in range(number, number + 100):
                harness.submit(each, BODY)
            iterations = [time.perf_counter()]
            for _ in range(3):
                await asyncio.sleep(0)
                iterations.append(time.perf_counter())
            refused = list(harness.statuses.values())[number:]
            await harness.wait_for(*range(number, number + 100))
        return refused, [harness.statuses[number] for number in range(900, 1000)], max(np.diff(iterations))

    refused, last, turn = asyncio.run(run())
    each = float(np.mean(seconds))
    assert 0.02 <= last.count(200) * each <= 0.1  # some 0.05 s of work
    assert last.count(503) == 100 - last.count(200)
    assert refused.count(503) >= 20  # at once, not after having waited
    assert turn < 50 * each  # of 100 requests


def test_large_bodies_that_have_waited_too_long_are_shed(iris: Path, decodes: Decodes) -> None:
    async def run() -> dict[int, int]:
        harness = Harness(iris, max_queue_seconds=0.1)
        for number in range(3):
            harness.submit(number, gzip.compress(BODY), GZIP)
        await asyncio.sleep(0.2)
        decodes.open.set()
        await harness.wait_for(0, 1, 2)
        return harness.statuses

    assert asyncio.run(run()) == {0: 200, 1: 503, 2: 503}


def test_the_memory_of_the_estimates_does_not_grow_with_the_texts_of_clients(iris: Path, decodes: Decodes) -> None:
    decodes.open.set()

    async def run() -> Harness:
        harness = Harness(iris)
        for number in range(20):
            harness.submit(number, BODY, {"content-encoding": f"x{number}", "content-type": JSON})
        harness.submit(20, gzip.compress(BODY), GZIP)
        await harness.wait_for(*range(21))
        return harness

    harness = asyncio.run(run())
    assert [harness.statuses[number] for number in range(21)] == [415] * 20 + [200]
    (endpoint,) = harness.pipeline._catalogue().endpoints.values()
    assert len(endpoint.work.decoding) <= 2


def test_pipelined_requests_do_not_multiply_the_turns(iris: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each response submits the next request, in the middle of a turn."""
    turns, responses = list[int](), list[Response]()

    async def run() -> None:
        harness = Harness(iris)
        process = harness.batcher._process_ready

        def counted(since: float) -> None:
            turns.append(len(responses))
            process(since)

        monkeypatch.setattr(harness.batcher, "_process_ready", counted)

        def submit() -> None:
            assert ROUTE is not None
            request = Request({}, MemoryBudget(0).reserve(), BODY)
            harness.batcher.submit(PendingRequest(request, ROUTE, respond))

        def respond(response: Response) -> None:
            responses.append(response)
            if len(responses) < 300:
                submit()

        for _ in range(3):
            submit()
        iterations = 0
        while len(responses) < 300:
            await asyncio.sleep(0)
            iterations += 1
            assert len(turns) <= iterations

    asyncio.run(run())


def test_an_error_in_a_response_does_not_stop_the_queues(iris: Path, decodes: Decodes) -> None:
    async def run() -> dict[int, int]:
        decodes.open.set()
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        harness = Harness(iris)

        def fail(_: Response) -> None:
            raise RuntimeError

        for body, headers in ((BODY, {}), (gzip.compress(BODY), GZIP)):
            assert ROUTE is not None
            request = Request(headers, MemoryBudget(2**20).reserve(), body)
            harness.batcher.submit(PendingRequest(request, ROUTE, fail))
        harness.submit(1, BODY)
        harness.submit(2, gzip.compress(BODY), GZIP)
        await asyncio.sleep(0.05)
        harness.submit(3, BODY)
        await harness.wait_for(2, 3)
        return harness.statuses

    assert {*asyncio.run(run()).values()} == {200}
