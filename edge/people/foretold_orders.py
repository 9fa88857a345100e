"""The authority's orders about people whom this terminal does not know yet. They take effect when the person's
entry comes.

Orders and the roster are sent separately, so an erasure, a withdrawal or a restriction may arrive first. Each is
remembered by the person's id alone.
"""

import sqlite3
from dataclasses import dataclass, replace

from edge.domain.people.consent import NEVER_AGAIN, ended_consent
from edge.domain.roster.member import Member
from edge.domain.time.instant import is_later, is_rfc3339


@dataclass(frozen=True, slots=True)
class Fate:
    """The erasure and withdrawal that are remembered of one person."""

    erased: bool = False
    withdrawn_at: str | None = None
    """RFC 3339: a consent that was given up to this instant does not count."""

    def ends(self, member: Member) -> bool:
        """Whether the withdrawal ends the consent in this entry."""
        given = member.consent
        if self.withdrawn_at is None or given is None or given.withdrawn_at is not None:
            return False
        return not is_later(given.given_at, self.withdrawn_at)

    def on(self, member: Member) -> Member:
        """The entry as it must be taken in: without a face, if its consent was withdrawn."""
        if self.withdrawn_at is None or member.consent is None or not self.ends(member):
            return member
        return replace(member, templates={}, consent=ended_consent(member.consent, self.withdrawn_at))


def of(db: sqlite3.Connection, person: str) -> Fate:
    """The fate of a person; an empty one for nearly everybody."""
    row = db.execute("SELECT erased, withdrawn_at FROM foretold WHERE person = ?", (person,)).fetchone()
    if row is None:
        return Fate()
    said = row[1] if row[1] is None or is_rfc3339(row[1]) else NEVER_AGAIN
    return Fate(bool(row[0]), said)


def erase(db: sqlite3.Connection, person: str) -> None:
    """Remember that the person must not be taken in at all; inside a transaction."""
    db.execute(
        "INSERT INTO foretold (person, erased) VALUES (?, 1) ON CONFLICT (person) DO UPDATE SET erased = 1",
        (person,),
    )


def withdraw(db: sqlite3.Connection, person: str, when: str) -> None:
    """Remember that no consent counts that the person gave until `when` (RFC 3339); inside a transaction."""
    said = of(db, person).withdrawn_at
    later = when if said is None or is_later(when, said) else said
    db.execute(
        "INSERT INTO foretold (person, withdrawn_at) VALUES (?, ?) "
        "ON CONFLICT (person) DO UPDATE SET withdrawn_at = excluded.withdrawn_at",
        (person, later),
    )


def bar(db: sqlite3.Connection, person: str) -> str | None:
    """The restriction or objection to set on the person; None when there is none."""
    row = db.execute("SELECT bar FROM foretold_bars WHERE person = ?", (person,)).fetchone()
    return None if row is None else row[0]


def set_bar(db: sqlite3.Connection, person: str, said: str) -> None:
    """Remember to restrict the person when they come; inside a transaction."""
    db.execute("INSERT OR REPLACE INTO foretold_bars VALUES (?, ?)", (person, said))


def take_bar(db: sqlite3.Connection, person: str) -> str | None:
    """The same as `bar`, and forget it: the person has come and has it now, or it was lifted. Inside a
    transaction.
    """
    said = bar(db, person)
    db.execute("DELETE FROM foretold_bars WHERE person = ?", (person,))
    return said
