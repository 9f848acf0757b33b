"""`python -m npserve`: the same as the installed command."""

import os
import sys
from pathlib import Path

# Python puts the current directory first in the path, where a folder named nn, store or training would hide ours.
if not sys.flags.safe_path and not Path(__file__).parents[1].samefile(os.curdir):
    del sys.path[0]

from npserve.command import main

sys.exit(main())
