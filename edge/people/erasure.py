"""Erasure of a person's biometrics, so that they cannot be recovered from the people file (I10).

The person's key is deleted, and everybody else's key is wrapped under a new epoch. So an older copy of the file
cannot be opened with the keys that are kept now. Then the whole file is rewritten, so that no freed page keeps a
byte.
"""

import sqlite3
from pathlib import Path

from edge.crypto.person_keys import Vault
from edge.errors import PeopleError
from edge.people import consent_log, credentials
from edge.people.person import unknown_person
from edge.people.schema import PEOPLE


def erase(db: sqlite3.Connection, old: Vault, fresh: Vault, person: str, when: str, reason: str) -> int:
    """Delete a person's key, name and templates; inside a transaction. Returns how many templates there were.

    Raises PeopleError for a person who is unknown.
    """
    if db.execute("SELECT 1 FROM people WHERE id = ?", (person,)).fetchone() is None:
        raise unknown_person(person)
    query = "SELECT coalesce(sum(count), 0) FROM templates WHERE person = ?"
    count = int(db.execute(query, (person,)).fetchone()[0])
    db.execute("DELETE FROM templates WHERE person = ?", (person,))
    gone = "UPDATE people SET wrapped = NULL, name = NULL, restriction = NULL, erasing = ?, erased = 1 WHERE id = ?"
    db.execute(gone, (reason, person))
    evidence = old.unwrap("", db.execute("SELECT wrapped_evidence FROM vault").fetchone()[0])
    consent_log.end(db, evidence, person, when)
    for survivor, wrapped in db.execute("SELECT id, wrapped FROM people WHERE wrapped NOT NULL").fetchall():
        try:
            anew = fresh.wrap(survivor, old.unwrap(survivor, wrapped))
        except PeopleError:
            continue  # damaged: it opens under no epoch, and must not prevent the erasure of others
        db.execute("UPDATE people SET wrapped = ? WHERE id = ?", (anew, survivor))
    credentials.drop(db, person)
    for table in ("entries", "exported", "lacking"):
        db.execute(f"DELETE FROM {table} WHERE person = ?", (person,))  # noqa: S608 (fixed names)
    credentials.rewrap(db, old, fresh)
    row = (fresh.wrapped_epoch, fresh.wrap("", evidence))
    db.execute("UPDATE vault SET wrapped_epoch = ?, wrapped_evidence = ?", row)
    return count


def rewrite(db: sqlite3.Connection, path: Path) -> None:
    """Rewrite every page and empty the write-ahead file. Raises PeopleError while another process reads the
    file.
    """
    with PEOPLE.guard(path):
        db.execute("VACUUM")
        busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    if busy:
        raise PeopleError(
            f"{path}: another process reads it, so its write-ahead file still has older pages; run the "
            "command again"
        )
