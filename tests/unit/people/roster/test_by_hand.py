"""What was done by hand at a terminal, or ordered before an entry came, and the entries of the roster after it."""

import random
from dataclasses import replace

import numpy as np
import pytest

from edge.central.roster import membership
from edge.domain.people.consent import Consent, Policy
from edge.domain.people.credentials import Token
from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record_kinds import Restriction
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.orders.order_executor import OrderExecutor
from tests.support.people import CONSENT, POLICY
from tests.support.roster_site import (
    ANEW,
    BADGE,
    DIGEST,
    FACELESS,
    MODEL,
    OTHER,
    STAFF,
    WHEN,
    Gate,
    Site,
    add,
    faces,
    member,
    owed,
    site,
    templates,
    with_face,
)

__all__ = ["site"]  # the fixture
NEXT = Policy("2027-1", "d" * 64)


def add_by_hand(gate: Gate, person: str, consent: Consent = ANEW, policy: Policy = POLICY, seed: int = 30) -> None:
    gate.people.enrol(person, gate.people.member(person).name, consent, policy, templates(seed), MODEL)


def order(word: Word, person: str, **fields: object) -> Order:
    return Order("d" * 32, "main", ("gate-1",), 1, WHEN, WHEN, word, {"person": person, **fields})


def obey(gate: Gate, *given: Order) -> None:
    with gate.people.together():
        for one in given:
            OrderExecutor(gate.people, gate.identity, POLICY).carry_out(one, WHEN, b"")


def test_a_face_that_was_added_by_hand_stays_although_the_entry_has_none(site: Site) -> None:
    gate = site.register("gate-1")
    fay = add(site, FACELESS)
    gate.give(site.publish())
    add_by_hand(gate, fay)
    add(site, replace(FACELESS, name="Fay Right", tokens=((Token.BADGE, OTHER),)), fay)
    gate.give(site.publish())
    assert gate.matched() == {fay}
    assert (gate.people.member(fay).name, gate.people.member(fay).consent) == ("Fay Right", ANEW)
    assert gate.people.credentials.whose(Token.BADGE, OTHER) == fay, "and what else the entry says counts"
    assert np.array_equal(gate.people.member(fay).templates[MODEL], templates(30))


def test_an_older_entry_takes_neither_the_newer_consent_nor_its_face(site: Site) -> None:
    gate = site.register("gate-1")
    fay = add(site, with_face())
    gate.give(site.publish())
    agreed = replace(ANEW, policy_version=NEXT.version, policy_sha256=NEXT.sha256)
    add_by_hand(gate, fay, agreed, NEXT)
    gate.restart(NEXT)
    membership.rectify(site.store, fay, "Fay Right")
    gate.give(site.publish())
    assert gate.people.gallery(MODEL, NEXT).people == (fay,)
    assert np.array_equal(gate.people.member(fay).templates[MODEL], templates(30))
    assert gate.people.member(fay).name == "Fay Right"


@pytest.mark.parametrize("by_entry", [True, False])
def test_a_withdrawal_after_it_takes_the_face_that_was_added_by_hand(site: Site, by_entry: bool) -> None:
    gate = site.register("gate-1")
    fay = add(site, with_face())
    gate.give(site.publish())
    add_by_hand(gate, fay, replace(CONSENT, given_at="2026-03-05T09:00:00Z"))
    if by_entry:
        membership.withdraw(site.store, fay)
        gate.give(site.publish())
    else:
        obey(gate, order(Word.WITHDRAW, fay))
    assert (gate.matched(), faces(gate)) == (set(), [])


def test_an_export_without_a_face_takes_none_from_the_centre_unless_it_was_withdrawn(site: Site) -> None:
    gate = site.register("gate-1")
    newer = replace(CONSENT, policy_version=NEXT.version, policy_sha256=NEXT.sha256)
    fay = add(site, with_face(consent=newer))
    gate.give(site.publish())
    exported = gate.people.member(fay)
    assert exported.templates == {}, "this terminal's policy keeps the face out"
    for given in (exported, FACELESS, replace(exported, name="Fay Right", tokens=((Token.BADGE, OTHER),))):
        add(site, given, fay)
        held = site.store.people.member(fay)
        assert np.array_equal(held.templates[MODEL], templates(1))
        assert held.consent == newer
    assert (held.name, held.tokens) == ("Fay Right", ((Token.BADGE, OTHER),)), "what else it says counts"
    late = site.register("gate-2")
    late.restart(NEXT)
    late.give(site.publish())
    assert late.people.gallery(MODEL, NEXT).people == (fay,)
    add(site, replace(exported, consent=replace(newer, withdrawn_at="2099-01-01T00:00:00Z")), fay)
    assert site.store.people.member(fay).templates == {}
    late.give(site.publish())
    assert (faces(late), late.people.member(fay).name) == ([], "Fay")


def test_a_badge_that_was_taken_by_hand_does_not_come_back_when_the_entry_is_judged_again(site: Site) -> None:
    gate = site.register("gate-1")
    newer = replace(CONSENT, policy_version=NEXT.version, policy_sha256=NEXT.sha256)
    fay = add(site, with_face(consent=newer))
    retained = site.publish()
    gate.give(retained)
    assert gate.people.credentials.whose(Token.BADGE, BADGE) == fay
    gate.people.credentials.take(fay, Token.BADGE)
    gate.people.credentials.set_pin(fay, None)
    gate.restart(NEXT)
    gate.give(retained)
    assert gate.people.gallery(MODEL, NEXT).people == (fay,), "the policy lets the face in now"
    assert gate.people.credentials.whose(Token.BADGE, BADGE) is None
    assert not gate.people.credentials.has_pin(fay)
    assert gate.people.credentials.whose(Token.NUMBER, STAFF) == fay


def test_neither_does_it_when_all_of_the_roster_comes_again(site: Site) -> None:
    """Whatever became of our own notes of it."""
    gate = site.register("gate-1")
    fay = add(site, with_face(restricted=True))
    retained = site.publish()
    gate.give(retained)
    gate.people.credentials.take(fay, Token.BADGE)
    gate.people.restrict(fay, None)
    gate.received.close()
    for path in site.root.glob("gate-1-roster.db*"):
        path.unlink()
    del gate.received
    gate.restart()
    gate.give(retained)
    assert gate.people.credentials.whose(Token.BADGE, BADGE) is None
    assert gate.people.credentials.whose(Token.NUMBER, STAFF) == fay
    assert gate.people.restriction(fay) is None
    membership.rectify(site.store, fay, "Fay Right")
    gate.give(site.publish())
    assert gate.people.credentials.whose(Token.BADGE, BADGE) == fay, "a later entry says what she has"


def test_a_badge_that_its_owner_gives_up_by_hand_reaches_the_next_one_at_once(site: Site) -> None:
    gate = site.register("gate-1")
    own = new_person_id()
    gate.people.add(own, "Own")
    gate.people.credentials.give(own, Token.BADGE, BADGE)
    fay = add(site, with_face())
    gate.give(site.publish())
    assert gate.people.credentials.whose(Token.BADGE, BADGE) == own
    gate.people.credentials.take(fay, Token.NUMBER)
    beside = People(gate.people.path, b"k" * 32)  # another process
    beside.credentials.take(own, Token.BADGE)
    beside.close()
    gate.settle()
    assert gate.people.credentials.whose(Token.BADGE, BADGE) == fay
    assert gate.sync.kept_out() == {}
    assert gate.people.credentials.whose(Token.NUMBER, STAFF) is None, (
        "what was taken from her meanwhile stays away"
    )


@pytest.mark.parametrize("word", [Word.ERASE, Word.UNDER_AGE, Word.EMPLOYMENT_ENDED])
def test_who_was_ordered_to_be_erased_before_their_entry_came_does_not_come(site: Site, word: Word) -> None:
    gate = site.register("gate-1")
    fay, bob = add(site, with_face()), site.add(2)
    obey(gate, order(word, fay, reason="requested", at=WHEN))
    retained = site.publish()
    gate.give(retained)
    assert (gate.matched(), gate.people.known()) == ({bob}, {bob})
    assert "erased here" in gate.sync.kept_out()[fay]
    add(site, replace(with_face(4), consent=ANEW), fay)
    gate.restart()
    gate.give(site.publish())
    assert gate.people.known() == {bob}
    assert gate.people.credentials.whose(Token.BADGE, BADGE) is None


@pytest.mark.parametrize(
    ("words", "bar"),
    [
        ((Word.RESTRICT,), Restriction.RESTRICTED),
        ((Word.OBJECT,), Restriction.OBJECTED),
        ((Word.OBJECT, Word.RESTRICT), Restriction.OBJECTED),
        ((Word.RESTRICT, Word.OBJECT), Restriction.OBJECTED),
        ((Word.OBJECT, "restriction"), Restriction.OBJECTED),
        ((Word.OBJECT, "objection"), None),
        ((Word.RESTRICT, "restriction"), None),
        (("restriction",), None),
    ],
)
def test_a_bar_that_was_ordered_before_their_entry_came_is_set_when_it_comes(site: Site, words, bar) -> None:
    gate = site.register("gate-1")
    fay, bob = add(site, with_face()), site.add(2)
    lifting = [word for word in words if not isinstance(word, Word)]
    obey(
        gate,
        *(
            replace(
                order(Word.UNRESTRICT, fay, lifts=word) if word in lifting else order(word, fay), id=str(n) * 26
            )
            for n, word in enumerate(words)
        ),
    )
    gate.give(site.publish())
    assert gate.people.restriction(fay) is bar
    assert gate.matched() == ({bob} if bar else {fay, bob})
    gate.people.restrict(fay, None)
    membership.rectify(site.store, fay, "Fay Right")
    gate.restart()
    gate.give(site.publish())
    assert gate.matched() == {fay, bob}, "what was lifted since stays lifted"


def test_an_objection_that_came_first_outlasts_a_restriction_of_the_entry(site: Site) -> None:
    gate = site.register("gate-1")
    fay, eve = add(site, replace(with_face(), restricted=True)), add(site, replace(with_face(5), tokens=()))
    obey(gate, order(Word.OBJECT, fay))
    gate.give(site.publish())
    assert gate.people.restriction(fay) is Restriction.OBJECTED
    assert gate.matched() == {eve}


def test_a_withdrawal_that_is_obeyed_before_the_entry_comes_holds(site: Site) -> None:
    gate = site.register("gate-1")
    fay, bare, nell = add(site, with_face()), site.add(2), add(site, replace(FACELESS, tokens=(), pin=DIGEST))
    obey(gate, *(replace(order(Word.WITHDRAW, one), id=one) for one in (fay, bare, nell)))
    gate.give(site.publish())
    assert (gate.matched(), faces(gate)) == (set(), [])
    assert gate.people.credentials.whose(Token.BADGE, BADGE) == fay, "a badge needs no consent"
    assert gate.people.known() == {fay, nell}
    assert "withdrawn here" in gate.sync.kept_out()[fay]
    assert owed(gate) == [], "nothing ended here"
    membership.rectify(site.store, fay, "Fay Right")
    gate.restart()
    gate.give(site.publish())
    assert (gate.matched(), faces(gate)) == (set(), [])
    add(site, replace(with_face(4), consent=ANEW), fay)
    gate.give(site.publish())
    assert gate.matched() == {fay}, "she agreed again, later"


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_order_of_entry_and_withdrawal_the_end_is_the_same(site: Site, seed: int) -> None:
    chance = random.Random(seed)
    gate = site.register("gate-1")
    fay = add(site, with_face())
    site.publish()
    membership.restrict(site.store, fay, Restriction.RESTRICTED)
    membership.lift(site.store, fay, Restriction.RESTRICTED)
    site.publish()
    pieces: list[tuple[str, bytes] | Order] = [*site.history, order(Word.WITHDRAW, fay)]
    chance.shuffle(pieces)
    for one in pieces:
        if isinstance(one, Order):
            obey(gate, one)
        else:
            gate.give([one])
        if chance.random() < 0.2:
            gate.restart()
    gate.give(site.publish())
    assert (gate.matched(), faces(gate)) == (set(), [])
    assert gate.people.credentials.whose(Token.BADGE, BADGE) == fay


def test_templates_are_held_to_the_length_that_the_model_makes(site: Site) -> None:
    gate = site.register("gate-1")
    right = site.add(1)
    odd = {add(site, replace(member(n), templates={MODEL: templates(n, length=128)})) for n in (2, 3, 4)}
    gate.give(site.publish())
    unreadable: list[str] = []
    found = gate.people.gallery(MODEL, POLICY, unreadable=unreadable, length=512)
    assert (found.people, set(unreadable)) == ((right,), odd)
