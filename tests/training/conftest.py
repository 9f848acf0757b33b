"""Training without its slowest part, for tests that are about something else."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def without_report() -> Iterator[None]:
    """Publish an empty report: a real one takes several times as long as a short training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.run.render", lambda _: "")
        yield
