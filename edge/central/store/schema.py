"""The tables of `ledger.db`, in the steps of its versions. A new ledger gets all steps at once."""

from edge.errors import LedgerError, LedgerStalled
from edge.storage.sqlite_file import SqliteFile

_FIRST = """
CREATE TABLE terminals (
    id INTEGER PRIMARY KEY,
    site TEXT NOT NULL,
    terminal TEXT NOT NULL,
    keyid TEXT NOT NULL UNIQUE,
    public_key BLOB NOT NULL CHECK (length(public_key) = 32),
    registered TEXT NOT NULL,
    revoked TEXT
) STRICT;
CREATE TABLE chains (
    id INTEGER PRIMARY KEY,
    terminal INTEGER NOT NULL REFERENCES terminals (id),
    epoch TEXT NOT NULL,
    upto INTEGER NOT NULL,
    head TEXT NOT NULL,
    UNIQUE (terminal, epoch)
) STRICT;
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    chain INTEGER NOT NULL REFERENCES chains (id),
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    person TEXT,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    payload BLOB NOT NULL,
    signature BLOB NOT NULL,
    received TEXT NOT NULL,
    UNIQUE (chain, seq)
) STRICT;
CREATE INDEX records_of_person ON records (person) WHERE person IS NOT NULL;
CREATE TABLE conflicts (
    id INTEGER PRIMARY KEY,
    chain INTEGER NOT NULL REFERENCES chains (id),
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    person TEXT,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL,
    payload BLOB NOT NULL,
    signature BLOB NOT NULL,
    received TEXT NOT NULL,
    why TEXT NOT NULL,
    UNIQUE (chain, seq, hash)
) STRICT;
"""

_SECOND = """
CREATE TABLE claims (
    site TEXT NOT NULL,
    terminal TEXT NOT NULL,
    state TEXT NOT NULL,
    since TEXT NOT NULL,
    heard TEXT NOT NULL,
    epoch TEXT,
    head INTEGER,
    watermark INTEGER,
    alarms TEXT NOT NULL,
    utc TEXT,
    PRIMARY KEY (site, terminal)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_apart ON records (kind, chain, seq)
    WHERE kind = 'gap' OR kind = 'correction' OR kind = 'command-result';
"""
"""The unsigned claims of terminals (`edge.central.ledger.terminal_claims`), and an index of the rare kinds that
reports look for.
"""

_THIRD = """
ALTER TABLE terminals ADD COLUMN doubted_since TEXT;
CREATE INDEX results_by_command ON records (json_extract(CAST(payload AS TEXT), '$.data.command_id'))
    WHERE kind = 'command-result';
CREATE INDEX clock_steps ON records (chain, seq) WHERE kind = 'clock-step';
"""
"""The instant from which on a revoked identity's records are unproven; an index of command results by the command's
id; an index of clock steps.
"""

_WATCHED = """
ALTER TABLE claims ADD COLUMN claimed TEXT;
CREATE TABLE services (
    instance TEXT PRIMARY KEY,
    beat TEXT NOT NULL,
    unheard TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE strangers (
    site TEXT NOT NULL,
    terminal TEXT NOT NULL,
    keyid TEXT,
    first TEXT NOT NULL,
    last TEXT NOT NULL,
    PRIMARY KEY (site, terminal)
) STRICT, WITHOUT ROWID;
CREATE TABLE acknowledgements (
    id INTEGER PRIMARY KEY,
    chain INTEGER NOT NULL REFERENCES chains (id),
    seq INTEGER NOT NULL,
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    why TEXT NOT NULL,
    undone TEXT,
    undone_by TEXT,
    undone_why TEXT
) STRICT;
"""
"""When a head was claimed; the heartbeat of the ledger (`edge.central.ledger.pulse`); senders that are not
registered (`edge.central.ledger.strangers`); acknowledgements (`edge.central.store.acknowledged`).
"""

_LEAVING = """
CREATE INDEX records_of_leaving ON records (kind, id) WHERE kind = 'erased' OR kind = 'consent'
"""
"""An index of the records that the centre's roster follows (`edge.central.roster.order_follower`)."""

_INTAKE = """
CREATE TABLE intake (
    terminal INTEGER NOT NULL REFERENCES terminals (id),
    day TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    put_off INTEGER NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (terminal, day)
) STRICT, WITHOUT ROWID;
"""
"""How much each terminal sent in a day, and how many records were put off (`edge.central.ledger.quota`)."""

_BARRED = """
DROP INDEX records_of_leaving;
CREATE INDEX records_of_leaving ON records (kind, id)
WHERE kind = 'erased' OR kind = 'consent' OR kind = 'restricted'
"""
"""The same index with objections and restrictions, which the roster follows, too."""

_LACKING = """
ALTER TABLE claims ADD COLUMN lacking INTEGER;
ALTER TABLE claims ADD COLUMN lacking_since TEXT
"""
"""The first record that a terminal claims and that never came, and since when the terminal claims it."""

_LOOKED = """
CREATE TABLE looked_into (
    id INTEGER PRIMARY KEY,
    site TEXT,
    terminal TEXT,
    keyid TEXT,
    instance TEXT,
    upto TEXT NOT NULL,
    at TEXT NOT NULL,
    by TEXT NOT NULL,
    why TEXT NOT NULL,
    undone TEXT,
    undone_by TEXT,
    undone_why TEXT
) STRICT
"""
"""Acknowledgements of revoked keys and of instances of the ledger (`edge.central.store.looked`)."""

_COUNTED = """
ALTER TABLE claims ADD COLUMN counters TEXT
"""
"""The counters that a terminal reports, for `central terminals`."""

STEPS = (_FIRST, _SECOND, _THIRD, _WATCHED, _LEAVING, _INTAKE, _BARRED, _LACKING, _LOOKED, _COUNTED)
"""Never change a released step; add a new one."""
TABLES = ";".join(STEPS)
LEDGER = SqliteFile(
    noun="ledger",
    application_id=0x534D434C,  # 'SMCL'
    version=len(STEPS),
    error=LedgerError,
    mend="the ledger's database fails; check the disk's space and health, and restore the file from your backup",
    away=LedgerStalled,
    steps=STEPS[1:],
    busy_s=10.0,
    trusted_schema=True,  # results_by_command calls json_extract
)
