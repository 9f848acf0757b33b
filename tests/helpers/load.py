"""Clients that send one request after the other to a server, while something happens to it."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import requests

from tests.helpers.server import BODY
from tests.helpers.wire import JSON


class LoadGenerator:
    """Sends requests from several threads until the context exits, and records every response.

    Version n predicts label n - 1 of "abc", as `make_constant` does: no response may mix two versions.
    """

    PAUSE = 0.005  # seconds between two requests of a thread; leaves CPU time to the servers

    def __init__(self, url: str, threads: int = 4, *, keep_alive: bool = False) -> None:
        self.versions: list[tuple[float, int]] = []
        self.failures: list[str] = []
        self._url, self._keep_alive = url, keep_alive
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._over.wait(self.PAUSE):
                self._send(session.post if self._keep_alive else requests.post)

    def _send(self, post: Callable[..., requests.Response]) -> None:
        try:
            answer = post(f"{self._url}/predict", data=BODY, headers={"Content-Type": JSON}, timeout=10)
            answer.raise_for_status()
            body = answer.json()
            if body["predictions"] != ["abc"[body["version"] - 1]]:
                self.failures.append(f"wrong: {body}")
            self.versions.append((time.monotonic(), body["version"]))
        except Exception as error:
            self.failures.append(str(error) or repr(error))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def since(self, moment: float) -> set[int]:
        """Return the versions that have answered since a moment."""
        return {version for at, version in self.versions if at > moment}
