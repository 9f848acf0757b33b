"""The command line of the service: turns options into environment and becomes gunicorn."""

import argparse
import os
import socket
import sys
from dataclasses import fields
from pathlib import Path
from typing import NoReturn

from service.settings import Settings, SettingsError, option, variable


def main(arguments: list[str] | None = None, program: str = "python -m service") -> NoReturn:
    """Check the settings, then become gunicorn. Exits with 2 where a setting is invalid; `program` is for the help."""
    options = vars(_parser(program).parse_args(arguments))
    os.environ.update({variable(name): text for name, text in options.items() if text is not None})
    try:
        settings = Settings.from_environment(os.environ)
        _check_free(settings.bind)
    except SettingsError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    # In this process: nothing has imported numpy yet, and another interpreter would delay the start.
    import gunicorn.__main__
    from gunicorn.app.wsgiapp import run

    sys.argv = [gunicorn.__main__.__file__, "--config", str(Path(__file__).with_name("gunicorn.conf.py"))]
    run()
    raise AssertionError("gunicorn ends the process itself")


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Serve the models of a store over HTTP. Ctrl-C or SIGTERM stops it gracefully.",
        epilog="Every option is also an environment variable: --bind is NPSERVE_BIND.",
    )
    for setting in fields(Settings):
        default = f"default: {setting.default}" if setting.default != "" else "default: none"
        parser.add_argument(
            option(setting.name), metavar=setting.name.upper(), help=f"{setting.metadata['meaning']} ({default})"
        )
    return parser


def _check_free(bind: str) -> None:
    """Refuse a busy port in one sentence; gunicorn would try again for seconds, and say it in ten."""
    if bind.startswith("unix:"):
        return
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            raise SettingsError(
                f"can't listen on {bind}: {error.strerror or error}; choose another with --bind HOST:PORT"
                " (with make: PORT=8001)"
            ) from error


if __name__ == "__main__":
    main()
