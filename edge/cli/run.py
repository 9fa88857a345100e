"""`smartclocker run`."""

import argparse
import logging
import os
import signal

from edge.cli import add_config


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
    from edge.adapters.sd_notify import notifier_from
    from edge.adapters.system import give_back_large_buffers, harden_process
    from edge.terminal.daemon import Terminal

    harden_process()
    give_back_large_buffers()
    faulthandler.register(signal.SIGUSR1)
    terminal = Terminal(config.load(arguments.config).config, notifier=notifier_from(os.environ))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: terminal.stop.set(signal.Signals(received).name))
    return terminal.run()
