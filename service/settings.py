"""Every setting of the service in one table: environment variable, option, default and meaning."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(Exception):
    """A setting has an invalid value; the message gives the variable, its value and the accepted values."""


def _setting(default: Any, read: Callable[[str], Any], metavar: str, meaning: str) -> Any:
    return field(default=default, metadata={"read": read, "metavar": metavar, "meaning": meaning})


def _positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) < 1:
        raise ValueError("expected a positive integer of at most 12 digits")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text) or not float(text):
        raise ValueError("expected a positive number of seconds, such as 0.5")
    return float(text)


def _flag(text: str) -> int:
    if text not in ("0", "1"):
        raise ValueError("expected 0 or 1")
    return int(text)


def _share(text: str) -> float:
    if not re.fullmatch(r"[01]|[01]?\.[0-9]{1,6}", text) or float(text) > 1:
        raise ValueError("expected a number from 0 to 1, such as 0.01")
    return float(text)


def _log_level(text: str) -> str:
    if text not in LOG_LEVELS:
        raise ValueError(f"expected {', '.join(LOG_LEVELS[:-1])} or {LOG_LEVELS[-1]}")
    return text


def _address(text: str) -> str:
    if text.startswith("unix:/"):
        return text
    host, _, port = text.rpartition(":")
    is_host = re.fullmatch(r"[^:\[\]]+|\[.+\]", host)
    if not is_host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("expected HOST:PORT, such as 127.0.0.1:8000, or [::1]:8000 for IPv6")
    return text


def _optional_address(text: str) -> str:
    return _address(text) if text else ""


@dataclass(frozen=True)
class Settings:
    """Read once, at startup. The field `bind` is the option --bind and the variable NPSERVE_BIND."""

    models: Path = _setting(Path("models"), Path, "DIR", "folder of the store to serve")
    bind: str = _setting("127.0.0.1:8000", _address, "HOST:PORT", "address to listen on; also [HOST]:PORT, unix:/PATH")
    admin_bind: str = _setting(
        "",
        _optional_address,
        "HOST:PORT",
        "second address, for health and metrics only; the first has no /metrics then",
    )
    workers: int = _setting(2, _positive, "N", "number of worker processes; one per CPU core is a good choice")
    default_model: str = _setting("", str, "NAME", "model that serves `POST /predict`; if empty, the only model")
    max_body_bytes: int = _setting(4 * 2**20, _positive, "BYTES", "largest JSON request body, in bytes")
    max_rows: int = _setting(10_000, _positive, "N", "largest number of rows in a JSON request or response")
    max_binary_bytes: int = _setting(32 * 2**20, _positive, "BYTES", "largest binary request body, in bytes")
    max_binary_rows: int = _setting(1_000_000, _positive, "N", "largest number of rows in a binary request")
    max_response_bytes: int = _setting(32 * 2**20, _positive, "BYTES", "largest response to a prediction, in bytes")
    max_queue_seconds: float = _setting(
        0.5, _seconds, "SECONDS", "work that may wait in a worker, in seconds; further predictions get a 503"
    )
    max_held_bytes: int = _setting(
        160 * 2**20,
        _positive,
        "BYTES",
        "memory per worker for large request and response bodies, in bytes; beyond it, large requests get a 503",
    )
    max_connections: int = _setting(
        4096, _positive, "N", "open connections per worker; on further ones, health is answered, all else gets a 503"
    )
    header_seconds: int = _setting(10, _positive, "SECONDS", "time limit for the headers of a request, in seconds")
    body_seconds: int = _setting(
        30,
        _positive,
        "SECONDS",
        "time limit for the body of a request, and for a client that stops reading, in seconds",
    )
    access_log: float = _setting(
        0.0, _share, "SHARE", "share of the responses that are logged, 0 to 1; above 0, all errors are logged"
    )
    log_level: str = _setting("info", _log_level, "LEVEL", "debug, info, warning or error: the least of what is logged")
    deterministic: int = _setting(
        0, _flag, "{0,1}", "1: bit-identical results regardless of the batch, at the cost of speed"
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read all settings. Raises SettingsError at the first invalid value."""
        values = {}
        for setting in fields(cls):
            if (text := environment.get(variable(setting.name))) is not None:
                try:
                    values[setting.name] = setting.metadata["read"](text)
                except ValueError as error:
                    raise SettingsError(f"{variable(setting.name)}={text}: {error}") from error
        settings = cls(**values)
        if settings.admin_bind == settings.bind:
            raise SettingsError(f"NPSERVE_ADMIN_BIND={settings.admin_bind}: expected another address than NPSERVE_BIND")
        return settings


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"NPSERVE_{name.upper()}"


def option(name: str) -> str:
    """Return the command-line option of a setting."""
    return f"--{name.replace('_', '-')}"
