"""The log of the service: one JSON object per line, and no wait for a reader that is stuck."""

import json
import logging
import os
import time
from collections.abc import Iterator

import pytest

from service.logs.json_lines import JSONFormatter, StderrHandler


class Pipe:
    """A pipe as stderr, and a logger that writes to it."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        os.set_blocking(self._reading, False)
        self.log, handler = logging.Logger("test"), StderrHandler()
        handler.setFormatter(JSONFormatter())
        self.log.addHandler(handler)

    def read(self) -> list[str]:
        content = b""
        while True:
            try:
                content += os.read(self._reading, 2**16)
            except BlockingIOError:
                return [json.loads(line)["message"] for line in content.splitlines()]

    def close(self) -> None:
        os.close(self._reading)
        os.close(self.writing)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipe]:
    pipe = Pipe()
    monkeypatch.setattr("service.logs.json_lines.STDERR", pipe.writing)
    yield pipe
    pipe.close()


def test_a_line_is_written_at_once(pipe: Pipe) -> None:
    pipe.log.warning("one %s", "é")
    assert pipe.read() == ["one é"]


def test_a_reader_that_is_stuck_loses_lines_and_is_told(pipe: Pipe) -> None:
    began = time.monotonic()
    for number in range(2000):
        pipe.log.warning("%d %s", number, "x" * 100)
    assert time.monotonic() - began < 2
    lines = pipe.read()
    assert [line.split()[0] for line in lines] == [str(number) for number in range(len(lines))]
    pipe.log.warning("last")
    assert pipe.read() == [f"{2000 - len(lines)} lines of the log are lost: stderr was not read in time", "last"]


def test_a_long_line_is_whole(pipe: Pipe) -> None:
    pipe.log.warning("x" * 50_000)
    assert pipe.read() == ["x" * 50_000]
