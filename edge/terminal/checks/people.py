"""Checks of the people file and the roster's notes for `smartclocker check`: damage, and the policy in force."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from edge.config_schema import Config
from edge.crypto.person_keys import Vault
from edge.domain.plural import counted
from edge.errors import RosterDamaged, SmartClockerError
from edge.journal.verify import opened
from edge.people import lacking, policies, queries
from edge.people.roster.state import RECEIVED, RosterState
from edge.people.schema import PEOPLE
from edge.terminal import installed

_NAMED = 5


def people(config: Config, db: sqlite3.Connection, vault: Vault) -> Iterator[str]:
    """Problems of an open people file of this version, which is only read. Raises SmartClockerError."""
    if db.execute("PRAGMA user_version").fetchone()[0] != PEOPLE.version:
        return  # the next start brings it up to date
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    evidence = vault.unwrap("", db.execute("SELECT wrapped_evidence FROM vault").fetchone()[0])
    damaged = [one.id for one in queries.listed(db, vault, evidence) if one.damaged]
    if damaged:
        who = counted(len(damaged), "person", "people")
        named = ", ".join(damaged[:_NAMED]) + (" …" if len(damaged) > _NAMED else "")
        yield (
            f"storage.state: {who} cannot be matched, their data was altered ({named}); the service's next start "
            "mends people of the roster; for others: `smartclocker people erase`, then enrol again"
        )
    for (order,) in db.execute("SELECT id FROM aside ORDER BY id"):
        yield f"storage.state: {order} was set aside: no record can be made of it (operations.md, record-aside)"
    lacks = lacking.told(db)
    if lacks:
        yield (
            f"storage.state: an older copy of people.db was put back and lacks what was given since: "
            f"{lacking.words(lacks, _NAMED)}; give it again, then `smartclocker people looked`"
        )
    accepted = policies.in_force(db, installed.policy(config))
    other = policies.other_text(db, accepted)
    if other:
        yield f"policy.text: {policies.another_text(other, accepted[0].version)}"


def roster(state: Path) -> Iterator[str]:
    """Problems of the roster's notes. The next start sets damaged notes aside."""
    path = state / "roster.db"
    try:
        if path.is_symlink():
            yield f"storage.state: {path}: it is a link, which no command here makes; {RECEIVED.mend}"
        elif RECEIVED.present(path):
            with RECEIVED.guard(path), opened(path, RECEIVED) as db:
                RosterState(path, reading=db)
    except RosterDamaged as error:
        yield f"storage.state: {error}"
    except (SmartClockerError, OSError) as error:
        yield f"storage.state: {error}"
