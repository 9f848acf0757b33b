"""The garbage collector is paused while any thread parses, and left as it was."""

import gc

from service.prediction.collection import WithoutCollection


def test_the_collector_is_enabled_again_when_the_last_parse_ends() -> None:
    first, second = WithoutCollection(), WithoutCollection()
    with first:
        second.__enter__()
    assert not gc.isenabled()
    second.__exit__()
    assert gc.isenabled()


def test_a_disabled_collector_stays_disabled() -> None:
    gc.disable()
    try:
        with WithoutCollection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
