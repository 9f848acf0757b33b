"""npserve's own configuration of gunicorn, but each request is answered by itself as soon as its body is complete.

It differs in nothing else: responses are counted together as ever, or that gain would be taken for one of sharing.
"""

from pathlib import Path
from runpy import run_path

globals().update(run_path(str(Path(__file__).parents[2] / "service/gunicorn.conf.py")))

import service.server.worker  # noqa: E402  # the configuration prepares for it
from service.prediction.calls import PendingRequest  # noqa: E402
from service.server.batcher import Batcher  # noqa: E402


class NoBatcher(Batcher):
    """Stands where the batcher is; long passes too block the loop."""

    def submit(self, pending: PendingRequest) -> None:
        """Answer a request."""
        self._pipeline.answer(self._pipeline.decode([pending]))
        self._count_soon()


service.server.worker.Batcher = NoBatcher
