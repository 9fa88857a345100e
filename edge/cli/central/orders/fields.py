"""Converts the arguments of `order` to the addressees and the fields of an order."""

import argparse
from typing import TYPE_CHECKING, Any

from edge.domain.time.instant import utc_text

if TYPE_CHECKING:
    from edge.central.store.model import RegisteredTerminal
    from edge.central.store.records import Store


def where(store: "Store", text: str) -> "tuple[str, list[RegisteredTerminal], bool]":
    """The site, its terminals, and whether all of them are addressed. Raises LedgerError if there is no such
    terminal.
    """
    from edge.errors import LedgerRefused

    site, slash, name = text.partition("/")
    if not (site and slash and name):
        raise LedgerRefused(f"{text}: write SITE/TERMINAL, or SITE/* for all terminals of a site")
    there = {
        one.origin.terminal: one for one in store.terminals() if one.origin.site == site and one.revoked is None
    }  # the newest of several identities of one name
    if name != "*" and name not in there:
        raise LedgerRefused(f"{text}: no active terminal of this name; `central terminals` lists them")
    if not there:
        raise LedgerRefused(f"{text}: no active terminal at this site; `central terminals` lists them")
    return site, list(there.values()) if name == "*" else [there[name]], name == "*"


def fields(word: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of the order's word. Raises RecordError, which names all missing options at once."""
    import base64

    from edge.crypto.key_files import load_secret
    from edge.domain.protocol.order import FIELDS, Word
    from edge.errors import RecordError

    needs = {
        Word.ERASE: ("reason",), Word.UNRESTRICT: ("lifts",), Word.RECTIFY: ("name",), Word.ACCESS: ("reply_key",),
        Word.EMPLOYMENT_ENDED: ("at",), Word.POLICY: ("version", "text"),
        Word.RELEASE_EVIDENCE: ("record", "ground"), Word.ENROL: ("version", "text", "witness"),
    }.get(word, ())  # fmt: skip
    missing = [f"--{name.replace('_', '-')}" for name in needs if getattr(arguments, name) is None]
    if word is Word.DELETE_EVIDENCE:
        return _whose(arguments)
    if (arguments.person is None) == ("person" in FIELDS[word]):
        missing.insert(0, "no PERSON" if arguments.person is not None else "PERSON")
    if word is Word.ENROL and not arguments.employer_agreed:
        missing.append("--employer-agreed")
    if missing:
        raise RecordError(f"`{word}` needs {', '.join(missing)}; nothing was ordered")
    made: dict[str, Any] = {} if arguments.person is None else {"person": arguments.person}
    if word is Word.RELEASE_EVIDENCE:
        made |= {"records": arguments.record, "ground": arguments.ground}
    if word is Word.ENROL:
        made |= _ticket(arguments)
        needs = ()
    made |= {name: getattr(arguments, name) for name in needs if name in {"reason", "lifts", "name", "version"}}
    if word is Word.ACCESS:
        from nacl.public import PrivateKey

        public = PrivateKey(
            load_secret(arguments.reply_key, "`smartclocker central rights key` makes one")
        ).public_key
        made["reply_key"] = base64.b64encode(bytes(public)).decode()
    if word is Word.EMPLOYMENT_ENDED:
        made["at"] = _instant(arguments.at)
    if word is Word.POLICY:
        made |= _policy(arguments)
    return made


_MOST_TEXT = 1_000_000
"""Largest size of a policy file in bytes. The limit of an order is smaller; its error says so."""


def _policy(arguments: argparse.Namespace) -> dict[str, Any]:
    import hashlib

    from edge.errors import RecordError
    from edge.storage.bounded_read import read_file

    try:
        text = read_file(arguments.text, _MOST_TEXT).decode()
    except OSError as error:
        raise RecordError(f"{arguments.text}: cannot be read ({error.strerror}); give the policy's file") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{arguments.text}: is not UTF-8 text; save the policy as UTF-8") from error
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return {"text": text, "sha256": sha256, "consent_again": arguments.consent_again}


def _ticket(arguments: argparse.Namespace) -> dict[str, Any]:
    """The fields of a ticket. Raises RecordError for a witness who is no number."""
    from edge.domain.people.operator_id import is_staff_number
    from edge.errors import RecordError

    if not is_staff_number(arguments.witness):
        raise RecordError("--witness is a staff number and no name, since orders travel; nothing was ordered")
    return {
        "policy_version": arguments.version,
        "policy_sha256": _policy(arguments)["sha256"],
        "witness": arguments.witness,
        "employer_agreed": True,
    }


def _whose(arguments: argparse.Namespace) -> dict[str, Any]:
    """Whose images `delete-evidence` deletes: of one person, or of everybody only if `--everybody` was given."""
    from edge.domain.protocol.order import EVERYBODY
    from edge.errors import RecordError

    if (arguments.person is None) is not arguments.everybody:
        raise RecordError("`delete-evidence` needs PERSON, or --everybody in its place; nothing was ordered")
    return {"whose": arguments.person or EVERYBODY}


def _instant(text: str) -> str:
    from datetime import datetime

    from edge.errors import RecordError

    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return utc_text(moment)
    except (ValueError, OverflowError):  # OverflowError: the year is out of range
        pass
    raise RecordError(f"--at {text}: write the instant with Z or an offset, 2026-12-31T23:59+01:00")


def sealed_name(arguments: argparse.Namespace, terminal: "RegisteredTerminal") -> str:
    """The name, sealed to one terminal, in base64."""
    import base64

    from nacl.public import SealedBox

    from edge.crypto.curve_points import sealing_key

    box = SealedBox(sealing_key(terminal.key))
    return base64.b64encode(box.encrypt(arguments.name.encode())).decode()
