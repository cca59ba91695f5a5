"""Runs the command line: `python -m mammo_core` is `mammo`."""

import sys

from mammo_core.cli import main

sys.exit(main())
