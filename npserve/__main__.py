"""`python -m npserve`: the same as the installed command."""

import os
import sys
from pathlib import Path

# The current directory is first in sys.path: a folder there named nn, store or training would shadow a package.
if not sys.flags.safe_path and not Path(__file__).parents[1].samefile(os.curdir):
    del sys.path[0]

from npserve.command import main

sys.exit(main())
