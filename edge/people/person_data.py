"""Everything that the people file holds about one person, opened: for nobody but that person."""

import base64
import sqlite3

from edge.crypto.person_keys import Vault, unseal
from edge.errors import PeopleError

_CONSENTS = """
SELECT policy_version, policy_sha256, language, given_at, witness, age_attested, employer_agreed, withdrawn_at
FROM consents WHERE person = ? ORDER BY n
"""


def read(db: sqlite3.Connection, vault: Vault, evidence: bytes, person: str) -> dict[str, object]:
    """JSON values. Raises PeopleError for someone unknown, or where something was altered."""
    row = db.execute("SELECT wrapped, name, restriction, erasing FROM people WHERE id = ?", (person,)).fetchone()
    if row is None:
        raise PeopleError(f"{person}: nobody here has this id; `smartclocker people list` shows who is")
    wrapped, name, restriction, erasing = row
    key = None if wrapped is None else vault.unwrap(person, wrapped)
    templates = db.execute(
        "SELECT model_id, count, sealed FROM templates WHERE person = ? ORDER BY model_id", (person,)
    ).fetchall()
    consents = db.execute(_CONSENTS, (person,)).fetchall()
    return {
        "name": None if key is None or name is None else unseal(key, "name", name).decode(),
        "restriction": restriction,
        "erasing": erasing,
        "consents": [
            {
                "policy_version": version,
                "policy_sha256": sha256,
                "language": language,
                "given_at": given_at,
                "witness": unseal(evidence, f"witness:{person}", witness).decode(),
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
                "values": base64.b64encode(unseal(key, f"templates:{model}", sealed)).decode(),
                "encoding": "base64 of little-endian 32-bit floats, one row a template",
            }
            for model, count, sealed in templates
            if key is not None
        ],
    }
