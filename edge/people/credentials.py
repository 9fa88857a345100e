"""The badges, staff numbers and PINs of the people of this terminal.

They are encrypted under a key of their own for each person, so a person who withdraws the consent to the use of the
face keeps the badge. A number is looked up by a keyed digest, so the file does not reveal whose badge it is. A PIN
is stored as Argon2id. Erasing a person deletes all of it.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from nacl import pwhash
from nacl.exceptions import InvalidkeyError

from edge.crypto import person_keys
from edge.crypto.person_keys import Vault
from edge.domain.people import card_numbers, credentials
from edge.domain.people.credentials import Token
from edge.domain.protocol.fields import PERSON
from edge.errors import PeopleError
from edge.people.person import unknown_person
from edge.people.schema import PEOPLE

_OPSLIMIT: Final = 3
_MEMLIMIT: Final = 16 * 1024 * 1024
"""Bytes of memory for Argon2id: 16 MiB fit beside the models. Trying out PINs elsewhere needs the storage key
first.
"""

ANOTHERS: Final = "a badge or staff number of theirs is another person's here"
"""The beginning of the reason for which a person's numbers are kept out."""


class CredentialStore:
    """The tables `means` and `tokens` of the people file, on its connection."""

    def __init__(
        self,
        db: sqlite3.Connection,
        path: Path,
        writing: Callable[[], contextlib.AbstractContextManager[None]],
        opened: Callable[[], Vault],
        lasting_key: Callable[[], bytes],
    ) -> None:
        """`lasting_key` stays the same in every epoch: numbers are looked up under it."""
        self._db, self._path, self._writing = db, path, writing
        self._opened, self._lasting_key = opened, lasting_key

    def give(self, person: str, kind: Token, text: str, *, other_card: bool = False) -> bool:
        """Give a person a badge or a staff number; False when the person has it already.

        Raises PeopleError for a person who is unknown or erased, for a text that is not a number, for a number that
        another person has, and for a badge that a person has in another notation, unless it is known to be an
        `other_card`.
        """
        known = credentials.number(text)
        if known is None:
            raise PeopleError(credentials.number_problem(kind, text))
        with self._writing():
            key = self._key(person)
            lookup = self._lookup(kind, known)
            owner = self._owner(lookup)
            if owner is not None and owner != person:
                raise PeopleError(f"that {kind} is another person's here ({owner}); take it from them first")
            if owner is None and kind is Token.BADGE and not other_card:
                noted = self.noted_otherwise(known)
                if noted is not None:
                    raise PeopleError(
                        f"in another notation this is a badge of {noted}; hold the card to this terminal's reader "
                        "(smartclocker people card) and give the number that it shows, or --other-card if it is "
                        "another card"
                    )
            row = (lookup, person, str(kind), person_keys.seal(key, f"token:{kind}", known.encode()))
            self._db.execute(
                "INSERT OR REPLACE INTO tokens (lookup, person, kind, sealed) VALUES (?, ?, ?, ?)", row
            )
        return owner is None

    def take(self, person: str, kind: Token) -> int:
        """Remove a person's badges or staff numbers, for example a lost card; returns how many there were. Raises
        PeopleError.
        """
        with self._writing():
            self._known(person)
            query = "DELETE FROM tokens WHERE person = ? AND kind = ?"
            return self._db.execute(query, (person, str(kind))).rowcount

    def set_pin(self, person: str, pin: str | None) -> None:
        """Set a person's PIN; None removes it. Raises PeopleError."""
        problem = None if pin is None else credentials.pin_problem(pin)
        if problem is not None:
            raise PeopleError(problem)
        with self._writing():
            key = self._key(person)
            hashed = None
            if pin is not None:
                said = pwhash.argon2id.str(pin.encode(), opslimit=_OPSLIMIT, memlimit=_MEMLIMIT)
                hashed = person_keys.seal(key, "pin", said)
            self._db.execute("UPDATE means SET pin = ?, failures = 0 WHERE person = ?", (hashed, person))

    def whose(self, kind: Token, text: str) -> str | None:
        """The person who has this badge or staff number; None when nobody has it. Raises PeopleError."""
        known = credentials.number(text)
        if known is None:
            return None
        with PEOPLE.guard(self._path):
            return self._owner(self._lookup(kind, known))

    def noted_otherwise(self, known: str) -> str | None:
        """The person who has this badge number in another notation, or None. `badge.number` made the number. Raises
        PeopleError.
        """
        with PEOPLE.guard(self._path):
            owners = (self._owner(self._lookup(Token.BADGE, one)) for one in sorted(card_numbers.notations(known)))
            return next((owner for owner in owners if owner is not None), None)

    def has_pin(self, person: str) -> bool:
        """Whether a person has a PIN. Raises PeopleError."""
        with PEOPLE.guard(self._path):
            row = self._db.execute("SELECT pin FROM means WHERE person = ?", (person,)).fetchone()
        return row is not None and row[0] is not None

    def proves(self, person: str | None, pin: str) -> bool:
        """Whether this is the person's PIN. Failures are counted. Raises PeopleError.

        It takes the same time for an unknown person (None), so that the time does not reveal who has a PIN.
        """
        with PEOPLE.guard(self._path):
            query = "SELECT wrapped, pin FROM means WHERE person = ?"
            row = None if person is None else self._db.execute(query, (person,)).fetchone()
        if row is None or row[1] is None or person is None:
            pwhash.argon2id.kdf(32, pin.encode(), bytes(16), opslimit=_OPSLIMIT, memlimit=_MEMLIMIT)
            return False
        hashed = person_keys.unseal(self._opened().unwrap(f"means:{person}", row[0]), "pin", row[1])
        try:
            right = bool(pwhash.verify(hashed, pin.encode()))
        except InvalidkeyError:
            right = False
        change = "failures = 0" if right else "failures = failures + 1"
        with self._writing():
            self._db.execute(f"UPDATE means SET {change} WHERE person = ?", (person,))  # noqa: S608 - our own words
        return right

    def failures(self, person: str) -> int:
        """Number of a person's wrong PINs in a row; it is kept over restarts. Raises PeopleError."""
        with PEOPLE.guard(self._path):
            row = self._db.execute("SELECT failures FROM means WHERE person = ?", (person,)).fetchone()
        return 0 if row is None else int(row[0])

    def overview(self) -> dict[str, tuple[int, int, bool]]:
        """(badges, staff numbers, whether there is a PIN), by person, of everybody who has any of them. Raises
        PeopleError.
        """
        with PEOPLE.guard(self._path):
            rows = self._db.execute(
                "SELECT person, (SELECT count(*) FROM tokens t WHERE t.person = m.person AND kind = ?), "
                "(SELECT count(*) FROM tokens t WHERE t.person = m.person AND kind = ?), pin IS NOT NULL "
                "FROM means m",
                (str(Token.BADGE), str(Token.NUMBER)),
            ).fetchall()
        return {person: (badges, numbers, bool(pin)) for person, badges, numbers, pin in rows}

    def held(self, person: str) -> dict[str, object]:
        """A person's badges and staff numbers, decrypted, and whether there is a PIN, as JSON values. Raises
        PeopleError.
        """
        with PEOPLE.guard(self._path):
            rows = self._db.execute(
                "SELECT kind, wrapped, sealed FROM tokens JOIN means USING (person) "
                "WHERE person = ? ORDER BY lookup",
                (person,),
            ).fetchall()
        found: dict[str, list[str]] = {str(kind): [] for kind in Token}
        for kind, wrapped, sealed in rows:
            key = self._opened().unwrap(f"means:{person}", wrapped)
            found[kind].append(person_keys.unseal(key, f"token:{kind}", sealed).decode())
        return {
            "badges": found[Token.BADGE],
            "staff_numbers": found[Token.NUMBER],
            "pin": self.has_pin(person),
            "supervisor": self.supervisor(person),
        }

    def set_supervisor(self, person: str, number: str | None) -> bool:
        """Let a person open enrolments at the terminal, under a staff number of theirs; None ends that. Returns
        False when it was so. Raises PeopleError for somebody without a badge and a PIN, who could not prove who
        they are.
        """
        with self._writing():
            if self.supervisor(person) == number:
                self._known(person)
                return False
            badges, _, pin = self.overview().get(person, (0, 0, False))
            if number is not None and not (badges and pin):
                raise PeopleError(f"{person}: give them a badge and a PIN first (`people badge`, `people pin`)")
            key = self._key(person)
            sealed = None if number is None else person_keys.seal(key, "supervisor", number.encode())
            self._db.execute("UPDATE means SET supervisor = ? WHERE person = ?", (sealed, person))
        return True

    def supervisor(self, person: str) -> str | None:
        """The staff number of a supervisor; None for everybody else. Raises PeopleError."""
        query = "SELECT wrapped, supervisor FROM means WHERE person = ? AND supervisor NOT NULL"
        with PEOPLE.guard(self._path):
            row = self._db.execute(query, (person,)).fetchone()
        if row is None:
            return None
        return person_keys.unseal(self._opened().unwrap(f"means:{person}", row[0]), "supervisor", row[1]).decode()

    def supervisors(self) -> frozenset[str]:
        """The people who may open an enrolment. Raises PeopleError."""
        with PEOPLE.guard(self._path):
            rows = self._db.execute("SELECT person FROM means WHERE supervisor NOT NULL").fetchall()
        return frozenset(person for (person,) in rows)

    def _known(self, person: str) -> None:
        row = self._db.execute("SELECT erased FROM people WHERE id = ?", (person,)).fetchone()
        if row is None or row[0]:
            raise unknown_person(person)

    def _key(self, person: str) -> bytes:
        """The person's key over badges, numbers and PIN; it is made when there is none. Raises PeopleError."""
        self._known(person)
        context = f"means:{person}"
        row = self._db.execute("SELECT wrapped FROM means WHERE person = ?", (person,)).fetchone()
        if row is not None:
            return self._opened().unwrap(context, row[0])
        key = person_keys.new_person_key()
        wrapped = self._opened().wrap(context, key)
        self._db.execute("INSERT INTO means (person, wrapped) VALUES (?, ?)", (person, wrapped))
        return key

    def _owner(self, lookup: bytes) -> str | None:
        row = self._db.execute("SELECT person FROM tokens WHERE lookup = ?", (lookup,)).fetchone()
        # An altered row has no valid id, and a record cannot name such a person.
        return None if row is None or PERSON.fullmatch(row[0]) is None else str(row[0])

    def _lookup(self, kind: Token, known: str) -> bytes:
        return _digest(self._lasting_key(), kind, known)


def read(db: sqlite3.Connection, opened: Vault, person: str) -> tuple[tuple[tuple[Token, str], ...], str | None]:
    """A person's numbers and the digest of the PIN, for the roster; inside a transaction. Raises PeopleError."""
    row = db.execute("SELECT wrapped, pin FROM means WHERE person = ?", (person,)).fetchone()
    if row is None:
        return (), None
    key = opened.unwrap(f"means:{person}", row[0])
    tokens = db.execute("SELECT kind, sealed FROM tokens WHERE person = ? ORDER BY lookup", (person,)).fetchall()
    numbers = sorted(
        (Token(kind), person_keys.unseal(key, f"token:{kind}", sealed).decode()) for kind, sealed in tokens
    )
    return tuple(numbers), None if row[1] is None else person_keys.unseal(key, "pin", row[1]).decode()


def contested(
    db: sqlite3.Connection, lasting_key: bytes, person: str, tokens: Sequence[tuple[Token, str]]
) -> str | None:
    """Why a person cannot have all of these numbers: another person has one of them here. None when the person
    can.
    """
    for kind, known in tokens:
        lookup = _digest(lasting_key, kind, known)
        row = db.execute("SELECT person FROM tokens WHERE lookup = ? AND person != ?", (lookup, person)).fetchone()
        if row is not None:
            return f"{ANOTHERS} ({row[0]}); take it from them"
    return None


def write(
    db: sqlite3.Connection,
    opened: Vault,
    lasting_key: bytes,
    person: str,
    tokens: Sequence[tuple[Token, str]],
    pin: str | None,
) -> None:
    """Replace a person's numbers and PIN by those of the roster. A number that another person has here stays with
    that person.
    """
    try:
        if read(db, opened, person) == (tuple(sorted(tokens)), pin):
            db.execute("DELETE FROM contested WHERE person = ?", (person,))
            return
    except PeopleError:
        pass  # damaged: the roster's entry repairs it
    failures = db.execute("SELECT failures FROM means WHERE person = ?", (person,)).fetchone()
    supervisor = _supervisor(db, opened, person)
    drop(db, person)
    if not tokens and pin is None:
        return
    key = person_keys.new_person_key()
    hashed = None if pin is None else person_keys.seal(key, "pin", pin.encode())
    proves = pin is not None and any(kind is Token.BADGE for kind, _ in tokens)
    leads = person_keys.seal(key, "supervisor", supervisor) if supervisor is not None and proves else None
    row = (person, opened.wrap(f"means:{person}", key), hashed, 0 if failures is None else failures[0], leads)
    db.execute("INSERT INTO means (person, wrapped, pin, failures, supervisor) VALUES (?, ?, ?, ?, ?)", row)
    rows = [
        (
            _digest(lasting_key, kind, known),
            person,
            str(kind),
            person_keys.seal(key, f"token:{kind}", known.encode()),
        )
        for kind, known in tokens
    ]
    db.executemany("INSERT OR IGNORE INTO tokens (lookup, person, kind, sealed) VALUES (?, ?, ?, ?)", rows)
    db.executemany(
        "INSERT INTO contested (lookup, person) "
        "SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM tokens WHERE lookup = ?1 AND person != ?2)",
        [(lookup, person) for lookup, *_ in rows],
    )


def _supervisor(db: sqlite3.Connection, opened: Vault, person: str) -> bytes | None:
    """The staff number of a supervisor, who stays one when the roster brings another badge; None when damaged."""
    row = db.execute("SELECT wrapped, supervisor FROM means WHERE person = ?", (person,)).fetchone()
    if row is None or row[1] is None:
        return None
    with contextlib.suppress(PeopleError):
        return person_keys.unseal(opened.unwrap(f"means:{person}", row[0]), "supervisor", row[1])
    return None


def claim(
    db: sqlite3.Connection, opened: Vault, lasting_key: bytes, person: str, tokens: Sequence[tuple[Token, str]]
) -> str | None:
    """Give a person those numbers of an entry that another person had when it was written, if they are free now.

    Returns the same as `contested`. All other numbers stay as they are: a number that was removed by hand since
    then does not come back.
    """
    waiting = {row[0] for row in db.execute("SELECT lookup FROM contested WHERE person = ?", (person,))}
    mine = [(kind, known) for kind, known in tokens if _digest(lasting_key, kind, known) in waiting]
    row = db.execute("SELECT wrapped FROM means WHERE person = ?", (person,)).fetchone() if mine else None
    if row is None:
        return None
    try:
        key = opened.unwrap(f"means:{person}", row[0])
    except PeopleError:
        return contested(db, lasting_key, person, mine)  # damaged: the next entry repairs it
    for kind, known in mine:
        lookup = _digest(lasting_key, kind, known)
        if db.execute("SELECT 1 FROM tokens WHERE lookup = ?", (lookup,)).fetchone() is None:
            sealed = person_keys.seal(key, f"token:{kind}", known.encode())
            db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?)", (lookup, person, str(kind), sealed))
            db.execute("DELETE FROM contested WHERE person = ? AND lookup = ?", (person, lookup))
    return contested(db, lasting_key, person, mine)


def _digest(lasting_key: bytes, kind: Token, known: str) -> bytes:
    said = f"{kind}:{known}".encode()
    return hashlib.blake2b(said, key=lasting_key, digest_size=32, person=b"sc-token-v1").digest()


def drop(db: sqlite3.Connection, person: str) -> None:
    """Delete a person's numbers and PIN; inside a transaction."""
    db.execute("DELETE FROM tokens WHERE person = ?", (person,))
    db.execute("DELETE FROM contested WHERE person = ?", (person,))
    db.execute("DELETE FROM means WHERE person = ?", (person,))


def rewrap(db: sqlite3.Connection, old: Vault, fresh: Vault) -> None:
    """Wrap everybody's keys under another epoch; inside a transaction."""
    for person, wrapped in db.execute("SELECT person, wrapped FROM means").fetchall():
        context = f"means:{person}"
        try:
            anew = fresh.wrap(context, old.unwrap(context, wrapped))
        except PeopleError:
            continue  # damaged: it opens under no epoch, and must not prevent the erasure of others
        db.execute("UPDATE means SET wrapped = ? WHERE person = ?", (anew, person))
