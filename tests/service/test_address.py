"""An address that the server cannot listen on is reported in one sentence with the next step."""

import socket
from pathlib import Path

import pytest

from service.address import check_available
from service.settings import SettingsError


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "localhost:0"])
def test_a_free_port_is_available(bind: str) -> None:
    check_available(bind)


def test_a_port_in_use() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        bind = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(SettingsError, match=f"can't listen on {bind}: the port is already in use; .* another port"):
            check_available(bind)


@pytest.mark.parametrize(
    ("bind", "message"),
    [
        ("nowhere.invalid:8000", "unknown host nowhere.invalid; in --bind HOST:PORT use 127.0.0.1"),
        ("a..b:8000", "unknown host a..b; "),
        ("192.0.2.1:8000", "192.0.2.1 is not an address of this machine; in --bind HOST:PORT use 127.0.0.1"),
        ("[zz]:8000", "unknown host [zz]; "),
    ],
)
def test_an_unusable_host(bind: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check_available(bind)
    assert str(raised.value).startswith(f"can't listen on {bind}: {message}")


def test_the_message_names_the_option() -> None:
    with pytest.raises(SettingsError, match=r"; in --admin-bind HOST:PORT use 127\.0\.0\.1"):
        check_available("nowhere.invalid:9090", "--admin-bind")


def test_a_privileged_port(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(
        SettingsError, match=r"127\.0\.0\.1:80: permission denied: ports below 1024 usually need root; "
    ):
        check_available("127.0.0.1:80")


def test_any_other_error_is_reported_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(SettingsError, match="Address family not supported by protocol; in --bind HOST:PORT use "):
        check_available("[::1]:8000")


def test_a_unix_socket_needs_a_writable_folder(tmp_path: Path) -> None:
    check_available(f"unix:{tmp_path}/npserve.sock")
    with pytest.raises(SettingsError, match=r"the folder .* does not exist or is not writable; create it"):
        check_available(f"unix:{tmp_path}/missing/npserve.sock")
