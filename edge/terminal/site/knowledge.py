"""What a punch knows of the site's other terminals: read from the file of their records, on the attending thread.

A punch never fails or waits because of that file. Where it cannot be read, the terminal goes on with what its own
journal tells, and the record says that it could not hear the others.
"""

import logging
import sqlite3
from dataclasses import replace
from pathlib import Path

from edge.domain.attendance.punch_direction import LastPunch, last_of
from edge.domain.attendance.site_punches import Heard, last_at_site
from edge.domain.protocol.record_kinds import Kind
from edge.errors import SiteError
from edge.journal.journal import Journal
from edge.people.site.schema import SITE
from edge.people.site.store import file_of, heard_of
from edge.terminal.site.hearing import SiteHearing

_READ = replace(SITE, busy_s=0.1)
"""A punch waits no longer than this for a writer of the file. Readers wait only while the file is being set up, or
while another program has it for itself.
"""

_log = logging.getLogger(__name__)


class SiteKnowledge:
    """One connection, which is opened when it is needed first; bound to the attending thread."""

    def __init__(self, path: Path, hearing: SiteHearing) -> None:
        self._path, self._hearing = path, hearing
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._others = self._missed = False

    def last_of(self, person: str, journal: Journal) -> LastPunch | None:
        """A person's last punch at the site, as far as it is known here. Raises JournalError, RecordError."""
        heard = self._heard(person)
        self._missed = person in self._hearing.missed
        if not heard:
            return last_of(journal.recent(person))
        corrected = any(one.record.kind == Kind.CORRECTION for one in heard)
        return last_at_site(journal.recent(person, among_others=True, corrected_elsewhere=corrected), heard)

    @property
    def unheard(self) -> bool:
        """Whether another terminal may have made a punch that is not known here; asked after `last_of`, about the
        same person.
        """
        others = self._others if self._hearing.others is None else self._hearing.others
        return others and (self._hearing.deaf or self._hearing.failing or self._missed)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _heard(self, person: str) -> list[Heard]:
        try:
            found = self._read(person)
        except SiteError as error:
            if not self._hearing.failing:
                _log.error("the other doors are not known to this punch, and punching goes on: %s", error)
            self._hearing.failing = True
            self.close()
            return []
        self._hearing.failing = False
        return found

    def _read(self, person: str) -> list[Heard]:
        now = file_of(self._path)
        if self._db is None or now != self._file:
            self.close()
            self._file = now
            if now is None:
                return []  # nothing was ever heard, or the file is about to be begun anew
            self._db = _READ.connect(self._path)
            with SITE.guard(self._path):
                self._db.execute("PRAGMA query_only = ON")
        with SITE.guard(self._path):
            self._others = self._db.execute("SELECT 1 FROM neighbours LIMIT 1").fetchone() is not None
            return heard_of(self._db, self._path, person)
