"""A reservation holds what one request needs, as long as other clients do not hold too much."""

import pytest

from service.errors import Overloaded
from service.prediction.memory_budget import SMALL, MemoryBudget

LARGE = 10 * SMALL


def test_what_is_reserved_is_held_until_it_is_released() -> None:
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


def test_nothing_is_held_by_a_reservation_that_is_released() -> None:
    budget = MemoryBudget(LARGE)
    reservation = budget.reserve(LARGE)
    reservation.release()
    reservation.resize(LARGE)
    assert budget.held == 0


def test_little_is_neither_counted_nor_refused() -> None:
    budget = MemoryBudget(LARGE)
    other = budget.reserve(LARGE + 1)
    assert budget.reserve(SMALL)
    assert budget.held == LARGE + 1
    other.release()
    assert budget.held == 0


def test_more_is_refused_while_others_hold_too_much() -> None:
    budget = MemoryBudget(LARGE)
    first, second = budget.reserve(LARGE), budget.reserve(LARGE)
    first.resize(LARGE + 1)  # the other holds no more than it may
    second.settle(LARGE + 1)
    with pytest.raises(Overloaded):
        first.resize(LARGE + 2)
    with pytest.raises(Overloaded, match="asked"):
        budget.reserve().resize(SMALL + 1, "asked")
    assert budget.held == 2 * LARGE + 2
    first.resize(LARGE)  # less is never refused
    second.settle(3 * LARGE)  # nor is what exists already
    assert budget.held == 4 * LARGE
    first.release()
    second.resize(4 * LARGE)  # its own bytes keep nobody from holding more
    assert budget.held == 4 * LARGE
