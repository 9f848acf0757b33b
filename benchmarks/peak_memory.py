"""The highest resident memory of a server's workers, above that of an idle worker."""

import re
from contextlib import suppress
from pathlib import Path

from benchmarks.running import Running

RESET_PEAK = "5"  # proc(5): resets VmHWM to the current size


class PeakMemory:
    """Created while the server is idle."""

    def __init__(self, running: Running) -> None:
        self._running, self._workers = running, running.processes()[1:]
        self._idle = self._sum("VmRSS")

    def reset(self) -> None:
        """Forget the peaks so far."""
        for worker in self._running.processes()[1:]:
            with suppress(FileNotFoundError, ProcessLookupError):
                Path(f"/proc/{worker}/clear_refs").write_text(RESET_PEAK)

    def mebibytes(self) -> float:
        """Return the peak above idle since the last reset."""
        return (self._sum("VmHWM") - self._idle) / 1024

    def replaced(self) -> bool:
        """Return whether a worker has ended since the server was idle, and forget it."""
        before, self._workers = self._workers, self._running.processes()[1:]
        return before != self._workers

    def _sum(self, field: str) -> int:
        """Return the sum of a field of /proc/PID/status in KiB."""
        total = 0
        for worker in self._running.processes()[1:]:
            with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                found = re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{worker}/status").read_text())
                total += int(found[1]) if found else 0  # the status of a zombie has no memory
        return total
