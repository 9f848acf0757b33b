"""npserve's own configuration of gunicorn, but each request is answered by itself as soon as its body is whole.

It differs in nothing else: answers are counted together as ever, or that gain would be taken for one of sharing.
"""

from pathlib import Path
from runpy import run_path

globals().update(run_path(str(Path(__file__).parents[2] / "service/gunicorn.conf.py")))

import service.prediction.pipeline  # noqa: E402  # the configuration prepares for it
import service.server.worker  # noqa: E402
from service.server.batcher import Turns, Visitor  # noqa: E402


class NoTurns(Turns):
    """Stands where the turns of the event loop are; long passes too hold the loop up."""

    def submit(self, visitor: Visitor) -> None:
        """Take a request, and answer it."""
        (call,) = self._calls.begin([visitor.request])
        for alone in service.prediction.pipeline.group([call]):
            self._calls.compute(alone)
        self._answer([(visitor, call)])


service.server.worker.Turns = NoTurns
