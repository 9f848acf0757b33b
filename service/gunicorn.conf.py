"""How gunicorn runs the service. The only place where gunicorn is configured."""

import gc
import os
import shutil
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

# gunicorn puts the current directory first in the path, where a folder named nn or store would hide ours.
if not Path(__file__).parents[1].samefile(os.curdir):
    sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) != os.getcwd()]

# Before anything imports numpy: workers share the cores, and a second BLAS thread a worker would fight for them.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# Before anything imports prometheus_client, which looks once. A folder of our own goes when we go;
# one that was named is emptied and left.
_own_metrics = "PROMETHEUS_MULTIPROC_DIR" not in os.environ
if _own_metrics:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = f"{tempfile.gettempdir()}/npserve-metrics-{uuid.uuid4().hex}"
_metrics = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])

import service.server.worker  # noqa: E402, F401  # by the master, once: workers share the pages of what it has imported
from service.app import create_app  # noqa: E402, F401
from service.logs import LOGGING  # noqa: E402
from service.malloc import keep_freed_memory  # noqa: E402
from service.metrics.multiprocess import merge_dead_worker, reset  # noqa: E402
from service.settings import Settings, SettingsError  # noqa: E402

try:
    _settings = Settings.from_environment(os.environ)
except SettingsError as error:
    sys.exit(f"Error: {error}")

keep_freed_memory()  # in the master: its children inherit it

wsgi_app = "service.app:create_app()"
bind = _settings.bind
workers = _settings.workers
worker_class = "service.server.worker.Worker"
threads = 4  # with -k gthread: more only fight over the interpreter lock; these keep a slow sender from blocking others
keepalive = 75  # longer than the idle time-out of usual proxies, which must be the ones to close
graceful_timeout = 25
logconfig_dict = LOGGING
loglevel = "warning"
# The socket would stand in the home folder, which a container has read-only, and could stop the server.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Begin to count from nothing."""
    try:
        reset(_metrics)
    except OSError as error:
        sys.exit(f"Error: PROMETHEUS_MULTIPROC_DIR={_metrics}: {error.strerror}")


def pre_fork(server: Any, worker: Any) -> None:
    """Leave what is imported out of garbage collections, which would write to the shared pages."""
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Let the first worker say, once, where it serves and how to try it."""
    if worker.age == 1:
        from service.protocols.native.views import startup_message

        print(startup_message(worker.wsgi.extensions["npserve"].catalogue, str(worker.sockets[0])), flush=True)


def child_exit(server: Any, worker: Any) -> None:
    """Keep what a dead worker counted."""
    merge_dead_worker(_metrics, worker.pid)


def on_exit(server: Any) -> None:
    """Leave no folder behind."""
    if _own_metrics:
        shutil.rmtree(_metrics, ignore_errors=True)
