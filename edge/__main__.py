"""`python -m edge` is `smartclocker`."""

import sys

from edge.cli import main

sys.exit(main())
