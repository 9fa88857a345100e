"""A person as the roster carries them, out of the people file and into it; within the caller's transaction."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from edge.domain import consent as rules
from edge.domain.consent import Policy
from edge.domain.kinds import Restriction
from edge.domain.roster_member import Member
from edge.errors import PeopleError
from edge.roster import consents, means, vault
from edge.roster.vault import Vault

WITHDRAWN_HERE = "their consent was withdrawn here after it was given; ask again, as a new consent"


def read(db: sqlite3.Connection, opened: Vault, evidence: bytes, person: str) -> Member:
    """Everything that the roster carries. Raises PeopleError for somebody who is not, or no longer, enrolled."""
    row = db.execute("SELECT wrapped, name, restriction FROM people WHERE id = ?", (person,)).fetchone()
    if row is None or row[0] is None:
        raise PeopleError(f"{person}: nobody enrolled has this id; `smartclocker people list` shows who is")
    key = opened.unwrap(person, row[0])
    query = "SELECT model_id, count, sealed FROM templates WHERE person = ? ORDER BY model_id"
    templates = {
        model: np.frombuffer(vault.unseal(key, f"templates:{model}", sealed), "<f4").reshape(count, -1)
        for model, count, sealed in db.execute(query, (person,))
    }
    given = consents.latest_of(db, evidence, person)
    if given is None:
        raise PeopleError(f"{person}: no consent is on file; enrol again")
    tokens, pin = means.read(db, opened, person)
    name = vault.unseal(key, "name", row[1]).decode()
    return Member(name, given, templates, restricted=row[2] is not None, tokens=tokens, pin=pin)


def write(
    db: sqlite3.Connection, opened: Vault, evidence: bytes, person: str, member: Member, accepted: Sequence[Policy]
) -> str | None:
    """Take somebody in, in place of what was here of them. None, or why they are kept out (I9).

    `accepted` are the policies to which a consent holds, the one in force first. Whoever is kept out and was here
    before is not matched any more: what is known of their consent is the newer. A restriction is set, never lifted:
    that takes an order.
    """
    row = db.execute("SELECT wrapped FROM people WHERE id = ?", (person,)).fetchone()
    here = consents.latest_of(db, evidence, person)
    if here is not None and here.withdrawn_at and not _later(member.consent.given_at, here.withdrawn_at):
        return WITHDRAWN_HERE
    active = any(rules.is_active(member.consent, one) for one in accepted)
    if row is not None and row[0] is not None and here != member.consent:
        consents.remember(db, evidence, person, member.consent)
    if not active:
        return "; ".join(rules.problems(member.consent, accepted[0]))
    key = opened.unwrap(person, row[0]) if row and row[0] else vault.new_person_key()
    db.execute(
        "INSERT INTO people (id, wrapped, name) VALUES (?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET wrapped = excluded.wrapped, name = excluded.name",
        (person, opened.wrap(person, key), vault.seal(key, "name", member.name.strip().encode())),
    )
    # What a coming model learned here (`edge.roster.shadow`) is in no roster yet: it stays while there is a face.
    learned = 0 if member.templates else 1
    db.execute("DELETE FROM templates WHERE person = ? AND learned <= ?", (person, learned))
    db.executemany(
        "INSERT OR REPLACE INTO templates (person, model_id, count, sealed) VALUES (?, ?, ?, ?)",
        [
            (person, model, len(matrix), vault.seal(key, f"templates:{model}", matrix.astype("<f4").tobytes()))
            for model, matrix in member.templates.items()
        ],
    )
    if row is None or row[0] is None:
        consents.remember(db, evidence, person, member.consent)
    means.write(db, opened, evidence, person, member.tokens, member.pin)
    if member.restricted:
        update = "UPDATE people SET restriction = coalesce(restriction, ?) WHERE id = ?"
        db.execute(update, (str(Restriction.RESTRICTED), person))
    return None


def _later(one: str, other: str) -> bool:
    return datetime.fromisoformat(one) > datetime.fromisoformat(other)
