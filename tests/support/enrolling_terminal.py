"""A terminal as a program of its own, with somebody who stands before its camera and waits to be enrolled.

python -m tests.support.enrolling_terminal CONFIG
"""

import sys
from pathlib import Path

from edge import config
from edge.adapters.linux.sd_notify import SilentNotifier
from edge.terminal.daemon import Terminal
from tests.support.actor import Actor
from tests.support.wide_limits import widen


def main(path: Path) -> int:
    widen(setattr)
    actor = Actor()
    actor.stand()
    return Terminal(config.load(path).config, notifier=SilentNotifier(), camera=actor.camera).run()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
