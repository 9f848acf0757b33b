from pathlib import Path

import pytest

from nn import ArtifactError
from store import StoreError, promote, set_alias
from store.serving import Serving
from tests.helpers.publications import Publish


def aliases(models: Path) -> dict[str, int]:
    return Serving.read(models / "iris").aliases


def test_promoting_a_candidate(tmp_path: Path, publish_one: Publish) -> None:
    publish_one(0.9)
    publish_one(0.91, promote=False)
    assert promote(tmp_path, "iris", 2).promoted
    assert aliases(tmp_path) == {"stable": 2, "previous": 1}
    assert promote(tmp_path, "iris", 2).reason == "it was so already"
    assert aliases(tmp_path) == {"stable": 2, "previous": 1}


def test_a_refusal_changes_nothing(tmp_path: Path, publish_one: Publish) -> None:
    publish_one(0.9)
    publish_one(0.8)
    verdict = promote(tmp_path, "iris", 2)
    assert not verdict.promoted
    assert verdict.reason.startswith("its test accuracy is 0.8000, version 1 has 0.9000, the margin is 0.0316")
    assert aliases(tmp_path) == {"stable": 1, "candidate": 2}
    assert promote(tmp_path, "iris", 2, force=True).promoted
    assert aliases(tmp_path) == {"stable": 2, "previous": 1}


def test_rollback_need_only_verify(tmp_path: Path, publish_one: Publish) -> None:
    publish_one(0.5)
    publish_one(0.9)
    assert promote(tmp_path, "iris", 1).reason == "rolled back from version 2"
    assert aliases(tmp_path) == {"stable": 1, "previous": 2}
    (tmp_path / "iris/2/model.npz").write_bytes(b"")
    with pytest.raises(ArtifactError, match="size or SHA-256 differs"):
        promote(tmp_path, "iris", 2, force=True)
    assert aliases(tmp_path) == {"stable": 1, "previous": 2}


def test_a_damaged_stable_gives_way_to_force_alone(tmp_path: Path, publish_one: Publish) -> None:
    publish_one(0.9)
    publish_one(0.9, promote=False)
    (tmp_path / "iris/1/manifest.json").write_text("{")
    assert "nothing to compare it with" in promote(tmp_path, "iris", 2).reason
    assert promote(tmp_path, "iris", 2, force=True).promoted


def test_versions_that_do_not_exist(tmp_path: Path, publish_one: Publish) -> None:
    publish_one()
    for name, number in (("iris", 2), ("rose", 1)):
        with pytest.raises(StoreError, match=f"{name}/{number} does not exist: python -m store list"):
            promote(tmp_path, name, number)


def test_aliases_of_ones_own(tmp_path: Path, publish_one: Publish) -> None:
    publish_one()
    publish_one()
    set_alias(tmp_path, "iris", "berlin", 1)
    assert aliases(tmp_path) == {"stable": 2, "previous": 1, "berlin": 1}
    set_alias(tmp_path, "iris", "berlin", None)
    assert aliases(tmp_path) == {"stable": 2, "previous": 1}
    with pytest.raises(StoreError, match="iris has no alias berlin"):
        set_alias(tmp_path, "iris", "berlin", None)
    with pytest.raises(StoreError, match="stable is set by python -m store promote"):
        set_alias(tmp_path, "iris", "stable", 1)
    with pytest.raises(StoreError, match="is no alias"):
        set_alias(tmp_path, "iris", "a/b", 1)
    with pytest.raises(StoreError, match="does not exist"):
        set_alias(tmp_path, "iris", "berlin", 9)
