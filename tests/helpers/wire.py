"""Requests as bytes on a socket, including requests that client libraries do not send."""

import socket
import struct
from dataclasses import dataclass
from typing import Self

JSON = "application/json"


@dataclass(frozen=True)
class WireResponse:
    """A response: status, header fields by their lowercase names, body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """A connection that sends bytes and reads responses in order."""

    def __init__(self, port: int, timeout: float = 10) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> Self:
        self._socket.sendall(data)
        return self

    def shutdown_write(self) -> None:
        """Close the sending direction; responses can still be read."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Abort the connection with a TCP reset."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._file.close()
        self._socket.close()

    def read_response(self, method: str = "POST") -> WireResponse | None:
        """Read a response; return None if the server has closed the connection."""
        try:
            line = self._file.readline()
        except ConnectionResetError:
            return None
        if not line:
            return None
        status = int(line.split()[1])
        if status == 100:
            self._file.readline()
            return self.read_response(method)
        headers = {}
        while (field := self._file.readline().strip()) != b"":
            name, _, value = field.decode("latin1").partition(":")
            headers[name.lower()] = value.strip()
        if method == "HEAD":
            return WireResponse(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            return WireResponse(status, headers, b"".join(iter(self._chunk, b"")))
        return WireResponse(status, headers, self._file.read(int(headers.get("content-length", 0))))

    def _chunk(self) -> bytes:
        data = self._file.read(int(self._file.readline(), 16))
        self._file.readline()
        return data


def http_request(method: str, path: str, body: bytes | None = None, **fields: str) -> bytes:
    """Return a request; the keyword `content_type` is the field Content-Type."""
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    length = {} if body is None else {"Content-Length": str(len(body))}
    lines = [f"{method} {path} HTTP/1.1", *(f"{n}: {v}" for n, v in ({"Host": "x"} | length | given).items())]
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def chunked_request(method: str, path: str, body: bytes, size: int = 7, **fields: str) -> bytes:
    """Return a request with a chunked body."""
    head = http_request(method, path, None, Transfer_Encoding="chunked", **fields)
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return head + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
