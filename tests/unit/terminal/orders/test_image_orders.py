"""Evidence images leave by a genuine order alone, as they were sealed, and go with the person."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nacl.public import PrivateKey, SealedBox
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record import Origin, decode
from edge.domain.vocabulary import ErasureReason
from edge.errors import EvidenceError, JournalError
from edge.evidence_images import sealed_image
from edge.evidence_images.store import EvidenceStore, opened
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.operator import actions, hand_over
from edge.terminal.orders.order_handler import OrderHandler
from edge.terminal.outbox.flush import flush
from edge.terminal.uplink.verified_messages import CentreMessages, SealedOrder
from tests.support.clock import NOW, HandClock
from tests.support.people import CONSENT, POLICY

GATE = Origin("hq", "gate-1")
IDENTITY, AUTHORITY, OTHER = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
KEY = PrivateKey(bytes([7]) * 32)
ISSUED, EXPIRES = "2026-03-02T07:00:00.000Z", "2026-04-02T07:00:00.000Z"
DAY = 24 * 3_600_000


class PowerCut(BaseException):
    """The process ends here."""


class Bench:
    """A terminal's files, and an authority over them."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock, self.count = root, HandClock(step_s=60), 0
        self.people = People(root / "people.db", bytes(32))
        self.journal = Journal(root / "journal.db", GATE, IDENTITY)
        self.orders = OrderHandler(
            GATE, IDENTITY, AUTHORITY.verify_key, lambda: People(root / "people.db", bytes(32)), POLICY, self.clock
        )

    def close(self) -> None:
        self.orders.close()
        self.people.close()
        self.journal.close()

    def enrol(self) -> str:
        person = new_person_id()
        self.people.enrol(person, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        return person

    def image(self, person: str, number: int) -> tuple[str, bytes]:
        record = f"gate-1/{'e' * 32}/{number}"
        sealed = sealed_image.seal(record, person, self.clock.found.utc, b"a picture" * 200, KEY.public_key)
        with opened(self.root / "evidence.db", self.clock.found, make=True) as store:
            assert store is not None
            assert store.keep(record, person, self.clock.found, sealed, 5_000_000)
        return record, sealed

    def images(self) -> list[str]:
        with opened(self.root / "evidence.db", self.clock.found) as store:
            return [] if store is None else [one.record for one in store.stills()]

    def give(self, word: Word, key: SigningKey = AUTHORITY, terminal: str = "gate-1", **fields: Any) -> bool:
        self.count += 1
        order = Order(f"{self.count:032x}", "hq", (terminal,), self.count, ISSUED, EXPIRES, word, fields)
        return self.send(dsse.to_wire(dsse.sign(Order.PAYLOAD_TYPE, order.encode(), key)))

    def send(self, wire: bytes) -> bool:
        self.wire = wire
        message = CentreMessages(GATE, {}, orders=True).open(topics.command(GATE), wire)
        return isinstance(message, SealedOrder) and self.orders.take(message.envelope, self.journal)

    def said(self) -> list[tuple[str, str, str]]:
        found = [decode(dsse.parse(one.wire).payload) for one in self.journal.envelopes(0, 1000)]
        results = [one.data for one in found if one.kind == "command-result"]
        return [(str(one["command"]), str(one["outcome"]), str(one["detail"])) for one in results]

    def released(self) -> list[Path]:
        return sorted(self.root.rglob("*.stills"))

    def everything(self) -> bytes:
        return b"".join(file.read_bytes() for file in sorted(self.root.rglob("*")) if file.is_file())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_the_named_images_are_handed_out_as_they_were_sealed(bench: Bench) -> None:
    ann = bench.enrol()
    record, sealed = bench.image(ann, 1)
    bench.image(ann, 2)
    assert bench.give(Word.RELEASE_EVIDENCE, person=ann, records=[record], ground="dispute")
    ((word, outcome, detail),) = bench.said()
    (path,) = bench.released()
    assert (word, outcome) == ("release-evidence", "done")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in detail
    assert path.name in detail
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == [f"{'e' * 32}-1.still", "index.json"]
        assert archive.read(f"{'e' * 32}-1.still") == sealed
        (row,) = json.loads(archive.read("index.json"))
    assert (row["record"], row["person"], row["age_known"]) == (record, ann, True)
    assert sealed_image.open_sealed(sealed, KEY).jpeg == b"a picture" * 200
    assert len(bench.images()) == 2
    assert not bench.send(bench.wire), "a replay changes nothing"


def test_a_hostile_order_releases_and_deletes_nothing(bench: Bench) -> None:
    ann = bench.enrol()
    record, _ = bench.image(ann, 1)
    fields = {"person": ann, "records": [record], "ground": "dispute"}
    assert not bench.give(Word.RELEASE_EVIDENCE, key=OTHER, **fields)
    assert not bench.give(Word.RELEASE_EVIDENCE, key=IDENTITY, **fields)
    assert not bench.give(Word.RELEASE_EVIDENCE, terminal="gate-2", **fields)
    assert not bench.give(Word.DELETE_EVIDENCE, key=OTHER, whose="*")
    assert not bench.give(Word.DELETE_EVIDENCE, terminal="gate-2", whose="*")
    document = json.loads(bench.wire)
    assert not bench.send(json.dumps({**document, "signatures": []}).encode())
    bench.clock.found = replace(NOW, synchronised=False, boot_id="c" * 36)
    bench.orders._anchor = None
    assert not bench.give(Word.RELEASE_EVIDENCE, **fields), "who does not know the time hands out nothing"
    assert (bench.said(), bench.released(), bench.images()) == ([], [], [record])


@pytest.mark.parametrize("case", ["unknown record", "another person's", "one of two unknown", "no store at all"])
def test_what_is_not_kept_of_this_person_is_refused_whole(bench: Bench, case: str) -> None:
    ann, bob = bench.enrol(), bench.enrol()
    unknown = f"gate-1/{'e' * 32}/9"
    record = unknown
    if case != "no store at all":
        record, _ = bench.image(ann, 1)
    records = {"unknown record": [unknown], "one of two unknown": [record, unknown]}.get(case, [record])
    person = bob if case == "another person's" else ann
    assert bench.give(Word.RELEASE_EVIDENCE, person=person, records=records, ground="court-order")
    assert [(word, outcome) for word, outcome, _ in bench.said()] == [("release-evidence", "refused")]
    assert bench.released() == []


def test_what_nobody_can_date_is_not_released(bench: Bench) -> None:
    ann = bench.enrol()
    bench.clock.found = replace(NOW, synchronised=False)
    record, _ = bench.image(ann, 1)
    bench.clock.found = replace(NOW, boot_id="c" * 36, boottime_ms=1)
    assert bench.give(Word.RELEASE_EVIDENCE, person=ann, records=[record], ground="dispute")
    assert [(word, outcome) for word, outcome, _ in bench.said()] == [("release-evidence", "refused")]
    assert bench.released() == []


def test_a_copy_that_waits_goes_on_the_day_of_its_image(bench: Bench) -> None:
    ann = bench.enrol()
    record, sealed = bench.image(ann, 1)
    assert bench.give(Word.RELEASE_EVIDENCE, person=ann, records=[record], ground="dispute")
    assert sealed[50:150] in bench.everything()
    bench.clock.found = replace(NOW, boottime_ms=NOW.boottime_ms + 90 * DAY)
    assert bench.images() == []
    assert bench.released() == []
    assert sealed[50:150] not in bench.everything()


@pytest.mark.parametrize("how", ["erase", "withdraw", "employment-ended", "under-age", "by hand: erase",
                                 "by hand: withdraw", "delete-evidence", "by hand: delete"])  # fmt: skip
def test_a_persons_images_and_copies_go_with_them_and_nobody_elses(bench: Bench, how: str) -> None:
    ann, bob = bench.enrol(), bench.enrol()
    record, sealed = bench.image(ann, 1)
    his, _ = bench.image(bob, 2)
    assert bench.give(Word.RELEASE_EVIDENCE, person=ann, records=[record], ground="dispute")
    assert sealed[50:150] in bench.everything(), "the scan finds what is there"
    parts: dict[str, Any] = {"people": bench.people, "journal": bench.journal, "clock": bench.clock, "by": "uid:7"}
    match how:
        case "erase":
            assert bench.give(Word.ERASE, person=ann, reason="requested")
        case "withdraw":
            assert bench.give(Word.WITHDRAW, person=ann)
        case "employment-ended":
            assert bench.give(Word.EMPLOYMENT_ENDED, person=ann, at="2026-03-02T07:30:00.000Z")
        case "under-age":
            assert bench.give(Word.UNDER_AGE, person=ann)
        case "by hand: erase":
            actions.erase(ann, ErasureReason.REQUESTED, **parts)
        case "by hand: withdraw":
            actions.withdraw(ann, POLICY, **parts)
        case "delete-evidence":
            assert bench.give(Word.DELETE_EVIDENCE, whose=ann)
        case _:
            assert actions.delete_images(ann, **parts) == 1
    assert bench.images() == [his]
    assert bench.released() == []
    content = bench.everything()
    assert not any(sealed[at : at + 64] in content for at in range(0, len(sealed) - 64, 64))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deletion_by_hand_that_was_cut_short_is_on_record_as_begun(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    ann = bench.enrol()
    bench.image(ann, 1)
    parts = {"people": bench.people, "journal": bench.journal, "clock": bench.clock, "by": "4711"}
    remove = actions.remove_images

    def cut(*words: Any) -> int:
        if when == "after":
            remove(*words)
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(actions, "remove_images", cut)
        with pytest.raises(PowerCut):
            actions.delete_images(ann, **parts)
    assert flush(bench.people, bench.journal, bench.clock, interrupted=True) == 1
    ((command, outcome, detail),) = bench.said()
    assert (command, outcome) == ("delete-evidence", "partly")
    assert "give it again" in detail
    assert actions.delete_images(ann, **parts) == (1 if when == "before" else 0)
    assert [outcome for _, outcome, _ in bench.said()] == ["partly", "done"]
    assert bench.images() == []


def test_all_images_go_by_an_order_even_where_nobody_knows_the_time(bench: Bench) -> None:
    bench.image(bench.enrol(), 1)
    bench.image(bench.enrol(), 2)
    bench.clock.found = replace(NOW, synchronised=False, boot_id="c" * 36)
    assert bench.give(Word.DELETE_EVIDENCE, whose="*")
    assert bench.images() == []
    assert bench.said() == [("delete-evidence", "done", "2 images deleted, of everybody")]


@pytest.mark.parametrize("whose", ["hers", "everybody's"])
@pytest.mark.parametrize("when", ["before the deletion", "within it", "before its record"])
def test_a_deletion_that_was_cut_short_is_completed_and_told_with_its_number(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, when: str, whose: str
) -> None:
    ann, bob = bench.enrol(), bench.enrol()
    _, sealed = bench.image(ann, 1)
    bench.image(ann, 2)
    kept, _ = bench.image(bob, 3)

    def cut(*_: object) -> None:
        raise PowerCut

    place: tuple[Any, ...] = {
        "before the deletion": ("edge.terminal.outbox.flush.remove_images",),
        "within it": (EvidenceStore, "_clear") if whose == "hers" else ("edge.evidence_images.store.create",),
        "before its record": (Journal, "take_command"),
    }[when]
    with monkeypatch.context() as patched:
        patched.setattr(*place, cut)
        with pytest.raises(PowerCut):
            bench.give(Word.DELETE_EVIDENCE, whose=ann if whose == "hers" else "*")
    assert bench.said() == []
    assert flush(bench.people, bench.journal, bench.clock, interrupted=True) == 1
    number = "2 images deleted" if whose == "hers" else "3 images deleted, of everybody"
    said = [("delete-evidence", "done", f"{number}; completed after an interruption")]
    assert bench.said() == said
    assert bench.images() == ([kept] if whose == "hers" else [])
    assert sealed[50:150] not in bench.everything()
    assert not bench.send(bench.wire), "it was taken"
    assert bench.said() == said


def test_a_store_that_cannot_be_written_now_keeps_the_order_and_its_record_until_it_can(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = bench.enrol()
    bench.image(ann, 1)

    def busy(*_: object) -> None:
        raise EvidenceError("another process reads it")

    with monkeypatch.context() as patched:
        patched.setattr(EvidenceStore, "_clear", busy)
        assert bench.give(Word.DELETE_EVIDENCE, whose=ann)
        bench.orders.look(bench.journal)
    assert bench.said() == []
    bench.orders.look(bench.journal)
    assert bench.said() == [("delete-evidence", "done", "1 image deleted; completed after an interruption")]
    assert bench.images() == []


def test_an_older_people_file_that_owes_a_deletion_deletes_no_image_that_came_after_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = bench.enrol()
    bench.image(ann, 1)
    with monkeypatch.context() as patched:
        patched.setattr(Journal, "take_command", lambda *_: (_ for _ in ()).throw(JournalError("a full disk")))
        with pytest.raises(JournalError):
            bench.give(Word.DELETE_EVIDENCE, whose=ann)
    bench.people.purge()
    copy = bench.people.path.read_bytes()
    assert flush(bench.people, bench.journal, bench.clock, interrupted=True) == 1
    said = bench.said()
    later, _ = bench.image(ann, 2)
    bench.orders.close()
    bench.people.close()
    for path in bench.root.glob("people.db*"):
        path.unlink()
    bench.people.path.write_bytes(copy)
    bench.people = People(bench.people.path, bytes(32))
    assert flush(bench.people, bench.journal, bench.clock, interrupted=True) == 1
    assert (bench.images(), bench.said()) == ([later], said)
    assert bench.people.outbox.pending() == []


def test_by_hand_they_lie_sealed_beside_what_is_handed_out(bench: Bench, tmp_path: Path) -> None:
    ann, bob = bench.enrol(), bench.enrol()
    record, sealed = bench.image(ann, 1)
    parts: dict[str, Any] = {"people": bench.people, "journal": bench.journal, "clock": bench.clock, "by": "uid:7"}
    written = hand_over.access(ann, tmp_path / "hers", GATE, **parts)
    assert sorted(path.name for path in written) == ["data.json", "images.stills", "page.html"]
    assert zipfile.ZipFile(tmp_path / "hers" / "images.stills").read(f"{'e' * 32}-1.still") == sealed
    assert record in (tmp_path / "hers" / "page.html").read_text()
    hand_over.access(bob, tmp_path / "his", GATE, **parts)
    assert "No image of you is kept here" in (tmp_path / "his" / "page.html").read_text()
    assert not (tmp_path / "his" / "images.stills").exists()


def test_access_lists_the_images_and_hands_them_out_sealed(bench: Bench, tmp_path: Path) -> None:
    ann = bench.enrol()
    record, sealed = bench.image(ann, 1)
    reply = PrivateKey(bytes([9]) * 32)
    assert bench.give(Word.ACCESS, person=ann, reply_key=base64.b64encode(bytes(reply.public_key)).decode())
    (answer,) = tmp_path.rglob("*.sealed")
    archive = zipfile.ZipFile(io.BytesIO(SealedBox(reply).decrypt(answer.read_bytes())))
    found = json.loads(archive.read("data.json"))
    assert [one["record"] for one in found["images"]] == [record]
    assert record in archive.read("page.html").decode()
    (path,) = bench.released()
    assert zipfile.ZipFile(path).read(f"{'e' * 32}-1.still") == sealed
    assert bench.said()[0][2].endswith("; 1 image beside it")
