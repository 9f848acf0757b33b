"""Large bodies wait for small requests, but only while some arrive."""

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

import pytest

from service.server.batching.turns import CREDIT_SECONDS, MAX_RESUMED, TIME_FOR_SMALL, Turns

LONG = 0.2  # seconds


def _run(test: Callable[[Turns], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(10):
            await test(Turns(asyncio.get_running_loop()))

    asyncio.run(run())


async def _wait(turns: Turns, seconds: float, *, small: Callable[[], bool]) -> float:
    """Charge seconds, and return after how many the next part may follow. Small requests arrive while `small()`."""
    began, due = perf_counter(), asyncio.Event()
    if turns.charge(seconds, due.set):
        return 0.0
    while not due.is_set():
        if small():
            turns.note_small()
        await asyncio.sleep(0)
    return perf_counter() - began


def test_a_short_part_is_not_delayed() -> None:
    async def test(turns: Turns) -> None:
        turns.note_small()
        assert turns.charge(CREDIT_SECONDS / TIME_FOR_SMALL / 2, pytest.fail)

    _run(test)


def test_small_requests_get_more_time_than_a_large_body() -> None:
    async def test(turns: Turns) -> None:
        turns.note_small()
        assert await _wait(turns, LONG, small=lambda: True) >= TIME_FOR_SMALL * LONG - CREDIT_SECONDS

    _run(test)


def test_a_large_body_waits_only_for_the_next_poll_if_no_small_request_has_arrived() -> None:
    async def test(turns: Turns) -> None:
        assert 0 < await _wait(turns, LONG, small=lambda: False) < LONG / 2

    _run(test)


def test_a_large_body_does_not_wait_for_small_requests_that_stop_to_arrive() -> None:
    async def test(turns: Turns) -> None:
        turns.note_small()
        assert 0 < await _wait(turns, LONG, small=lambda: False) < LONG / 2

    _run(test)


@pytest.mark.parametrize("contended", [False, True])
def test_bodies_that_are_not_needed_wait_only_for_small_requests(contended: bool) -> None:
    async def test(turns: Turns) -> None:
        if contended:
            turns.note_small()
        assert turns.charge(LONG, lambda: None, is_needed=False) is not contended
        assert not turns._waiting

    _run(test)


def test_all_waiting_bodies_continue_a_few_at_a_time_in_order() -> None:
    async def test(turns: Turns) -> None:
        order: list[int] = []
        for number in range(3 * MAX_RESUMED):
            assert not turns.charge(LONG, lambda number=number: order.append(number))  # type: ignore[misc]
        lengths = {0}
        while turns._waiting:
            lengths.add(len(order))
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert order == [*range(3 * MAX_RESUMED)]
        assert max(b - a for a, b in zip(sorted(lengths), sorted(lengths)[1:], strict=False)) <= MAX_RESUMED

    _run(test)
