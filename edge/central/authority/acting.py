"""Somebody acts at the centre: the turn is theirs, the key is the one in force, and what they do is in the log.

An act is noted before its first change and entered after its last one. A kill, a locked file or a full disk in
between leaves the note, which the next act enters as interrupted; so nothing is done that the log does not say.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from edge.central.authority import authority_key, lock
from edge.central.authority.register import Actor, OrderRegister
from edge.domain.protocol.audit_entry import Act
from edge.errors import LedgerRefused, NameRefused


@dataclass
class Noted:
    """One act, while it is done."""

    registry: OrderRegister
    doing: Actor
    act: Act
    person: str | None
    number: int | None = None
    """Of the note; None while nothing was begun."""

    def begin(self, data: Mapping[str, Any]) -> None:
        """All was checked, and the first change follows."""
        self.number = self.registry.begin(self.doing, self.act, data, self.person)

    def begin_about(self, person: str, data: Mapping[str, Any]) -> None:
        """The same about somebody who is known by now."""
        self.person = person
        self.begin(data)

    def cancel(self) -> None:
        """It changed nothing after all."""
        if self.number is not None:
            self.registry.undone(self.number)
            self.number = None


@dataclass(frozen=True)
class AuthoritySession:
    """Whoever acts has it; see `turn_of`."""

    registry: OrderRegister
    key: SigningKey
    doing: Actor

    @contextlib.contextmanager
    def act(self, act: Act, person: str | None = None) -> Iterator[Noted]:
        """What is begun inside is entered at the end; what raises after it was begun stays noted."""
        noted = Noted(self.registry, self.doing, act, person)
        yield noted
        if noted.number is not None:
            self.registry.done(self.key, noted.number)


@contextlib.contextmanager
def turn_of(directory: Path, doing: Actor) -> Iterator[AuthoritySession]:
    """The authority's key and log for one act or a few. Raises KeyFileError, LedgerError."""
    authority_key.refuse_none(directory)
    with lock.held(directory):
        key = authority_key.in_force(directory)
        with OrderRegister(directory / authority_key.DB) as registry:
            registry.settle(key)
            yield AuthoritySession(registry, key, doing)


@dataclass(frozen=True)
class Book:
    """Where the ledger's and the certificates' verbs enter what they do; see `book_of`."""

    session: AuthoritySession | None

    @contextlib.contextmanager
    def act(self, act: Act, data: Mapping[str, Any]) -> Iterator[None]:
        """What is done inside is on record with this; what is refused changed nothing and leaves no entry."""
        if self.session is None:
            yield
            return
        with self.session.act(act) as noted:
            noted.begin(data)
            try:
                yield
            except (LedgerRefused, NameRefused):
                noted.cancel()
                raise


@contextlib.contextmanager
def book_of(directory: Path, doing: Actor) -> Iterator[Book]:
    """A turn where an authority is; elsewhere there is no log, and what is done stands in the ledger's files alone.

    Raises KeyFileError, LedgerError.
    """
    if not any((directory / one).exists() for one in (authority_key.KEY, authority_key.NEXT, authority_key.DB)):
        yield Book(None)
        return
    with turn_of(directory, doing) as session:
        yield Book(session)
