"""Templates of a model that is still to come, made of people who were just recognised by the present model.

They are templates like all others: under the person's own key and consent; handed out, withdrawn and erased with
the rest. They are never matched before their model is the present one.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Sequence

import numpy as np

from edge.crypto import person_keys
from edge.crypto.person_keys import Vault
from edge.domain.face import Floats
from edge.domain.people.consent import Policy, is_active
from edge.domain.recognition.gallery import are_unit
from edge.people import consent_log

ENOUGH = 5
"""Templates for each person: as many as an enrolment by camera makes."""
_SAME = 0.9
"""Cosine from which a further picture adds nothing, mostly because it is from the same second."""


def learn(
    db: sqlite3.Connection,
    writing: Callable[[], contextlib.AbstractContextManager[None]],
    opened: Callable[[], Vault],
    evidence: Callable[[], bytes],
    person: str,
    model_id: str,
    embedding: Floats,
    accepted: Sequence[Policy],
) -> bool:
    """Keep one more template (d,) of a person; False when it adds nothing, or the person may not be matched.

    Raises PeopleError.
    """
    if not are_unit(embedding[None]):
        return False
    with writing():
        row = db.execute("SELECT wrapped FROM people WHERE id = ? AND restriction IS NULL", (person,)).fetchone()
        given = consent_log.latest_of(db, evidence(), person)
        if row is None or row[0] is None or given is None:
            return False
        if not any(is_active(given, one) for one in accepted):
            return False
        key, context = opened().unwrap(person, row[0]), f"templates:{model_id}"
        held = db.execute(
            "SELECT count, sealed FROM templates WHERE person = ? AND model_id = ?", (person, model_id)
        ).fetchone()
        rows = embedding[None].astype("<f4")
        if held is not None:
            before = np.frombuffer(person_keys.unseal(key, context, held[1]), "<f4").reshape(held[0], -1)
            if len(before) >= ENOUGH or before.shape[1] != rows.shape[1] or (before @ rows[0]).max() >= _SAME:
                return False
            rows = np.concatenate([before, rows])
        db.execute(
            "INSERT OR REPLACE INTO templates (person, model_id, count, sealed, learned) VALUES (?, ?, ?, ?, 1)",
            (person, model_id, len(rows), person_keys.seal(key, context, rows.tobytes())),
        )
    return True


def ready(db: sqlite3.Connection, model_id: str) -> int:
    """Number of people with ENOUGH templates to change to the model without a photograph. Three would do; five are
    sure.
    """
    query = "SELECT count(*) FROM templates WHERE model_id = ? AND count >= ?"
    return int(db.execute(query, (model_id, ENOUGH)).fetchone()[0])
