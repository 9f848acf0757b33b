"""Requests for models that are still loading: each waits for its model, or until its deadline."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from service.prediction.calls import PendingRequest
from service.prediction.messages import loading_seconds
from service.prediction.reloader import CatalogueReloader

TIMER_SECONDS = 0.002  # the timers of the loop may fire a millisecond before


class LoadingRequests:
    """Submits the requests again, in the event loop, when the catalogue has their models."""

    def __init__(
        self,
        reloader: CatalogueReloader,
        loop: asyncio.AbstractEventLoop,
        submit: Callable[[PendingRequest], None],
    ) -> None:
        self._reloader, self._loop, self._submit = reloader, loop, submit
        # By the model of the request (None: the default one), and by the id of the request.
        self._waiting: dict[str | None, dict[int, tuple[PendingRequest, asyncio.TimerHandle]]] = {}
        reloader.listeners.append(self._resume_soon)

    def hold(self, pending: PendingRequest) -> bool:
        """Let a request wait if its model is still loading. Return whether it waits."""
        name, seconds = pending.route.segments["name"], loading_seconds(pending.request)
        awaited = self._reloader.catalogue.awaited(name)
        if awaited is None or seconds <= 0 or pending.request.error:
            return False
        timer = self._loop.call_later(seconds + TIMER_SECONDS, self._end, name, id(pending))
        self._waiting.setdefault(name, {})[id(pending)] = pending, timer
        self._reloader.prefer(awaited)
        if self._reloader.catalogue.awaited(name) is None:  # it has been replaced just now
            self._loop.call_soon(self._resume)
        return True

    def _resume_soon(self) -> None:
        """Called in any thread when the catalogue has been replaced."""
        if self._waiting:
            with suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._resume)

    def _resume(self) -> None:
        catalogue = self._reloader.catalogue
        for name, requests in [*self._waiting.items()]:
            if (awaited := catalogue.awaited(name)) is not None:
                self._reloader.prefer(awaited)
                continue
            for key in [*requests]:
                self._end(name, key)

    def _end(self, name: str | None, key: int) -> None:
        requests = self._waiting[name]
        pending, timer = requests.pop(key)
        timer.cancel()
        if not requests:
            del self._waiting[name]
        self._submit(pending)
