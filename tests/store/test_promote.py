import re
from pathlib import Path

import pytest

from nn import Artifact, ArtifactError
from store import StoreError, promote, publish, set_alias
from store.__main__ import main
from store.promote import Verdict
from store.serving import Serving
from tests.helpers.publications import Publish


def aliases(models: Path) -> dict[str, int]:
    return Serving.read(models / "iris").aliases


def test_a_promoted_candidate_becomes_stable(tmp_path: Path, publish_one: Publish) -> None:
    publish_one(0.9)
    publish_one(0.91, promote=False)
    assert promote(tmp_path, "iris", 2).promoted
    assert aliases(tmp_path) == {"stable": 2, "previous": 1}
    assert promote(tmp_path, "iris", 2).reason == "it was already stable"
    assert aliases(tmp_path) == {"stable": 2, "previous": 1}


def test_a_refusal_changes_nothing(tmp_path: Path, publish_one: Publish) -> None:
    publish_one(0.9)
    publish_one(0.8)
    verdict = promote(tmp_path, "iris", 2)
    assert not verdict.promoted
    assert verdict.reason.startswith("its test accuracy is 0.8000; version 1 has 0.9000, and the margin is 0.0316")
    assert aliases(tmp_path) == {"stable": 1, "candidate": 2}
    assert promote(tmp_path, "iris", 2, force=True).promoted
    assert aliases(tmp_path) == {"stable": 2, "previous": 1}


def test_like_is_compared_with_like(tmp_path: Path, artifact: Artifact, capsys: pytest.CaptureFixture[str]) -> None:
    def publish_metrics(**metrics: float) -> Verdict:
        given = {split: {"accuracy": accuracy, "rows": 1000} for split, accuracy in metrics.items()}
        publication = publish(tmp_path, "iris", artifact, given, {})
        return Verdict(publication.alias == "stable", publication.reason)

    assert publish_metrics(test=0.9).promoted
    refused = publish_metrics(given=0.99)  # perhaps on rows that it was trained on
    assert refused == Verdict(False, "it has no metric of a test set in common with version 1")
    assert publish_metrics(test=0.91, given=0.5).promoted
    promote(tmp_path, "iris", 2, force=True)
    assert publish_metrics(given=0.98).reason.startswith("its given accuracy is 0.9800; version 2 has 0.9900")
    assert main(["list", "--models", str(tmp_path)]) == 0
    assert re.findall(r"accuracy 0\.\d+(?: \(given\))?", capsys.readouterr().out) == [
        "accuracy 0.9000",
        "accuracy 0.9900 (given)",
        "accuracy 0.9100",
        "accuracy 0.9800 (given)",
    ]


def test_a_rollback_only_has_to_verify(tmp_path: Path, publish_one: Publish) -> None:
    publish_one(0.5)
    publish_one(0.9)
    assert promote(tmp_path, "iris", 1).reason == "rolled back from version 2"
    assert aliases(tmp_path) == {"stable": 1, "previous": 2}
    (tmp_path / "iris/2/model.npz").write_bytes(b"")
    with pytest.raises(ArtifactError, match="size or SHA-256 differs"):
        promote(tmp_path, "iris", 2, force=True)
    assert aliases(tmp_path) == {"stable": 1, "previous": 2}


def test_a_damaged_stable_version_is_replaced_only_by_force(tmp_path: Path, publish_one: Publish) -> None:
    publish_one(0.9)
    publish_one(0.9, promote=False)
    (tmp_path / "iris/1/manifest.json").write_text("{")
    assert "the metrics of version 1 can't be read" in promote(tmp_path, "iris", 2).reason
    assert promote(tmp_path, "iris", 2, force=True).promoted


def test_unknown_versions_and_models_are_rejected(tmp_path: Path, publish_one: Publish) -> None:
    publish_one()
    with pytest.raises(StoreError, match="unknown version 2 of iris: published versions are 1"):
        promote(tmp_path, "iris", 2)
    with pytest.raises(StoreError, match=r"unknown model 'rose': the store .* has iris"):
        promote(tmp_path, "rose", 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        StoreError, match=r"the store .*/empty has no models yet; train one with npserve train --data FILE --name rose"
    ):
        promote(tmp_path / "empty", "rose", 1)


def test_custom_aliases_are_set_and_removed(tmp_path: Path, publish_one: Publish) -> None:
    publish_one()
    publish_one()
    set_alias(tmp_path, "iris", "berlin", 1)
    assert aliases(tmp_path) == {"stable": 2, "previous": 1, "berlin": 1}
    set_alias(tmp_path, "iris", "berlin", None)
    assert aliases(tmp_path) == {"stable": 2, "previous": 1}
    with pytest.raises(StoreError, match="unknown alias 'berlin' of iris: expected one of stable, previous"):
        set_alias(tmp_path, "iris", "berlin", None)
    (tmp_path / "rose").mkdir()
    with pytest.raises(StoreError, match="unknown alias 'berlin' of rose: it has no aliases"):
        set_alias(tmp_path, "rose", "berlin", None)
    with pytest.raises(StoreError, match="stable is set by promotion: use npserve promote iris VERSION"):
        set_alias(tmp_path, "iris", "stable", 1)
    with pytest.raises(StoreError, match="invalid alias 'a/b': expected 1 to 63 lowercase letters"):
        set_alias(tmp_path, "iris", "a/b", 1)
    with pytest.raises(StoreError, match="unknown version 9 of iris"):
        set_alias(tmp_path, "iris", "berlin", 9)
