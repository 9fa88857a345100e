"""Enrolments that are opened at the terminal: by a supervisor, or by a ticket that is used up once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.crypto import dsse
from edge.domain.attendance.cues import CueName
from edge.domain.people.consent import Policy
from edge.domain.protocol.order import Word
from edge.domain.protocol.record_kinds import Restriction
from edge.errors import EnrolmentRefused, PeopleError
from edge.terminal.orders.tickets import Tickets
from tests.support.people import ANN, BOB, CONSENT, POLICY
from tests.support.signed_orders import AUTHORITY, GATE, IDENTITY, MODEL, NEXT, sign
from tests.support.wall import STAFF, UNTIL, WallBench, probes, ticket

LATER = "2026-03-04T07:00:00.000Z"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[WallBench]:
    bench = WallBench(tmp_path)
    bench.populate()
    yield bench
    bench.close()


def test_a_supervisors_enrolment_is_on_record_under_their_staff_number(bench: WallBench) -> None:
    action = bench.begin(BOB)
    assert action.loan._questions == [CueName.EMPLOYER_AGREES, CueName.CONSENT]
    assert action.loan.cue is CueName.EMPLOYER_AGREES
    bench.films(action).finish()
    consent, enrolled = bench.records()
    assert (consent["kind"], consent["person"], consent["by"]) == ("consent", ANN, STAFF)
    assert (enrolled["kind"], enrolled["person"], enrolled["by"], enrolled["templates"]) == (
        "enrolled",
        ANN,
        STAFF,
        5,
    )
    assert bench.people.has_face(ANN)
    assert [one.name for one in bench.people.list() if one.id == ANN] == ["Ann"]
    given = bench.people.consent(ANN)
    assert given is not None
    assert (given.witness, given.language, given.age_attested, given.employer_agreed) == (STAFF, "en", True, True)


def test_the_consent_is_given_when_the_person_says_so_and_not_when_it_was_opened(bench: WallBench) -> None:
    action = bench.begin(BOB)
    opened = action._consent.given_at
    bench.clock.passes(20)
    bench.films(action)
    assert action._consent.given_at > opened


@pytest.mark.parametrize("what", ["dismissed", "restricted", "face", "erased", "unknown"])
def test_what_is_known_before_is_refused_before_anybody_is_looked_at(bench: WallBench, what: str) -> None:
    if what == "dismissed":
        bench.people.credentials.set_supervisor(BOB, None)
    elif what == "restricted":
        bench.people.restrict(ANN, Restriction.RESTRICTED)
    elif what == "face":
        bench.people.enrol(ANN, "Ann", CONSENT, POLICY, probes()[0].embedding[None], MODEL)
    elif what == "erased":
        bench.people.erase(ANN, "2026-03-02T08:00:00Z", "requested")
    with pytest.raises(PeopleError):
        bench.begin(BOB) if what != "unknown" else bench.begin("z" * 26)
    assert bench.records() == []


def test_a_ticket_is_kept_and_opens_one_enrolment_for_its_person(bench: WallBench) -> None:
    assert bench.give(ticket())
    assert bench.said() == [("command-result", "partly")]
    assert bench.tickets.of(BOB, bench.people) is None
    action = bench.begin()
    assert action.loan._questions == [CueName.CONSENT], "the ticket says that the employer agrees"
    bench.films(action).finish()
    assert sorted(map(str, bench.said()[1:])) == sorted(
        map(str, [("consent", None), ("enrolled", None), ("command-result", "done")])
    )
    assert {one["by"] for one in bench.records() if "by" in one} == {"4712"}
    assert bench.tickets.of(ANN, bench.people) is None
    assert not bench.give(ticket()), "it is taken once"
    with pytest.raises(PeopleError):
        bench.begin()


def test_of_two_enrolments_by_one_ticket_one_is_kept(bench: WallBench) -> None:
    bench.give(ticket())
    first, second = bench.films(bench.begin()), bench.films(bench.begin())
    first.finish()
    with pytest.raises(PeopleError, match="ticket was used"):
        second.finish()
    assert [kind for kind, _ in bench.said()].count("enrolled") == 1


def test_a_no_uses_it_up_and_leaving_does_not(bench: WallBench) -> None:
    bench.give(ticket())
    for why in ("left", "time", "not-live", "cancelled", "camera", "stopping"):
        bench.begin().ended(why)
    assert bench.tickets.of(ANN, bench.people) is not None
    bench.begin().ended("not-confirmed")
    assert bench.tickets.of(ANN, bench.people) is None
    assert bench.said() == [("command-result", "partly"), ("command-result", "refused")]
    assert not bench.people.has_face(ANN)


def test_somebody_who_looks_the_same_uses_it_up_and_the_centre_hears_no_name(bench: WallBench) -> None:
    bench.give(ticket())
    bench.lookalike = BOB
    with pytest.raises(EnrolmentRefused, match=BOB):
        bench.films(bench.begin()).finish()
    assert bench.said() == [("command-result", "partly"), ("command-result", "refused")]
    assert BOB not in str(bench.records())
    assert not bench.people.has_face(ANN)
    assert not bench.people.consented(ANN)


def test_a_supervisors_enrolment_of_a_lookalike_keeps_nothing(bench: WallBench) -> None:
    bench.lookalike = BOB
    with pytest.raises(EnrolmentRefused, match=BOB):
        bench.films(bench.begin(BOB)).finish()
    assert bench.records() == []


def test_an_expired_one_opens_nothing_and_is_told(bench: WallBench) -> None:
    bench.give(ticket())
    open_too_long = bench.films(bench.begin())
    bench.clock.passes(26 * 3600)
    assert bench.tickets.of(ANN, bench.people) is None
    bench.orders._look_ns = 0
    bench.orders.look(bench.journal)
    assert bench.said() == [("command-result", "partly"), ("command-result", "refused")]
    assert "expired" in str(bench.records()[-1]["detail"])
    with pytest.raises(PeopleError):
        open_too_long.finish()


def test_without_the_time_no_ticket_counts(bench: WallBench) -> None:
    bench.give(ticket())
    bench.clock.set(synchronised=False)
    assert bench.tickets.of(ANN, bench.people) is not None, "it goes by the time since the clock followed a server"
    bench.clock.set(boot_id="c" * 36)
    assert bench.tickets.of(ANN, bench.people) is None


def test_a_later_ticket_replaces_the_one_before(bench: WallBench) -> None:
    bench.give(ticket(1))
    bench.give(ticket(2, expires=LATER))
    found = bench.tickets.of(ANN, bench.people)
    assert found is not None
    assert found.expires == LATER
    assert len(bench.people.orders.kept()) == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"person": BOB[:-1] + "c"}, "nobody here"),
        ({"policy_version": "another"}, "policy 2026-1 is in force"),
        ({"policy_sha256": "c" * 64}, "policy 2026-1 is in force"),
        ({"terminals": ("gate-1", "gate-2")}, "one terminal"),
        ({"terminals": ("*",)}, "one terminal"),
    ],
)
def test_a_ticket_that_can_open_nothing_is_refused(bench: WallBench, fields: dict, why: str) -> None:
    assert bench.give(ticket(**fields))
    assert bench.said() == [("command-result", "refused")]
    assert why in str(bench.records()[0]["detail"])
    assert bench.people.orders.kept() == []


def test_a_terminal_without_buttons_says_so(tmp_path: Path) -> None:
    bench = WallBench(tmp_path, enrols=False)
    bench.populate()
    bench.give(ticket())
    assert "buttons" in str(bench.records()[0]["detail"])
    bench.close()


def test_somebody_with_a_face_gets_no_ticket(bench: WallBench) -> None:
    bench.people.enrol(ANN, "Ann", CONSENT, POLICY, probes()[0].embedding[None], MODEL)
    bench.give(ticket())
    assert "has a face here already" in str(bench.records()[0]["detail"])


def test_a_policy_that_came_since_makes_it_void(bench: WallBench) -> None:
    bench.give(ticket())
    bench.parts = replace(bench.parts, policy=lambda: Policy("2", "d" * 64))
    with pytest.raises(PeopleError, match="2026-1, and 2 is in force"):
        bench.begin()


@pytest.mark.parametrize("what", ["altered", "another key", "another terminal", "another order"])
def test_what_is_kept_is_verified_again(bench: WallBench, what: str) -> None:
    bench.give(ticket())
    (kept,) = bench.people.orders.kept()
    wire = {
        "altered": kept.wire[:-9] + b"A" + kept.wire[-8:],
        "another key": sign(ticket(), NEXT),
        "another terminal": sign(ticket(terminals=("gate-2",))),
        "another order": sign(replace(ticket(), id="f" * 32)),
    }[what]
    with bench.people.together():
        bench.people._db.execute("UPDATE orders SET wire = ? WHERE id = ?", (wire, kept.id))
    assert bench.tickets.of(ANN, bench.people) is None
    with pytest.raises(PeopleError):
        bench.begin()


def test_without_an_authority_there_is_no_ticket(bench: WallBench) -> None:
    bench.give(ticket())
    assert Tickets(GATE, lambda: None, bench.clock).of(ANN, bench.people) is None
    assert Tickets(GATE, lambda: IDENTITY.verify_key, bench.clock).of(ANN, bench.people) is None
    assert Tickets(GATE, lambda: AUTHORITY.verify_key, bench.clock).of(ANN, bench.people) is not None


def test_an_older_people_file_brings_no_used_ticket_back(bench: WallBench, tmp_path: Path) -> None:
    bench.give(ticket())
    bench.people.purge()
    before = (tmp_path / "people.db").read_bytes()
    bench.films(bench.begin()).finish()
    for part in (bench.people, bench.orders):
        part.close()
    for path in tmp_path.glob("people.db*"):
        path.unlink()
    (tmp_path / "people.db").write_bytes(before)
    bench.people = bench.open()
    assert bench.tickets.of(ANN, bench.people) is not None, "the older file has it"
    with pytest.raises(PeopleError, match="no ticket that counts"):
        bench.begin()


def test_the_ticket_stands_in_no_other_list_of_orders() -> None:
    from edge.domain.protocol.order import FOLLOWED, PROTECTIVE

    assert Word.ENROL not in FOLLOWED | PROTECTIVE
    assert ticket().scope == f"{ANN}/ticket"
    assert ticket().expires == UNTIL
    assert dsse.parse(sign(ticket()))
