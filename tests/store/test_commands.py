from pathlib import Path

import pytest

from store.__main__ import main
from tests.helpers.publications import Publish


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPSERVE_MODELS", str(tmp_path))


def test_list(publish_one: Publish, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["list"]) == 0
    assert "holds no models yet: python -m training train" in capsys.readouterr().out
    publish_one()
    publish_one()
    publish_one(promote=False)
    (tmp_path / "iris/3/manifest.json").unlink()
    assert main(["list"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["MODEL", "VERSION", "ALIASES", "TEST", "PUBLISHED", "SIZE"]
    assert [line.split()[:5] for line in lines] == [
        ["iris", "1", "previous", "accuracy", "0.9000"],
        ["iris", "2", "stable", "accuracy", "0.9000"],
        ["iris", "3", "candidate", "damaged", "-"],
    ]


def test_promote_and_roll_back(publish_one: Publish, capsys: pytest.CaptureFixture[str]) -> None:
    publish_one(0.9)
    publish_one(0.5)
    assert main(["promote", "iris", "2"]) == 1
    assert "iris 2 is not promoted: its test accuracy is 0.5" in capsys.readouterr().err
    assert main(["promote", "iris", "2", "--force"]) == 0
    assert "iris 2 is stable: version 1 was stable" in capsys.readouterr().out
    assert main(["promote", "iris", "previous"]) == 0
    assert "iris 1 is stable: rolled back from version 2." in capsys.readouterr().out


def test_verify(publish_one: Publish, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    publish_one()
    publish_one()
    assert main(["verify", "iris"]) == 0
    assert capsys.readouterr().out.count("verifies: sha256") == 2
    (tmp_path / "iris/1/model.npz").write_bytes(b"?")
    assert main(["verify", "iris"]) == 1
    printed = capsys.readouterr()
    assert "iris 1 does not verify" in printed.err
    assert "iris 2 verifies" in printed.out
    assert main(["verify", "iris", "stable"]) == 0
    assert main(["promote", "iris", "1"]) == 1
    assert "Does not verify" in capsys.readouterr().err


def test_alias(publish_one: Publish, capsys: pytest.CaptureFixture[str]) -> None:
    publish_one()
    assert main(["alias", "iris", "berlin", "1"]) == 0
    assert main(["alias", "iris", "berlin"]) == 0
    assert "is dropped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["promote", "iris", "9"], "iris/9 does not exist: python -m store list shows what does"),
        (["promote", "iris", "newest"], "'newest' is no version of iris: give a number or an alias (stable)"),
        (["promote", "../iris", "1"], "is no name for a model"),
        (["verify", "rose"], "has no versions of rose"),
        (["verify", "iris", "9"], "does not exist"),
        (["alias", "iris", "stable", "1"], "stable is set by"),
        (["list", "--models", "/nowhere"], "the store /nowhere can't be read: No such file"),
    ],
)
def test_misuse(arguments: list[str], message: str, publish_one: Publish, capsys: pytest.CaptureFixture[str]) -> None:
    publish_one()
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("Error: ")
    assert message in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["promote"], ["frobnicate"]])
def test_the_usage_is_explained(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m store" in capsys.readouterr().err
