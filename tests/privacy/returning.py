"""Who left does not come back: to no terminal that is installed later, by no restored file and no old export."""

import contextlib
import sqlite3
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity
from edge.central.authority.authority_key import DB
from edge.central.roster.schema import ROSTER_DB, ROSTER_PEOPLE
from edge.crypto.dsse import key_id
from edge.ports import Connected
from tests.privacy import cast, joining
from tests.privacy.company import Company, install_late
from tests.privacy.findings import Findings

FILES = ((ROSTER_PEOPLE,), (ROSTER_DB,), (ROSTER_DB, ROSTER_PEOPLE), (DB,), (ROSTER_DB, ROSTER_PEOPLE, DB))
"""What is restored from the backup, each time."""
GONE = (cast.ERASED, cast.WITHDRAWS, cast.CHILD)


@dataclass
class Before:
    """What somebody kept from before they left: the centre's files, and what terminals exported."""

    files: dict[str, bytes] = field(default_factory=dict)
    exports: list[Path] = field(default_factory=list)


def keep(company: Company) -> Before:
    """A backup of the centre, and old exports of whoever will leave."""
    exports = [joining.export(company, company.staff[role], company.root / f"old-{role}.scp") for role in GONE]
    return Before(_read(company.centre, (ROSTER_DB, ROSTER_PEOPLE, DB)), exports)


def at_new_terminals(company: Company, findings: Findings, before: Before) -> None:
    """One after the orders, and one after each restore; the newest files are put back each time."""
    _learns(company, findings, "leaving", "installed after the orders, which were all that was given")
    for file in before.exports:
        code, _ = company.central("roster add", file, "--by", "Pat")
        findings.note("comeback", code != 0, "an old export of who left is refused")
    for names in FILES:
        newest = _read(company.centre, names)
        _write(company.centre, {name: before.files[name] for name in names})
        untold = {ROSTER_DB, DB} <= set(names)  # and each revocation made another site key
        _learns(company, findings, "comeback", f"after a restore of {' and '.join(names)}", untold=untold)
        _write(company.centre, newest)
        findings.equal("comeback", "the newest files again, exit code", company.publish(*_words(untold)), 0)
    for file in before.exports:
        file.unlink()


def _learns(company: Company, findings: Findings, promise: str, when: str, *, untold: bool = False) -> None:
    """A terminal that was never there gets the key and the roster, and is taken down again.

    `untold`: what is left at the centre does not say who withdrew, so that publishing stops until somebody looked.
    """
    gone = {company.staff[role].person for role in GONE}
    gate = install_late(company)
    if untold:
        findings.equal(promise, f"{when}: publishing stops, exit code", company.publish(), 65)
    findings.equal(promise, f"{when}: published, exit code", company.publish(*_words(untold)), 0)
    gate.start()
    stays = company.reception.matched() - gone
    findings.until(promise, f"{when}: it matches the {len(stays)} who stay", lambda: stays <= gate.matched())
    findings.equal(promise, f"{when}: of {len(gone)} who left it matches", len(gone & gate.matched()), 0)
    _not_heard(company, gate.name)
    company.central("orders", "--send", *company.broker_words())  # of the employment that is to end
    findings.until(promise, f"{when}: it owes no order", lambda: gate.name not in company.owing())
    gate.stop()
    _forgotten(company, gate.name)
    with company.roster() as store:
        held = {one.id for one in store.people.list() if one.templates}
    findings.equal(promise, f"{when}: of them the centre has a face of", len(gone & held), 0)
    company.central("revoke", key_id(gate.secrets.identity.verify_key))


def _words(untold: bool) -> tuple[str, ...]:
    return ("--trust-backup",) if untold else ()


def _not_heard(company: Company, name: str) -> None:
    """What was sent before it was connected, only the tap heard: somebody who listens to everything."""
    with contextlib.closing(sqlite3.connect(company.centre / DB)) as db, db:
        db.execute("UPDATE addressed SET sent = NULL WHERE terminal = ?", (name,))


def _forgotten(company: Company, name: str) -> None:
    """The broker keeps nothing for it any more: what hostile neighbours publish later would wait there for ever."""
    link = MqttLink(replace(company.uplink(name), session_expiry_s=0), Identity(name, ()))
    link.start()
    until = time.monotonic() + 120
    while not isinstance(link.next_event(0.1), Connected) and time.monotonic() < until:
        pass
    link.stop()


def _read(directory: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    found = {}
    for name in names:
        with contextlib.closing(sqlite3.connect(directory / name)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        found[name] = (directory / name).read_bytes()
    return found


def _write(directory: Path, files: dict[str, bytes]) -> None:
    for name, raw in files.items():
        for path in directory.glob(f"{name}*"):
            path.unlink()
        (directory / name).write_bytes(raw)
        (directory / name).chmod(0o600)
