"""A reservation may grow as far as the other clients leave memory."""

import threading

import pytest

from service.errors import Overloaded, TooLarge
from service.prediction.memory_budget import MEDIUM, SMALL, MemoryBudget

LARGE = 10 * MEDIUM


def test_a_reservation_is_held_until_released() -> None:
    budget = MemoryBudget(2 * LARGE)
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
    assert budget.held == 0


def test_a_released_reservation_holds_nothing() -> None:
    budget = MemoryBudget(2 * LARGE)
    reservation = budget.reserve(LARGE)
    reservation.release()
    reservation.resize(LARGE)
    assert budget.held == 0


def test_small_reservations_are_neither_counted_nor_refused() -> None:
    budget = MemoryBudget(2 * LARGE)
    other = budget.reserve(LARGE)
    assert budget.reserve(SMALL)
    assert budget.held == LARGE
    other.release()
    assert budget.held == 0


def test_large_reservations_together_are_limited() -> None:
    budget = MemoryBudget(LARGE)
    most = budget.large.max_bytes
    first, second = budget.reserve(most // 2), budget.reserve(most // 2)
    with pytest.raises(Overloaded, match="try again later"):
        first.grow(1)
    second.settle(most)  # bytes that exist already are never refused
    assert budget.held == most + most // 2
    first.resize(MEDIUM + 1)  # shrinking is never refused
    second.release()
    first.resize(most)
    with pytest.raises(TooLarge, match=f"at most {most} are held for such requests: send fewer rows"):
        first.resize(most + 1)


def test_medium_reservations_share_an_eighth_and_large_ones_the_rest() -> None:
    budget = MemoryBudget(32 * MEDIUM)
    medium = [budget.reserve(MEDIUM) for _ in range(4)]
    with pytest.raises(Overloaded):
        budget.reserve(SMALL + 1)
    medium[0].grow(1)  # no longer a medium one
    assert (budget.large.held, budget.medium.held) == (MEDIUM + 1, 3 * MEDIUM)
    large = budget.reserve(27 * MEDIUM - 1)
    with pytest.raises(Overloaded):
        budget.reserve(MEDIUM + 1)
    assert budget.reserve(MEDIUM)
    large.release()
    announced = budget.reserve()
    announced.expect(MEDIUM + 1)
    announced.resize(MEDIUM)  # although the medium ones are full again
    with pytest.raises(Overloaded):
        budget.reserve(MEDIUM)
    announced.release()
    for reservation in medium:
        reservation.release()
    assert (budget.large.held, budget.medium.held) == (0, MEDIUM)


def test_bodies_count_as_received_until_they_are_decoded() -> None:
    budget = MemoryBudget(2 * LARGE)
    first, second = budget.reserve(), budget.reserve()
    for size in (SMALL, MEDIUM, LARGE):
        first.receive(size)
    second.receive(MEDIUM)
    assert (first.received_by_others, second.received_by_others) == (MEDIUM, LARGE)
    first.decoded()
    assert (budget.held, budget.received) == (LARGE + MEDIUM, MEDIUM)
    second.release()
    second.receive(MEDIUM)
    first.release()
    assert budget.held == budget.received == 0
    first = budget.reserve()
    first.receive(SMALL + 1)
    first.resize(SMALL)
    first.release()
    assert budget.received == 0


def test_a_body_is_checked_before_it_is_received() -> None:
    budget = MemoryBudget(2 * LARGE)
    most = budget.large.max_bytes
    other, reservation = budget.reserve(most // 2), budget.reserve()
    assert reservation.refusal(most // 2) is None
    assert budget.held == most // 2
    assert isinstance(reservation.refusal(most // 2 + 2), Overloaded)
    never = reservation.refusal(most + 1)
    assert isinstance(never, TooLarge)
    assert never.__traceback__ is None  # its frames would keep what has been received
    other.release()
    assert reservation.refusal(most) is None


@pytest.mark.parametrize("size", [3 * SMALL, MEDIUM, 3 * MEDIUM])
def test_a_small_budget_has_room_for_half_of_it(size: int) -> None:
    budget = MemoryBudget(size)
    assert budget.reserve(size // 2)
    with pytest.raises(TooLarge):
        budget.reserve(size - size // 4)


def test_a_reservation_that_is_released_by_another_thread_leaves_nothing() -> None:
    """A body may be decompressed in one thread while its connection is lost in the other."""
    budget = MemoryBudget(LARGE)
    for _ in range(200):
        reservation = budget.reserve(SMALL + 1)
        thread = threading.Thread(target=lambda held=reservation: [held.grow(1) for _ in range(20)])
        thread.start()
        reservation.release()
        thread.join()
    assert budget.held == 0
