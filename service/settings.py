"""Every setting of the service: environment variable, option, default and meaning, in one table."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self


class SettingsError(Exception):
    """A setting whose value can't be: its name, the value, and what was expected."""


def _setting(default: Any, read: Callable[[str], Any], meaning: str) -> Any:
    return field(default=default, metadata={"read": read, "meaning": meaning})


def _positive(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) < 1:
        raise ValueError("expected a whole number from 1 on")
    return int(text)


def _flag(text: str) -> int:
    if text not in ("0", "1"):
        raise ValueError("expected 0 or 1")
    return int(text)


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text.startswith("unix:/"):
        return text
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("expected HOST:PORT, such as 127.0.0.1:8000")
    return text


@dataclass(frozen=True)
class Settings:
    """Read once at the start; field `bind` is the option --bind and the variable NPSERVE_BIND."""

    models: Path = _setting(Path("models"), Path, "the store to serve from")
    bind: str = _setting("127.0.0.1:8000", _address, "the address and port to listen on")
    workers: int = _setting(2, _positive, "worker processes; one a core is right")
    default_model: str = _setting("", str, "the model that answers `POST /predict` (empty: the only one)")
    max_body_bytes: int = _setting(4 * 2**20, _positive, "the largest body of a request, in bytes")
    max_rows: int = _setting(10_000, _positive, "the most rows in a request or an answer of JSON")
    max_binary_bytes: int = _setting(64 * 2**20, _positive, "the largest body of binary tensors, in bytes")
    max_binary_rows: int = _setting(1_000_000, _positive, "the most rows in a request of binary tensors")
    max_waiting: int = _setting(512, _positive, "the most requests that wait for a long forward pass; more get a 503")
    max_held_bytes: int = _setting(
        256 * 2**20, _positive, "the most bytes of large bodies and answers that a worker holds; more get a 503"
    )
    header_seconds: int = _setting(10, _positive, "how long the headers of a request may take")
    body_seconds: int = _setting(30, _positive, "how long its body may take")
    deterministic: int = _setting(
        0, _flag, "1: a row has the same bits whatever company it comes in, at the price of speed"
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read all settings. Raises SettingsError at the first that can't be."""
        values = {}
        for setting in fields(cls):
            if (text := environment.get(variable(setting.name))) is not None:
                try:
                    values[setting.name] = setting.metadata["read"](text)
                except ValueError as error:
                    raise SettingsError(f"{variable(setting.name)}={text}: {error}") from error
        return cls(**values)


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"NPSERVE_{name.upper()}"


def option(name: str) -> str:
    """Return the command-line option of a setting."""
    return f"--{name.replace('_', '-')}"
