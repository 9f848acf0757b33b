"""--wait-for: a publisher knows that the real server has its version, or why not."""

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


def test_the_running_service_takes_it_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(tmp_path) == 0
    with Server(tmp_path) as server:
        server.wait_until_ready()
        assert _train(tmp_path, "--force", "--wait-for", server.url) == 0
        printed = capsys.readouterr().out
        assert f"{server.url} serves it, and answers a golden row as it should" in printed
        assert _train(tmp_path, "--no-promote", "--wait-for", f"{server.url}/", "--json") == 0
        assert '{"event": "serving", "url": "' in capsys.readouterr().out


def test_nobody_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert _train(tmp_path, "--wait-for", url, "--timeout", "0.5") == 2
    printed = capsys.readouterr().err
    assert f"{url} does not serve digits 1 after 0.5 seconds: it does not answer as npserve does (Conn" in printed
    assert "it stays published" in printed
    assert (tmp_path / "digits/1").exists()


@pytest.mark.parametrize(
    "url", ["localhost:18733", "localhost", "http://", "http://localhost:port", "http://[::1", "ftp://localhost"]
)
def test_what_is_no_url_is_refused_before_training(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(tmp_path, "--wait-for", url) == 2
    printed = capsys.readouterr()
    assert f"--wait-for {url}: expected the service's URL, such as http://localhost:8000" in printed.err
    assert printed.out == ""
    assert not list(tmp_path.iterdir())


def test_another_store_is_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(tmp_path / "served") == 0
    with Server(tmp_path / "served") as server:
        server.wait_until_ready()
        assert _train(tmp_path / "mine", "--name", "mine", "--wait-for", server.url, "--timeout", "0.5") == 2
        assert "it says " in capsys.readouterr().err
        _train(tmp_path / "mine", "--name", "digits", "--force")
        assert _train(tmp_path / "mine", "--name", "digits", "--force", "--wait-for", server.url, "--timeout", "1") == 2
        assert "its stable version is 1" in capsys.readouterr().err


class _Liar(BaseHTTPRequestHandler):
    """Has every version, and a fixed answer."""

    def do_GET(self) -> None:
        self._answer(b'{"aliases": {"stable": 1}}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if "behind" in self.path:
            self._answer(b'{"error": "there is no such model"}', 404)
        elif "before" in self.path:
            self._answer(b'{"version": 7}')
        else:
            self._answer(b'{"version": 1, "probabilities": [[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]]}')

    def _answer(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base class's name
        pass


@pytest.fixture
def liar() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Liar) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_wrong_answer_is_found_out(liar: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(tmp_path, "--wait-for", liar) == 2
    assert "answers a golden row with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("worker", "state"), [("behind", "there is no such model"), ("before", "with another version")]
)
def test_workers_that_do_not_have_it_yet_are_waited_for(
    worker: str, state: str, liar: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(tmp_path, "--name", "digits", "--wait-for", f"{liar}/{worker}", "--timeout", "0.5") == 2
    assert f"after 0.5 seconds: one of its workers answers {state}" in capsys.readouterr().err
