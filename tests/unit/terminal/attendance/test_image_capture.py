"""Taking evidence images: never in the way of a punch, whatever fails, and only of who is enrolled."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from edge.domain.face import Box, Frame, Sight
from edge.domain.protocol.record import Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.evidence_images import sealed_image
from edge.evidence_images.store import EvidenceStore, forget_images, opened
from edge.journal.journal import Journal, Stored
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.attendance.image_capture import WAITING, CaptureSettings, ImageCapture
from edge.terminal.runtime.alarms import Alarm
from tests.support.clock import NOW, HandClock
from tests.support.people import CONSENT, POLICY
from tests.support.records import punch_data

KEY = PrivateKey(bytes(range(32)))
FRAME = Frame(np.random.default_rng(1).integers(0, 255, (480, 640, 3), np.uint8), 0)
SIGHT = Sight(0, Box(200, 100, 400, 350))
DAY_S = 24 * 3_600


class Bench:
    def __init__(self, root: Path) -> None:
        self.root, self.clock = root, HandClock()
        self.path = root / "evidence.db"
        self.people = self.open()
        self.journal = Journal(root / "journal.db", Origin("hq", "gate-1"), SigningKey(bytes(32)))
        self.capture = ImageCapture(
            self.path, self.clock, self.open, lambda: CaptureSettings(KEY.public_key, 2_000_000, 320)
        )

    def open(self) -> People:
        return People(self.root / "people.db", bytes(32))

    def enrol(self) -> str:
        person = new_person_id()
        self.people.enrol(person, "Ann", CONSENT, POLICY, np.eye(3, 192, dtype=np.float32), "m")
        return person

    def punch(self, person: str, kind: Kind = Kind.PUNCH) -> Stored:
        data = punch_data(person)
        if kind is Kind.SUPPRESSED:
            data["duplicate_of"] = 1
        return self.journal.append(Draft(kind, data, self.clock.found))

    def kept(self) -> list[str]:
        with opened(self.path, self.clock.found) as store:
            return [] if store is None else [one.person for one in store.stills()]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.people.close()
    made.journal.close()


def test_a_punch_has_one_and_a_duplicate_none(bench: Bench) -> None:
    ann = bench.enrol()
    bench.capture.offer(bench.punch(ann), FRAME, SIGHT)
    bench.capture.offer(bench.punch(ann, Kind.SUPPRESSED), FRAME, SIGHT)
    for _ in range(2):
        bench.capture.run_once(0)
    assert bench.kept() == [ann]
    counts = bench.capture.counters()
    assert (counts["stills"], counts["stills_taken"], counts["stills_missed"]) == (1, 1, 0)
    assert 1_000 < counts["stills_bytes"] < sealed_image.MAX_IMAGE + 1_000


def test_with_nobody_taking_them_off_the_queue_a_punch_goes_on(bench: Bench) -> None:
    ann = bench.enrol()
    stored = bench.punch(ann)
    done = threading.Event()

    def offer() -> None:
        for _ in range(WAITING + 3):
            bench.capture.offer(stored, FRAME, SIGHT)
        done.set()

    threading.Thread(target=offer, daemon=True).start()
    assert done.wait(60), "it waited"
    assert bench.capture.counters()["stills_missed"] == 3


@pytest.mark.parametrize("box", [None, Box(-900, -900, -800, -800)])
def test_a_face_that_is_not_in_the_frame_costs_an_image_and_no_more(bench: Bench, box: Box | None) -> None:
    bench.capture.offer(bench.punch(bench.enrol()), FRAME, Sight(0, box))
    bench.capture.run_once(0)
    assert bench.kept() == []


def test_who_was_erased_while_it_waited_has_none(bench: Bench) -> None:
    ann = bench.enrol()
    bench.capture.offer(bench.punch(ann), FRAME, SIGHT)
    bench.people.withdraw(ann, NOW.utc)
    bench.capture.run_once(0)
    assert bench.kept() == []
    assert bench.capture.counters()["stills_missed"] == 1


def test_who_is_erased_while_it_is_stored_has_none(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ann, bob = bench.enrol(), bench.enrol()
    keep = EvidenceStore.keep

    def erased_first(store: EvidenceStore, record: str, person: str, *rest: Any) -> bool:
        if person == ann:
            bench.people.erase(ann, NOW.utc, "requested")
            forget_images(bench.path, ann, bench.clock.found)
        return keep(store, record, person, *rest)

    monkeypatch.setattr(EvidenceStore, "keep", erased_first)
    for person in (bob, ann):
        bench.capture.offer(bench.punch(person), FRAME, SIGHT)
        bench.capture.run_once(0)
    assert bench.kept() == [bob]
    assert bench.capture.counters()["stills"] == 1


def test_what_an_interruption_left_of_somebody_goes_at_the_next_look(bench: Bench) -> None:
    ann, bob = bench.enrol(), bench.enrol()
    for person in (ann, bob):
        bench.capture.offer(bench.punch(person), FRAME, SIGHT)
        bench.capture.run_once(0)
    bench.people.withdraw(ann, NOW.utc)
    assert bench.kept() == [ann, bob]
    bench.clock.passes(0.01 * DAY_S)
    bench.capture.run_once(0)
    assert bench.kept() == [bob]


def test_its_day_comes_without_a_restart_and_at_a_start_before_all_else(bench: Bench) -> None:
    bench.capture.offer(bench.punch(bench.enrol()), FRAME, SIGHT)
    bench.capture.run_once(0)
    copy = bench.path.read_bytes()
    bench.clock.passes(90 * DAY_S)
    bench.capture.run_once(0)
    assert bench.capture.counters()["stills"] == 0
    assert bench.capture.counters()["stills_deleted"] == 1
    bench.path.write_bytes(copy)
    started = ImageCapture(bench.path, bench.clock, bench.open, lambda: None)
    started.expire()
    assert (started.counters()["stills"], started.counters()["stills_deleted"]) == (0, 1)
    started.offer(bench.punch(bench.enrol()), FRAME, SIGHT)
    started.run_once(0)
    assert bench.kept() == [], "who did not opt in gets none"


def test_what_fails_is_an_alarm_until_it_is_mended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = bench.enrol()
    with monkeypatch.context() as patched:
        patched.setattr("edge.evidence_images.store._free", lambda _path: 0)
        bench.capture.offer(bench.punch(ann), FRAME, SIGHT)
        bench.capture.run_once(0)
    assert bench.capture.counters()["stills_missed"] == 1
    assert bench.capture.alarms == (), "a full disk is the journal's to say"
    bench.path.write_bytes(b"rubbish" * 1000)
    bench.capture.offer(bench.punch(ann), FRAME, SIGHT)
    bench.capture.run_once(0)
    assert bench.capture.alarms == (Alarm.EVIDENCE_FAILING,)
    assert not bench.path.exists()
    bench.capture.offer(bench.punch(ann), FRAME, SIGHT)
    bench.capture.run_once(0)
    assert bench.kept() == [ann]
    bench.clock.passes(0.01 * DAY_S)
    bench.capture.run_once(0)
    assert bench.capture.alarms == ()
