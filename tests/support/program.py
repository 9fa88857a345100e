"""The program `smartclocker` with long time limits, for a machine that runs other tests at the same time.

A terminal promises to end within three seconds on a machine of its own; `python -m tests.support.program run …`.
"""

import sys

from edge.cli import main
from edge.demo import stage, story
from edge.domain.attendance import presses
from edge.terminal import daemon
from edge.terminal.attendance import attend_loop, button_presses

daemon.STOP_WITHIN_S = daemon.FIRST_FRAME_S = story.ANSWER_S = 120.0
stage.WINDOW_S = story.WINDOW_S = 15.0  # in which the demo's second punch is to be a duplicate
attend_loop.AFTER_MS = button_presses.AFTER_MS = 120_000  # for who presses after the answer
presses.WAITS_MS = button_presses.WAITS_MS = 120_000  # for who comes after the press

if __name__ == "__main__":
    sys.exit(main())
