"""Everyone in the people file at once: who they are, and the templates that may be matched."""

import sqlite3
from collections import Counter
from collections.abc import Sequence

import numpy as np

from edge.domain import consent as rules
from edge.domain.consent import Policy
from edge.domain.kinds import Restriction
from edge.domain.types import Floats
from edge.errors import PeopleError
from edge.roster import consents, vault
from edge.roster.person import Person
from edge.roster.vault import Vault


def listed(db: sqlite3.Connection, opened: Vault, evidence: bytes) -> list[Person]:
    """By id, those whose consent ended, too. Raises PeopleError."""
    rows = db.execute(
        "SELECT id, wrapped, name, coalesce(sum(count), 0), group_concat(model_id, char(10)), restriction, erased "
        "FROM people LEFT JOIN templates ON person = id GROUP BY id ORDER BY id"
    ).fetchall()
    latest = consents.latest(db, evidence)
    found = []
    for person, wrapped, sealed, count, models, restriction, erased in rows:
        name = vault.unseal(opened.unwrap(person, wrapped), "name", sealed).decode() if wrapped else None
        names = tuple(sorted(models.split("\n"))) if models else ()
        bar = None if restriction is None else Restriction(restriction)
        found.append(Person(person, name, count, names, latest.get(person), bar, bool(erased)))
    return found


def templates(
    db: sqlite3.Connection,
    opened: Vault,
    evidence: bytes,
    model_id: str,
    accepted: Sequence[Policy],
    unreadable: list[str] | None,
) -> list[tuple[str, int, Floats]]:
    """Everybody's by this model, how many and in one row, where a consent to one of `accepted` permits it.

    Nobody's who is barred. Who cannot be opened is added to `unreadable`; without that list they raise as anything
    else does. Raises PeopleError.
    """
    rows = db.execute(
        "SELECT person, wrapped, count, sealed FROM templates JOIN people ON id = person "
        "WHERE model_id = ? AND wrapped IS NOT NULL AND restriction IS NULL ORDER BY person",
        (model_id,),
    ).fetchall()
    latest = consents.latest(db, evidence)
    found = []
    for person, wrapped, count, sealed in rows:
        given = latest.get(person)
        if given is None or not any(rules.is_active(given, one) for one in accepted):
            continue
        try:
            raw = vault.unseal(opened.unwrap(person, wrapped), f"templates:{model_id}", sealed)
        except PeopleError:
            if unreadable is None:
                raise
            unreadable.append(person)
            continue
        found.append((person, count, np.frombuffer(raw, "<f4").astype(np.float32)))
    return found if unreadable is None else _alike(found, unreadable)


def _alike(found: list[tuple[str, int, Floats]], unreadable: list[str]) -> list[tuple[str, int, Floats]]:
    """Without those whose templates are of another length than most: one of them would keep everybody out."""
    lengths = {person: len(flat) / count if count > 0 else 0.0 for person, count, flat in found}
    usual = Counter(lengths.values()).most_common(1)[0][0] if lengths else 0.0
    unreadable += [person for person, length in lengths.items() if length != usual]
    return [one for one in found if lengths[one[0]] == usual]
