"""The gunicorn worker of the fast lane: uvicorn's, with our protocol before the Flask app."""

import asyncio
from functools import partial
from typing import Any

from a2wsgi import WSGIMiddleware
from uvicorn_worker import UvicornWorker

from service.fastlane import FastLane
from service.turns import Turns

FLASK_THREADS = 4


class Worker(UvicornWorker):  # type: ignore[misc]  # it has no types
    """Serves predictions from the event loop, and everything else from the app in a few threads."""

    CONFIG_KWARGS = {  # noqa: RUF012  # as uvicorn-worker has it
        "loop": "auto",
        "interface": "asgi3",
        "lifespan": "off",
        "ws": "none",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
    }

    async def _serve(self) -> None:
        app: Any = self.wsgi  # type: ignore[has-type]
        service = app.extensions["npserve"]
        turns = Turns(service.calls, asyncio.get_running_loop(), service.settings.max_waiting)
        self.config.http = partial(FastLane, turns, service.calls.most_bytes, service.settings, service.metrics)
        self.wsgi = WSGIMiddleware(_terminated(app), workers=FLASK_THREADS)
        await super()._serve()
        turns.count()


def _terminated(app: Any) -> Any:
    """Say that the input ends by itself, or a chunked body would be taken for none."""

    def call(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input_terminated"] = True
        return app(environ, start_response)

    return call
