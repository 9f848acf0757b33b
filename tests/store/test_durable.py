import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from store.durable import atomic_write, locked, replace_file


def _acquire(file: Path, *, shared: bool) -> threading.Thread:
    """Acquire and release a lock in another thread; return the thread after 0.2 s."""

    def hold() -> None:
        with locked(file, shared=shared):
            pass

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join(0.2)
    return thread


@pytest.mark.parametrize(
    ("held", "wanted", "excluded"),
    [(False, False, True), (False, True, True), (True, False, True), (True, True, False)],
)
def test_only_shared_locks_are_held_concurrently(held: bool, wanted: bool, excluded: bool, tmp_path: Path) -> None:
    with locked(tmp_path / "lock", shared=held):
        thread = _acquire(tmp_path / "lock", shared=wanted)
        assert thread.is_alive() == excluded
    thread.join(5)
    assert not thread.is_alive()


def test_the_lock_is_released_after_an_error_and_has_the_given_mode(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(tmp_path / "lock", mode=0o600):
        raise KeyError
    assert not _acquire(tmp_path / "lock", shared=False).is_alive()
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600


def _write_half(path: Path, make: Callable[[Path], None]) -> None:
    with atomic_write(path) as temporary:
        make(temporary)
        raise KeyError


def test_a_file_or_folder_appears_complete_or_not_at_all(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"old")
    for name, make in (("file", Path.touch), ("folder", Path.mkdir)):
        with pytest.raises(KeyError):
            _write_half(tmp_path / name, make)
        assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"
    with atomic_write(tmp_path / "folder") as temporary:
        temporary.mkdir()
        (temporary / "inner").touch()
        assert not (tmp_path / "folder").exists()
    assert (tmp_path / "folder/inner").exists()
    replace_file(tmp_path / "file", b"new")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"new"
