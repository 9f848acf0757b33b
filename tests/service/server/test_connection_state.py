"""The state tables are complete, and no sequence of client events leaves them."""

import asyncio
import json
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask
from uvicorn.config import Config
from uvicorn.server import ServerState

from service.app import create_app
from service.server.batching.batcher import Batcher
from service.server.connection import HTTPConnection
from service.server.connection_state import READING, WRITING, ConnectionState, ReadEvent, Reading, WriteEvent, Writing
from service.server.exchanges import MAX_PIPELINED
from service.server.view_dispatcher import ViewDispatcher
from service.settings import Settings
from tests.helpers.models import ROW
from tests.helpers.wire import JSON, chunked_request, http_request


def _values(owner: type) -> set[str]:
    return {value for name, value in vars(owner).items() if name.isupper()}


def test_the_table_has_every_state_and_every_event() -> None:
    for table, states, events in ((READING, Reading, ReadEvent), (WRITING, Writing, WriteEvent)):
        assert set(table) == _values(states)
        assert {event for row in table.values() for event in row} == _values(events)
        assert {state for row in table.values() for state in row.values()} == _values(states)


def test_the_final_states_are_never_left() -> None:
    assert {*READING[Reading.ENDED].values()} == {Reading.ENDED}
    assert {*WRITING[Writing.CLOSED].values()} == {Writing.CLOSED}


def test_an_event_without_a_transition_raises() -> None:
    state = ConnectionState()
    with pytest.raises(KeyError):
        state.on_read(ReadEvent.REQUEST)
    with pytest.raises(KeyError):
        state.on_write(WriteEvent.RESUMED)
    assert (state.reading, state.writing) == (Reading.HEAD, Writing.IDLE)


class Transport:
    """A transport to a client that reads intermittently."""

    def __init__(self) -> None:
        self.unsent, self.sent, self.closing, self.paused = 0, bytearray(), False, False
        self.reads, self.limit = True, 2**16

    def connect(self, connection: HTTPConnection) -> None:
        self.connection = connection
        connection.connection_made(self)  # type: ignore[arg-type]

    def write(self, data: bytes) -> None:
        assert not self.closing
        self.sent += data
        if not self.reads:
            self.unsent += len(data)
            if self.unsent > self.limit and not self.paused:
                self.paused = True
                self.connection.pause_writing()

    def read_all(self) -> None:
        self.unsent, self.reads = 0, True
        if self.paused:
            self.paused = False
            self.connection.resume_writing()

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def get_extra_info(self, name: str) -> Any:
        return None

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    abort = close

    def write_eof(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


REQUESTS = [
    http_request("POST", "/predict", json.dumps({"instances": [ROW]}).encode(), Content_Type=JSON),
    http_request("POST", "/predict", json.dumps({"instances": [ROW] * 3000}).encode(), Content_Type=JSON),
    chunked_request("POST", "/predict", json.dumps({"instances": [ROW] * 100}).encode(), 500, Content_Type=JSON),
    http_request("POST", "/predict", b"not JSON", Content_Type=JSON),
    http_request("POST", "/predict", b"x" * 300_000, Content_Type=JSON),  # above the limit
    http_request("POST", "/predict", b"{}", Expect="100-continue"),
    http_request("POST", "/predict", b"{}", Connection="Upgrade", Upgrade="h2c"),
    http_request("GET", "/livez"),
    http_request("GET", "/docs"),
    http_request("HEAD", "/livez"),
    http_request("GET", "/livez", Connection="close"),
    b"garbage\r\n\r\n",
    http_request("GET", "/livez") * (MAX_PIPELINED + 1),
    http_request("CONNECT", "x:80"),
    http_request("POST", "/nowhere", b"x" * 100_000),
    http_request("POST", "/nowhere", b"x" * 100_000, Connection="close"),
]


@pytest.fixture
def app(iris: Path) -> Flask:
    return create_app(Settings(models=iris, max_body_bytes=200_000, max_held_bytes=300_000))


async def _live(app: Flask, rng: np.random.Generator) -> None:
    """Send random events to one connection, and check the invariants after each of them."""
    service, loop = app.extensions["npserve"], asyncio.get_running_loop()
    batcher, views = Batcher(service.pipeline, service.reloader, loop, 10), ViewDispatcher(app, loop)
    config = Config(app=app, http="httptools", log_config=None)
    connection = HTTPConnection(service, batcher, views, config=config, server_state=ServerState())
    transport = Transport()
    transport.connect(connection)
    sent = b"".join(REQUESTS[i] for i in rng.choice(len(REQUESTS), rng.integers(1, 12), p=_WEIGHTS))
    while sent and not transport.closing:
        size = int(rng.integers(1, rng.choice([20, 1000, 100_000])))
        connection.data_received(sent[:size])
        sent = sent[size:]
        transport.reads = bool(rng.random() < 0.5)
        for _ in range(rng.integers(3)):
            await asyncio.sleep(float(rng.choice([0, 0.002])))
        if rng.random() < 0.3:
            transport.read_all()
        _check(connection)
    match rng.integers(4) if not transport.closing else 0:
        case 1:
            assert connection.eof_received() or connection._state.writing is Writing.CLOSED
        case 2:
            connection.shutdown()
        case 3 if connection._timeouts.limit < inf:
            connection._expire()
    _check(connection)
    if rng.random() < 0.5:
        transport.read_all()
        await asyncio.sleep(0.01)
    connection.connection_lost(None)
    async with asyncio.timeout(10):
        while service.budget.held:
            await asyncio.sleep(0.001)
    assert (connection._state.reading, connection._state.writing) == (Reading.ENDED, Writing.CLOSED)


_WEIGHTS = np.array([6, 2, 2, 1, 0.3, 1, 1, 2, 0.5, 1, 0.3, 0.3, 0.1, 0.3, 0.5, 0.3])
_WEIGHTS /= _WEIGHTS.sum()


def _check(connection: HTTPConnection) -> None:
    """Check the invariants of the theory of operation."""
    state, exchanges = connection._state, connection._exchanges
    assert len(exchanges) <= MAX_PIPELINED + 1
    if state.reading is Reading.BODY or state.writing is Writing.RESPONDING:
        assert exchanges
    if state.writing is Writing.IDLE and exchanges:
        assert state.reading is Reading.BODY
        assert len(exchanges) == 1


def test_random_events_keep_the_invariants(app: Flask, rng: np.random.Generator) -> None:
    errors: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
        for _ in range(150):
            await _live(app, rng)

    asyncio.run(run())
    assert not errors
