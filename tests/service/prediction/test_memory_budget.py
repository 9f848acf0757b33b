"""A reservation may grow as far as the other clients leave memory."""

import threading

import pytest

from service.errors import Overloaded, TooLarge
from service.prediction.memory_budget import MEDIUM, SMALL, MemoryBudget

LARGE = 10 * MEDIUM


def test_a_reservation_is_held_until_released() -> None:
    budget = MemoryBudget(LARGE)
    reservation = budget.reserve(SMALL + 1)
    assert budget.held == SMALL + 1
    reservation.resize(LARGE)
    assert budget.held == LARGE
    reservation.resize(LARGE - 1)
    reservation.grow(1)
    assert budget.held == LARGE
    reservation.resize(SMALL)
    assert budget.held == 0
    reservation.resize(LARGE)
    reservation.release()
    reservation.release()
    assert budget.held == budget.medium_held == 0


def test_a_released_reservation_holds_nothing() -> None:
    budget = MemoryBudget(LARGE)
    reservation = budget.reserve(LARGE)
    reservation.release()
    reservation.resize(LARGE)
    assert budget.held == 0


def test_small_reservations_are_neither_counted_nor_refused() -> None:
    budget = MemoryBudget(LARGE)
    other = budget.reserve(LARGE)
    assert budget.reserve(SMALL)
    assert budget.held == LARGE
    other.release()
    assert budget.held == 0


def test_all_reservations_together_are_limited() -> None:
    budget = MemoryBudget(LARGE)
    first, second = budget.reserve(LARGE // 2), budget.reserve(LARGE // 2)
    with pytest.raises(Overloaded, match="try again later"):
        first.grow(1)
    with pytest.raises(Overloaded):
        budget.reserve().resize(SMALL + 1)
    assert budget.held == LARGE
    second.settle(LARGE)  # bytes that exist already are never refused
    assert budget.held == LARGE + LARGE // 2
    first.resize(LARGE // 4)  # shrinking is never refused
    second.release()
    first.resize(LARGE)
    with pytest.raises(TooLarge, match=f"at most {LARGE} are held for all requests: send fewer rows"):
        first.resize(LARGE + 1)


def test_medium_reservations_share_a_quarter() -> None:
    budget = MemoryBudget(16 * MEDIUM)
    medium = [budget.reserve(MEDIUM) for _ in range(4)]
    with pytest.raises(Overloaded):
        budget.reserve(SMALL + 1)
    medium[0].grow(1)  # no longer a medium one
    assert (budget.held, budget.medium_held) == (4 * MEDIUM + 1, 3 * MEDIUM)
    large = budget.reserve(12 * MEDIUM - 1)
    with pytest.raises(Overloaded):
        budget.reserve(SMALL + 1)
    large.release()
    announced = budget.reserve()
    announced.expect(MEDIUM + 1)
    announced.resize(MEDIUM)  # although the medium ones are full again
    assert budget.reserve(MEDIUM)
    announced.release()
    for reservation in medium:
        reservation.release()
    assert (budget.held, budget.medium_held) == (MEDIUM, MEDIUM)


def test_a_reservation_that_is_released_by_another_thread_leaves_nothing() -> None:
    """A body may be decompressed in one thread while its connection is lost in the other."""
    budget = MemoryBudget(LARGE)
    for _ in range(200):
        reservation = budget.reserve(SMALL + 1)
        thread = threading.Thread(target=lambda held=reservation: [held.grow(1) for _ in range(20)])
        thread.start()
        reservation.release()
        thread.join()
    assert budget.held == budget.medium_held == 0
