"""Logs on stderr, one JSON object per line: machine-readable, and still human-readable."""

import json
import logging
import os
import select
from datetime import UTC, datetime
from typing import Any

STDERR = 2
PART_SECONDS = 0.1  # until the next part of a long line can be written


class JSONFormatter(logging.Formatter):
    """Formats time, level, process and message of a record, with the request ID and the traceback if there are any."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.process,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", None):
            line["request_id"] = request_id
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class StderrHandler(logging.Handler):
    """Writes lines to stderr. If it is a pipe that is not read in time, lines are dropped: a write would block.

    It needs no thread, because the master logs too, and forks.
    """

    def __init__(self) -> None:
        super().__init__()
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            if self._dropped and self._write(self._note_dropped()):
                self._dropped = 0
            self._dropped += not self._write(line)
        except Exception:
            self.handleError(record)

    def _note_dropped(self) -> str:
        text = f"{self._dropped} lines of the log are lost: stderr was not read in time"
        return self.format(logging.LogRecord("npserve", logging.WARNING, "", 0, text, None, None))

    def _write(self, line: str) -> bool:
        """Write a line, in parts for which a pipe that is ready has space. Return whether the first one was written."""
        content, poll = line.encode() + b"\n", select.poll()
        poll.register(STDERR, select.POLLOUT)
        for start in range(0, len(content), select.PIPE_BUF):
            if not poll.poll(1000 * PART_SECONDS if start else 0):
                return start > 0
            os.write(STDERR, content[start : start + select.PIPE_BUF])
        return True


def logging_config(level: str) -> dict[str, Any]:
    """Return the configuration for `logging`. gunicorn's reports of what it starts are for debugging only."""
    of_gunicorn = "warning" if level == "info" else level
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JSONFormatter}},
        "handlers": {"stderr": {"()": StderrHandler, "formatter": "json"}},
        "root": {"level": of_gunicorn.upper(), "handlers": ["stderr"]},
        "loggers": {
            "npserve": {"level": level.upper(), "handlers": ["stderr"], "propagate": False},
            "gunicorn.error": {"level": of_gunicorn.upper(), "handlers": ["stderr"], "propagate": False},
        },
    }
