"""Checks that the server can listen on an address, before gunicorn starts.

gunicorn itself retries for seconds, and reports the same failure in ten lines.
"""

import errno
import os
import socket
from pathlib import Path

from service.settings import SettingsError

_OTHER_PORT = "choose another port with {} HOST:PORT (make run: PORT=8001)"
_OTHER_HOST = "in {} HOST:PORT use 127.0.0.1 (this machine only) or 0.0.0.0 (all interfaces)"


def check_available(bind: str, option: str = "--bind") -> None:
    """Raises SettingsError if the server cannot listen on HOST:PORT or unix:/PATH, the value of `option`."""
    if bind.startswith("unix:"):
        _check_socket_folder(bind, option)
        return
    host, _, port = bind.rpartition(":")
    try:
        with socket.socket(socket.AF_INET6 if host.startswith("[") else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]"), int(port)))
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"can't listen on {bind}: {_explain(error, host, option)}") from error


def _explain(error: OSError | UnicodeError, host: str, option: str) -> str:
    other_port, other_host = _OTHER_PORT.format(option), _OTHER_HOST.format(option)
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"unknown host {host}; {other_host}"
    match error.errno:
        case errno.EADDRINUSE:
            return f"the port is already in use; stop the program that uses it, or {other_port}"
        case errno.EACCES:
            return f"permission denied: ports below 1024 usually need root; {other_port}"
        case errno.EADDRNOTAVAIL:
            return f"{host} is not an address of this machine; {other_host}"
    return f"{error.strerror or error}; {other_host}"


def _check_socket_folder(bind: str, option: str) -> None:
    folder = Path(bind.removeprefix("unix:")).parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise SettingsError(
            f"can't listen on {bind}: the folder {folder} does not exist or is not writable;"
            f" create it, or choose another path with {option} unix:/PATH"
        )
