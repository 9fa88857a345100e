"""The people file on the disk: opening, one snapshot for reading, one transaction for writing, and its keys."""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from edge.crypto.person_keys import Vault
from edge.people import erasure
from edge.people.schema import PEOPLE, create
from edge.storage.sqlite_connection import SqliteConnection


class Writing(Protocol):
    """The type of the function that opens a transaction on the people file."""

    def __call__(self) -> AbstractContextManager[None]:
        """One transaction; inside of another one it becomes a part of that."""


class PeopleFile(SqliteConnection):
    """One connection, bound to the thread that opened it; `edge.people.people_store` has the changes of people."""

    def __init__(self, path: Path, storage_key: bytes) -> None:
        """Open the file, or create it when absent.

        Raises PeopleError when the storage key is another one, or the file cannot be used.
        """
        self.path = path
        self._storage_key = storage_key
        self._own_changes = 0
        if not PEOPLE.present(path):
            create(path, storage_key)
        self._db = PEOPLE.connect(path)
        self._opened_vault: Vault | None = None
        try:
            with PEOPLE.guard(path):
                PEOPLE.migrate(self._db, path)
                # An altered byte in one row must not prevent the reading of everybody's rows.
                self._db.text_factory = lambda raw: raw.decode("utf-8", "replace")
                self._db.execute("PRAGMA secure_delete = ON")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._vault()
        except BaseException:
            self._db.close()
            raise

    def version(self) -> int:
        """A number that changes when the people may have changed, by this process or another one; fast."""
        with PEOPLE.guard(self.path):
            others = self._db.execute("PRAGMA data_version").fetchone()[0]
        return (self._own_changes << 32) + int(others)

    def version_seen(self, earlier: int) -> int:
        """The `version` of a reader who knows all changes of this process, and of others those up to `earlier`, an
        earlier version.
        """
        return (self._own_changes << 32) + (earlier & 0xFFFF_FFFF)

    def rewrite(self) -> None:
        """Rewrite every page of the file, so that no freed page keeps a byte. Raises PeopleError."""
        erasure.rewrite(self._db, self.path)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """One transaction around several changes: all of them are made, or none."""
        with self._writing():
            yield

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        if self._db.in_transaction:
            yield  # part of a larger change
            return
        with PEOPLE.writing(self._db, self.path):
            yield
        self._own_changes += 1  # data_version only tells of other connections

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """One snapshot: people, their keys and their consents of the same instant."""
        if self._db.in_transaction:
            yield
            return
        with PEOPLE.guard(self.path):
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                self._db.execute("COMMIT")

    def _vault(self) -> Vault:
        """The vault of the present epoch; another process may have replaced the epoch."""
        wrapped = self._db.execute("SELECT wrapped_epoch FROM vault").fetchone()[0]
        if self._opened_vault is None or self._opened_vault.wrapped_epoch != wrapped:
            self._opened_vault = Vault(self._storage_key, wrapped)
        return self._opened_vault

    def _evidence_key(self) -> bytes:
        """The key over data that are kept after a person's key is gone: the witness of a consent that was later
        withdrawn.
        """
        wrapped = self._db.execute("SELECT wrapped_evidence FROM vault").fetchone()[0]
        return self._vault().unwrap("", wrapped)

    def purge(self) -> None:
        """Write the write-ahead file back, so that it keeps no older page. If another process reads the file, that
        process does it.
        """
        if self._db.in_transaction:
            return  # the outermost transaction does it at its end
        with contextlib.suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
