"""Publishing without a report, because rendering takes several times as long as a short training."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def report_left_out() -> Iterator[None]:
    """Replace the reports of all versions published in this context with empty ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.training_run.render", lambda _: "")
        yield
