"""`smartclocker run`: runs the terminal, as the service does."""

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
    """Adds the arguments of `run`."""
    parser.epilog = (
        "Ends with 0 after SIGTERM or SIGINT, within three seconds. Exit code 78 means that the configuration, a "
        "key or a model must be mended first: `smartclocker check` says how. SIGUSR1 prints every thread's stack."
    )
    add_config(parser)
    parser.set_defaults(call=run, log_level=logging.INFO)


def run(arguments: argparse.Namespace) -> int:
    """Runs the terminal until it is stopped."""
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
    state_directory.require(loaded)  # before the lock, so that nothing is made in a refused directory
    with only_one(Path(loaded.storage.state) / RUN_LOCK, "a terminal"):
        terminal = Terminal(loaded, notifier=notifier_from(os.environ))
        _stop_by_signal(terminal.stop)
        return terminal.run()


def _stop_by_signal(stop: "Stop") -> None:
    """Stops the terminal on SIGTERM and SIGINT, by a pipe and a thread that reads it.

    A signal handler must not call `set` itself. It runs on the main thread at any point, for example inside
    `Event.wait` while that holds the lock that `set` needs. A stop at the moment of READY then hung until the
    process was killed.
    """
    import threading

    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)  # the byte in the pipe is enough

    def wait() -> None:
        stop.set(signal.Signals(os.read(reader, 1)[0]).name)

    threading.Thread(target=wait, name="stop", daemon=True).start()
