"""Requests for models that are still loading: each waits for its model, or until its deadline."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from service.prediction.calls import PendingRequest
from service.prediction.messages import loading_seconds
from service.prediction.reloader import CatalogueReloader


class LoadingRequests:
    """Submits the requests again, in the event loop, when the catalogue has their models."""

    def __init__(
        self,
        reloader: CatalogueReloader,
        loop: asyncio.AbstractEventLoop,
        submit: Callable[[PendingRequest], None],
    ) -> None:
        self._reloader, self._loop, self._submit = reloader, loop, submit
        self._waiting: dict[int, tuple[PendingRequest, asyncio.TimerHandle]] = {}  # by the id of the request
        reloader.listeners.append(self._resume_soon)

    def hold(self, pending: PendingRequest) -> bool:
        """Let a request wait if its model is still loading. Return whether it waits."""
        awaited = self._reloader.catalogue.awaited(pending.route.segments["name"])
        seconds = loading_seconds(pending.request)
        if awaited is None or seconds <= 0 or pending.request.error:
            return False
        timer = self._loop.call_later(seconds, self._end, id(pending))
        self._waiting[id(pending)] = pending, timer
        self._reloader.prefer(awaited)
        self._loop.call_soon(self._resume)  # the catalogue may have been replaced just now
        return True

    def _resume_soon(self) -> None:
        """Called in any thread when the catalogue has been replaced."""
        if self._waiting:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._resume)

    def _resume(self) -> None:
        catalogue = self._reloader.catalogue
        for key, (pending, _) in [*self._waiting.items()]:
            if (awaited := catalogue.awaited(pending.route.segments["name"])) is None:
                self._end(key)
            else:
                self._reloader.prefer(awaited)

    def _end(self, key: int) -> None:
        pending, timer = self._waiting.pop(key)
        timer.cancel()
        self._submit(pending)
