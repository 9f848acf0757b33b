"""A real nginx in front of a server, with connections that are kept open, as an ingress has them."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
import requests

from tests.helpers.server import free_port

CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream npserve {{ server 127.0.0.1:{upstream}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://npserve;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


class Nginx:
    """Passes requests on to a port. `errors` are those between it and the server."""

    def __init__(self, upstream: int) -> None:
        if not shutil.which("nginx"):
            pytest.skip("nginx is not installed")
        self._upstream, self.port = upstream, free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="nginx-")
        self._path = Path(self._folder.name)
        self._path.chmod(0o777)  # its worker is another user
        configuration = self._path / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=self._path, port=self.port, upstream=self._upstream))
        command = ["nginx", "-c", str(configuration), "-p", str(self._path), "-e", str(self._path / "error.log")]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < end
            time.sleep(0.02)
        return self

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/livez", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._folder.cleanup()

    @property
    def errors(self) -> list[str]:
        """The errors of the connections to the server, but for those that were refused."""
        lines = (self._path / "error.log").read_text().splitlines()
        return [line for line in lines if "upstream" in line and "Connection refused" not in line]
