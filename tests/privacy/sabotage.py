"""Break one promise on purpose: the row that it belongs to must fail, or the table proves nothing."""

import base64
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from edge.central.roster import order_follower
from edge.cli.central import roster_publish
from edge.crypto import dsse, site_key
from edge.domain.protocol.order import Order
from edge.domain.recognition.enrolled_faces import EnrolledFaces
from edge.domain.recognition.gallery import Gallery
from edge.people import erasure
from edge.terminal.attendance.attend_loop import Attend
from edge.terminal.attendance.punch_recorder import Recorder
from edge.terminal.operator import enrolment
from edge.terminal.orders import authority_keys, order_handler


def _keep_template() -> Any:
    """Erasure drops the key and leaves the sealed templates where they are."""
    real = erasure.erase

    def erase(db: Any, old: Any, fresh: Any, person: str, *rest: Any) -> int:
        rows = db.execute("SELECT model_id, count, sealed FROM templates WHERE person = ?", (person,)).fetchall()
        gone = real(db, old, fresh, person, *rest)
        db.executemany("INSERT INTO templates VALUES (?, ?, ?, ?)", [(person, *row) for row in rows])
        return gone

    return patch.object(erasure, "erase", erase)


def _clear_roster() -> Any:
    """The roster travels in the clear."""

    def encrypt(_key: bytes, plaintext: bytes, _bound: bytes) -> bytes:
        return b"n" * 24 + plaintext

    def decrypt(_key: bytes, sealed: bytes, _bound: bytes) -> bytes:
        return sealed[24:]

    return patch.multiple(site_key, encrypt=encrypt, decrypt=decrypt)


def _match_withdrawn() -> Any:
    """The attending loop goes on with everybody whom it once knew."""
    real = EnrolledFaces.replace

    def replace(self: EnrolledFaces, gallery: Gallery, shift: float) -> bool:
        return real(self, gallery if gallery.size >= self.gallery.size else self.gallery, shift)

    return patch.object(EnrolledFaces, "replace", replace)


def _score() -> Any:
    """Each punch says how alike the face was."""
    real = Recorder.append

    def append(self: Recorder, kind: Any, data: Any, evidence: Any) -> Any:
        return real(self, kind, {**data, "score": 0.8125} if kind == "punch" else data, evidence)

    return patch.object(Recorder, "append", append)


def _obey_anybody() -> Any:
    """Orders are obeyed whoever signed them."""

    def take(_self: Any, envelope: dsse.Envelope, _now: str | None) -> Order:
        return Order.decode(envelope.payload)

    return patch.object(authority_keys.Authority, "open", take)


def _log_name() -> Any:
    """Enrolment logs whom it enrols."""
    real = enrolment.enrol

    def enrol(name: str, *rest: Any, **more: Any) -> Any:
        logging.getLogger("edge.terminal.operator.enrolment").info("enrolled %s", name)
        return real(name, *rest, **more)

    return patch.object(enrolment, "enrol", enrol)


def _end_early() -> Any:
    """A terminal believes that it is ten years later."""
    return patch.object(order_handler, "not_before", lambda _evidence, _anchor: "2099-01-01T00:00:00.000Z")


def _keep_stranger() -> Any:
    """Whoever is looked at is kept in a file, in base64."""
    real = Attend._attend

    def attend(self: Attend, frame: Any, now_ms: int) -> None:
        sight = self._sights._pipeline.look(frame)
        if sight.probe is not None:
            with self._people.path.with_name("seen").open("ab") as file:
                file.write(base64.b64encode(sight.probe.embedding.tobytes()))
        real(self, frame, now_ms)

    return patch.object(Attend, "_attend", attend)


def _keep_image() -> Any:
    """What is over is never deleted: an image is thought to be of today."""
    return patch("edge.domain.privacy.image_retention.expired", lambda _one, _passage: False)


def _forget_order() -> Any:
    """The roster does not follow an order; only the terminals obey it."""
    return patch.object(order_follower, "follow", lambda _session, _store, _found: [])


def _believe_backup() -> Any:
    """What is published is what the files say, wherever they come from."""
    return patch.multiple(
        roster_publish, _heal=lambda *_rest: None, _adopt=lambda *_rest, **_more: None,
        _follow=lambda *_rest: [],
    )  # fmt: skip


_MADE: dict[str, tuple[str, Callable[[], Any]]] = {
    "keep-template": ("erasure", _keep_template),
    "name-in-traffic": ("traffic", _clear_roster),
    "match-withdrawn": ("withdrawal", _match_withdrawn),
    "score-in-record": ("fields", _score),
    "obey-anybody": ("hostile", _obey_anybody),
    "name-in-log": ("logs", _log_name),
    "end-early": ("termination", _end_early),
    "keep-stranger": ("purpose", _keep_stranger),
    "keep-image": ("images", _keep_image),
    "forget-order": ("leaving", _forget_order),
    "believe-backup": ("comeback", _believe_backup),
}
WORDS = tuple(_MADE)
ROWS = {word: row for word, (row, _) in _MADE.items()}
"""Which promise each breaks."""


@contextmanager
def of(word: str) -> Iterator[None]:
    """Broken inside; nothing for no word."""
    if not word:
        yield
        return
    with _MADE[word][1]():
        yield
