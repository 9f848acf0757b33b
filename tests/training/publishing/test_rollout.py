"""--wait-for: waits for a running service to serve the new version, and reports a timeout with its cause."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.helpers.server import Server, free_port
from training.__main__ import main

pytestmark = pytest.mark.usefixtures("without_report")


def _train(models: Path, *options: str) -> int:
    return main(["train", "--data", "digits", "--epochs", "1", "--layers", "8", "--models", str(models), *options])


def test_a_running_service_serves_the_new_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(tmp_path) == 0
    with Server(tmp_path) as server:
        server.wait_until_ready()
        assert _train(tmp_path, "--force", "--wait-for", server.url) == 0
        printed = capsys.readouterr().out
        assert f"{server.url} serves the new version; its prediction for a golden row is correct" in printed
        assert _train(tmp_path, "--no-promote", "--wait-for", f"{server.url}/", "--json") == 0
        assert '{"event": "serving", "url": "' in capsys.readouterr().out


def test_a_service_that_does_not_respond_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert _train(tmp_path, "--wait-for", url, "--timeout", "0.5") == 2
    printed = capsys.readouterr().err
    assert f"{url} did not serve digits 1 within 0.5 seconds: no npserve service responds there (Conn" in printed
    assert "The version remains published" in printed
    assert (tmp_path / "digits/1").exists()


@pytest.mark.parametrize(
    "url", ["localhost:18733", "localhost", "http://", "http://localhost:port", "http://[::1", "ftp://localhost"]
)
def test_an_invalid_url_is_refused_before_training(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(tmp_path, "--wait-for", url) == 2
    printed = capsys.readouterr()
    assert f"--wait-for {url}: expected the URL of the service, such as http://localhost:8000" in printed.err
    assert printed.out == ""
    assert not list(tmp_path.iterdir())


def test_a_service_of_another_store_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(tmp_path / "served") == 0
    with Server(tmp_path / "served") as server:
        server.wait_until_ready()
        assert _train(tmp_path / "mine", "--name", "mine", "--wait-for", server.url, "--timeout", "0.5") == 2
        assert "it responds with " in capsys.readouterr().err
        _train(tmp_path / "mine", "--name", "digits", "--force")
        assert _train(tmp_path / "mine", "--name", "digits", "--force", "--wait-for", server.url, "--timeout", "1") == 2
        assert "its stable version is 1" in capsys.readouterr().err


def test_an_interrupted_wait_reports_that_the_version_remains_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr("training.commands.train.wait_for", interrupt)
    assert _train(tmp_path, "--wait-for", "http://localhost:8000") == 130
    assert "Interrupted: digits 1 remains published as stable." in capsys.readouterr().err
    assert (tmp_path / "digits/1").exists()


class _WrongService(BaseHTTPRequestHandler):
    """Claims to serve every version, and returns a fixed prediction."""

    def do_GET(self) -> None:
        self._respond(b'{"aliases": {"stable": 1}}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if "behind" in self.path:
            self._respond(b'{"error": "unknown model"}', 404)
        elif "before" in self.path:
            self._respond(b'{"version": 7}')
        else:
            self._respond(b'{"version": 1, "probabilities": [[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]]}')

    def _respond(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class's name
        pass


@pytest.fixture
def wrong_service() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _WrongService) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_wrong_prediction_is_an_error(wrong_service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(tmp_path, "--wait-for", wrong_service) == 2
    assert "for a golden row; expected" in capsys.readouterr().err


@pytest.mark.parametrize(("worker", "state"), [("behind", "unknown model"), ("before", "another version")])
def test_polling_continues_while_workers_lack_the_version(
    worker: str, state: str, wrong_service: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(tmp_path, "--name", "digits", "--wait-for", f"{wrong_service}/{worker}", "--timeout", "0.5") == 2
    assert f"within 0.5 seconds: one of its workers responds with {state}" in capsys.readouterr().err
