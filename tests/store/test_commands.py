import re
import subprocess
import sys
from pathlib import Path

import pytest

from store.__main__ import main
from tests.helpers.publications import Publish


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPSERVE_MODELS", str(tmp_path))


def test_list_shows_every_version_and_its_aliases(
    publish_one: Publish, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["list"]) == 0
    assert "has no models yet; train one with npserve train" in capsys.readouterr().out
    publish_one()
    publish_one()
    publish_one(promote=False)
    (tmp_path / "iris/3/manifest.json").unlink()
    assert main(["list"]) == 0
    printed = capsys.readouterr()
    assert (
        printed.err == f"iris has damaged versions; for details run python -m store verify iris --models {tmp_path}\n"
    )
    head, *lines = printed.out.splitlines()
    assert head.split() == ["MODEL", "VERSION", "ALIASES", "TEST", "PUBLISHED", "SIZE"]
    assert [line.split()[:5] for line in lines] == [
        ["iris", "1", "previous", "accuracy", "0.9000"],
        ["iris", "2", "stable", "accuracy", "0.9000"],
        ["iris", "3", "candidate", "damaged", "-"],
    ]


def test_promote_and_roll_back(publish_one: Publish, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    publish_one(0.9)
    publish_one(0.5)
    assert main(["promote", "iris", "2"]) == 1
    refused = capsys.readouterr().err
    assert "iris 2 is not promoted: its test accuracy is 0.5" in refused
    assert refused.endswith(f"To promote it anyway: python -m store promote iris 2 --force --models {tmp_path}\n")
    assert main(["promote", "iris", "2", "--force"]) == 0
    assert "iris 2 is stable: promotion was forced; version 1 was stable" in capsys.readouterr().out
    assert main(["promote", "iris", "previous"]) == 0
    assert "iris 1 is stable: rolled back from version 2." in capsys.readouterr().out


def test_verify_reports_each_version(publish_one: Publish, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
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


def test_an_alias_is_set_and_removed(publish_one: Publish, capsys: pytest.CaptureFixture[str]) -> None:
    publish_one()
    assert main(["alias", "iris", "berlin", "1"]) == 0
    assert main(["alias", "iris", "berlin"]) == 0
    assert "The alias berlin of iris is removed." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["promote", "iris", "9"], "unknown version 9 of iris: published versions are 1"),
        (["promote", "iris", "newest"], "unknown version 'newest' of iris: expected a number or an alias (stable)"),
        (["promote", "../iris", "1"], "invalid model name '../iris': expected 1 to 63 lowercase letters"),
        (["verify", "rose"], "unknown model 'rose': the store "),
        (["promote", "rose", "stable"], " has iris\n"),
        (["alias", "rose", "berlin"], "unknown model 'rose'"),
        (["verify", "iris", "9"], "unknown version 9 of iris"),
        (["alias", "iris", "stable", "1"], "stable is set by promotion: use npserve promote iris VERSION"),
        (["alias", "iris", "berlin"], "unknown alias 'berlin' of iris: expected one of stable"),
        (
            ["list", "--models", "/nowhere"],
            "the store /nowhere can't be read: No such file or directory; publish a model with npserve train",
        ),
    ],
)
def test_an_error_says_what_to_do_next(
    arguments: list[str], message: str, publish_one: Publish, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_one()
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("Error: ")
    assert message in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize("arguments", [[], ["promote"], ["frobnicate"]])
def test_misuse_prints_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m store" in capsys.readouterr().err


def test_an_unknown_option_prints_the_usage_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["verify", "iris", "--fast"])
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("usage: python -m store verify ")
    assert printed.endswith("unrecognized arguments: --fast; --help lists the options\n")


@pytest.mark.parametrize("name", ["list", "promote", "verify", "alias"])
def test_the_help_names_the_module(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.startswith(f"usage: python -m store {name} ")
    assert re.search(f"examples?: python -m store {name} ", printed)


def test_a_closed_pipe_ends_a_command_quietly(publish_one: Publish) -> None:
    publish_one()
    with subprocess.Popen(
        [sys.executable, "-m", "store", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_a_model_without_versions_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rose").mkdir()
    assert main(["verify", "rose"]) == 2
    assert capsys.readouterr().err == "Error: rose has no versions yet; train one with npserve train --data FILE\n"
