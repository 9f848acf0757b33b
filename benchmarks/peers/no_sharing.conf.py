"""npserve's own configuration of gunicorn, but each request is answered by itself as soon as its body is complete.

It differs in nothing else: responses are counted together as ever, or that gain would be taken for one of sharing.
"""

from pathlib import Path
from runpy import run_path

globals().update(run_path(str(Path(__file__).parents[2] / "service/gunicorn.conf.py")))

import service.server.worker  # noqa: E402  # the configuration prepares for it
from service.prediction.pipeline import group_by_version  # noqa: E402
from service.server.batcher import Batcher, PendingRequest  # noqa: E402


class NoBatcher(Batcher):
    """Stands where the batcher is; long passes too block the loop."""

    def submit(self, pending: PendingRequest) -> None:
        """Answer a request."""
        (call,) = self._pipeline.begin([pending.request])
        for calls in group_by_version([call]):
            self._pipeline.compute(calls)
        self._answer([(pending, call)])


service.server.worker.Batcher = NoBatcher
