"""The servers: how to start each on 127.0.0.1 with one worker, in its fastest configuration, and its protocols."""

import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.bodies import BINARY_HELLO, BINARY_TENSORS, HELLO, NATIVE, PREDICT, TENSORS, Protocol

ROOT = Path(__file__).parents[1]
ONNX = "onnxruntime==1.32.0"


@dataclass(frozen=True)
class Server:
    """A command with the placeholders {store}, {network} and {port}; without packages it runs in this environment."""

    name: str
    command: tuple[str, ...]
    protocols: Mapping[str, Protocol]  # by the format of a body
    packages: tuple[str, ...] = ()  # installed in a separate environment
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT / "benchmarks/peers"

    def bin(self, peers: Path) -> Path:
        """Return the folder with the server's programs."""
        return peers / f"serving-{self.name}/bin" if self.packages else Path(sys.executable).parent

    def set_up(self, peers: Path) -> None:
        """Create the server's environment."""
        if self.packages:
            venv.create(peers / f"serving-{self.name}", with_pip=True)
            python = str(self.bin(peers) / "python")
            subprocess.run([python, "-m", "pip", "install", "--quiet", *self.packages], check=True)


NPSERVE = Server(
    "npserve",
    ("python", "-m", "service", "--models", "{store}", "--bind", "127.0.0.1:{port}"),
    {"json": NATIVE, "binary": BINARY_TENSORS},
    environment={"NPSERVE_WORKERS": "1"},
    folder=ROOT,
)
SERVERS = {
    server.name: server
    for server in (
        NPSERVE,
        Server(
            "fastapi",
            ("uvicorn", "fastapi_app:app", "--port", "{port}", "--log-level", "warning", "--no-access-log"),
            {"json": PREDICT},
            ("fastapi==0.165.0", "uvicorn[standard]==0.54.0", "onnx==1.23.2", ONNX),
        ),
        Server(
            "mlserver",
            ("mlserver", "start", "."),
            {"json": TENSORS},
            ("mlserver==1.7.1", ONNX),
            {
                "MLSERVER_HOST": "127.0.0.1",
                "MLSERVER_HTTP_PORT": "{port}",
                "MLSERVER_GRPC_PORT": "0",
                "MLSERVER_METRICS_PORT": "0",
                "MLSERVER_DEBUG": "false",
                "MLSERVER_PARALLEL_WORKERS": "0",  # inference in the server process, which is faster for short calls
                "MLSERVER_MODEL_NAME": "{network}",
                "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_runtime.OnnxModel",
            },
        ),
        Server(
            "bentoml",
            ("bentoml", "serve", "bento_service:Predictor", "--host", "127.0.0.1", "--port", "{port}"),
            {"json": PREDICT},
            ("bentoml==1.4.40", ONNX),
            {"BENTOML_DO_NOT_TRACK": "true", "BENTOML_HOME": "{store}-bentoml"},
        ),
        Server(
            "litserve",
            ("python", "lit_server.py", "{port}"),
            {"json": PREDICT},
            ("litserve==0.2.19", ONNX),
        ),
        Server(
            "flask",
            ("gunicorn", "--bind", "127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "2", "flask_app:app"),
            {"json": PREDICT},
            ("flask==3.1.3", "gunicorn==27.0.1", "marshmallow==4.4.0", ONNX),
        ),
        Server(
            "hello",
            ("gunicorn", "--bind", "127.0.0.1:{port}", "-k", "uvicorn_worker.UvicornWorker", "hello:app"),
            {"json": HELLO, "binary": BINARY_HELLO},
        ),
    )
}
