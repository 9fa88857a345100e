"""The keys that may sign orders for this terminal: the authority's pinned key, and the successors that it named.

Each next key is named in an order that the key before it signed. These orders are kept as they were signed, and
their signatures are verified again at each reading, beginning with the pinned key: a program that can write the
file cannot add a key.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from nacl.signing import VerifyKey

from edge.crypto import dsse
from edge.domain.protocol.order import Order, Word
from edge.errors import RecordError
from edge.people.order_log import OrderBook


@dataclass(slots=True)
class _Link:
    key: VerifyKey
    since: str | None = None
    until: str | None = None
    """`since` and `until` are RFC 3339 UTC; None means that there is no such bound."""
    ended: bool = False
    replaced_by: int | None = None
    """Number of the rotation that names the next key."""


class Authority:
    """The authority's keys; used on the thread of its `OrderBook` alone."""

    def __init__(self, pinned: VerifyKey, book: OrderBook) -> None:
        self._pinned, self._book = pinned, book

    def open(self, envelope: dsse.Envelope, now: str | None) -> Order:
        """The order in an envelope that a key of the authority signed; it may be for another terminal. Raises
        RecordError when it is not genuine, PeopleError.

        `now` is the earliest time that it can be (RFC 3339 UTC with milliseconds and Z), None when the time is
        unknown.
        """
        chain = self._chain(now)
        order = dsse.open(envelope, Order, _counting(chain, now))
        if order.word is Word.ROTATE and envelope.keyid != dsse.key_id(chain[-1].key):
            raise RecordError("order: a key that was replaced names another successor")
        return order

    def reopen(self, raw: bytes) -> Order:
        """An order that was genuine when it came, even if its key has ended. Raises RecordError, PeopleError."""
        keys = {dsse.key_id(link.key): link.key for link in self._chain(None)}
        return dsse.open(raw, Order, keys)

    def keys(self, now: str | None) -> dict[str, VerifyKey]:
        """The keys that count at `now` (see `open`), by key id. Raises PeopleError."""
        return _counting(self._chain(now), now)

    def _chain(self, now: str | None) -> list[_Link]:
        """The keys from the pinned one to the newest. A key whose time is over is marked as ended in the file, so
        that a clock that is set back does not make it count again.
        """
        chain = [_Link(self._pinned)]
        for number, wire, ended in self._book.rotations():
            last = chain[-1]
            rotation = _read(wire, {dsse.key_id(last.key): last.key})
            if rotation is None:
                continue  # altered, or signed under another pinned key than today's
            last.until, last.ended, last.replaced_by = rotation["until"], ended, number
            chain.append(_Link(VerifyKey(base64.b64decode(rotation["key"])), since=rotation["from"]))
        for link in chain:
            over = now is not None and link.until is not None and now >= link.until
            if over and not link.ended and link.replaced_by is not None:
                self._book.end_key(link.replaced_by)
                link.ended = True
        return chain


def _counting(chain: list[_Link], now: str | None) -> dict[str, VerifyKey]:
    return {
        dsse.key_id(link.key): link.key
        for link in chain
        if not link.ended and (now is None or link.since is None or now >= link.since)
    }


def _read(wire: bytes, keys: Mapping[str, VerifyKey]) -> Mapping[str, str] | None:
    try:
        order = dsse.open(wire, Order, keys)
    except RecordError:
        return None
    return order.fields if order.word is Word.ROTATE else None
