"""The policies that the authority put in force, besides that of the configuration.

A policy that needs no new consent continues the one before it: a consent to that one still permits matching.
"""

import sqlite3
from collections.abc import Sequence

from edge.domain.people.consent import Policy
from edge.domain.plural import counted


def add(db: sqlite3.Connection, policy: Policy, text: str, *, consent_again: bool, configured: Policy) -> None:
    """Put a policy in force, in place of the `configured` one; inside a transaction."""
    row = (policy.version, policy.sha256, text, consent_again, configured.version, configured.sha256)
    db.execute(
        "INSERT INTO policies (version, sha256, text, consent_again, instead_version, instead_sha256) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        row,
    )


def in_force(db: sqlite3.Connection, configured: Policy) -> tuple[Policy, ...]:
    """The policy in force, and after it the policies to which a consent is still valid.

    A configuration that was changed after the order is the newer decision, and counts alone.
    """
    rows = db.execute(
        "SELECT version, sha256, consent_again, instead_version, instead_sha256 FROM policies ORDER BY n DESC"
    ).fetchall()
    found: list[Policy] = []
    for version, sha256, consent_again, instead_version, instead_sha256 in rows:
        policy = Policy(version, sha256)
        if configured not in {Policy(instead_version, instead_sha256), policy}:
            break
        found.append(policy)
        if consent_again:
            return tuple(found)
    return (*found, configured) if configured not in found else tuple(found)


def other_text(db: sqlite3.Connection, accepted: Sequence[Policy]) -> int:
    """Number of people with a face here who agreed to another text with the version in force. Nobody intended to
    end their consent.
    """
    texts = {one.sha256 for one in accepted if one.version == accepted[0].version}
    rows = db.execute(
        "SELECT policy_sha256 FROM consents JOIN people ON id = person "
        "WHERE n IN (SELECT max(n) FROM consents GROUP BY person) AND withdrawn_at IS NULL AND policy_version = ? "
        "AND wrapped IS NOT NULL AND EXISTS (SELECT 1 FROM templates WHERE templates.person = id)",
        (accepted[0].version,),
    )
    return sum(sha256 not in texts for (sha256,) in rows)


def text_of(db: sqlite3.Connection, policy: Policy) -> str | None:
    """The text that people must read; None when the policy was not ordered."""
    query = "SELECT text FROM policies WHERE version = ? AND sha256 = ? ORDER BY n DESC LIMIT 1"
    row = db.execute(query, (policy.version, policy.sha256)).fetchone()
    return None if row is None else str(row[0])


def another_text(count: int, version: str) -> str:
    """The message that `count` people agreed to another text with the same version, with the cure."""
    return (
        f"{counted(count, 'person', 'people')} agreed to another text under the same version, {version}, and "
        "cannot be matched: put exactly that text back, byte for byte (a line break at its end counts), or give "
        "the new one a version of its own, and have them agree again (`people agree`, `central order … policy`)"
    )
