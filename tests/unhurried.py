"""`smartclocker` beside other tests on a busy machine: a clean end stays one, however long its loops take to it.

The three seconds that a terminal promises are of a machine of its own; `python -m tests.unhurried run …`.
"""

import sys

from edge.cli import main
from edge.demo import stage, story
from edge.terminal import daemon

daemon.STOP_WITHIN_S = daemon.FIRST_FRAME_S = story.ANSWER_S = 120.0
stage.WINDOW_S = story.WINDOW_S = 15.0  # in which the demo's second punch is to be a duplicate

if __name__ == "__main__":
    sys.exit(main())
