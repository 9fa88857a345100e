"""The tables of `authority.db`: the audit log, the acts that were begun, the orders, and the terminals they were
sent to.
"""

from edge.errors import LedgerError
from edge.storage.sqlite_file import SqliteFile

_BEGUN = """
CREATE TABLE begun (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    login INTEGER,
    act TEXT NOT NULL,
    why TEXT NOT NULL,
    person TEXT,
    data TEXT NOT NULL
) STRICT
"""
_TRYING = "ALTER TABLE addressed ADD COLUMN trying TEXT"
REGISTRY = SqliteFile(
    noun="registry of the authority",
    application_id=0x53435231,  # 'SCR1'
    version=3,
    error=LedgerError,
    mend="it is damaged; keep the file and restore it from your backup",
    steps=(_BEGUN, _TRYING),
)
TABLES = f"""
CREATE TABLE audit (
    n INTEGER PRIMARY KEY,
    payload BLOB NOT NULL,
    keyid TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log stays'); END;
CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log stays'); END;
CREATE TABLE orders (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    wire BLOB NOT NULL,
    expires TEXT NOT NULL
) STRICT;
CREATE TABLE addressed (
    sequence INTEGER NOT NULL REFERENCES orders (sequence),
    terminal TEXT NOT NULL,
    sent TEXT,
    times INTEGER NOT NULL DEFAULT 0,
    trying TEXT,
    PRIMARY KEY (sequence, terminal)
) STRICT, WITHOUT ROWID;
{_BEGUN};
"""
