"""Chromium, driven through its DevTools pipe: messages are JSON that ends with a NUL byte."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--remote-debugging-pipe"]


class Browser:
    """One tab. `log` has the messages of its console, errors of scripts and violations of security policies."""

    def __init__(self, chromium: str, profile: Path) -> None:
        self._command = [chromium, *FLAGS, f"--user-data-dir={profile}"]
        self.log: list[str] = []
        self._number, self._rest, self._loaded, self._session = 0, b"", False, ""

    def __enter__(self) -> Self:
        # Chromium reads from descriptor 3 and writes to descriptor 4.
        requests, self._write = os.pipe()
        self._read, responses = os.pipe()
        shell = ["bash", "-c", f'exec "$@" 3<&{requests} 4>&{responses}', "bash"]
        output = subprocess.DEVNULL
        self._process = subprocess.Popen(
            [*shell, *self._command], pass_fds=(requests, responses), stdout=output, stderr=output
        )
        os.close(requests)
        os.close(responses)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._read)
        os.close(self._write)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (received := self._receive()).get("id") != self._number:
            pass
        assert "result" in received, received
        result: dict[str, Any] = received["result"]
        return result

    def open(self, url: str) -> None:
        """Load a page, and wait for it."""
        self._loaded = False
        self.call("Page.navigate", url=url)
        while not self._loaded:
            self._receive()

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait_for(self, script: str, condition: Callable[[Any], bool] = bool, seconds: float = 10) -> Any:
        """Evaluate an expression until its value meets the condition, and return the value."""
        deadline = time.monotonic() + seconds
        while not condition(value := self.run(script)):
            assert time.monotonic() < deadline, f"{script} is {value!r}"
            time.sleep(0.05)
        return value

    def _receive(self) -> dict[str, Any]:
        """Read the next message. An event is noted first."""
        while b"\0" not in self._rest:
            data = os.read(self._read, 2**16)
            assert data, "the browser has exited"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Log.entryAdded":
                entry = message["params"]["entry"]
                self.log.append(f"{entry['source']}: {entry['text']} {entry.get('url')}")
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.log.append(json.dumps(message["params"]))
        return message
