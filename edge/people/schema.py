"""The people store as a file: its tables."""

from pathlib import Path

from edge.crypto.person_keys import Vault, new_person_key
from edge.errors import PeopleError, PeopleUnavailable
from edge.storage.sqlite_file import SqliteFile

_ERASING = "ALTER TABLE people ADD COLUMN erasing TEXT"
"""Why somebody is being erased, from the moment that their key is gone until the record that says so is durable."""
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
"""Orders of the authority (`edge.people.order_log`), its keys, the policies that it put in force, and a moment that
is certain. `orders` is the outbox, too (`edge.people.outbox`): `owed` holds the pending records of any act."""
_TAKEN = "ALTER TABLE orders ADD COLUMN taken INTEGER NOT NULL DEFAULT 0"
"""The how many-th it was: the oldest is forgotten first. 0 for what an earlier version took."""
_RESTRICTION = "ALTER TABLE people ADD COLUMN restriction TEXT"
"""Why somebody is kept and not matched; null for everybody else."""
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
"""1 for what a coming model learned at this terminal (`edge.people.next_model_templates`)."""
_ERASED = (
    "ALTER TABLE people ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;"
    # An earlier file does not tell who was erased from who withdrew and had no badge: no roster brings either back.
    "UPDATE people SET erased = 1 WHERE wrapped IS NULL AND id NOT IN (SELECT person FROM means)"
)
"""1 for who was erased, whom no roster brings back; a consent that ended leaves 0."""
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
"""The content number of the roster's entry that was written last of each person, whose badges and bar are written
once; numbers of an entry that were another person's then; what was ordered about people of whom nothing had come
yet (`edge.people.foretold_orders`); and what is owed to the journal although no record can be made of it."""
_EXPORTED = """
CREATE TABLE exported (
    person TEXT PRIMARY KEY,
    exported TEXT,
    heard INTEGER
) STRICT, WITHOUT ROWID
"""
"""Who was exported to the centre and awaited on the roster (`edge.people.exported`)."""
_FORETOLD_BARS = """
CREATE TABLE foretold_bars (
    person TEXT PRIMARY KEY,
    bar TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""
"""A restriction or an objection that was ordered about somebody of whom nothing had come yet."""
_LACKING = """
CREATE TABLE lacking (
    person TEXT NOT NULL,
    what TEXT NOT NULL,
    PRIMARY KEY (person, what)
) STRICT, WITHOUT ROWID
"""
"""What this file lacks since an older copy of it was put back (`edge.people.lacking`)."""
PEOPLE = SqliteFile(
    noun="people store",
    application_id=0x53435031,  # 'SCP1'
    version=11,
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
    """Make an empty people store with a fresh epoch. Raises PeopleError."""
    vault = Vault.fresh(storage_key)
    row = (vault.wrapped_epoch, vault.wrap("", new_person_key()))
    PEOPLE.create(
        path,
        f"{_TABLES}{_ORDERS};{_TAKEN};{_MEANS};{_BESIDE};{_EXPORTED};{_FORETOLD_BARS};{_LACKING};",
        lambda db: db.execute("INSERT INTO vault VALUES (1, ?, ?)", row),
    )
