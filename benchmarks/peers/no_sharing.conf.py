"""npserve's own configuration of gunicorn, but with a long forward pass for every request."""

from pathlib import Path
from runpy import run_path

globals().update(run_path(str(Path(__file__).parents[2] / "service/gunicorn.conf.py")))

import service.turns  # noqa: E402  # the configuration prepares for it

service.turns.MOST_ROWS = 1
