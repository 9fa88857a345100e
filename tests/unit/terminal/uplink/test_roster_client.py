"""The roster on the terminal's thread: what may put an alarm off, what raises one, and what keeps nothing down."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.central.roster import membership
from edge.domain.people.consent import ended_consent
from edge.domain.protocol.record_kinds import Kind, Restriction
from edge.domain.roster.entry_state import OUT
from edge.domain.vocabulary import ErasureReason
from edge.errors import JournalError, PeopleError, PeopleUnavailable
from edge.people.roster.state import RosterState
from edge.terminal.operator import actions
from edge.terminal.startup import restored_people
from edge.terminal.uplink.roster_client import GRACE_NS
from edge.terminal.uplink.site_members import SiteMembers
from tests.support.people import CONSENT, POLICY, consent
from tests.support.roster_bench import SECOND, Bench
from tests.support.roster_site import Site, add, member, person_topic, resigned, site, with_face

__all__ = ["site"]  # the fixture


@pytest.fixture
def bench(site: Site) -> Iterator[Bench]:
    made = Bench(site)
    yield made
    made.roster.close()
    made.journal.close()


def test_junk_does_not_put_off_that_something_is_missing(bench: Bench) -> None:
    person = add(bench.site, with_face())
    retained = bench.site.publish()
    bench.start()
    lacking = {topic: wire for topic, wire in retained.items() if topic != person_topic(person)}
    bench.give(lacking)
    forged = resigned(retained[person_topic(person)], lambda payload: payload + b"x")
    for _ in range(GRACE_NS // SECOND + 1):
        bench.wait(1)
        bench.give({person_topic(person): b"junk", person_topic("a" * 26): forged})
        bench.give(lacking)  # genuine, and nothing new
    assert "roster-incomplete" in bench.roster.alarms


def test_news_without_an_end_puts_it_off_for_minutes_at_most(bench: Bench) -> None:
    missing = add(bench.site, with_face())
    other = bench.site.add(2)
    bench.start()
    for n in range(400):
        membership.rectify(bench.site.store, other, f"Name {n}")
        retained = bench.site.publish()
        bench.give({topic: wire for topic, wire in retained.items() if topic != person_topic(missing)})
        bench.wait(1)
        if "roster-incomplete" in bench.roster.alarms:
            break
    assert "roster-incomplete" in bench.roster.alarms
    bench.give(retained)
    bench.wait(GRACE_NS / SECOND + 1)
    assert bench.roster.alarms == frozenset()


def test_an_older_roster_for_longer_is_an_alarm_and_for_a_moment_is_none(bench: Bench) -> None:
    add(bench.site, with_face())
    old = bench.site.publish()
    bench.site.add(2)
    new = bench.site.publish()
    bench.start()
    bench.give(new)
    bench.give(old)
    bench.wait(5)
    bench.give(new)
    bench.wait(200)
    assert bench.roster.alarms == frozenset(), "a message that was late"
    bench.give(old)
    bench.wait(GRACE_NS / SECOND)
    assert "roster-behind" not in bench.roster.alarms
    bench.wait(2 * GRACE_NS / SECOND)
    assert bench.roster.alarms == {"roster-behind"}
    bench.site.add(3)
    bench.give(bench.site.publish())
    bench.wait(1)
    assert bench.roster.alarms == frozenset()


def test_notes_that_were_damaged_are_an_alarm_until_the_roster_came_again(bench: Bench) -> None:
    person = add(bench.site, with_face())
    retained = bench.site.publish()
    for path in bench.gate.received_path.parent.glob(bench.gate.received_path.name + "*"):
        path.unlink()
    bench.gate.received_path.write_bytes(b"rubbish" * 999)
    bench.start()
    assert bench.roster.alarms == {"roster-anew"}
    bench.give(retained)
    bench.wait(GRACE_NS / SECOND + 1)
    assert bench.roster.alarms == frozenset()
    assert bench.gate.matched() == {person}


def test_notes_that_cannot_be_opened_keep_nothing_else_down_and_are_tried_again(bench: Bench) -> None:
    person = add(bench.site, with_face())
    retained = bench.site.publish()
    bench.refused = PeopleError("roster.db: cannot be read (Permission denied); make it readable by this user")
    bench.start()
    bench.give(retained)
    assert bench.roster.alarms == {"roster-unusable"}
    assert bench.roster.counters() == {}
    assert bench.roster.complete_version() == 0
    bench.refused = None
    bench.wait(6)
    assert bench.roster.alarms == frozenset()
    assert bench.roster.wants_all(), "what came in vain is asked for"
    bench.give(retained)
    assert bench.gate.matched() == {person}


def test_people_that_cannot_be_opened_keep_nothing_else_down_and_are_tried_again(bench: Bench) -> None:
    person = add(bench.site, with_face())
    retained = bench.site.publish()
    bench.people_refused = PeopleUnavailable("people.db: cannot be opened; end the process that holds it")
    bench.start()
    bench.give(retained)
    assert bench.roster.alarms == {"roster-unusable"}
    assert (bench.roster.counters(), bench.roster.complete_version()) == ({}, 0)
    bench.wait(1)
    bench.wait(6)
    assert bench.roster.alarms == {"roster-unusable"}, "not yet"
    bench.people_refused = None
    bench.wait(6)
    assert bench.roster.alarms == frozenset()
    assert bench.roster.wants_all(), "what came in vain is asked for"
    bench.give(retained)
    assert bench.gate.matched() == {person}


def test_a_closed_roster_client_opens_nothing_again(bench: Bench) -> None:
    bench.people_refused = PeopleError("people.db: cannot be read")
    bench.start()
    bench.roster.close()
    bench.people_refused = None
    bench.wait(6)
    assert bench.roster.counters() == {}


def test_an_erasure_whose_note_failed_is_recorded_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    person = add(bench.site, with_face())
    bench.start()
    bench.give(bench.site.publish())
    membership.remove(bench.site.store, "main", person, ErasureReason.REQUESTED)
    with monkeypatch.context() as patched:
        patched.setattr(bench.gate.people, "erasure_over", lambda _: (_ for _ in ()).throw(PeopleError("locked")))
        bench.give(bench.site.publish())
    bench.wait(6)
    bench.wait(6)
    assert bench.kinds() == [Kind.ERASED]
    assert bench.gate.people.erasures() == []


def test_an_erasure_whose_record_failed_is_recorded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    person = add(bench.site, with_face())
    bench.start()
    bench.give(bench.site.publish())
    membership.remove(bench.site.store, "main", person, ErasureReason.REQUESTED)
    with monkeypatch.context() as patched:
        patched.setattr(bench.journal, "take_command", lambda *_: (_ for _ in ()).throw(JournalError("full")))
        bench.give(bench.site.publish())
    assert bench.kinds() == []
    bench.wait(6)
    assert bench.kinds() == [Kind.ERASED]


def test_who_waits_for_another_policy_is_asked_for_when_it_comes_into_force(bench: Bench, tmp_path: Path) -> None:
    from dataclasses import replace

    from edge.domain.people.consent import Policy
    from tests.support.people import CONSENT

    newer = Policy("2027-1", "d" * 64)
    consent = replace(CONSENT, policy_version=newer.version, policy_sha256=newer.sha256)
    add(bench.site, with_face(consent=consent))
    bench.start()
    bench.give(bench.site.publish())
    bench.wait(1)
    assert not bench.roster.wants_all()
    bench.gate.people.put_in_force(newer, "text", consent_again=True, configured=POLICY)
    bench.wait(1)
    assert bench.roster.wants_all()


def test_no_entry_undoes_what_was_ended_here_while_the_clock_was_behind(bench: Bench) -> None:
    """The terminal was off the network, and its clock began again at an old time. The consents in the entries were
    given in between, at another terminal.
    """
    ann, bob, cay = (bench.site.add(seed) for seed in (1, 2, 3))
    bench.start()
    bench.give(bench.site.publish())
    assert bench.gate.matched() == {ann, bob, cay}
    at = {"people": bench.gate.people, "journal": bench.journal, "clock": bench.clock, "by": "4711"}
    bench.clock.set(utc="2026-03-06T08:00:00.000Z", synchronised=False)  # it is the 20th
    actions.erase(ann, ErasureReason.REQUESTED, **at)
    actions.withdraw(bob, POLICY, **at)
    bench.clock.set(utc="2026-03-20T09:00:00.000Z", synchronised=True)
    actions.restrict(cay, Restriction.RESTRICTED, **at)
    kinds = bench.kinds()
    for person, seed in ((ann, 1), (bob, 2)):
        membership.add(
            bench.site.store, "main", person, member(seed, consent=consent(given_at="2026-03-10T08:00:00Z"))
        )
    bench.give(bench.site.publish())
    assert bench.gate.matched() == set()
    assert bench.gate.people.enrolled() == {cay}
    assert bench.gate.people.erasures() == []
    assert bench.kinds() == kinds, "nothing is told twice"
    received = RosterState(bench.gate.received_path)
    assert {row.person for row in received.rows().values() if row.state == OUT} == {ann, bob}
    received.close()
    later = consent(given_at="2026-03-21T08:00:00Z")
    membership.add(bench.site.store, "main", bob, member(2, consent=later))
    bench.give(bench.site.publish())
    assert bench.gate.matched() == {bob}, "they agreed since"


def test_a_consent_counts_that_is_older_than_the_news_of_the_withdrawal_before_it(bench: Bench) -> None:
    """The entry with the withdrawal came only on the 5th, and they had agreed again on the 3rd."""
    bob = add(bench.site, with_face())
    bench.start()
    bench.give(bench.site.publish())
    add(bench.site, with_face(templates={}, consent=ended_consent(CONSENT, "2026-03-02T10:00:00Z")), bob)
    bench.give(bench.site.publish())
    assert (bench.gate.matched(), bench.kinds()) == (set(), [Kind.CONSENT])
    add(bench.site, with_face(consent=consent(given_at="2026-03-03T08:00:00Z")), bob)
    bench.give(bench.site.publish())
    assert bench.gate.matched() == {bob}
    bench.wait(3_600)
    assert restored_people.carry_out(bench.gate.people, bench.journal, bench.clock) == 0, "a start changes nothing"
    assert bench.gate.matched() == {bob}


def test_who_left_the_roster_before_any_entry_came_here_is_gone_for_the_site(bench: Bench) -> None:
    person = add(bench.site, with_face())
    bench.site.publish()
    membership.remove(bench.site.store, "main", person, ErasureReason.EMPLOYER)
    bench.start()
    bench.give(bench.site.publish())
    members = SiteMembers("gate-1", bench.roster.manifest, lambda: bench.gate.people, bench.roster.left)
    assert members.look()
    assert person not in bench.gate.people.known(), "nothing of them ever was in the people file"
    assert members.gone == {person}
    bench.roster._begin()
    assert bench.roster.left() == {person}, "also after a restart"
