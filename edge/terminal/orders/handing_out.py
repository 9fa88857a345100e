"""Orders that write a file, which waits here to be collected: a person's data, or images of punches."""

import base64
import hashlib

from nacl.public import PublicKey

from edge.crypto.curve_points import can_be_sealed_to
from edge.domain.plural import counted
from edge.domain.protocol.order import NOBODY_HERE, Order, Word
from edge.domain.protocol.order_outcome import OrderOutcome, done, refused
from edge.domain.time.evidence import TimeEvidence
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.terminal.orders import image_orders
from edge.terminal.subject_access import report

HANDING_OUT = frozenset({Word.ACCESS, Word.RELEASE_EVIDENCE})
"""These orders are kept in the people file until their file is written, so that no file lies here without a
record.
"""


def hand_out(order: Order, people: People, journal: Journal, now: TimeEvidence) -> OrderOutcome:
    """Write the file of such an order, durably. If an order is carried out again, its new file replaces the first.

    Raises PeopleError, JournalError, TransferError.
    """
    if order.word is Word.RELEASE_EVIDENCE:
        return image_orders.release(order, people.path.parent, now)
    return _answer(order, order.person or "", people, journal, now)


def _answer(order: Order, person: str, people: People, journal: Journal, now: TimeEvidence) -> OrderOutcome:
    state = people.path.parent
    if not people.holds(person):
        return refused(NOBODY_HERE)
    reply_key = PublicKey(base64.b64decode(order.fields["reply_key"]))
    if not can_be_sealed_to(reply_key):
        return refused("the reply key is no point of its curve: nobody could open the answer")
    kept = image_orders.listed(state, person, now)
    found = report.collect(person, now.utc, journal.origin, people, journal, kept)
    sealed = report.seal(found, bytes(reply_key))
    path = report.keep(state / report.FOLDER, order.id, person, sealed)
    sha256 = hashlib.sha256(sealed).hexdigest()
    count = image_orders.accompany(order, state, now)
    beside = f"; {counted(count, 'image')} beside it" if count else ""
    return done(f"sealed in {report.FOLDER}/{path.name}, sha256 {sha256}{beside}")
