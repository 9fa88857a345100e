"""The people file as a file: opened, read in one snapshot, written in one transaction, its keys at hand."""

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
    """How the people file is written."""

    def __call__(self) -> AbstractContextManager[None]:
        """One transaction; joins the one that is open."""


class PeopleFile(SqliteConnection):
    """One connection, bound to the thread that opened it; `edge.people.people_store` says what is done with it."""

    def __init__(self, path: Path, storage_key: bytes) -> None:
        """Open, or create when absent. Raises PeopleError: another storage key, or a file that cannot be used."""
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
                # A byte that was altered in one row must not keep everybody's from being read.
                self._db.text_factory = lambda raw: raw.decode("utf-8", "replace")
                self._db.execute("PRAGMA secure_delete = ON")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._vault()
        except BaseException:
            self._db.close()
            raise

    def version(self) -> int:
        """Differs from what it was when the people may have changed, by us or by another process; cheap."""
        with PEOPLE.guard(self.path):
            others = self._db.execute("PRAGMA data_version").fetchone()[0]
        return (self._own_changes << 32) + int(others)

    def rewrite(self) -> None:
        """Every page of the file anew, so that no freed one keeps a byte. Raises PeopleError."""
        erasure.rewrite(self._db, self.path)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """One transaction around several changes: all of them, or none."""
        with self._writing():
            yield

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        if self._db.in_transaction:
            yield  # part of a larger change
            return
        with PEOPLE.writing(self._db, self.path):
            yield
        self._own_changes += 1  # data_version tells of other connections only

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """One snapshot: people, their keys and their consent of the same instant."""
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
        """The epoch in force; another process may have replaced it."""
        wrapped = self._db.execute("SELECT wrapped_epoch FROM vault").fetchone()[0]
        if self._opened_vault is None or self._opened_vault.wrapped_epoch != wrapped:
            self._opened_vault = Vault(self._storage_key, wrapped)
        return self._opened_vault

    def _evidence_key(self) -> bytes:
        """Over what outlives a person's key: who witnessed a consent that was later withdrawn."""
        wrapped = self._db.execute("SELECT wrapped_evidence FROM vault").fetchone()[0]
        return self._vault().unwrap("", wrapped)

    def purge(self) -> None:
        """Fold the write-ahead file in, so that it keeps no older page; when another process reads, it does so."""
        if self._db.in_transaction:
            return  # whoever began it does so at its end
        with contextlib.suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
