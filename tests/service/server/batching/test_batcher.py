"""Requests of one loop iteration share a forward pass; a long pass runs in a thread, and the next one is shared too."""

import asyncio
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import service.prediction.pipeline
from nn import Artifact, Features, Golden, Model
from service.app import create_app
from service.prediction.calls import PendingRequest
from service.prediction.forward import Predictions, forward
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Headers, Request, Response
from service.protocols import find_route
from service.server.batching.batcher import COUNT_BATCH, COUNT_SECONDS, LONG_PASS_SECONDS, Batcher
from service.settings import Settings
from store import publish
from tests.helpers.models import make_artifact, make_network
from tests.helpers.server import parse_metrics, total

Responses = dict[int, tuple[int, Any]]  # status and body by the number of the request


class Passes:
    """Records rows and thread of every forward pass, and can block a pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[int] = []
        self.threads: list[str] = []
        self.open = threading.Event()
        self.open.set()
        self.begun = 0
        monkeypatch.setattr(service.prediction.pipeline, "forward", self)

    def __call__(self, model: Model, codes: Any, **options: Any) -> Predictions:
        self.begun += 1
        self.open.wait(10)
        self.rows.append(len(codes))
        self.threads.append(threading.current_thread().name)
        return forward(model, codes, **options)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> Passes:
    return Passes(monkeypatch)


def _publish(models: Path, rng: np.random.Generator, name: str, *hidden: int) -> Model:
    model = Model(Features.plain(4), make_network(rng, (4, *hidden, 3)), "classification", ("a", "b", "c"))
    publish(models, name, Artifact(model, Golden.measure(model, rng.normal(size=(2, 4)).tolist())), {}, {})
    return model


@pytest.fixture
def small(models: Path, rng: np.random.Generator) -> Model:
    # Wide enough that huge inputs always activate a unit and overflow.
    return _publish(models, rng, "small", 64)


@pytest.fixture
def large(models: Path, rng: np.random.Generator) -> Model:
    """A network of 5 million weights: the pass of a single row is long."""
    return _publish(models, rng, "large", 2200, 2200)


class Harness:
    """A batcher in an event loop, with the responses to the submitted requests."""

    def __init__(self, models: Path, max_queue_seconds: float = 100, max_held: int = 10**9) -> None:
        self.budget = MemoryBudget(max_held)
        self.app = create_app(Settings(models=models))
        self.pipeline = self.app.extensions["npserve"].pipeline
        loop = asyncio.get_running_loop()
        self.batcher = Batcher(self.pipeline, self.app.extensions["npserve"].reloader, loop, max_queue_seconds)
        self.requests: dict[int, Request] = {}
        self.responses: Responses = {}

    def submit(self, number: int, model: str, rows: Any, headers: Headers | None = None) -> None:
        body = rows if isinstance(rows, bytes) else json.dumps({"instances": np.asarray(rows).tolist()}).encode()
        request = self.requests[number] = Request(headers or {}, self.budget.reserve(len(body)), body)
        route = find_route(f"/models/{model}/predict")
        assert route is not None

        def respond(response: Response) -> None:
            request.release()  # as in HTTPConnection
            self.responses[number] = (response.status, json.loads(response.body))

        self.batcher.submit(PendingRequest(request, route, respond))

    async def warm_up(self, passes: Passes, model: str) -> None:
        """Process a request and forget it: the first one takes so long that its turn has no time for others."""
        self.submit(0, model, [[0, 0, 0, 0]])
        await self.wait_for(1)
        self.responses.clear()
        passes.rows.clear()

    async def occupy(self, passes: Passes, model: str, rows: np.ndarray) -> None:
        """Submit request 0, a long pass that blocks until `passes.open` is set."""
        passes.open.clear()
        self.submit(0, model, rows)
        async with asyncio.timeout(10):
            while not passes.begun:
                await asyncio.sleep(0.002)

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.responses) < count:
                await asyncio.sleep(0.005)

    def counted(self, **labels: str) -> float:
        self.pipeline.counter.count()
        return self.seen(**labels)

    def seen(self, **labels: str) -> float:
        text = self.app.test_client().get("/metrics").text
        return total(parse_metrics(text), "npserve_request_seconds_count", **labels)


def _check(outcome: tuple[int, Any], model: Model, rows: np.ndarray) -> None:
    assert outcome[0] == 200
    expected = model.predict(rows.astype(np.float32))
    np.testing.assert_allclose(outcome[1]["probabilities"], expected, atol=1e-5)


def _rows(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.round(rng.normal(size=(count, 4)), 3)


def test_requests_of_one_iteration_share_a_pass(
    models: Path, small: Model, passes: Passes, rng: np.random.Generator
) -> None:
    other = _publish(models, rng, "other", 5)
    parts = [_rows(rng, count) for count in (1, 3, 2, 1)]

    async def run() -> Harness:
        harness = Harness(models)
        await harness.warm_up(passes, "small")
        for number, part in enumerate(parts):
            harness.submit(number, "other" if number == 2 else "small", part)
        await harness.wait_for(4)
        return harness

    harness = asyncio.run(run())
    assert sorted(passes.rows) == [2, 5]
    for number, part in enumerate(parts):
        _check(harness.responses[number], other if number == 2 else small, part)
    assert harness.counted(outcome="ok") == 5


def test_an_invalid_request_does_not_affect_others(
    models: Path, small: Model, passes: Passes, rng: np.random.Generator
) -> None:
    part = _rows(rng, 2)
    bad = [b"hello", b'{"instances": [[1, 2, 3]]}', json.dumps({"instances": [[3e38] * 4]}).encode()]

    async def run() -> Harness:
        harness = Harness(models)
        for number, body in enumerate([*bad, part]):
            harness.submit(number, "small", body)
        harness.submit(4, "unknown", part)
        await harness.wait_for(5)
        return harness

    harness = asyncio.run(run())
    assert [harness.responses[number][0] for number in range(5)] == [400, 422, 422, 200, 404]
    _check(harness.responses[3], small, part)
    assert (harness.counted(outcome="ok"), harness.counted(outcome="invalid")) == (1, 3)


def test_a_failed_shared_pass_is_retried_per_request(
    models: Path, small: Model, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    def fragile(model: Model, codes: Any, **options: Any) -> Predictions:
        if (codes == 7).any():
            raise RuntimeError("secret details")
        return forward(model, codes, **options)

    monkeypatch.setattr(service.prediction.pipeline, "forward", fragile)
    part = _rows(rng, 2)

    async def run() -> Harness:
        harness = Harness(models)
        for number, rows in enumerate((part, np.full((1, 4), 7.0), part)):
            harness.submit(number, "small", rows)
        await harness.wait_for(3)
        return harness

    harness = asyncio.run(run())
    assert [harness.responses[number][0] for number in range(3)] == [200, 500, 200]
    assert harness.responses[1][1] == {"error": "internal error"}
    _check(harness.responses[2], small, part)


def test_a_long_pass_runs_in_the_thread_and_waiting_requests_share_the_next(
    models: Path, small: Model, large: Model, passes: Passes, rng: np.random.Generator
) -> None:
    parts = [_rows(rng, count) for count in (1, 2, 3, 1)]

    async def run() -> Harness:
        harness = Harness(models)
        await harness.occupy(passes, "large", parts[0])
        for number in (1, 2, 3):
            harness.submit(number, "large", parts[number])
            await asyncio.sleep(0.01)
        passes.open.set()
        await harness.wait_for(4)
        return harness

    harness = asyncio.run(run())
    assert passes.rows == [1, 6]
    assert all(name.startswith("forward") for name in passes.threads)
    for number, part in enumerate(parts):
        _check(harness.responses[number], large, part)


def test_short_passes_do_not_wait_for_a_long_one(
    models: Path, small: Model, passes: Passes, rng: np.random.Generator
) -> None:
    """A pass of many rows is long, even if the network is small."""
    many, few = _rows(rng, 9000), _rows(rng, 1)
    wide = _publish(models, rng, "wide", 600)

    async def run() -> list[int]:
        harness = Harness(models)
        harness.submit(0, "wide", many)
        harness.submit(1, "wide", few)
        order = []
        async with asyncio.timeout(10):
            while len(harness.responses) < 2:
                await asyncio.sleep(0)
                order += [number for number in harness.responses if number not in order]
        _check(harness.responses[0], wide, many)
        _check(harness.responses[1], wide, few)
        return order

    assert asyncio.run(run()) == [1, 0]
    assert sorted(passes.rows) == [1, 9000]


@pytest.mark.parametrize(
    ("widths", "rows", "long"),
    [
        ((4, 16, 3), 100_000, True),  # 30 ms, although only 11 million multiplications
        ((1, 2), 100_000, True),
        ((1, 4, 50), 20_000, True),
        ((64, 16, 10), 20_000, True),
        ((64, 16, 10), 64, False),
        ((784, 64, 10), 64, False),
        ((4, 16, 3), 1000, False),
        ((4, 2200, 2200, 3), 1, True),
    ],
)
def test_the_estimate_includes_work_besides_multiplications(
    widths: tuple[int, ...], rows: int, long: bool, models: Path, rng: np.random.Generator
) -> None:
    labels = tuple(range(widths[-1]))
    publish(models, "m", make_artifact(rng, widths, labels), {}, {})
    endpoint = create_app(Settings(models=models)).extensions["npserve"].reloader.catalogue.find("m")
    assert (endpoint.pass_seconds(rows) > LONG_PASS_SECONDS) is long


@pytest.mark.parametrize(
    ("hidden", "count", "thread"),
    [
        ((1750, 1750), 1, "MainThread"),  # reading the weights takes as long as multiplying 8 rows
        ((2000, 2000), 1, "forward"),
    ],
)
def test_a_pass_of_more_than_two_milliseconds_runs_in_the_thread(
    hidden: tuple[int, ...], count: int, thread: str, models: Path, passes: Passes, rng: np.random.Generator
) -> None:
    _publish(models, rng, "model", *hidden)

    async def run() -> Harness:
        harness = Harness(models)
        harness.submit(0, "model", _rows(rng, count))
        await harness.wait_for(1)
        return harness

    assert asyncio.run(run()).responses[0][0] == 200
    assert [name.partition("_")[0] for name in passes.threads] == [thread]


def test_the_rows_of_a_shared_pass_are_limited(models: Path, passes: Passes, rng: np.random.Generator) -> None:
    """A single request may have more rows than the limit, because it is never split."""
    _publish(models, rng, "wide", 300)

    async def run() -> Harness:
        harness = Harness(models)
        await harness.occupy(passes, "wide", _rows(rng, 2000))
        for number, count in enumerate((3000, 2000, 2000, 3000, 6000), 1):
            harness.submit(number, "wide", _rows(rng, count))
            await asyncio.sleep(0.01)
        passes.open.set()
        await harness.wait_for(6)
        return harness

    harness = asyncio.run(run())
    assert sorted(passes.rows) == [2000, 3000, 3000, 4000, 6000]
    assert {status for status, _ in harness.responses.values()} == {200}


@pytest.mark.parametrize(("first", "rows"), [(1, [1, 1]), (2, [3])])
def test_requests_that_arrive_while_several_are_read_share_their_pass(
    first: int, rows: list[int], models: Path, small: Model, passes: Passes, rng: np.random.Generator
) -> None:
    """A single request is computed at once."""

    async def run() -> Harness:
        harness = Harness(models)
        for number in range(first):
            harness.submit(number, "small", _rows(rng, 1))
        asyncio.get_running_loop().call_soon(harness.submit, first, "small", _rows(rng, 1))
        await harness.wait_for(first + 1)
        return harness

    harness = asyncio.run(run())
    assert {status for status, _ in harness.responses.values()} == {200}
    assert passes.rows == rows


def test_the_loop_polls_sockets_between_large_bodies(
    models: Path, small: Model, passes: Passes, rng: np.random.Generator
) -> None:
    large = json.dumps({"instances": _rows(rng, 1).tolist()}).encode().ljust(400_000)
    turns = []

    async def run() -> Harness:
        harness = Harness(models)
        for number in range(12):
            harness.submit(number, "small", large)
        async with asyncio.timeout(10):
            while len(harness.responses) < 12:
                await asyncio.sleep(0)
                turns.append(len(harness.responses))
        return harness

    assert {status for status, _ in asyncio.run(run()).responses.values()} == {200}
    assert len({*turns}) >= 4


async def _queue_behind_a_pass(
    models: Path, passes: Passes, parts: Sequence[Sequence[np.ndarray]], max_queue_seconds: float
) -> Harness:
    """Submit the requests of each part at once, all behind a pass of request 0, and wait for the responses."""
    harness = Harness(models, max_queue_seconds)
    await harness.occupy(passes, "large", np.zeros((1, 4)))
    for part in parts:
        for rows in part:
            harness.submit(len(harness.requests), "large", rows)
        await asyncio.sleep(0.02)
    passes.open.set()
    await harness.wait_for(len(harness.requests))
    return harness


def test_the_queue_is_limited_in_seconds_of_work(
    models: Path, large: Model, passes: Passes, rng: np.random.Generator
) -> None:
    """A pass of 9,000 rows takes about two seconds, one of 2,000 half a second, by the model of costs."""

    parts = [[_rows(rng, 2000)] for _ in range(4)]
    harness = asyncio.run(_queue_behind_a_pass(models, passes, parts, max_queue_seconds=1.0))
    statuses = [harness.responses[number][0] for number in range(5)]
    assert statuses[:2] == [200, 200]
    assert statuses[-1] == 503
    assert harness.responses[4][1] == {"error": "too many requests wait for this worker: try again later"}
    assert harness.counted(outcome="shed") == statuses.count(503)


def test_requests_that_will_share_a_pass_are_queued_as_one(
    models: Path, large: Model, passes: Passes, rng: np.random.Generator
) -> None:
    """100 passes of a row would take 0.3 seconds by the model of costs, one of 100 rows 0.04."""

    parts = [[_rows(rng, 1) for _ in range(100)]]
    harness = asyncio.run(_queue_behind_a_pass(models, passes, parts, max_queue_seconds=0.15))
    assert {status for status, _ in harness.responses.values()} == {200}


def test_an_empty_queue_accepts_any_amount_of_work(
    models: Path, large: Model, passes: Passes, rng: np.random.Generator
) -> None:
    async def run() -> Harness:
        harness = Harness(models, max_queue_seconds=1e-6)
        harness.submit(0, "large", _rows(rng, 100))
        await harness.wait_for(1)
        await asyncio.sleep(0.1)
        harness.submit(1, "large", _rows(rng, 100))
        await harness.wait_for(2)
        return harness

    assert {status for status, _ in asyncio.run(run()).responses.values()} == {200}


@pytest.mark.parametrize(("milliseconds", "status"), [("1", 504), ("60000", 200), ("0", 400), ("soon", 400)])
def test_a_request_is_not_computed_after_its_deadline(
    milliseconds: str, status: int, models: Path, large: Model, passes: Passes, rng: np.random.Generator
) -> None:
    async def run() -> Harness:
        harness = Harness(models)
        await harness.occupy(passes, "large", _rows(rng, 1))
        harness.submit(1, "large", _rows(rng, 1), {"x-request-timeout-ms": milliseconds})
        await asyncio.sleep(0.05)
        passes.open.set()
        await harness.wait_for(2)
        return harness

    harness = asyncio.run(run())
    assert (harness.responses[0][0], harness.responses[1][0]) == (200, status)
    assert len(passes.rows) == (2 if status == 200 else 1)
    assert harness.counted(outcome="expired") == (status == 504)


def test_the_memory_of_waiting_requests_is_bounded(
    models: Path, large: Model, passes: Passes, rng: np.random.Generator
) -> None:
    async def run() -> Harness:
        harness = Harness(models, max_held=2 * 1_700_000)
        await harness.occupy(passes, "large", _rows(rng, 1))
        # Each has a body of 340 kB, and rows, outputs and a response of 640 kB: two fit, but of three only the bodies.
        for number, count in enumerate((10_000, 10_000, 10_000, 1), 1):
            harness.submit(number, "large", _rows(rng, count))
        await asyncio.sleep(0.2)
        assert 1_200_000 < harness.budget.held <= 1_700_000
        harness.requests[2].abandon()
        passes.open.set()
        await harness.wait_for(5)
        return harness

    harness = asyncio.run(run())
    assert [harness.responses[number][0] for number in range(5)] == [200, 200, 499, 503, 200]
    assert harness.budget.held == 0


def test_requests_of_disconnected_clients_are_not_computed(
    models: Path, large: Model, passes: Passes, rng: np.random.Generator
) -> None:
    async def run() -> Harness:
        harness = Harness(models)
        passes.open.clear()
        for number in range(4):
            harness.submit(number, "large", _rows(rng, 1))
            await asyncio.sleep(0.02)
        for number in (1, 3):
            harness.requests[number].abandon()
        passes.open.set()
        await harness.wait_for(4)
        return harness

    harness = asyncio.run(run())
    assert passes.rows == [1, 1]
    assert harness.counted(outcome="expired") == 2
    assert {number: status for number, (status, _) in harness.responses.items()} == {0: 200, 1: 499, 2: 200, 3: 499}


def test_a_half_closed_client_is_served_only_without_waiting(
    models: Path, large: Model, passes: Passes, rng: np.random.Generator
) -> None:
    """Its FIN may mean that it is gone: the first request needs no other pass, the second one waited for it."""

    async def run() -> Harness:
        harness = Harness(models)
        passes.open.clear()
        for number in range(3):
            harness.submit(number, "large", _rows(rng, 1))
            harness.requests[number].half_closed = number < 2
            await asyncio.sleep(0.02)
        passes.open.set()
        await harness.wait_for(3)
        return harness

    harness = asyncio.run(run())
    assert {number: status for number, (status, _) in harness.responses.items()} == {0: 200, 1: 499, 2: 200}
    assert passes.rows == [1, 1]
    assert harness.counted(outcome="expired") == 1


def test_the_body_of_a_disconnected_client_is_released(models: Path, small: Model, rng: np.random.Generator) -> None:
    async def run() -> Harness:
        harness = Harness(models)
        for number in range(3):
            harness.submit(number, "small", _rows(rng, 5000))
        harness.requests[1].abandon()
        await harness.wait_for(2)
        return harness

    harness = asyncio.run(run())
    assert harness.requests[1].body == b""
    assert [*harness.responses] == [0, 2]
    assert harness.budget.held == 0


def test_responses_are_counted_within_the_interval(models: Path, small: Model, rng: np.random.Generator) -> None:
    async def run() -> Harness:
        harness = Harness(models)
        harness.submit(0, "small", _rows(rng, 1))
        await harness.wait_for(1)
        await asyncio.sleep(3 * COUNT_SECONDS)
        return harness

    assert asyncio.run(run()).seen(outcome="ok") == 1


def test_a_full_batch_of_responses_is_counted_immediately(models: Path, small: Model, rng: np.random.Generator) -> None:
    async def run() -> Harness:
        harness = Harness(models)
        for number in range(COUNT_BATCH):
            harness.submit(number, "small", _rows(rng, 1))
        await harness.wait_for(COUNT_BATCH)
        return harness

    assert asyncio.run(run()).seen(outcome="ok") == COUNT_BATCH
