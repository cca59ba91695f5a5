"""`python -m mammo_core`: the command line."""

import sys

from mammo_core.cli import main

sys.exit(main())
