"""`train`: train a network on a data set and publish it."""

import argparse
from dataclasses import fields
from pathlib import Path

from store.layout import NAME, NAME_RULE
from training.config import Config
from training.console import Console, JSONConsole
from training.errors import TrainingError
from training.interrupts import still_published
from training.publishing.rollout import check_url, wait_for
from training.run import run


def main(options: argparse.Namespace) -> int:
    """Train and publish; return 1 if the version was meant to become stable and did not."""
    settings = {setting.name: getattr(options, setting.name) for setting in fields(Config)}
    config = Config.read(options.config, {name: value for name, value in settings.items() if value is not None})
    name = options.name or _default_name(config.data)
    if options.wait_for:
        check_url(options.wait_for)
    console = JSONConsole() if options.json else Console()
    promote = not options.no_promote
    publication = None
    try:
        publication = run(config, name, models=options.models, console=console, promote=promote, force=options.force)
        if options.wait_for:
            console.serving(options.wait_for, wait_for(options.wait_for, publication, options.models, options.timeout))
    except KeyboardInterrupt as error:
        if publication is None:
            raise
        raise still_published(publication) from error
    return 0 if publication.alias == "stable" or not promote else 1


def _default_name(data: str) -> str:
    name = Path(data).stem.lower()
    if not NAME.fullmatch(name):
        raise TrainingError(f"{data}: {name!r} is not a valid model name; set --name to {NAME_RULE}")
    return name
