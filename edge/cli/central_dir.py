"""The centre's directory, and how its verbs begin."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.adapters.mqtt_tls import UplinkSettings
    from edge.central.store import Store

LEDGER_KEY, LEDGER_PUBLIC, LEDGER_DB = "ledger.key", "ledger.pem", "ledger.db"


def verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    call: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    """A verb over DIR."""
    parser = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.set_defaults(call=call)
    return parser


def open_ledger(directory: Path) -> "Store":
    """The ledger's database for a reader: a wrong DIR gets no new one. Raises LedgerError."""
    from edge.central.store import Store
    from edge.errors import LedgerError

    path = directory / LEDGER_DB
    if not path.exists():
        raise LedgerError(f"{path}: there is no ledger here; name the directory that `central init` made")
    return Store(path)


def add_broker(parser: argparse.ArgumentParser) -> None:
    """Where the broker is."""
    parser.add_argument("--host", default="localhost", help="the broker, by a name in its certificate")
    parser.add_argument("--port", type=int, default=8883)


def uplink(arguments: argparse.Namespace) -> "UplinkSettings":
    """The ledger's way to the broker."""
    from edge.adapters.mqtt_tls import UplinkSettings

    pki = arguments.directory / "pki"
    files = pki / "ca.crt", pki / "client-ledger.crt", pki / "client-ledger.key"
    return UplinkSettings(arguments.host, arguments.port, *files)
