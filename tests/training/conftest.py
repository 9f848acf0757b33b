"""Training without the report, its slowest part, for tests that do not need it."""

from collections.abc import Iterator

import pytest

from tests.helpers.reports import report_left_out


@pytest.fixture
def without_report() -> Iterator[None]:
    with report_left_out():
        yield
