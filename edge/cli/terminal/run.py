"""`smartclocker run`."""

import argparse
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from edge.cli import add_config

if TYPE_CHECKING:
    from edge.terminal.runtime.workers import Stop


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `run`."""
    parser.epilog = (
        "Ends with 0 after SIGTERM or SIGINT, within three seconds. Exit code 78 means that the configuration, a "
        "key or a model must be mended first: `smartclocker check` says how. SIGUSR1 prints every thread's stack."
    )
    add_config(parser)
    parser.set_defaults(call=run, log_level=logging.INFO)


def run(arguments: argparse.Namespace) -> int:
    """The service."""
    import faulthandler

    from edge import config
    from edge.adapters.linux.instance_lock import RUN_LOCK, only_one
    from edge.adapters.linux.process_hardening import give_back_large_buffers, harden_process
    from edge.adapters.linux.sd_notify import notifier_from
    from edge.terminal.daemon import Terminal
    from edge.terminal.startup import state_directory

    harden_process()
    give_back_large_buffers()
    faulthandler.register(signal.SIGUSR1)
    loaded = config.load(arguments.config).config
    state_directory.require(loaded)  # before the lock: nothing is made in a directory that is refused
    with only_one(Path(loaded.storage.state) / RUN_LOCK, "a terminal"):
        terminal = Terminal(loaded, notifier=notifier_from(os.environ))
        _stop_by_signal(terminal.stop)
        return terminal.run()


def _stop_by_signal(stop: "Stop") -> None:
    """SIGTERM and SIGINT stop it, by a pipe and a thread that waits there.

    A handler that called `set` would run on the main thread wherever that stands: within `Event.wait`, say, with
    the lock held that `set` takes. A stop in the moment of READY then hung until it was killed.
    """
    import threading

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)  # what is written to the pipe is enough

    def wait() -> None:
        stop.set(signal.Signals(os.read(reader, 1)[0]).name)

    threading.Thread(target=wait, name="stop", daemon=True).start()
