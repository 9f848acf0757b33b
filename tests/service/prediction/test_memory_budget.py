"""A reservation may grow unless the other clients hold too much."""

import pytest

from service.errors import Overloaded
from service.prediction.memory_budget import SMALL, MemoryBudget

LARGE = 10 * SMALL


def test_a_reservation_is_held_until_released() -> None:
    budget = MemoryBudget(LARGE)
    reservation = budget.reserve(LARGE)
    assert budget.held == LARGE
    reservation.resize(2 * LARGE)
    assert budget.held == 2 * LARGE
    reservation.resize(SMALL + 1)
    assert budget.held == SMALL + 1
    reservation.release()
    reservation.release()
    assert budget.held == 0


def test_a_released_reservation_holds_nothing() -> None:
    budget = MemoryBudget(LARGE)
    reservation = budget.reserve(LARGE)
    reservation.release()
    reservation.resize(LARGE)
    assert budget.held == 0


def test_small_reservations_are_neither_counted_nor_refused() -> None:
    budget = MemoryBudget(LARGE)
    other = budget.reserve(LARGE + 1)
    assert budget.reserve(SMALL)
    assert budget.held == LARGE + 1
    other.release()
    assert budget.held == 0


def test_growth_is_refused_while_others_hold_too_much() -> None:
    budget = MemoryBudget(LARGE)
    first, second = budget.reserve(LARGE), budget.reserve(LARGE)
    first.resize(LARGE + 1)  # the other one is within the limit
    second.settle(LARGE + 1)
    with pytest.raises(Overloaded):
        first.resize(LARGE + 2)
    with pytest.raises(Overloaded, match="try again later"):
        budget.reserve().resize(SMALL + 1)
    assert budget.held == 2 * LARGE + 2
    first.resize(LARGE)  # shrinking is never refused
    second.settle(3 * LARGE)  # bytes that exist already are never refused
    assert budget.held == 4 * LARGE
    first.release()
    second.resize(4 * LARGE)  # its own bytes do not count against it
    assert budget.held == 4 * LARGE
