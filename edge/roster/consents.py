"""The consent history of the people store: rows are only ever added, which the tables' triggers hold too.

It outlives a person's key, as evidence of what was given and withdrawn; who witnessed it is sealed under a key of
the store's own.
"""

import sqlite3

from edge.domain.consent import Consent
from edge.roster.vault import seal, unseal

_COLUMNS = """person, witness, policy_version, policy_sha256, language, given_at, age_attested, employer_agreed,
withdrawn_at"""


def remember(db: sqlite3.Connection, key: bytes, person: str, consent: Consent) -> None:
    """Add what was given, or withdrawn where `withdrawn_at` says so."""
    witness = seal(key, f"witness:{person}", consent.witness.strip().encode())
    db.execute(
        f"INSERT INTO consents ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 (fixed column names)
        (
            person,
            witness,
            consent.policy_version,
            consent.policy_sha256,
            consent.language,
            consent.given_at,
            consent.age_attested,
            consent.employer_agreed,
            consent.withdrawn_at,
        ),
    )


def latest(db: sqlite3.Connection, key: bytes) -> dict[str, Consent]:
    """Everyone's latest word, by person id. Raises PeopleError when one was altered."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM consents "  # noqa: S608 (fixed column names)
        "WHERE n IN (SELECT max(n) FROM consents GROUP BY person)"
    )
    return {row[0]: _consent(key, *row) for row in rows}


def latest_of(db: sqlite3.Connection, key: bytes, person: str) -> Consent | None:
    """One person's latest word; None when there is none. Raises PeopleError when it was altered."""
    query = f"SELECT {_COLUMNS} FROM consents WHERE person = ? ORDER BY n DESC LIMIT 1"  # noqa: S608 (as above)
    row = db.execute(query, (person,)).fetchone()
    return None if row is None else _consent(key, *row)


def _consent(
    key: bytes,
    person: str,
    witness: bytes,
    version: str,
    sha256: str,
    language: str,
    given_at: str,
    age: int,
    employer: int,
    withdrawn_at: str | None,
) -> Consent:
    return Consent(
        policy_version=version,
        policy_sha256=sha256,
        language=language,
        given_at=given_at,
        witness=unseal(key, f"witness:{person}", witness).decode(),
        age_attested=bool(age),
        employer_agreed=bool(employer),
        withdrawn_at=withdrawn_at,
    )
