"""`smartclocker central claims`: runs the claim server, on which new terminals show their token."""

import argparse
import logging
import signal

from edge.cli.central.directory import duration, named, verb
from edge.domain.claim.address import PORT


def configure(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the arguments of `claims`."""
    claims = verb(verbs, "claims", "run the claim server, until it is stopped: new terminals show their token", run)
    claims.epilog = (
        "It needs to run only while terminals are added. It has the certificate authority's key at hand: let it "
        "listen where terminals are, and nowhere else."
    )
    claims.add_argument(
        "--listen", type=named("host"), default="0.0.0.0", metavar="ADDRESS",  # noqa: S104 - terminals are elsewhere
        help="the address to listen on (default: 0.0.0.0, every IPv4 address of this machine; ::, every one)",
    )  # fmt: skip
    claims.add_argument("--port", type=named("port"), default=PORT, help=f"the port to listen on (default: {PORT})")
    claims.add_argument(
        "--idle", type=duration, metavar="TIME",
        help="end when no token has counted for so long (default: run until it is stopped)",
    )  # fmt: skip
    claims.set_defaults(log_level=logging.INFO)


def run(arguments: argparse.Namespace) -> int:
    """Runs the server until SIGTERM or SIGINT, or until no token has counted for the time that was given."""
    from edge.central.claims.server import ClaimServer

    server = ClaimServer(arguments.directory, arguments.listen, arguments.port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: server.stop())
    print(f"listens on {arguments.listen}, port {server.port}; end it with Ctrl+C", flush=True)
    server.run(arguments.idle.total_seconds() if arguments.idle is not None else None)
    return 0
