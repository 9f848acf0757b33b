import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from store import promote, set_alias
from store.watch import LoadAttempt, StoreWatcher
from tests.helpers.publications import Publish, poll

HINT = "publish a model with npserve train, or choose another store with --models"


@pytest.fixture
def watcher(tmp_path: Path) -> StoreWatcher:
    return StoreWatcher(tmp_path)


def test_an_empty_store_serves_nothing(watcher: StoreWatcher) -> None:
    assert poll(watcher) == []
    assert watcher.served == {}
    assert watcher.problems == {}


def test_a_missing_store_is_a_problem_until_it_appears(tmp_path: Path, publish_one: Publish) -> None:
    watcher = StoreWatcher(tmp_path / "late")
    poll(watcher)
    assert watcher.problems == {"": f"the store {tmp_path / 'late'} can't be read: No such file or directory; " + HINT}
    publish_one()
    (tmp_path / "late").symlink_to(tmp_path)
    assert poll(watcher) == [LoadAttempt("iris", 1, None)]
    assert watcher.problems == {}


def test_publish_promote_and_roll_back(tmp_path: Path, watcher: StoreWatcher, publish_one: Publish) -> None:
    publish_one()
    assert poll(watcher) == [LoadAttempt("iris", 1, None)]
    first = watcher.served["iris"]
    publish_one()
    assert poll(watcher) == [LoadAttempt("iris", 2, None)]
    assert watcher.served["iris"].aliases == {"stable": 2, "previous": 1}
    assert watcher.served["iris"].versions[1] is first.stable  # not loaded again
    assert first.aliases == {"stable": 1}  # an old snapshot does not change
    publish_one()
    poll(watcher)
    assert sorted(watcher.served["iris"].versions) == [2, 3]
    promote(tmp_path, "iris", 2)
    assert poll(watcher) == []
    stable = watcher.served["iris"].stable
    assert stable is not None
    assert stable.number == 2


def test_a_broken_version_never_replaces_a_working_one(
    tmp_path: Path, watcher: StoreWatcher, publish_one: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    publish_one()
    publish_one()
    poll(watcher)
    publish_one()
    model = tmp_path / "iris/3/model.npz"
    content = model.read_bytes()
    model.write_bytes(b"")
    (attempt,) = poll(watcher)
    assert attempt.error
    assert "size or SHA-256 differs" in attempt.error
    served = watcher.served["iris"]
    assert served.aliases == {"stable": 2, "previous": 2}
    assert served.missing == {3: attempt.error}
    assert poll(watcher) == []  # not retried at once
    now = 1.1
    assert len(poll(watcher)) == 1
    now = 2.9
    assert poll(watcher) == []
    model.write_bytes(content)
    now = 3.2
    assert poll(watcher) == [LoadAttempt("iris", 3, None)]
    assert watcher.served["iris"].aliases == {"stable": 3, "previous": 2}
    assert watcher.served["iris"].missing == {}


def test_an_unreadable_store_unloads_nothing(tmp_path: Path, watcher: StoreWatcher, publish_one: Publish) -> None:
    publish_one()
    poll(watcher)
    served = watcher.served
    serving = tmp_path / "iris/serving.json"
    content = serving.read_text()
    for damage in (
        "",
        "{}",
        "[]",
        '{"aliases": {"stable": 0}, "next_version": 2}',
        '{"aliases": {"A B": 1}}',
    ):
        serving.write_text(damage)
        poll(watcher)
        assert "is damaged" in watcher.problems["iris"]
        assert watcher.served == served
    serving.unlink()
    poll(watcher)
    assert watcher.served == {"iris": replace(served["iris"], is_gone=True)}
    shutil.rmtree(tmp_path / "iris")
    poll(watcher)
    assert watcher.served == {"iris": replace(served["iris"], is_gone=True)}
    (tmp_path / "iris").mkdir()
    serving.write_text(content.replace('"stable": 1', ""))
    poll(watcher)
    assert watcher.served == {}


def test_custom_aliases_are_served(tmp_path: Path, watcher: StoreWatcher, publish_one: Publish) -> None:
    for _ in range(3):
        publish_one()
    set_alias(tmp_path, "iris", "berlin", 1)
    poll(watcher)
    assert watcher.served["iris"].aliases == {"stable": 3, "previous": 2, "berlin": 1}


def test_other_entries_of_the_store_are_ignored(tmp_path: Path, watcher: StoreWatcher, publish_one: Publish) -> None:
    publish_one()
    (tmp_path / "README.md").touch()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "Not A Model").mkdir()
    (tmp_path / "empty").mkdir()
    poll(watcher)
    assert list(watcher.served) == ["iris"]
    assert watcher.problems == {}


def test_an_unreadable_model_does_not_affect_others(
    tmp_path: Path, watcher: StoreWatcher, publish_one: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_one()
    shutil.copytree(tmp_path / "iris", tmp_path / "aster")
    stat = os.stat

    def denied(path: Any) -> os.stat_result:
        if "aster" in str(path):
            raise PermissionError(13, "Permission denied")
        return stat(path)

    monkeypatch.setattr(os, "stat", denied)
    poll(watcher)
    assert list(watcher.served) == ["iris"]
    assert "Permission denied" in watcher.problems["aster"]


def test_nothing_is_read_that_has_not_changed(
    tmp_path: Path, watcher: StoreWatcher, publish_one: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_one()
    poll(watcher)
    served = watcher.served["iris"]
    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", pytest.fail)
        patched.setattr(os, "open", pytest.fail)
        for _ in range(3):
            assert poll(watcher) == []
    assert watcher.served["iris"] is served
    publish_one()
    assert poll(watcher) == [LoadAttempt("iris", 2, None)]


def test_a_model_that_is_gone_is_served_and_reported(
    tmp_path: Path, watcher: StoreWatcher, publish_one: Publish
) -> None:
    publish_one()
    poll(watcher)
    (tmp_path / "iris").rename(tmp_path / "_elsewhere")
    poll(watcher)
    assert watcher.served["iris"].stable is not None
    path = tmp_path / "iris/serving.json"
    assert watcher.problems == {"iris": f"{path} is gone: its loaded versions are still served"}
    (tmp_path / "_elsewhere").rename(tmp_path / "iris")
    poll(watcher)
    assert watcher.problems == {}


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_model_that_is_made_again_is_loaded_again(
    tmp_path: Path, watcher: StoreWatcher, publish_one: Publish, is_seen: bool
) -> None:
    publish_one()
    poll(watcher)
    before = watcher.served["iris"].stable
    shutil.rmtree(tmp_path / "iris")
    if is_seen:
        poll(watcher)
    publish_one()
    assert poll(watcher) == [LoadAttempt("iris", 1, None)]
    assert watcher.served["iris"].stable is not before


def test_a_version_published_under_the_number_of_a_damaged_one_is_loaded_at_once(
    tmp_path: Path, watcher: StoreWatcher, publish_one: Publish
) -> None:
    publish_one()
    (tmp_path / "iris/1/model.npz").write_bytes(b"")
    assert [attempt.error is None for attempt in poll(watcher)] == [False]
    shutil.rmtree(tmp_path / "iris")
    publish_one()
    assert poll(watcher) == [LoadAttempt("iris", 1, None)]


def test_links_in_the_store_that_lead_nowhere(tmp_path: Path, watcher: StoreWatcher, publish_one: Publish) -> None:
    publish_one()
    (tmp_path / "file").symlink_to("iris/serving.json")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    poll(watcher)
    assert [*watcher.served] == ["iris"]
    assert [*watcher.problems] == ["loop"]
    assert "symbolic links" in watcher.problems["loop"]


def test_a_change_that_keeps_size_and_time_is_noticed(
    tmp_path: Path, watcher: StoreWatcher, publish_one: Publish
) -> None:
    publish_one()
    publish_one(promote=False)
    path = tmp_path / "iris/serving.json"
    os.utime(path, (0, 0))
    poll(watcher)
    content = path.read_text()
    path.write_text(content.replace('"stable": 1', '"stable": 2'))
    os.utime(path, (0, 0))
    poll(watcher)
    assert watcher.served["iris"].aliases["stable"] == 2


def test_a_damaged_model_that_is_moved_away_and_repaired_is_served(
    tmp_path: Path, watcher: StoreWatcher, publish_one: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_one()
    model = tmp_path / "iris/1/model.npz"
    content = model.read_bytes()
    model.write_bytes(b"")
    poll(watcher)
    (tmp_path / "iris").rename(tmp_path / "_elsewhere")
    poll(watcher)
    assert watcher.served == {}
    (tmp_path / "_elsewhere/1/model.npz").write_bytes(content)
    (tmp_path / "_elsewhere").rename(tmp_path / "iris")
    later = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: later)
    poll(watcher)
    assert watcher.served["iris"].stable
