"""The provenance of a model: command, data, library versions, git commit."""

import hashlib
import platform
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from npserve import __version__


def collect_provenance(data: dict[str, Any], seed: int | None = None) -> dict[str, Any]:
    """Return the provenance for the manifest."""
    return {
        "command": _command(),
        "seed": seed,
        "data": data,
        "libraries": {"python": platform.python_version(), "numpy": np.__version__, "npserve": __version__},
        "commit": _commit(),
    }


def sha256_of(*arrays: np.ndarray) -> str:
    """Return a SHA-256 digest of the type, shape and bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _command() -> str:
    """Return the command line, without the path of the program."""
    program = Path(sys.argv[0])
    name = ["python", "-m", program.parent.name] if program.name == "__main__.py" else [program.name]
    return shlex.join([*name, *sys.argv[1:]])


def _commit() -> str | None:
    """Return the commit of the checkout that this module is in, marked as dirty if files were modified."""
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return None
    git = ["git", "-C", str(checkout), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        run = subprocess.run(git, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip()
