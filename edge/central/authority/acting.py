"""Acts of an operator at the centre: each holds the lock, uses the key in force and is in the audit log.

An act is noted before its first change and entered in the log after its last one. If it is interrupted in between,
the note stays, and the next act enters it as interrupted. So nothing is done that the log does not name.
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
    """One act while it is carried out."""

    registry: OrderRegister
    doing: Actor
    act: Act
    person: str | None
    number: int | None = None
    """The number of the note; None before `begin`."""

    def begin(self, data: Mapping[str, Any]) -> None:
        """Notes the act. Call it after all checks and before the first change."""
        self.number = self.registry.begin(self.doing, self.act, data, self.person)

    def begin_about(self, person: str, data: Mapping[str, Any]) -> None:
        """Notes the act as one about `person`, who became known only now."""
        self.person = person
        self.begin(data)

    def cancel(self) -> None:
        """Removes the note, because nothing was changed."""
        if self.number is not None:
            self.registry.undone(self.number)
            self.number = None


@dataclass(frozen=True)
class OpenAuthority:
    """The authority with its key and its log open, under the lock; `turn_of` opens it."""

    registry: OrderRegister
    key: SigningKey
    doing: Actor

    @contextlib.contextmanager
    def act(self, act: Act, person: str | None = None) -> Iterator[Noted]:
        """An act that is begun inside the block is entered in the log at its end. If the block raises, the note
        stays.
        """
        noted = Noted(self.registry, self.doing, act, person)
        yield noted
        if noted.number is not None:
            self.registry.done(self.key, noted.number)


@contextlib.contextmanager
def turn_of(directory: Path, doing: Actor) -> Iterator[OpenAuthority]:
    """Opens the authority's key and log for one or a few acts, under the lock. Raises KeyFileError, LedgerError."""
    authority_key.refuse_none(directory)
    with lock.held(directory):
        key = authority_key.in_force(directory)
        with OrderRegister(directory / authority_key.DB) as registry:
            registry.settle(key)
            yield OpenAuthority(registry, key, doing)


@dataclass(frozen=True)
class Book:
    """The place where commands about the ledger and certificates enter their acts; `book_of` opens it."""

    authority: OpenAuthority | None

    @contextlib.contextmanager
    def act(self, act: Act, data: Mapping[str, Any]) -> Iterator[None]:
        """Enters what is done inside the block. A refusal changed nothing and leaves no entry."""
        if self.authority is None:
            yield
            return
        with self.authority.act(act) as noted:
            noted.begin(data)
            try:
                yield
            except (LedgerRefused, NameRefused):
                noted.cancel()
                raise


@contextlib.contextmanager
def book_of(directory: Path, doing: Actor) -> Iterator[Book]:
    """The book of the authority in `directory`. Without one there is no audit log, and acts are not entered.

    Raises KeyFileError, LedgerError.
    """
    if not any((directory / one).exists() for one in (authority_key.KEY, authority_key.NEXT, authority_key.DB)):
        yield Book(None)
        return
    with turn_of(directory, doing) as authority:
        yield Book(authority)
