"""The command line of the service: writes options into the environment, then runs gunicorn in this process."""

import argparse
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import NoReturn

from service.address import check_available
from service.settings import Settings, SettingsError, option, variable


def main(arguments: list[str] | None = None, program: str = "python -m service") -> NoReturn:
    """Check the settings, then run gunicorn. Exits with 2 if a setting is invalid. The help shows `program`."""
    options = vars(_parser(program).parse_args(arguments))
    os.environ.update({variable(name): text for name, text in options.items() if text is not None})
    try:
        settings = Settings.from_environment(os.environ)
        check_available(settings.bind)
        if settings.admin_bind:
            check_available(settings.admin_bind, option("admin_bind"))
    except SettingsError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)
    # In this process: a second interpreter would delay the start. numpy is not imported yet.
    import gunicorn.__main__
    from gunicorn.app.wsgiapp import run

    sys.argv = [gunicorn.__main__.__file__, "--config", str(Path(__file__).with_name("gunicorn.conf.py"))]
    run()
    raise AssertionError("gunicorn exits by itself")


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="Serve the models of a store over HTTP. Ctrl-C or SIGTERM stops the server gracefully.",
        epilog="Each option is also an environment variable (--bind is NPSERVE_BIND); options take precedence."
        " Example: %(prog)s --models models --bind 0.0.0.0:8000 --workers 4",
    )
    for setting in fields(Settings):
        default = "none" if setting.default == "" else setting.default
        parser.add_argument(
            option(setting.name),
            metavar=setting.metadata["metavar"],
            help=f"{setting.metadata['meaning']} (default: {default})",
        )
    return parser


if __name__ == "__main__":
    main()
