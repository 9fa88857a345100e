"""The consent history in the people file. Rows are only ever added; triggers of the tables enforce that.

The history is kept after a person's key is gone, as evidence of what was given and withdrawn. The witness's name is
encrypted under a key of the file itself.
"""

import sqlite3
from dataclasses import replace

from edge.crypto.person_keys import seal, unseal
from edge.domain.people.consent import NEVER_AGAIN, Consent, ended_consent
from edge.domain.time.instant import is_rfc3339
from edge.errors import PeopleError

_UNREADABLE = "\0"
"""Stands for a witness that cannot be decrypted. No consent with it is active."""
_LONG_AGO = "0001-01-01T00:00:00Z"
"""Stands for a damaged instant of giving. Every other consent is later."""

_COLUMNS = """person, witness, policy_version, policy_sha256, language, given_at, age_attested, employer_agreed,
withdrawn_at"""


def remember(db: sqlite3.Connection, key: bytes, person: str, consent: Consent) -> None:
    """Add a consent to the history: given, or withdrawn if `withdrawn_at` is set."""
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


def end(db: sqlite3.Connection, key: bytes, person: str, when: str) -> None:
    """End somebody's consent, if they gave one that has not ended.

    A consent that cannot be read is ended by a row that can be read.
    """
    given = latest_of(db, key, person)
    if given is not None and (given.withdrawn_at is None or is_damaged(given)):
        witness = "unreadable" if is_damaged(given) else given.witness
        given_at = when if given.given_at == _LONG_AGO else given.given_at
        remember(db, key, person, ended_consent(replace(given, witness=witness, given_at=given_at), when))


def is_damaged(consent: Consent | None) -> bool:
    """Whether the stored consent was altered. Then it permits nothing and proves nothing."""
    return consent is not None and (consent.witness == _UNREADABLE or consent.given_at == _LONG_AGO)


def latest(db: sqlite3.Connection, key: bytes) -> dict[str, Consent]:
    """Everybody's latest consent, by person id. An altered one is `is_damaged`, so that it affects only its own
    person.
    """
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM consents "  # noqa: S608 (fixed column names)
        "WHERE n IN (SELECT max(n) FROM consents GROUP BY person)"
    )
    return {row[0]: _consent(key, *row) for row in rows}


def latest_of(db: sqlite3.Connection, key: bytes, person: str) -> Consent | None:
    """One person's latest consent, altered or not; None when there is none."""
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
    try:
        seen_by = unseal(key, f"witness:{person}", witness).decode()
    except (PeopleError, UnicodeDecodeError):
        seen_by = _UNREADABLE
    return Consent(
        policy_version=version,
        policy_sha256=sha256,
        language=language,
        given_at=given_at if is_rfc3339(given_at) else _LONG_AGO,
        witness=seen_by,
        age_attested=bool(age),
        employer_agreed=bool(employer),
        withdrawn_at=withdrawn_at if withdrawn_at is None or is_rfc3339(withdrawn_at) else NEVER_AGAIN,
    )
