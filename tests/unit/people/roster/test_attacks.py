"""What an attack on the roster once reached: clocks that are behind, files of before, what is damaged or odd."""

import contextlib
import sqlite3
from dataclasses import replace

import pytest

from edge.central.roster import membership
from edge.domain.people.credentials import Token
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.vocabulary import ErasureReason
from edge.errors import LedgerError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.terminal.operator import actions
from tests.support.clock import HandClock, evidence
from tests.support.people import CONSENT, POLICY
from tests.support.roster_site import BADGE, MODEL, WHEN, Gate, Site, add, member, owed, site, templates, with_face

BEHIND = evidence(utc="2026-02-20T08:00:00.000Z", synchronised=False)
"""A clock that stands days before the consents were given."""

__all__ = ["site"]  # the fixture


@pytest.fixture
def fay(site: Site) -> tuple[Gate, str]:
    """Matched at one terminal, with a badge and a PIN."""
    gate = site.register("gate-1")
    person = add(site, with_face())
    gate.give(site.publish())
    assert gate.matched() == {person}
    return gate, person


@pytest.mark.parametrize("act", ["withdraw", "erase"])
def test_an_end_by_a_clock_that_is_behind_is_an_end(site: Site, fay: tuple[Gate, str], act: str) -> None:
    gate, person = fay
    with Journal(site.root / "journal.db", gate.origin, gate.identity) as journal:
        at = {
            "people": gate.people,
            "journal": journal,
            "clock": HandClock(BEHIND),
            "by": "4711",
        }
        if act == "withdraw":
            actions.withdraw(person, POLICY, **at)
        else:
            actions.erase(person, ErasureReason.REQUESTED, **at)
    membership.rectify(site.store, person, "Fay Right")
    membership.restrict(site.store, person, Restriction.RESTRICTED)
    membership.lift(site.store, person, Restriction.RESTRICTED)
    gate.give(site.publish())
    assert gate.matched() == set()
    assert (gate.people.credentials.whose(Token.BADGE, BADGE) == person) is (act == "withdraw")


def test_a_file_of_before_brings_back_nobody_who_was_erased(site: Site, fay: tuple[Gate, str]) -> None:
    gate, person = fay
    gate.people.erase(person, WHEN, "requested")
    gate.people.erasure_over(person)
    path = gate.people.path
    gate.people.close()
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("ALTER TABLE people DROP COLUMN erased")
        db.execute("ALTER TABLE orders DROP COLUMN taken")
        db.execute("ALTER TABLE means DROP COLUMN supervisor")
        db.execute("PRAGMA user_version = 5")
    db.close()
    gate.people = People(path, b"k" * 32)
    gate.restart()
    membership.rectify(site.store, person, "Fay Right")
    gate.give(site.publish())
    assert gate.people.credentials.whose(Token.BADGE, BADGE) is None
    assert not gate.people.credentials.has_pin(person)
    assert [one.name for one in gate.people.list()] == [None]


def test_templates_of_another_length_keep_out_whose_they_are_and_nobody_else(
    site: Site, fay: tuple[Gate, str]
) -> None:
    gate, person = fay
    third = add(site, member(3))
    odd = add(site, replace(member(2), templates={MODEL: templates(2, length=128)}))
    gate.give(site.publish())
    unreadable: list[str] = []
    assert set(gate.people.gallery(MODEL, POLICY, unreadable=unreadable).people) == {person, third}
    assert unreadable == [odd]


def test_a_damaged_badge_is_mended_by_the_roster(site: Site, fay: tuple[Gate, str]) -> None:
    gate, person = fay
    other = add(site, member(2))
    gate.give(site.publish())
    gate.people._db.execute("UPDATE means SET wrapped = zeroblob(length(wrapped)) WHERE person = ?", (person,))
    membership.rectify(site.store, person, "Fay Right")
    membership.remove(site.store, "main", other, ErasureReason.REQUESTED)
    gate.give(site.publish())
    assert gate.matched() == {person}
    assert gate.people.credentials.whose(Token.BADGE, BADGE) == person
    assert gate.people.credentials.held(person)["badges"] == [BADGE]


def test_an_objection_counts_for_who_withdrew_here(site: Site, fay: tuple[Gate, str]) -> None:
    gate, person = fay
    gate.people.withdraw(person, "2026-06-01T08:00:00Z")
    membership.restrict(site.store, person, Restriction.OBJECTED)
    gate.give(site.publish())
    assert gate.people.restriction(person) is Restriction.OBJECTED


def test_a_consent_that_no_record_can_name_owes_none(site: Site) -> None:
    gate = site.register("gate-1")
    person = add(site, with_face(consent=replace(CONSENT, policy_version="x" * 201)))
    gate.give(site.publish())
    membership.withdraw(site.store, person)
    gate.give(site.publish())
    assert owed(gate) == []
    assert gate.matched() == set()


def test_a_withdrawal_takes_who_has_no_badge_out_of_the_roster(site: Site) -> None:
    gate = site.register("gate-1")
    person = add(site, member(1))
    gate.give(site.publish())
    with pytest.raises(LedgerError, match="no badge"):
        membership.withdraw(site.store, person)
    assert membership.withdraw(site.store, person, or_remove=True) == ["main"]
    late = site.register("gate-2")
    late.give(site.publish())
    assert late.matched() == set()
