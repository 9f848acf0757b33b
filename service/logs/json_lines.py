"""Logs on stderr, one JSON object per line: machine-readable, and still human-readable."""

import json
import logging
from datetime import UTC, datetime
from typing import Any


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


def logging_config(level: str) -> dict[str, Any]:
    """Return the configuration for `logging`. gunicorn's reports of what it starts are for debugging only."""
    of_gunicorn = "warning" if level == "info" else level
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JSONFormatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": of_gunicorn.upper(), "handlers": ["stderr"]},
        "loggers": {
            "npserve": {"level": level.upper(), "handlers": ["stderr"], "propagate": False},
            "gunicorn.error": {"level": of_gunicorn.upper(), "handlers": ["stderr"], "propagate": False},
        },
    }
