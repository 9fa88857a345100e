"""What a journal tells of people, commands and time: questions that change nothing."""

from edge.domain.protocol.record import Record, decode, payload_hash
from edge.domain.time.evidence import TimeEvidence
from edge.journal.schema import ABOUT_SOMEBODY, JOURNAL
from edge.storage.sqlite_connection import SqliteConnection

_LOOK_BACK = 64
"""Punches of one person that are read where something was corrected: weeks of them."""
_PUNCHES = "SELECT seq, payload FROM records WHERE person = ? AND kind = 'punch' ORDER BY seq DESC LIMIT ?"
_CORRECTIONS = "SELECT seq, payload FROM records WHERE person = ? AND kind = 'correction' AND seq > ? ORDER BY seq"
_WORDS = f"SELECT person, kind, max(seq) FROM records WHERE {ABOUT_SOMEBODY}"  # noqa: S608 (a fixed condition)
_CONSENTS = (
    f"SELECT payload FROM records WHERE {ABOUT_SOMEBODY} "  # noqa: S608 (a fixed condition)
    "AND person = ? AND kind = 'consent' AND seq < ? ORDER BY seq"
)
_RESULTS = (
    "SELECT commands.id, records.payload FROM commands CROSS JOIN records ON records.seq = commands.seq "
    "WHERE commands.seq > ? AND records.kind = 'command-result' ORDER BY commands.seq"
)
_ENROLMENTS = (
    "SELECT commands.id, records.payload FROM commands CROSS JOIN records ON records.seq = commands.seq "
    "WHERE records.kind IN ('enrolled', 'consent') ORDER BY commands.seq"
)
_SET = "SELECT payload FROM records WHERE seq >= ? AND instr(payload, ?) > 0 ORDER BY seq LIMIT 1"
_SYNCHRONISED = b'"synchronised":true'
"""As `edge.domain.protocol.record.encode` writes it, in the time of a record."""
_ABOUT = "SELECT payload FROM records WHERE seq > (SELECT max(seq) FROM records) - ? AND person = ? ORDER BY seq"
_LAST_PAYLOAD = "SELECT payload FROM records ORDER BY seq DESC LIMIT 1"


class JournalHistory(SqliteConnection):
    """The questions; `edge.journal.journal.Journal` opens the file."""

    def hash_at(self, seq: int) -> str | None:
        """sha256 of a record's payload; None when it is not here. Raises JournalError."""
        payload = self.payload_at(seq)
        return None if payload is None else payload_hash(payload)

    def payload_at(self, seq: int) -> bytes | None:
        """A record's payload; None when it is not here. Raises JournalError."""
        with JOURNAL.guard(self.path):
            row = self._db.execute("SELECT payload FROM records WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else bytes(row[0])

    def recent(self, person: str) -> list[Record]:
        """What tells a person's last punch that counts: the last that was made; with corrections, more of them.

        Nothing that was corrected before the last punch was made can be the later one, so that without a correction
        since then it stands alone. Raises JournalError, RecordError.
        """
        with JOURNAL.guard(self.path):
            punches = self._db.execute(_PUNCHES, (person, 1)).fetchall()
            last = punches[0][0] if punches else 0
            if self._db.execute(f"{_CORRECTIONS} LIMIT 1", (person, last)).fetchone() is not None:
                punches = self._db.execute(_PUNCHES, (person, _LOOK_BACK)).fetchall()
                first = punches[-1][0] if punches else 0
                punches += self._db.execute(_CORRECTIONS, (person, first)).fetchall()
        return [decode(payload) for _, payload in punches]

    def about(self, person: str, limit: int) -> list[bytes]:
        """The payloads that name a person, among the last `limit` records, in order. Raises JournalError."""
        with JOURNAL.guard(self.path):
            return [payload for (payload,) in self._db.execute(_ABOUT, (limit, person))]

    def words(self, person: str | None = None) -> list[tuple[str, str, int]]:
        """(person, kind, seq) of the last `consent`, `enrolled`, `erased` and `restricted` about somebody, or all.

        From an index alone: as cheap in a full journal. Raises JournalError.
        """
        whose, given = ("", ()) if person is None else (" AND person = ?", (person,))
        with JOURNAL.guard(self.path):
            return self._db.execute(f"{_WORDS}{whose} GROUP BY person, kind", given).fetchall()

    def consents_before(self, person: str, seq: int) -> list[Record]:
        """The `consent` records about somebody before a record, in order. Raises JournalError, RecordError."""
        with JOURNAL.guard(self.path):
            rows = self._db.execute(_CONSENTS, (person, seq)).fetchall()
        return [decode(payload) for (payload,) in rows]

    def taken_at(self, command_id: str) -> int | None:
        """The number of the record that says what became of a command.

        None for one that was not taken, or long ago. Raises JournalError.
        """
        with JOURNAL.guard(self.path):
            row = self._db.execute("SELECT seq FROM commands WHERE id = ?", (command_id,)).fetchone()
        return None if row is None else int(row[0])

    def results(self, after: int, *words: str) -> list[tuple[str, Record]]:
        """(the id it was taken under, the record) of each command of these words with seq > `after`, in order.

        As far back as commands are remembered: as cheap in a full journal. Raises JournalError, RecordError.
        """
        with JOURNAL.guard(self.path):
            rows = self._db.execute(_RESULTS, (after,)).fetchall()
        found = [(taken, decode(payload)) for taken, payload in rows if any(_says(payload, word) for word in words)]
        return [(taken, record) for taken, record in found if record.data.get("command") in words]

    def taken(self) -> list[tuple[str, int]]:
        """Id and seq of every command that is remembered, in order. Raises JournalError."""
        with JOURNAL.guard(self.path):
            return self._db.execute("SELECT id, seq FROM commands ORDER BY seq").fetchall()

    def enrolments(self) -> list[tuple[str, Record]]:
        """(the id it was taken under, the record) of each act that ended with `enrolled` or `consent`, in order.

        As far back as commands are remembered. Raises JournalError, RecordError.
        """
        with JOURNAL.guard(self.path):
            rows = self._db.execute(_ENROLMENTS).fetchall()
        return [(taken, decode(payload)) for taken, payload in rows]

    def over_by(self, seq: int) -> str | None:
        """When this record had surely been made: the `utc` of the first from it on whose clock was set.

        None where none was. Raises JournalError, RecordError.
        """
        with JOURNAL.guard(self.path):
            row = self._db.execute(_SET, (seq, _SYNCHRONISED)).fetchone()
        return None if row is None else decode(row[0]).time.utc

    def last_time(self) -> TimeEvidence | None:
        """What the last record says of the time; None when there is none. Raises JournalError."""
        with JOURNAL.guard(self.path):
            row = self._db.execute(_LAST_PAYLOAD).fetchone()
        return None if row is None else decode(row[0]).time


def _says(payload: bytes, word: str) -> bool:
    """Whether a payload may be of this command: what is not need not be decoded."""
    return f'"command":"{word}"'.encode() in payload
