"""The gunicorn worker of the event-loop server: uvicorn's worker with `HTTPConnection` instead of an ASGI app."""

import asyncio
import logging
import os
import signal
import socket
import sys
from functools import partial
from threading import Event
from typing import Any

from uvicorn.server import Server
from uvicorn_worker import UvicornWorker

from service.server.acceptor import Acceptor
from service.server.batching.batcher import Batcher
from service.server.connection import HTTPConnection
from service.server.connection_limit import ConnectionLimit
from service.server.siblings import REFRESH_SECONDS, Siblings
from service.server.view_dispatcher import ViewDispatcher

NOTICE_SECONDS = 0.02  # between two looks whether the other workers stop
log = logging.getLogger("npserve")


class AcceptingServer(Server):
    """uvicorn's server, which runs until a signal, with an `Acceptor` instead of asyncio's servers."""

    acceptor: Acceptor
    siblings: Siblings
    stopping: Event  # set when no worker accepts requests

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        self.acceptor.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.acceptor.stop()
        notice = asyncio.create_task(self._notice_stop())
        await super().shutdown(sockets)
        notice.cancel()

    async def _notice_stop(self) -> None:
        """Wait until the others stop too. After a reload, they serve on, and the server is ready."""
        while self.siblings.accept:
            await asyncio.sleep(NOTICE_SECONDS)
        self.stopping.set()


class Worker(UvicornWorker):  # type: ignore[misc]  # untyped
    """Serves predictions and health from the event loop, and all other requests from the Flask app in two threads."""

    CONFIG_KWARGS = {  # noqa: RUF012  # as in uvicorn-worker
        "loop": "auto",
        "interface": "asgi3",
        "lifespan": "off",
        "ws": "none",
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
    }

    def init_signals(self) -> None:
        """Exit in order after a signal: uvicorn raises it again when the server has stopped."""
        super().init_signals()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
        for number in (signal.SIGHUP, signal.SIGUSR2):  # to the process group; they would end it
            signal.signal(number, signal.SIG_IGN)

    async def _serve(self) -> None:
        app: Any = self.wsgi
        service, loop = app.extensions["npserve"], asyncio.get_running_loop()
        siblings = Siblings(service.metrics)
        batcher = Batcher(service.pipeline, service.reloader, loop, service.settings.max_queue_seconds)
        views = [ViewDispatcher(each, loop) for each in (app, app.extensions.get("npserve.admin")) if each]
        limit = ConnectionLimit(self.cfg.worker_connections, siblings.remove_connection)
        self.config.app, self.config.http = app, HTTPConnection
        server = AcceptingServer(self.config)
        server.siblings, server.stopping, server_state = siblings, service.stopping, server.server_state
        connect = partial(
            HTTPConnection, service, batcher, *views, limit=limit, config=self.config, server_state=server_state
        )
        server.acceptor = Acceptor(loop, self.sockets, connect, siblings, service.admin)
        self._install_sigquit_handler()
        watch = loop.create_task(self._watch_others(siblings))
        await server.serve(self.sockets)
        watch.cancel()

    async def _watch_others(self, siblings: Siblings) -> None:
        """Stop if the master has died. Otherwise the process would keep the port, and nothing would restart it.

        The master kills a worker that does not notify it. uvicorn would do that less often, and not while it stops.
        """
        while os.getppid() == self.ppid:
            siblings.refresh()
            self.notify()
            await asyncio.sleep(REFRESH_SECONDS)
        log.error("the master has died: stopping")
        signal.raise_signal(signal.SIGTERM)
