"""The estimate of a request's work follows what earlier requests took."""

import pytest

from service.prediction.work import BYTES_PER_VALUE, DECODE_SECONDS, FIXED_SECONDS, MAX_PACE, MIN_BYTES, MeasuredWork

COLUMNS = 8
JSON, GZIP = ("codec", False), ("codec", True)


def test_estimates_are_learned_for_each_format() -> None:
    work = MeasuredWork(COLUMNS)
    assert work.expected_rows(JSON, 3200) == 3200 / (BYTES_PER_VALUE * COLUMNS)
    assert work.decode_seconds(JSON, 3200) == FIXED_SECONDS + 3200 * DECODE_SECONDS
    work.observe_decoding(JSON, size=10_000, seconds=0.001, is_complete=True)
    work.observe_rows(JSON, size=10_000, rows=100)
    assert work.expected_rows(JSON, 2000) == pytest.approx(20)
    assert work.decode_seconds(JSON, 20_000) == pytest.approx(FIXED_SECONDS + 0.002)
    assert work.expected_rows(GZIP, 3200) == 3200 / (BYTES_PER_VALUE * COLUMNS)


def test_estimates_follow_a_change() -> None:
    work = MeasuredWork(COLUMNS)
    for rows in (10, *[40] * 50):
        work.observe_rows(JSON, size=10_000, rows=rows)
    assert work.expected_rows(JSON, 10_000) == pytest.approx(40, rel=0.01)


def test_invalid_bodies_only_raise_the_estimate() -> None:
    """They may fail at their first byte."""
    work = MeasuredWork(COLUMNS)
    for _ in range(50):
        work.observe_decoding(JSON, size=2**20, seconds=1e-5, is_complete=False)
    assert work.decode_seconds(JSON, 2**20) == FIXED_SECONDS + 2**20 * DECODE_SECONDS
    work.observe_decoding(JSON, size=2**20, seconds=0.05, is_complete=False)
    assert work.decode_seconds(JSON, 2**20) == pytest.approx(FIXED_SECONDS + 0.05)
    work.observe_decoding(JSON, size=2**20, seconds=0.01, is_complete=False)
    assert work.decode_seconds(JSON, 2**20) == pytest.approx(FIXED_SECONDS + 0.05)


@pytest.mark.parametrize("size", [0, 1, MIN_BYTES])
def test_tiny_bodies_do_not_raise_the_estimates_for_large_ones(size: int) -> None:
    work = MeasuredWork(COLUMNS)
    for _ in range(50):
        work.observe_decoding(JSON, size, 1e-4, is_complete=True)
        work.observe_rows(JSON, size, 1)
    assert work.decode_seconds(JSON, 2**22) < 0.2
    assert work.expected_rows(JSON, 2**22) <= 2**22 / MIN_BYTES


def test_the_pace_is_an_average_within_bounds() -> None:
    work = MeasuredWork(COLUMNS)
    work.observe_pass(0.1, 0.2)
    assert work.pace == pytest.approx(1.1)
    for _ in range(100):
        work.observe_pass(0.001, 1.0)
    assert work.pace == MAX_PACE
