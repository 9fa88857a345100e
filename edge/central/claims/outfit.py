"""The answer to a claimed terminal: its certificate, the keys that it pins, and the address of the broker."""

from pathlib import Path

from edge.central.authority import authority_key
from edge.central.authority.register import OrderRegister
from edge.central.broker import conf
from edge.central.ownership import read_own
from edge.central.roster.schema import ROSTER_PUBLIC
from edge.central.setup import ALWAYS_NAMED, LEDGER_PUBLIC, PORT, named_hosts
from edge.domain.claim.messages import ClaimAnswer, ClaimPolicy
from edge.domain.protocol.order import Word
from edge.domain.protocol.record import Origin
from edge.errors import KeyFileError


def outfit(base: Path, origin: Origin, certificate: str) -> ClaimAnswer:
    """The answer to a terminal whose certificate (PEM) was issued. Raises KeyFileError, LedgerError."""
    host, port = broker_of(base)
    return ClaimAnswer(
        site=origin.site,
        terminal=origin.terminal,
        host=host,
        port=port,
        certificate=certificate,
        ca=_needed(base / "pki" / "ca.crt"),
        ledger=_needed(base / LEDGER_PUBLIC),
        authority=_text(base / authority_key.PUBLIC),
        roster=_text(base / ROSTER_PUBLIC),
        policy=_policy(base, origin.site),
    )


def broker_of(base: Path) -> tuple[str, int]:
    """Host and port of the broker, as a terminal on another machine reaches it.

    The host is the first name of the broker's certificate that does not mean the broker's own machine. Raises
    KeyFileError.
    """
    names = named_hosts(base / "pki" / "server.crt")
    listener = conf.listener(_text(base / "mosquitto.conf") or "")
    port = PORT if listener is None else listener[1]
    return next((name for name in names if name not in ALWAYS_NAMED), ALWAYS_NAMED[0]), port


def _policy(base: Path, site: str) -> ClaimPolicy | None:
    """The policy that the authority ordered last for the site. Terminals that come later never get that order."""
    if not (base / authority_key.DB).exists():
        return None
    with OrderRegister(base / authority_key.DB) as registry:
        sent = [one.order for one in registry.addressed() if not one.cancelled]
    ordered = [one for one in sent if one.word is Word.POLICY and one.site == site]
    if not ordered:
        return None
    last = max(ordered, key=lambda one: one.sequence)
    return ClaimPolicy(last.fields["version"], last.fields["text"])


def _needed(path: Path) -> str:
    text = _text(path)
    if text is None:
        raise KeyFileError(f"{path}: gone; restore it from your backup, or give `smartclocker central init` again")
    return text


def _text(path: Path) -> str | None:
    try:
        return read_own(path).decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeError) as error:
        raise KeyFileError(f"{path}: cannot be read ({error}); restore it from your backup") from error
