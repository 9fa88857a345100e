"""The queries on a journal about people, commands and time. They change nothing."""

from edge.domain.protocol.record import Record, decode, payload_hash
from edge.domain.time.evidence import TimeEvidence
from edge.journal.schema import ABOUT_SOMEBODY, JOURNAL
from edge.storage.sqlite_connection import SqliteConnection

_LOOK_BACK = 64
"""Punches of one person that are read when there is a correction; that many cover weeks."""
_AMONG_OTHERS = 4
"""Punches of one person that are read beside those of other terminals: more than one day has."""
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
"""The text that `edge.domain.protocol.record.encode` writes into a record whose clock was synchronised."""
_RECENT = "SELECT payload FROM records WHERE seq > (SELECT max(seq) FROM records) - ?"
_ABOUT = f"{_RECENT} AND person = ? ORDER BY seq"
_LAST_OF_KIND = f"{_RECENT} AND kind = ? ORDER BY seq DESC LIMIT 1"
_LAST_PAYLOAD = "SELECT payload FROM records ORDER BY seq DESC LIMIT 1"


class JournalHistory(SqliteConnection):
    """The queries; `edge.journal.journal.Journal` opens the file."""

    def hash_at(self, seq: int) -> str | None:
        """sha256 of a record's payload; None when the record is not in the journal. Raises JournalError."""
        payload = self.payload_at(seq)
        return None if payload is None else payload_hash(payload)

    def payload_at(self, seq: int) -> bytes | None:
        """A record's payload; None when the record is not in the journal. Raises JournalError."""
        with JOURNAL.guard(self.path):
            row = self._db.execute("SELECT payload FROM records WHERE seq = ?", (seq,)).fetchone()
        return None if row is None else bytes(row[0])

    def recent(self, person: str, *, among_others: bool = False, corrected_elsewhere: bool = False) -> list[Record]:
        """The records that tell a person's last punch that counts: the last punch, and more of them after a
        correction.

        Without a correction since the last punch, that punch alone decides: a punch that was corrected earlier
        cannot be the later one. `among_others`: punches of other terminals are compared with these, so that more
        are needed. `corrected_elsewhere`: corrections made there may void each of them, so that as many are needed
        as after a correction here. Raises JournalError, RecordError.
        """
        most = _LOOK_BACK if corrected_elsewhere else _AMONG_OTHERS if among_others else 1
        with JOURNAL.guard(self.path):
            punches = self._db.execute(_PUNCHES, (person, most)).fetchall()
            last = punches[-1][0] if punches else 0
            if self._db.execute(f"{_CORRECTIONS} LIMIT 1", (person, last)).fetchone() is not None:
                punches = self._db.execute(_PUNCHES, (person, _LOOK_BACK)).fetchall()
                first = punches[-1][0] if punches else 0
                punches += self._db.execute(_CORRECTIONS, (person, first)).fetchall()
        return [decode(payload) for _, payload in punches]

    def about(self, person: str, limit: int) -> list[bytes]:
        """The payloads that name a person, among the last `limit` records, in their order. Raises JournalError."""
        with JOURNAL.guard(self.path):
            return [payload for (payload,) in self._db.execute(_ABOUT, (limit, person))]

    def last_of_kind(self, kind: str, limit: int) -> Record | None:
        """The newest record of a kind among the last `limit` records; None without one. Raises JournalError,
        RecordError.
        """
        with JOURNAL.guard(self.path):
            row = self._db.execute(_LAST_OF_KIND, (limit, kind)).fetchone()
        return None if row is None else decode(row[0])

    def words(self, person: str | None = None) -> list[tuple[str, str, int]]:
        """(person, kind, seq) of the last `consent`, `enrolled`, `erased` and `restricted` of one person, or of
        everybody.

        The query needs an index alone, so it is as fast in a full journal as in an empty one. Raises JournalError.
        """
        whose, given = ("", ()) if person is None else (" AND person = ?", (person,))
        with JOURNAL.guard(self.path):
            return self._db.execute(f"{_WORDS}{whose} GROUP BY person, kind", given).fetchall()

    def consents_before(self, person: str, seq: int) -> list[Record]:
        """The `consent` records of a person before record `seq`, in their order. Raises JournalError,
        RecordError.
        """
        with JOURNAL.guard(self.path):
            rows = self._db.execute(_CONSENTS, (person, seq)).fetchall()
        return [decode(payload) for (payload,) in rows]

    def taken_at(self, command_id: str) -> int | None:
        """The number of the record that tells the outcome of a command.

        None for a command that was never taken, or so long ago that it was forgotten. Raises JournalError.
        """
        with JOURNAL.guard(self.path):
            row = self._db.execute("SELECT seq FROM commands WHERE id = ?", (command_id,)).fetchone()
        return None if row is None else int(row[0])

    def results(self, after: int, *words: str) -> list[tuple[str, Record]]:
        """(id of the command, its result record) of each command of the kinds `words` with seq > `after`, in their
        order.

        Only remembered commands are found. It is as fast in a full journal. Raises JournalError, RecordError.
        """
        with JOURNAL.guard(self.path):
            rows = self._db.execute(_RESULTS, (after,)).fetchall()
        found = [(taken, decode(payload)) for taken, payload in rows if any(_says(payload, word) for word in words)]
        return [(taken, record) for taken, record in found if record.data.get("command") in words]

    def taken(self) -> list[tuple[str, int]]:
        """Id and seq of every command that is remembered, ordered by seq. Raises JournalError."""
        with JOURNAL.guard(self.path):
            return self._db.execute("SELECT id, seq FROM commands ORDER BY seq").fetchall()

    def enrolments(self) -> list[tuple[str, Record]]:
        """(id of the act, its record) of each act whose record is `enrolled` or `consent`, in their order.

        Only remembered commands are found. Raises JournalError, RecordError.
        """
        with JOURNAL.guard(self.path):
            rows = self._db.execute(_ENROLMENTS).fetchall()
        return [(taken, decode(payload)) for taken, payload in rows]

    def over_by(self, seq: int) -> str | None:
        """An instant at which record `seq` had surely been made: the `utc` of the first record from `seq` on whose
        clock was synchronised.

        None where there is no such record. Raises JournalError, RecordError.
        """
        with JOURNAL.guard(self.path):
            row = self._db.execute(_SET, (seq, _SYNCHRONISED)).fetchone()
        return None if row is None else decode(row[0]).time.utc

    def last_time(self) -> TimeEvidence | None:
        """The time of the last record; None when there is no record. Raises JournalError."""
        with JOURNAL.guard(self.path):
            row = self._db.execute(_LAST_PAYLOAD).fetchone()
        return None if row is None else decode(row[0]).time


def _says(payload: bytes, word: str) -> bool:
    """Whether a payload may be a result of this kind of command. This cheap test spares the decoding of all
    others.
    """
    return f'"command":"{word}"'.encode() in payload
