"""The people file: its tables."""

from pathlib import Path

from edge.crypto.person_keys import Vault, new_person_key
from edge.errors import PeopleError, PeopleUnavailable
from edge.storage.sqlite_file import SqliteFile

_ERASING = "ALTER TABLE people ADD COLUMN erasing TEXT"
"""The reason of an erasure, from the deletion of the key until its record is durable."""
_ORDERS = """
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    due TEXT,
    wire BLOB,
    owed TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE marks (scope TEXT PRIMARY KEY, sequence INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE authority (n INTEGER PRIMARY KEY, wire BLOB NOT NULL, ended INTEGER NOT NULL) STRICT;
CREATE TABLE policies (
    n INTEGER PRIMARY KEY,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    text TEXT NOT NULL,
    consent_again INTEGER NOT NULL,
    instead_version TEXT NOT NULL,
    instead_sha256 TEXT NOT NULL
) STRICT;
CREATE TABLE anchor (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    utc TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    boottime_ms INTEGER NOT NULL
) STRICT
"""
"""The authority's orders (`edge.people.order_log`), its keys, the policies that it put in force, and a moment of
certain time. `orders` is also the outbox (`edge.people.outbox`): `owed` holds the pending records of any act.
"""
_TAKEN = "ALTER TABLE orders ADD COLUMN taken INTEGER NOT NULL DEFAULT 0"
"""A running number of the changes: records go to the journal in its order, and the oldest order is forgotten first.
0 for orders that an earlier version took.
"""
_RESTRICTION = "ALTER TABLE people ADD COLUMN restriction TEXT"
"""The reason why a person's data are kept and not matched; null for everybody else."""
_MEANS = """
CREATE TABLE means (
    person TEXT PRIMARY KEY REFERENCES people (id),
    wrapped BLOB NOT NULL,
    pin BLOB,
    failures INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
    lookup BLOB PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id),
    kind TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID
"""
"""Badges, staff numbers and PINs (`edge.people.credentials`)."""
_LEARNED = "ALTER TABLE templates ADD COLUMN learned INTEGER NOT NULL DEFAULT 0"
"""1 for templates that a coming model learned at this terminal (`edge.people.next_model_templates`)."""
_ERASED = (
    "ALTER TABLE people ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;"
    # In an earlier file, an erased person looks like one who withdrew and had no badge. No roster brings either
    # back.
    "UPDATE people SET erased = 1 WHERE wrapped IS NULL AND id NOT IN (SELECT person FROM means)"
)
"""1 for a person who was erased, whom no roster brings back; 0 when only a consent ended."""
_BESIDE = """
CREATE TABLE entries (
    person TEXT PRIMARY KEY,
    content INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE contested (
    person TEXT NOT NULL,
    lookup BLOB NOT NULL,
    PRIMARY KEY (person, lookup)
) STRICT, WITHOUT ROWID;
CREATE TABLE foretold (
    person TEXT PRIMARY KEY,
    withdrawn_at TEXT,
    erased INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE aside (
    id TEXT PRIMARY KEY,
    owed TEXT
) STRICT, WITHOUT ROWID
"""
"""`entries`: by person, the content number of the roster entry that was written last, because its badges and
restriction are written once. `contested`: numbers of an entry that another person had then. `foretold`: orders
about people who were not here yet (`edge.people.foretold_orders`). `aside`: outbox entries that no record can be
made of.
"""
_EXPORTED = """
CREATE TABLE exported (
    person TEXT PRIMARY KEY,
    exported TEXT,
    heard INTEGER
) STRICT, WITHOUT ROWID
"""
"""The people who were exported to the centre and are awaited on the roster (`edge.people.exported`)."""
_FORETOLD_BARS = """
CREATE TABLE foretold_bars (
    person TEXT PRIMARY KEY,
    bar TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""
"""A restriction or an objection that was ordered about a person who was not here yet."""
_LACKING = """
CREATE TABLE lacking (
    person TEXT NOT NULL,
    what TEXT NOT NULL,
    PRIMARY KEY (person, what)
) STRICT, WITHOUT ROWID
"""
"""The data that this file lacks because it is an older copy (`edge.people.lacking`)."""
_SUPERVISOR = "ALTER TABLE means ADD COLUMN supervisor BLOB"
"""The staff number of somebody who may open an enrolment at the terminal, sealed; null for everybody else."""
PEOPLE = SqliteFile(
    noun="people store",
    application_id=0x53435031,  # 'SCP1'
    version=12,
    error=PeopleError,
    away=PeopleUnavailable,
    mend="it is damaged; keep the file, and restore it from your backup or enrol again into a new one",
    steps=(
        _ERASING,
        f"{_RESTRICTION};{_ORDERS}",
        _MEANS,
        _LEARNED,
        _ERASED,
        _BESIDE.replace("TABLE", "TABLE IF NOT EXISTS"),
        _EXPORTED.replace("TABLE", "TABLE IF NOT EXISTS"),
        _FORETOLD_BARS.replace("TABLE", "TABLE IF NOT EXISTS"),
        _LACKING.replace("TABLE", "TABLE IF NOT EXISTS"),
        _TAKEN,
        _SUPERVISOR,
    ),
)

_TABLES = """
CREATE TABLE vault (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    wrapped_epoch BLOB NOT NULL,
    wrapped_evidence BLOB NOT NULL
) STRICT;
CREATE TABLE people (
    id TEXT PRIMARY KEY,
    wrapped BLOB,
    name BLOB,
    erasing TEXT,
    restriction TEXT,
    erased INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE templates (
    person TEXT NOT NULL REFERENCES people (id),
    model_id TEXT NOT NULL,
    count INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    learned INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (person, model_id)
) STRICT;
CREATE TABLE consents (
    n INTEGER PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (id),
    policy_version TEXT NOT NULL,
    policy_sha256 TEXT NOT NULL,
    language TEXT NOT NULL,
    given_at TEXT NOT NULL,
    witness BLOB NOT NULL,
    age_attested INTEGER NOT NULL,
    employer_agreed INTEGER NOT NULL,
    withdrawn_at TEXT
) STRICT;
CREATE INDEX consents_by_person ON consents (person, n);
CREATE TRIGGER consents_stay BEFORE DELETE ON consents BEGIN SELECT RAISE(ABORT, 'consent history stays'); END;
CREATE TRIGGER consents_are_final BEFORE UPDATE ON consents BEGIN SELECT RAISE(ABORT, 'consent history stays'); END;
"""


def create(path: Path, storage_key: bytes) -> None:
    """Make an empty people file with a new epoch. Raises PeopleError."""
    vault = Vault.fresh(storage_key)
    row = (vault.wrapped_epoch, vault.wrap("", new_person_key()))
    PEOPLE.create(
        path,
        f"{_TABLES}{_ORDERS};{_TAKEN};{_MEANS};{_SUPERVISOR};{_BESIDE};{_EXPORTED};{_FORETOLD_BARS};{_LACKING};",
        lambda db: db.execute("INSERT INTO vault VALUES (1, ?, ?)", row),
    )
