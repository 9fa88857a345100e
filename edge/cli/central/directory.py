"""Shared parts of the verbs over the centre's directory: arguments and opening its files."""

import argparse
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.domain.time.instant import utc_text

if TYPE_CHECKING:
    from edge.adapters.mqtt.tls import UplinkSettings
    from edge.central.roster.store import RosterStore
    from edge.central.store.records import Store

LEDGER_KEY, LEDGER_PUBLIC, LEDGER_DB = "ledger.key", "ledger.pem", "ledger.db"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    call: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    """Adds a verb with the argument DIR."""
    parser = verbs.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    parser.add_argument("directory", type=Path, metavar="DIR", help="the directory of the centre")
    parser.set_defaults(call=call)
    return parser


def duration(text: str) -> timedelta:
    """A duration such as `90m`, `24h` or `7d`, as the type of an argument."""
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 30s, 90m, 24h or 7d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def moment(text: str) -> str:
    """A moment such as `2026-03-02T17:30+01:00`, as the type of an argument: UTC with milliseconds and Z."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return utc_text(found)
    except (ValueError, OverflowError):
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no moment; write it with Z or an offset: 2026-03-02T17:30+01:00")


def named(rule: str) -> Callable[[str], Any]:
    """A rule of `edge.domain.protocol.names` as the type of an argument. A wrong value gives one line and exit
    code 2.
    """

    def read(text: str) -> Any:
        from edge.domain.protocol import names

        try:
            return getattr(names, rule)(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return read


def reason(text: str) -> str:
    """Free text for the audit log, as the type of an argument."""
    from edge.domain.protocol import reasons

    try:
        return reasons.reason(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def open_ledger(directory: Path) -> "Store":
    """The ledger's database, for reading. Does not create one in a wrong DIR. Raises LedgerError."""
    from edge.central.store.records import Store
    from edge.errors import LedgerError

    path = directory / LEDGER_DB
    if not path.exists():
        raise LedgerError(f"{path}: there is no ledger here; name the directory that `central init` made")
    return Store(path)


def add_broker(parser: argparse.ArgumentParser) -> None:
    """Adds `--host` and `--port` of the broker; `way` fills in what is not given."""
    parser.add_argument(
        "--host",
        type=named("host"),
        help="the broker, by a name in its certificate (default: as DIR/mosquitto.conf says, else localhost)",
    )
    parser.add_argument(
        "--port",
        type=named("port"),
        help="the port of the broker (default: as DIR/mosquitto.conf says, else 8883)",
    )


def way(arguments: argparse.Namespace) -> tuple[str, int]:
    """Host and port of the broker: each as it was given, otherwise as DIR's mosquitto.conf says."""
    from edge.central import broker_address

    host, port = broker_address.reached(arguments.directory)
    return getattr(arguments, "host", None) or host, getattr(arguments, "port", None) or port


def uplink(arguments: argparse.Namespace, user: str = "ledger") -> "UplinkSettings":
    """The settings of a connection to the broker with the certificate of `user` (`ledger` or `authority`)."""
    from edge.adapters.mqtt.tls import UplinkSettings

    pki = arguments.directory / "pki"
    files = pki / "ca.crt", pki / f"client-{user}.crt", pki / f"client-{user}.key"
    return UplinkSettings(*way(arguments), *files)


def open_roster(directory: Path, *, new: bool = False) -> "RosterStore":
    """The roster of DIR. Does not create one in a wrong DIR, unless `new` is given. Raises LedgerError."""
    from edge.central.roster.schema import ROSTER_DB
    from edge.central.roster.store import RosterStore
    from edge.errors import LedgerError

    if not new and not (directory / ROSTER_DB).exists():
        raise LedgerError(f"{directory / ROSTER_DB}: there is no roster here; `central roster add` begins one")
    return RosterStore(directory)
