"""Ctrl-C and SIGTERM: handled in another way during a block, or delayed until its end."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)
SignalHandler = Callable[[int, FrameType | None], object]


@contextmanager
def handle_signals(handler: SignalHandler, *numbers: signal.Signals) -> Iterator[ExitStack]:
    """Handle signals during the block. Closing the stack that is yielded restores the previous handlers sooner."""
    with ExitStack() as previous_handlers:
        if threading.current_thread() is threading.main_thread():  # only it may set handlers
            for number in numbers:
                previous_handlers.callback(signal.signal, number, signal.signal(number, handler))
        yield previous_handlers


@contextmanager
def delay_interrupts() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM take effect after the block. The second one takes effect at once: the disk may hang."""
    received = list[int]()

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            previous_handlers.close()
            signal.raise_signal(number)

    try:
        with handle_signals(note, *INTERRUPTS) as previous_handlers:
            yield
    finally:
        if len(received) == 1:
            signal.raise_signal(received[0])
