"""The table of `claims.db`: the claim tokens that were made, each by the hash of its secret."""

from edge.errors import LedgerError
from edge.storage.sqlite_file import SqliteFile

CLAIMS_DB = "claims.db"
CLAIMS = SqliteFile(
    noun="file of the claim tokens",
    application_id=0x53434C31,  # 'SCL1'
    version=1,
    error=LedgerError,
    mend=(
        "it is damaged; move it away and make the tokens anew, which `smartclocker central terminal add` does: it "
        "holds nothing else"
    ),
)
TABLES = """
CREATE TABLE tokens (
    digest TEXT PRIMARY KEY,
    site TEXT NOT NULL,
    terminal TEXT NOT NULL,
    expires TEXT NOT NULL,
    again INTEGER NOT NULL,
    by TEXT NOT NULL,
    why TEXT NOT NULL,
    login INTEGER,
    identity BLOB,
    tls_key TEXT,
    certificate TEXT
) STRICT, WITHOUT ROWID;
"""
