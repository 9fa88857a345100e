"""The names of the centre's roster files, and the tables of `roster.db`. The people file has its own schema."""

from edge.errors import LedgerError
from edge.storage.sqlite_file import SqliteFile

ROSTER_KEY, ROSTER_PUBLIC, ROSTER_DB, ROSTER_PEOPLE = "roster.key", "roster.pem", "roster.db", "roster-people.db"
ROSTER = SqliteFile(
    noun="roster of the centre",
    application_id=0x53434352,  # 'SCCR'
    version=1,
    error=LedgerError,
    mend="it is damaged; restore it from your backup",
)
TABLES = """
CREATE TABLE sites (
    site TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    keys INTEGER NOT NULL,
    key BLOB NOT NULL
) STRICT;
CREATE TABLE members (
    site TEXT NOT NULL REFERENCES sites (site),
    person TEXT NOT NULL,
    content INTEGER NOT NULL,
    gone TEXT,
    gone_at TEXT,
    stale INTEGER NOT NULL,
    PRIMARY KEY (site, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE holders (
    site TEXT NOT NULL REFERENCES sites (site),
    terminal TEXT NOT NULL,
    identity TEXT NOT NULL,
    PRIMARY KEY (site, terminal)
) STRICT, WITHOUT ROWID;
CREATE TABLE messages (
    site TEXT NOT NULL REFERENCES sites (site),
    topic TEXT NOT NULL,
    version INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    wire BLOB NOT NULL,
    PRIMARY KEY (site, topic)
) STRICT, WITHOUT ROWID;
"""
