"""Publishing without the report, which takes several times as long as a short training."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def report_left_out() -> Iterator[None]:
    """Publish an empty report; only for what is published within."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.run.render", lambda _: "")
        yield
