"""Runs the command line: `python -m mammo_core` is `mammo`."""

import sys
from pathlib import Path

# `python -m` looks for every module in the working folder first, where a folder could have a module's name
if sys.path[0] == str(Path.cwd()) and not Path("mammo_core").is_dir():
    del sys.path[0]

from mammo_core.cli import main

sys.exit(main())
