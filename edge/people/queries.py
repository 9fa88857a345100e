"""The queries on the people file: everybody at once, the templates that may be matched, all data about one
person.
"""

import base64
import sqlite3
from collections import Counter
from collections.abc import Sequence

import numpy as np

from edge.crypto import person_keys
from edge.crypto.person_keys import Vault
from edge.domain.face import Floats
from edge.domain.people.consent import Policy, is_active
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.recognition.gallery import are_unit
from edge.errors import PeopleError
from edge.people import consent_log
from edge.people.person import Person, unknown_person

_CONSENTS = """
SELECT policy_version, policy_sha256, language, given_at, witness, age_attested, employer_agreed, withdrawn_at
FROM consents WHERE person = ? ORDER BY n
"""


def listed(db: sqlite3.Connection, opened: Vault, evidence: bytes) -> list[Person]:
    """Everybody, sorted by id, also people whose consent ended. Damaged ones are marked. Raises PeopleError."""
    rows = db.execute(
        "SELECT id, wrapped, name, coalesce(sum(count), 0), group_concat(model_id, char(10)), restriction, erased "
        "FROM people LEFT JOIN templates ON person = id GROUP BY id ORDER BY id"
    ).fetchall()
    latest, broken = consent_log.latest(db, evidence), _broken(db, opened)
    found = []
    for person, wrapped, sealed, count, models, restriction, erased in rows:
        name, names = None, tuple(sorted(models.split("\n"))) if models else ()
        bar = None if restriction is None else bar_of(restriction)
        damaged = consent_log.is_damaged(latest.get(person)) or person in broken
        try:
            name = person_keys.unseal(opened.unwrap(person, wrapped), "name", sealed).decode() if wrapped else None
        except (PeopleError, UnicodeDecodeError):
            damaged = True
        damaged = damaged and not erased  # of an erased person, nothing is kept that could be damaged
        found.append(Person(person, name, count, names, latest.get(person), bar, bool(erased), damaged))
    return found


def _broken(db: sqlite3.Connection, opened: Vault) -> set[str]:
    """The people whose templates cannot be opened."""
    found = set()
    for person, wrapped, model_id, count, sealed in db.execute(
        "SELECT person, wrapped, model_id, count, sealed FROM templates JOIN people ON id = person "
        "WHERE wrapped IS NOT NULL"
    ):
        try:
            _matrix(
                person_keys.unseal(opened.unwrap(person, wrapped), f"templates:{model_id}", sealed), count, None
            )
        except PeopleError:
            found.add(person)
    return found


def bar_of(word: str) -> Restriction:
    """The restriction that a word in the file stands for. An altered word counts as the stricter of the two."""
    return Restriction(word) if word in set(Restriction) else Restriction.OBJECTED


def templates(
    db: sqlite3.Connection,
    opened: Vault,
    evidence: bytes,
    model_id: str,
    accepted: Sequence[Policy],
    unreadable: list[str] | None,
    length: int | None = None,
) -> list[tuple[str, Floats]]:
    """The templates of everybody by this model, (k, d), where a consent to one of `accepted` permits matching.

    Restricted people are left out. A person whose templates cannot be opened, or have another `length` than the
    model makes, is added to `unreadable`. Without `unreadable`, PeopleError is raised for such a person. Raises
    PeopleError for everything else.
    """
    rows = db.execute(
        "SELECT person, wrapped, count, sealed FROM templates JOIN people ON id = person "
        "WHERE model_id = ? AND wrapped IS NOT NULL AND restriction IS NULL ORDER BY person",
        (model_id,),
    ).fetchall()
    latest = consent_log.latest(db, evidence)
    found = []
    for person, wrapped, count, sealed in rows:
        given = latest.get(person)
        damaged = consent_log.is_damaged(given) and given is not None and given.withdrawn_at is None
        if not damaged and (given is None or not any(is_active(given, one) for one in accepted)):
            continue
        try:
            _refuse(damaged)
            key = opened.unwrap(person, wrapped)
            found.append((person, _matrix(person_keys.unseal(key, f"templates:{model_id}", sealed), count, length)))
        except PeopleError:
            if unreadable is None:
                raise
            unreadable.append(person)
    return found if unreadable is None or length is not None else _alike(found, unreadable)


def _refuse(damaged: bool) -> None:
    if damaged:
        raise PeopleError("the consent on file was altered; withdraw and enrol again")


def _matrix(raw: bytes, count: int, length: int | None) -> Floats:
    """Templates from their stored bytes. Raises PeopleError for bytes that cannot be templates."""
    flat = np.frombuffer(raw, "<f4").astype(np.float32) if len(raw) % 4 == 0 else np.empty(0, np.float32)
    if count < 1 or not len(flat) or len(flat) % count or (length is not None and len(flat) != count * length):
        raise PeopleError("templates do not fit together; enrol again")
    matrix = flat.reshape(count, -1)
    if not are_unit(matrix):
        raise PeopleError("templates are not unit vectors; enrol again")
    return matrix


def _alike(found: list[tuple[str, Floats]], unreadable: list[str]) -> list[tuple[str, Floats]]:
    """The people whose templates have the length that most have, for a caller that does not know the model's
    length.
    """
    usual = Counter(matrix.shape[1] for _, matrix in found).most_common(1)[0][0] if found else 0
    unreadable += [person for person, matrix in found if matrix.shape[1] != usual]
    return [one for one in found if one[1].shape[1] == usual]


def all_about(db: sqlite3.Connection, vault: Vault, evidence: bytes, person: str) -> dict[str, object]:
    """All data about one person, decrypted. They are for that person only.

    The values are JSON values. Raises PeopleError for a person who is unknown, or whose data were altered.
    """
    row = db.execute("SELECT wrapped, name, restriction, erasing FROM people WHERE id = ?", (person,)).fetchone()
    if row is None:
        raise unknown_person(person)
    wrapped, name, restriction, erasing = row
    key = None if wrapped is None else vault.unwrap(person, wrapped)
    templates = db.execute(
        "SELECT model_id, count, sealed FROM templates WHERE person = ? ORDER BY model_id", (person,)
    ).fetchall()
    consents = db.execute(_CONSENTS, (person,)).fetchall()
    return {
        "name": None if key is None or name is None else person_keys.unseal(key, "name", name).decode(),
        "restriction": restriction,
        "erasing": erasing,
        "consents": [
            {
                "policy_version": version,
                "policy_sha256": sha256,
                "language": language,
                "given_at": given_at,
                "witness": person_keys.unseal(evidence, f"witness:{person}", witness).decode(),
                "age_attested": bool(age),
                "employer_agreed": bool(employer),
                "withdrawn_at": withdrawn_at,
            }
            for version, sha256, language, given_at, witness, age, employer, withdrawn_at in consents
        ],
        "templates": [
            {
                "model": model,
                "count": count,
                "values": base64.b64encode(person_keys.unseal(key, f"templates:{model}", sealed)).decode(),
                "encoding": "base64 of little-endian 32-bit floats, one row a template",
            }
            for model, count, sealed in templates
            if key is not None
        ],
    }
