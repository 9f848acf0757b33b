"""How gunicorn runs the service. The only place where gunicorn is configured."""

import gc
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

# gunicorn puts the current directory first in sys.path, where a folder named nn or store would shadow our package.
if not Path(__file__).parents[1].samefile(os.curdir):
    sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) != os.getcwd()]

# Set before anything imports numpy: the workers share the cores, and more BLAS threads would compete for them.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import gunicorn.__main__  # noqa: E402

import service.server.worker  # noqa: E402, F401  # imported once, in the master: workers share its memory pages
from service.app import create_app  # noqa: E402, F401
from service.logs.json_lines import logging_config  # noqa: E402
from service.metrics.memory import SharedMemory  # noqa: E402
from service.process.malloc import keep_freed_memory  # noqa: E402
from service.server.connection_limit import OTHER_FILES, fit_connections  # noqa: E402
from service.server.siblings import Siblings  # noqa: E402
from service.settings import Settings, SettingsError  # noqa: E402

try:
    _settings = Settings.from_environment(os.environ)
except SettingsError as error:
    sys.exit(f"Error: {error}")


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        # The reader has closed the pipe: keep the interpreter from flushing stdout at exit, which would fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


keep_freed_memory()  # in the master; workers inherit it
if _memory := SharedMemory.find():  # after a reload, the memory of before
    _memory.share(os.environ)

wsgi_app = "service.app:create_app()"
bind = [_settings.bind, *filter(None, [_settings.admin_bind])]
workers = _settings.workers
worker_class = "service.server.worker.Worker"
worker_connections = fit_connections(_settings.max_connections)
threads = 4  # with -k gthread: enough that a slow sender does not block others; more would contend for the GIL
keepalive = 75  # seconds; longer than the idle timeout of common proxies, so that the proxy closes first
graceful_timeout = 25
timeout = 10  # seconds, after which a worker that hangs is replaced
logconfig_dict = logging_config(_settings.log_level)
# gunicorn would create its control socket in the home folder, which is read-only in a container.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Log what differs from the settings."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        logging.getLogger("npserve").warning("PROMETHEUS_MULTIPROC_DIR is ignored: the workers count in shared memory")
    if worker_connections < _settings.max_connections:
        logging.getLogger("npserve").warning(
            "NPSERVE_MAX_CONNECTIONS=%d: limited to %d per worker, because a process may have only %d open files:"
            " raise the hard limit (ulimit -Hn), or lower the setting",
            _settings.max_connections,
            worker_connections,
            worker_connections + OTHER_FILES,
        )


def pre_exec(server: Any) -> None:
    """Let the master that replaces this one (SIGUSR2) start, and continue the counts."""
    command = server.START_CTX["args"]
    if gunicorn.__main__.__file__ in command:
        # As a script it would have its own folder first in sys.path, whose http shadows that of Python.
        place = command.index(gunicorn.__main__.__file__)
        command[place : place + 1] = ["-P", "-m", "gunicorn"]
    if _memory:
        _memory.share(server.cfg.env_orig)


def pre_fork(server: Any, worker: Any) -> None:
    """Exclude imported objects from garbage collection, which would write to the shared pages."""
    gc.freeze()


def when_ready(server: Any) -> None:
    """Stop gracefully for each signal that ends the server. Print the addresses.

    For SIGINT and SIGQUIT, gunicorn would not let requests finish, and wait for the workers nevertheless.
    """
    server.handle_int = server.handle_quit = server.handle_term
    _print(f"Listening on {server.LISTENERS[0]}")
    if _settings.admin_bind:
        _print(f"Health and metrics on {server.LISTENERS[-1]}")


def post_worker_init(worker: Any) -> None:
    """Set the admin address, which is known now. Print the served models once, from the first worker.

    A signal to the process group, such as Ctrl-C, reaches the workers too: each worker class then stops as it does for
    SIGTERM, and ignores what only concerns the master.
    """
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.getsignal(signal.SIGTERM))
    for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    service = worker.wsgi.extensions["npserve"]
    if _settings.admin_bind:
        service.admin.listen(worker.sockets[-1].getsockname())
    if worker.age == 1:
        from service.protocols.native.views import startup_message

        _print(startup_message(service.catalogue, service.settings.models, str(worker.sockets[0])))
    siblings = Siblings(service.metrics)
    for _ in siblings.wait_while_others_serve_more(service.reloader):
        worker.notify()
        if not worker.alive or os.getppid() != worker.ppid:
            break
    siblings.note(accepts=True)


def on_exit(server: Any) -> None:
    _print("Stopped")
