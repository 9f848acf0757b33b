"""The gunicorn worker of the fast lane: uvicorn's, with our protocol before the Flask app."""

import asyncio
from functools import partial
from typing import Any

from uvicorn_worker import UvicornWorker

from service.server.batcher import Turns
from service.server.connection import FastLane
from service.server.memory_budget import Budget
from service.server.wsgi import Pages


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
        app: Any = self.wsgi
        service, loop = app.extensions["npserve"], asyncio.get_running_loop()
        settings, budget = service.settings, Budget(service.settings.max_held_bytes)
        turns = Turns(service.calls, loop, settings.max_waiting, budget)
        self.config.http = partial(
            FastLane,
            turns,
            Pages(app, loop),
            service.calls.most_bytes,
            budget,
            settings,
            service.metrics,
        )
        await super()._serve()
