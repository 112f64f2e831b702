"""`python -m noetl`."""

from __future__ import annotations

import sys

from noetl.cli import main

if __name__ == "__main__":
    sys.exit(main())
