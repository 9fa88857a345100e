"""Whatever word ends somebody's face is followed: by whatever clock, by hand, cancelled before, or not believed."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge.central.authority import authority_key
from edge.central.authority.register import OrderRegister
from edge.central.roster import order_follower
from edge.central.roster.store import RosterStore
from edge.crypto.dsse import key_id
from edge.domain.people.credentials import Token
from edge.domain.protocol.record import Draft
from edge.domain.protocol.record_kinds import Kind
from edge.people.person import new_person_id
from tests.support.clock import NOW
from tests.support.leavers import BADGE, BY, Centre, centre, member
from tests.support.people import CONSENT

__all__ = ["centre"]  # fixtures


def record(centre: Centre, *said: tuple[Kind, dict]) -> None:
    """What gate-1 recorded, in the ledger."""
    if centre.gate.publisher is None:
        centre.gate.run()
    with centre.gate.journal() as journal:
        for kind, data in said:
            last = journal.append(Draft(kind, data, NOW))
    centre.gate.publisher.wake()
    centre.gate.receipted(last.seq)


def bar(person: str, state: str) -> tuple[Kind, dict]:
    return Kind.RESTRICTED, {"person": person, "state": state, "by": "uid:7"}


def test_a_consent_by_a_clock_that_was_ahead_ends_by_an_order(centre: Centre) -> None:
    stays = centre.add(1)
    ahead = centre.add(2, consent=replace(CONSENT, given_at="2096-03-01T09:00:00Z"))
    centre.publish()
    centre.order("main/gate-1", "withdraw", ahead)
    late = centre.install()
    late.knows(stays)
    assert late.matched() == centre.in_files() == {stays}


def test_a_consent_that_was_given_after_the_order_counts(centre: Centre) -> None:
    person = centre.add(1, tokens=BADGE)
    centre.order("main/gate-1", "withdraw", person)
    assert centre.in_files() == set()
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    again = member(1, tokens=BADGE, consent=replace(CONSENT, given_at=now))
    centre.good("roster add", centre.export(person, again, now))
    centre.publish()
    assert centre.in_files() == {person}


def test_who_objected_by_hand_at_a_terminal_is_matched_nowhere_until_an_order_lifts_it(centre: Centre) -> None:
    stays, objects = centre.add(1), centre.add(2, tokens=BADGE)
    centre.publish()
    record(centre, bar(objects, "objected"))
    assert "objected" in centre.publish()
    late = centre.install()
    late.knows(stays)
    assert late.matched() == {stays}
    late.takes_badge(objects)
    centre.order("main/gate-1", "unrestrict", objects, "--lifts", "objection")
    assert "objected" not in centre.publish(), "the order came later"
    with RosterStore(centre.root) as store:
        assert store.people.restriction(objects) is None


def test_a_bar_that_was_lifted_where_it_was_set_is_none(centre: Centre) -> None:
    person = centre.add(1)
    record(centre, bar(person, "restricted"), bar(person, "lifted"))
    assert "restricted" not in centre.publish()


@pytest.mark.parametrize(
    ("word", "more"),
    [("employment-ended", ("--at", "2098-01-01T00:00:00Z")), ("employment-continues", ())],
)
def test_what_was_said_before_of_an_employment_holds_when_a_later_order_is_cancelled(
    centre: Centre, monkeypatch: pytest.MonkeyPatch, word: str, more: tuple[str, ...]
) -> None:
    stays, leaves = centre.add(1), centre.add(2)
    centre.order("main/gate-1", "employment-ended", leaves, "--at", "2096-01-01T00:00:00Z")
    centre.order("main/gate-1", word, leaves, *more)
    said = centre.good("orders", "--cancel", "2", "--why", "a slip", "--by", "Pat")
    assert "goes by what was said of this employment before" in said
    monkeypatch.setattr(order_follower, "now", lambda: "2096-01-01T00:00:01.000Z")
    centre.publish()
    assert centre.in_files() == {stays}


@pytest.mark.parametrize(
    "what",
    [
        (Kind.ERASED, {"reason": "requested", "templates": 3}),
        (Kind.CONSENT, {"state": "withdrawn", "policy_version": "2026-1", "policy_sha256": "c" * 64}),
        (Kind.RESTRICTED, {"state": "objected"}),
    ],
    ids=["erased", "withdrawn", "objected"],
)
def test_what_an_unproven_terminal_says_of_people_is_shown_and_not_done(centre: Centre, what) -> None:
    person = centre.add(1)
    kind, data = what
    record(centre, (kind, {"person": person, "by": "uid:7", **data}))
    centre.good("revoke", key_id(centre.gate.key.verify_key), "--since", "2026-01-01T00:00:00Z")
    said = centre.publish()
    assert f"{person}: left, withdrew or objected by a record of main/gate-1" in said
    assert centre.in_files() == {person}


def test_a_revocation_since_a_day_to_come_is_refused(centre: Centre) -> None:
    code, said = centre.run("revoke", key_id(centre.gate.key.verify_key), "--since", "2096-01-01T00:00:00Z")
    assert (code, "lies in the future" in said) == (65, True)
    with centre.site.store() as ledger:
        assert ledger.terminals()[0].revoked is None


def test_the_log_says_to_which_terminals_the_roster_was_opened(centre: Centre) -> None:
    centre.add(1)
    centre.publish()
    centre.site.terminal("newcomer")
    centre.publish()
    assert "to=['newcomer']" in centre.good("audit")


def test_the_face_of_nobody_cannot_be_withdrawn(centre: Centre) -> None:
    centre.add(1, tokens=((Token.BADGE, "471100"),))
    code, said = centre.run("roster withdraw", new_person_id(), *BY)
    assert (code, "is in no roster" in said) == (65, True)


@pytest.mark.parametrize("how", ["owed", "expired", "cancelled"])
def test_a_request_is_not_closed_while_a_terminal_that_may_speak_did_not_do_it(centre: Centre, how: str) -> None:
    person = centre.add(1)
    number = centre.good("rights open", person, "erasure", *BY).split()[1].rstrip(":")
    valid = ("--valid", "1s") if how == "expired" else ()
    erase = ("erase", person, "--reason", "requested", "--request", number)
    centre.order("main/gate-1", *erase, *valid)
    if how == "cancelled":
        centre.good("orders", "--cancel", "1", "--why", "a slip", "--by", "Pat")
    centre.site.eventually(lambda: how in centre.run("orders", "--all")[1], "the order stands so")
    centre.publish()
    code, said = centre.run("rights close", number, "--ground", "g", *BY)
    assert (code, f"gate-1 ({how})" in said) == (65, True)
    centre.good("revoke", key_id(centre.gate.key.verify_key))
    centre.publish()
    code, said = centre.run("rights close", number, "--ground", "g", *BY)
    assert (code, "no terminal answered" in said) == (65, True)
    centre.good("rights close", number, "--ground", "its card was destroyed", "--without-order", *BY)


def test_an_export_of_before_the_order_brings_no_face_back_whatever_its_clock_said(centre: Centre) -> None:
    stays, person = centre.add(1), new_person_id()
    ahead = member(2, tokens=BADGE, consent=replace(CONSENT, given_at="2096-03-01T09:00:00Z"))
    old = centre.export(person, ahead)
    centre.order("main/gate-1", "withdraw", person, "--force")
    centre.good("roster add", old)
    late = centre.install()
    late.knows(stays)
    assert late.matched() == centre.in_files() == {stays}


def test_a_terminal_that_was_registered_since_a_policy_was_ordered_is_named(centre: Centre, tmp_path: Path) -> None:
    text = tmp_path / "policy.txt"
    text.write_text("another policy")
    centre.order("main/*", "policy", "--version", "2", "--text", text, "--consent-again")
    assert "registered since" not in centre.run("rights policy")[1]
    centre.site.terminal("newcomer")
    assert "main/newcomer: registered since, and was not told" in centre.run("rights policy")[1]
    assert json.loads(centre.run("rights policy", "--json")[1])["not_ordered"] == ["main/newcomer"]


def test_the_end_of_an_employment_is_sent_to_terminals_that_it_was_not_ordered_of(centre: Centre) -> None:
    leaves = centre.add(1)
    late = centre.install()
    late.knows(leaves)
    centre.order("main/gate-1", "employment-ended", leaves, "--at", "2096-01-01T00:00:00Z")
    centre.publish()
    with OrderRegister(centre.root / authority_key.DB) as registry:
        assert {one.origin.terminal: one.times for one in registry.addressed()} == {"gate-1": 0, "late-1": 1}
