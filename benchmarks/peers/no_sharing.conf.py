"""The gunicorn configuration of npserve without batching: each request is predicted as soon as its body is complete.

Everything else is unchanged. In particular, responses are still counted in batches, so that only the effect of batched
forward passes is measured.
"""

from pathlib import Path
from runpy import run_path

globals().update(run_path(str(Path(__file__).parents[2] / "service/gunicorn.conf.py")))

import service.server.worker  # noqa: E402  # after the configuration has set the environment
from service.prediction.calls import PendingRequest  # noqa: E402
from service.server.batching.batcher import Batcher  # noqa: E402


class NoBatcher(Batcher):
    """Replaces the batcher; long forward passes block the event loop."""

    def submit(self, pending: PendingRequest) -> None:
        self._pipeline.answer(self._pipeline.decode([pending]))
        self._count_soon()


service.server.worker.Batcher = NoBatcher
