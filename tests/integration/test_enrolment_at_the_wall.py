"""Enrolment at the terminal, opened at its reader and answered at its buttons, beside everything that goes on.

A real terminal with a replayed person. After each way to cancel it, every file of the state directory is looked at.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.config import load
from edge.crypto import dsse
from edge.crypto.key_files import create_identity, public_pem
from edge.domain.attendance.cues import CUES, CueName
from edge.domain.attendance.states import State
from edge.domain.people.credentials import Token
from edge.domain.protocol.order import Order, Word
from edge.domain.time.instant import utc_text
from edge.journal.verify import read_payloads
from edge.terminal import installed
from edge.terminal.control import loans, service
from edge.terminal.operator import actions, enrolment_desk
from tests.support.actor import Actor
from tests.support.clock import HandClock
from tests.support.failing_terminal import Gate, Life, gate, live
from tests.support.wide_limits import widen

__all__ = ["gate", "live"]  # fixtures
ROOT = Path(__file__).resolve().parents[2]
PIN, BOSS, NEW = "271828", "0009999001", "0009999002"
STAFF = "4711"


class Wall:
    """A running terminal with reader and buttons, a supervisor, and somebody without a face."""

    def __init__(self, gate: Gate, start: Callable[..., Life]) -> None:
        self.gate, self.actor = gate, Actor()
        os.mkfifo(gate.directory / "buttons")
        gate.write(f'[buttons]\nkind = "script"\nscript = "{gate.directory / "buttons"}"\n')
        self.authority = create_identity(gate.directory / "authority.key")
        (gate.directory / "authority.pem").write_text(public_pem(self.authority.verify_key))
        gate.replace('storage = "storage"\n', 'storage = "storage"\nauthority = "authority.pem"\n')
        self.config = load(gate.path).config
        with self.people() as people, self.journal() as journal:
            from edge.terminal import adapters

            by = {"people": people, "journal": journal, "clock": adapters.clock(), "by": "uid:0"}
            self.boss, self.new = (actions.add(name, age_attested=True, **by) for name in ("Boss", "Newcomer"))
            for person, badge in ((self.boss, BOSS), (self.new, NEW)):
                actions.give_token(person, Token.BADGE, badge, **by)
                actions.choose_pin(person, PIN, **by)
            actions.appoint(self.boss, STAFF, **by)
        self.life = start(gate, camera=self.actor.camera)
        self.life.wait(lambda: self.lending.situation is not None, "it attends")
        self.life.wait(lambda: self.lending.situation.state is not State.STARTING, "it is ready")
        self.before = self.kept()

    def people(self):
        return installed.open_people(self.config, installed.load_secrets(self.config))

    def journal(self):
        return installed.open_journal(self.config, installed.load_secrets(self.config))

    @property
    def lending(self):
        return self.life.terminal.control._lending

    @property
    def desk(self):
        return self.life.terminal.attend._desk

    def reads(self, *lines: str) -> None:
        self._write("reader", lines)

    def presses(self, *words: str) -> None:
        self._write("buttons", words)

    def _write(self, name: str, lines: tuple[str, ...]) -> None:
        descriptor = os.open(self.gate.directory / name, os.O_RDWR | os.O_NONBLOCK)
        os.write(descriptor, "".join(f"{line}\n" for line in lines).encode())
        os.close(descriptor)

    def shows(self, cue: CueName) -> None:
        self.life.wait(lambda: self.lending.situation.cue is cue, f"it shows {cue}")

    def open(self) -> None:
        """As far as the first question."""
        self.reads("keys 0")
        self.shows(CueName.SHOW_BADGE)
        self.reads(f"badge {BOSS}")
        self.shows(CueName.ENTER_PIN)
        self.reads(f"keys {PIN}")
        self.shows(CueName.SHOW_BADGE)
        self.reads(f"badge {NEW}")
        self.shows(CueName.EMPLOYER_AGREES)

    def ticket(self) -> None:
        """The centre's ticket for the person without a face comes, as an order does."""
        from edge.terminal import adapters, factory

        secrets, _ = installed.with_pinned(self.config, installed.load_secrets(self.config))
        policy, now = installed.policy(self.config), datetime.now(UTC)
        made = Order(
            "7" * 32, self.config.terminal.site, (self.config.terminal.name,), 1, utc_text(now),
            utc_text(now + timedelta(days=1)), Word.ENROL,
            {
                "person": self.new, "policy_version": policy.version, "policy_sha256": policy.sha256,
                "witness": "4712", "employer_agreed": True,
            },
        )  # fmt: skip
        # The clock of this machine need follow no time server: the handler is told that it does.
        evidence = replace(adapters.clock().evidence(), synchronised=True)
        clock = HandClock(evidence)
        handler = factory.orders(self.config, secrets, clock, policy)
        assert handler is not None
        with self.journal() as journal:
            assert handler.take(dsse.sign(Order.PAYLOAD_TYPE, made.encode(), self.authority), journal)
        handler.close()

    def agree(self) -> None:
        self.presses("in")
        self.shows(CueName.CONSENT)
        self.presses("in")
        self.life.wait(lambda: not self.loan._questions, "it films")

    @property
    def loan(self):
        return self.lending._loan

    def follow(self, until: Callable[[], object]) -> None:
        """The person does what the lights say, until something happens."""
        shown = None
        deadline = time.monotonic() + 300
        while not until():
            assert time.monotonic() < deadline
            cue = self.lending.situation.cue
            if cue is not shown and self.lending.situation.state is State.LENT:
                shown = cue
                self.actor.follow("look" if cue is CueName.ENROLLING else CUES[cue].text)
            time.sleep(0.02)

    def first_template(self) -> None:
        loan = self.loan
        self.follow(lambda: loan.enrolment.taken >= 1 or loan.over.is_set())
        assert loan.enrolment.taken >= 1, loan.why

    def is_over(self) -> None:
        self.life.wait(lambda: self.life.terminal.control._running is None, "it is over")
        self.life.wait(lambda: not self.lending.lent, "it was given back")

    def kept(self) -> tuple[set[str], list[object], list[dict]]:
        """The names of all files of the state directory, everything in the people file, and all records."""
        state = self.gate.directory / "state"
        files = {str(path.relative_to(state)) for path in state.rglob("*")}
        with self.people() as people:
            tables = people._db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1").fetchall()
            rows = [sorted(map(repr, people._db.execute(f"SELECT * FROM {table}"))) for (table,) in tables]
        records = [json.loads(one) for one in read_payloads(state / "journal.db", 0)]
        # The service's own files that come and go, or are written some time after its start.
        passing = ("-wal", "-shm", "control", ".part", ".lock", "last-seen-journal.json")
        return {name for name in files if not name.endswith(passing)}, rows, records

    def nothing_was_kept(self, why: str, *vectors: bytes) -> None:
        """No file more, no row of the people file other, no record, and no byte of a vector in any file."""
        print(json.dumps({"ended": why, "vectors_searched": len(vectors)}))
        assert self.shown_last() is CueName.NOT_ENROLLED
        files, rows, records = self.kept()
        assert (files, rows) == self.before[:2], why
        assert [one["type"] for one in records] == [one["type"] for one in self.before[2]], why
        _nowhere(self.gate.directory / "state", vectors)
        self.life.punches()

    def shown_last(self) -> CueName | None:
        names = {cue.text: name for name, cue in CUES.items() if name in {CueName.ENROLLED, CueName.NOT_ENROLLED}}

        def told() -> list[CueName]:
            drawn = self.life.drawn.getvalue()
            found = [(drawn.rfind(f"  {text}"), name) for text, name in names.items() if f"  {text}" in drawn]
            return [name for _, name in sorted(found)]

        self.life.wait(told, "it tells how it ended")
        return told()[-1]


def _nowhere(state: Path, vectors: tuple[bytes, ...]) -> None:
    """No vector, nor the beginning of a picture, is in any file below `state`."""
    for path in sorted(state.rglob("*")):
        raw = b""
        with contextlib.suppress(FileNotFoundError):  # the service replaces a file of its own
            raw = path.read_bytes() if path.is_file() else b""
        if raw:
            assert not any(vector in raw for vector in vectors), path
            assert b"\xff\xd8\xff\xe0\x00\x10JFIF" not in raw, f"{path}: a JPEG"


@pytest.fixture
def wall(gate: Gate, live: Callable[..., Life], monkeypatch: pytest.MonkeyPatch) -> Wall:
    widen(monkeypatch.setattr)
    for name in ("STEP_MS", "PERSON_MS"):
        monkeypatch.setattr(enrolment_desk, name, 200_000)
    monkeypatch.setattr(loans, "ANSWER_MS", 200_000)
    monkeypatch.setattr(service, "OPENED_WITHIN_MS", 200_000)
    monkeypatch.setattr(service, "SHOWN_WITHIN_S", 60.0)
    return Wall(gate, live)


def test_a_supervisor_enrols_somebody_who_then_clocks_in_by_face(wall: Wall) -> None:
    wall.actor.stand()
    wall.open()
    wall.agree()
    begun = time.monotonic()
    wall.follow(lambda: not wall.lending.lent or wall.lending._loan is None or not wall.lending._loan.films)
    took_s = time.monotonic() - begun
    assert wall.shown_last() is CueName.ENROLLED
    wall.is_over()
    records = wall.kept()[2][len(wall.before[2]) :]
    consent, enrolled = records[:2]
    assert (consent["data"]["person"], enrolled["data"]["person"]) == (wall.new, wall.new)
    assert (consent["data"]["by"], enrolled["data"]["by"]) == (STAFF, STAFF)
    assert consent["data"]["employer_agreed"] is True
    assert enrolled["data"]["templates"] == 5
    with wall.people() as people:
        given = people.consent(wall.new)
    assert given is not None
    assert given.witness == STAFF
    tally = wall.life.terminal.attend.tally
    assert tally.punches == 0, "neither badge nor face was a punch"
    wall.actor.leave()
    wall.life.wait(lambda: not wall.lending.filming, "they left")
    wall.actor.stand()
    wall.life.wait(lambda: tally.punches == 1, "they are recognised")
    print(json.dumps({"enrolled_in_s": round(took_s, 1), "templates": enrolled["data"]["templates"]}))


def test_somebody_with_a_ticket_of_the_centre_opens_their_own(wall: Wall) -> None:
    wall.ticket()
    wall.actor.stand()
    wall.reads("keys 0")
    wall.shows(CueName.SHOW_BADGE)
    wall.reads(f"badge {NEW}")
    wall.shows(CueName.ENTER_PIN)
    wall.reads(f"keys {PIN}")
    wall.shows(CueName.CONSENT)
    wall.presses("in")
    wall.life.wait(lambda: not wall.loan._questions, "it films")
    wall.follow(lambda: wall.lending._loan is None or not wall.lending._loan.films)
    assert wall.shown_last() is CueName.ENROLLED
    wall.is_over()
    records = [one["data"] for one in wall.kept()[2][len(wall.before[2]) :]]
    assert [one["outcome"] for one in records if one.get("command") == "enrol"] == ["partly", "done"]
    assert {one["by"] for one in records if "templates" in one or "witnessed" in one} == {"4712"}
    with wall.people() as people:
        assert people.has_face(wall.new)
        assert people.orders.kept() == []


@pytest.mark.parametrize("answers", [("out",), ("break",), ("in", "out"), ("in", "break")])
def test_who_does_not_agree_is_not_looked_at(wall: Wall, answers: tuple[str, ...]) -> None:
    wall.actor.stand()
    wall.open()
    loan = wall.loan
    for number, word in enumerate(answers):
        wall.presses(word)
        wall.life.wait(lambda n=number: len(loan._questions) == 1 - n or loan.over.is_set(), "it was answered")
    wall.is_over()
    assert loan.why == "not-confirmed"
    assert loan.enrolment._seen_ms is None, "no frame was looked at"
    wall.nothing_was_kept("not agreed")


@pytest.mark.parametrize("word", ["out", "break"])
def test_a_press_cancels_it(wall: Wall, word: str) -> None:
    vectors = _begun(wall)
    loan = wall.loan
    wall.presses(word)
    wall.is_over()
    assert loan.why == "cancelled"
    wall.nothing_was_kept("pressed", *vectors)


def test_leaving_cancels_it(wall: Wall) -> None:
    vectors = _begun(wall)
    loan = wall.loan
    wall.actor.leave()
    wall.is_over()
    assert loan.why == "left"
    wall.nothing_was_kept("left", *vectors)


def test_another_face_ends_it(wall: Wall) -> None:
    vectors = _begun(wall)
    loan = wall.loan
    wall.actor.stand("biden.jpg")
    wall.is_over()
    assert loan.why == "another-person"
    wall.nothing_was_kept("another person", *vectors)


def test_its_time_ends_it(wall: Wall) -> None:
    vectors = _begun(wall)
    loan = wall.loan
    wall.lending._until_ms = 0
    wall.is_over()
    assert loan.why == "time"
    wall.nothing_was_kept("time", *vectors)


def test_somebody_who_looks_like_an_enrolled_person_is_refused(
    wall: Wall, smartclocker, photos: Path, caplog
) -> None:
    answers = ("--witness", "a test", "--consent", "--age-13-or-older", "--employer-agreed")
    done = smartclocker("enrol", "Barack", photos / "obama3.jpg", *answers, "--config", wall.gate.path)
    assert done.returncode == 0, done.stderr
    wall.before = wall.kept()
    wall.actor.leave()
    wall.open()
    wall.actor.stand()
    wall.agree()
    wall.follow(lambda: wall.lending._loan is None or not wall.lending._loan.films)
    wall.is_over()
    assert wall.shown_last() is CueName.NOT_ENROLLED
    files, rows, records = wall.kept()
    assert (files, rows, len(records)) == (*wall.before[:2], len(wall.before[2]))
    assert "would be taken for this person" in caplog.text


def test_the_stop_of_the_service_leaves_nothing(wall: Wall) -> None:
    vectors = _begun(wall)
    wall.life.terminal.stop.set("test")
    wall.life.thread.join(120)
    assert wall.life.code == 0
    assert wall.kept()[:2] == wall.before[:2]
    _nowhere(wall.gate.directory / "state", vectors)


def test_a_wrong_pin_opens_nothing_and_badges_go_on(wall: Wall) -> None:
    wall.reads("keys 0")
    wall.shows(CueName.SHOW_BADGE)
    wall.reads(f"badge {BOSS}")
    wall.shows(CueName.ENTER_PIN)
    wall.reads("keys 111112")
    wall.shows(CueName.REFUSED)
    tally = wall.life.terminal.attend.tally
    wall.reads(f"badge {NEW}")
    wall.life.wait(lambda: tally.punches == 1, "it is a punch")
    assert not wall.lending.lent


def test_while_somebody_is_enrolled_badges_count(wall: Wall) -> None:
    _begun(wall)
    loan = wall.loan
    wall.life.punches()
    # While the badge's answer is shown, a press is about that punch.
    wall.life.wait(lambda: wall.lending.situation.state is State.LENT, "the badge's answer ended")
    wall.presses("out")
    wall.is_over()
    assert loan.why == "cancelled"


def _begun(wall: Wall) -> tuple[bytes, ...]:
    """An enrolment with its first template, whose bytes are returned: they may be in no file afterwards."""
    wall.actor.stand()
    wall.open()
    wall.agree()
    wall.first_template()
    return tuple(one.embedding.astype("<f4").tobytes() for one in wall.loan.enrolment._probes)
