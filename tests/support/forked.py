"""Code in a process of its own, forked from a clean one.

A fork of a test's own process takes over the locks and the half-done work of threads that it does not have, and may
end by a fault of memory.
"""

import multiprocessing
from collections.abc import Callable

PRELOADED = ["tests.support.wall", "tests.support.signed_orders", "edge.terminal.orders.order_handler"]
PRELOADED += ["edge.terminal.claim.claiming", "edge.cli.terminal.claim", "tests.support.claims"]
"""Modules that the clean process has before it forks: without them each child imports them, for half a second."""


def exit_code(target: Callable[..., None], *given: object) -> int:
    """The exit code of a child that calls a module's function, or minus the signal that ended it.

    `given` must be picklable.
    """
    clean = multiprocessing.get_context("forkserver")
    clean.set_forkserver_preload(PRELOADED)
    child = clean.Process(target=target, args=given)
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode
