"""People of the roster who gave no face, or take it back: badge and PIN everywhere, and no face anywhere."""

import random
from dataclasses import replace

import pytest

from edge.central.roster import membership
from edge.crypto import dsse, site_key
from edge.domain.people.credentials import Token
from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record_kinds import Kind, Restriction
from edge.domain.roster.member import Member, encode_member
from edge.domain.roster.messages import PersonMessage
from edge.domain.vocabulary import ErasureReason
from edge.errors import LedgerError, PeopleError
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.people.roster.sync import RosterSync
from tests.support.people import CONSENT, POLICY
from tests.support.roster_site import (
    ANEW,
    BADGE,
    DIGEST,
    FACELESS,
    MODEL,
    OTHER,
    PIN,
    STAFF,
    WHEN,
    Site,
    add,
    faces,
    member,
    owed,
    person_topic,
    resigned,
    site,
    templates,
    with_face,
)

__all__ = ["site"]  # the fixture


def in_files(site: Site, pattern: str, *secrets: bytes) -> bool:
    return any(secret in path.read_bytes() for path in site.root.glob(pattern) for secret in secrets)


def test_who_gave_no_face_is_known_at_every_terminal_by_badge_and_pin(site: Site) -> None:
    gates = [site.register(f"gate-{number}") for number in (1, 2)]
    fay = add(site, FACELESS)
    retained = site.publish()
    for gate in gates:
        gate.give(retained)
        assert gate.people.credentials.whose(Token.BADGE, BADGE) == fay
        assert gate.people.credentials.whose(Token.NUMBER, STAFF) == fay
        assert gate.people.credentials.proves(fay, PIN)
        (one,) = gate.people.list()
        assert (one.name, one.templates, one.consent) == ("Fay", 0, None)
        assert (gate.matched(), gate.sync.missing(), gate.sync.kept_out()) == (set(), [], {})
        assert (gate.sync.counts.roster_people, owed(gate)) == (1, [])
    assert not membership.add(site.store, "main", fay, FACELESS), "it is there already"


def test_what_they_have_is_changed_and_taken_and_they_leave_like_all_others(site: Site) -> None:
    gate = site.register("gate-1")
    fay = add(site, FACELESS)
    gate.give(site.publish())
    add(site, replace(FACELESS, tokens=((Token.BADGE, OTHER),), pin=None, name="Fay Right"), fay)
    gate.give(site.publish())
    assert gate.people.credentials.whose(Token.BADGE, BADGE) is None
    assert gate.people.credentials.whose(Token.BADGE, OTHER) == fay
    assert not gate.people.credentials.has_pin(fay)
    assert gate.people.member(fay).name == "Fay Right"
    assert membership.rectify(site.store, fay, "Fay Wright") == ["main"]
    gate.give(site.publish())
    assert gate.people.member(fay).name == "Fay Wright"
    membership.remove(site.store, "main", fay, ErasureReason.EMPLOYMENT_ENDED)
    gate.give(site.publish())
    assert gate.people.credentials.whose(Token.BADGE, OTHER) is None
    with pytest.raises(PeopleError):
        gate.people.member(fay)
    assert gate.people.erasures() == []


def test_a_withdrawal_at_the_centre_takes_the_face_from_every_file_and_leaves_the_badge(site: Site) -> None:
    gate = site.register("gate-1")
    fay, bob = add(site, with_face()), site.add(2)
    gate.give(site.publish())
    assert gate.matched() == {fay, bob}
    query = "SELECT wrapped, name, sealed FROM people JOIN templates ON person = id WHERE id = ?"
    kept = [part[20:60] for people in (gate.people, site.store.people)
            for part in people._db.execute(query, (fay,)).fetchone()]  # fmt: skip
    wire = site.publish()[person_topic(fay)][200:260]
    gate.people._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert in_files(site, "*.db*", wire)
    assert all(in_files(site, "*.db*", one) for one in kept)
    assert membership.withdraw(site.store, fay) == ["main"]
    assert membership.withdraw(site.store, fay) == [], "done"
    assert not in_files(site, "roster*", wire, *kept[3:]), "at the centre, before anything is published"
    gate.give(site.publish())
    assert gate.matched() == {bob}
    assert not in_files(site, "*.db*", wire, *kept)
    assert gate.people.credentials.whose(Token.BADGE, BADGE) == fay
    assert (gate.people.member(fay).name, gate.people.member(fay).templates) == ("Fay", {})
    assert gate.people.member(fay).consent.withdrawn_at
    assert owed(gate) == [(str(Kind.CONSENT), fay, "withdrawn")]
    assert gate.sync.has_pending
    assert (gate.sync.kept_out(), gate.sync.missing()) == ({}, [])


def test_the_face_comes_back_by_a_consent_that_was_given_later_and_by_no_old_file(site: Site) -> None:
    gate = site.register("gate-1")
    fay = add(site, with_face())
    old = site.publish()
    gate.give(old)
    membership.withdraw(site.store, fay)
    gate.give(site.publish())
    with pytest.raises(LedgerError, match="withdrawn here"):
        add(site, with_face(3), fay)
    assert site.store.people.member(fay).templates == {}
    gate.give(old)  # a broker that was restored
    assert gate.matched() == set()
    add(site, with_face(3, consent=ANEW), fay)
    gate.give(site.publish())
    assert gate.matched() == {fay}
    assert gate.people.member(fay).consent == ANEW


def test_who_would_have_nothing_left_is_not_withdrawn_but_removed(site: Site) -> None:
    ann = site.add(1)
    with pytest.raises(LedgerError, match="remove --reason withdrawn"):
        membership.withdraw(site.store, ann)
    assert site.store.people.member(ann).templates
    assert membership.withdraw(site.store, new_person_id()) == []
    with pytest.raises(LedgerError, match="neither a face nor a badge"):
        add(site, Member("Nobody", None, {}))
    with pytest.raises(LedgerError, match="no consent to it"):
        add(site, Member("Nobody", None, {MODEL: templates(1)}, tokens=FACELESS.tokens))
    assert len(site.store.people.list()) == 1, "nobody who was refused is kept"


@pytest.mark.parametrize("seed", range(12))
def test_whatever_comes_in_between_the_newest_entry_is_what_counts(site: Site, seed: int) -> None:
    """Face, none, withdrawn, agreed again, another badge: in any order, delivered in any order, with restarts."""
    shuffler = random.Random(seed)
    gate = site.register("gate-1")
    fay = add(site, FACELESS)
    for day in range(1, 9):
        match shuffler.choice(["face", "withdraw", "badge", "none", "rotate"]):
            case "face":
                given = replace(CONSENT, given_at=f"2099-05-{day:02}T09:00:00Z")
                add(site, with_face(shuffler.randrange(9), consent=given), fay)
            case "withdraw":
                membership.withdraw(site.store, fay)
            case "badge":
                held = site.store.people.member(fay)
                add(site, replace(held, tokens=((Token.BADGE, str(1_000 + day)),)), fay)
            case "none":
                add(site, FACELESS, fay)
            case _:
                membership.rotate(site.store, "main")
        retained = site.publish()
        if shuffler.random() < 0.6:
            pieces = [*retained.items(), *shuffler.sample(site.history, len(site.history) // 2)]
            shuffler.shuffle(pieces)
            gate.give(pieces, settle=bool(seed % 2))
        if shuffler.random() < 0.3:
            gate.restart()
    gate.restart()
    gate.give(site.publish())
    wanted, found = site.store.people.member(fay), gate.people.member(fay)
    assert (found.name, sorted(found.tokens), found.pin) == (wanted.name, sorted(wanted.tokens), wanted.pin)
    assert found.templates.keys() == wanted.templates.keys()
    assert all((found.templates[model] == matrix).all() for model, matrix in wanted.templates.items())
    assert gate.matched() == ({fay} if wanted.templates else set())
    assert gate.sync.missing() == []


def test_a_badge_needs_no_consent_and_its_loss_is_heard_of_after_a_withdrawal_here(site: Site) -> None:
    gate = site.register("gate-1")
    fay = add(site, with_face())
    gate.give(site.publish())
    gate.people.withdraw(fay, "2098-01-01T09:00:00Z")
    with pytest.raises(PeopleError, match="central roster withdraw"):
        gate.people.member(fay)
    add(site, replace(with_face(), tokens=((Token.BADGE, OTHER),)), fay)
    retained = site.publish()
    gate.give(retained)
    assert "withdrawn here" in gate.sync.kept_out()[fay]
    assert (
        gate.people.credentials.whose(Token.BADGE, BADGE),
        gate.people.credentials.whose(Token.BADGE, OTHER),
    ) == (None, fay)
    assert (faces(gate), gate.people.list()[0].name) == ([], None)
    gate.people.credentials.give(fay, Token.BADGE, "5555")
    gate.restart()
    gate.give(retained)  # each connection brings it again
    assert gate.people.credentials.whose(Token.BADGE, "5555") == fay, (
        "what was given by hand stays until the next entry"
    )
    membership.withdraw(site.store, fay)
    gate.give(site.publish())
    assert (gate.sync.kept_out(), faces(gate), gate.people.member(fay).name) == ({}, [], "Fay")
    assert owed(gate) == [], "it had ended here before, and the record said so"


def test_a_withdrawal_here_is_not_undone_by_an_entry_without_a_face(site: Site) -> None:
    """Whose consent is the old one: what is written down of it must not let the next entry bring the face."""
    gate = site.register("gate-1")
    fay = add(site, with_face())
    gate.give(site.publish())
    gate.people.withdraw(fay, "2098-01-01T09:00:00Z")
    add(site, replace(with_face(), templates={}), fay)
    gate.give(site.publish())
    assert gate.people.list()[0].consent.withdrawn_at
    add(site, with_face(5), fay)
    gate.give(site.publish())
    assert (gate.matched(), faces(gate)) == (set(), [])


def test_an_order_that_comes_after_the_roster_leaves_the_name_with_the_badge(site: Site) -> None:
    gate = site.register("gate-1")
    fay, nell = add(site, with_face()), add(site, replace(FACELESS, tokens=((Token.BADGE, OTHER),)))
    gate.give(site.publish())
    membership.withdraw(site.store, fay)
    gate.give(site.publish())
    assert not gate.people.withdraw(fay, "2098-01-01T09:00:00Z"), "the roster was first"
    assert gate.people.member(fay).name == "Fay"
    assert not gate.people.consented(nell)
    from edge.terminal.orders.order_executor import OrderExecutor

    order = Order("c" * 32, "main", ("gate-1",), 1, WHEN, WHEN, Word.WITHDRAW, {"person": nell})
    done = OrderExecutor(gate.people, gate.identity, POLICY).carry_out(order, WHEN, b"")
    assert (str(done.outcome), done.did) == ("done", ()), (
        "an order that cannot end anything is answered all the same"
    )
    assert gate.people.member(nell).name == "Fay"


def test_who_was_erased_here_is_brought_back_by_no_roster(site: Site) -> None:
    gate = site.register("gate-1")
    fay, ann = add(site, FACELESS), add(site, replace(with_face(), tokens=((Token.BADGE, OTHER),), pin=None))
    gate.give(site.publish())
    for person in (fay, ann):
        gate.people.erase(person, "2098-01-01T09:00:00Z", "requested")
        gate.people.rewrite()
        gate.people.erasure_over(person)
    for change in ({"name": "Changed"}, {"templates": {}, "consent": replace(CONSENT, withdrawn_at=WHEN)}):
        add(site, replace(FACELESS, name=str(change.get("name", "Again"))), fay)
        add(site, replace(with_face(), tokens=((Token.BADGE, OTHER),), pin=None, **change), ann)
        gate.give(site.publish())
        assert set(gate.sync.kept_out()) == {fay, ann}
        assert gate.people.enrolled() == frozenset()
        assert [gate.people.credentials.whose(Token.BADGE, one) for one in (BADGE, OTHER)] == [None, None]
    with pytest.raises(PeopleError, match="nobody here has this id"):
        gate.people.credentials.give(fay, Token.BADGE, "5555")


def test_a_badge_comes_although_the_consent_is_to_another_policy_and_the_face_does_not(site: Site) -> None:
    gate = site.register("gate-1")
    newer = replace(CONSENT, policy_version="2027-1", given_at="2099-01-01T09:00:00Z")
    fay, bare = add(site, with_face(consent=newer)), site.add(2, consent=newer)
    retained = site.publish()
    gate.give(retained)
    assert set(gate.sync.kept_out()) == {fay, bare}
    assert (faces(gate), gate.people.credentials.whose(Token.BADGE, BADGE)) == ([], fay)
    assert gate.people.known() == {fay}, "of who has a face alone nothing is kept"
    gate.restart(replace(POLICY, version="2027-1"))
    gate.give(retained)
    assert gate.people.gallery(MODEL, replace(POLICY, version="2027-1")).people == tuple(sorted([fay, bare]))


def test_a_restriction_and_an_objection_reach_who_hears_of_them_by_the_roster_alone(site: Site) -> None:
    gate, late = site.register("gate-1"), site.register("gate-2")
    fay, bob = add(site, with_face()), site.add(2)
    gate.give(site.publish())
    assert membership.restrict(site.store, fay, Restriction.OBJECTED) == ["main"]
    assert membership.restrict(site.store, fay, Restriction.RESTRICTED) == [], "an objection outlasts it"
    assert membership.restrict(site.store, bob, Restriction.RESTRICTED) == ["main"]
    assert membership.lift(site.store, bob, Restriction.OBJECTED) == []
    assert membership.restrict(site.store, new_person_id(), Restriction.RESTRICTED) == []
    retained = site.publish()
    for one in (gate, late):
        one.give(retained)
        assert one.matched() == set()
        assert one.people.restriction(fay) is Restriction.OBJECTED, "their own word alone ends it, here too"
        assert one.people.restriction(bob) is Restriction.RESTRICTED
        assert one.people.credentials.whose(Token.BADGE, BADGE) == fay
    assert membership.lift(site.store, fay, Restriction.OBJECTED) == ["main"]
    newest = site.register("gate-3")
    newest.give(site.publish())
    assert newest.matched() == {fay}
    gate.give(site.publish())
    assert gate.people.restriction(fay) is Restriction.OBJECTED, "lifting takes an order"
    assert not membership.add(site.store, "main", bob, member(2)), "an export from before does not lift it"


def test_a_restriction_here_outlasts_a_face_that_goes_and_comes(site: Site) -> None:
    gate = site.register("gate-1")
    fay = add(site, with_face())
    gate.give(site.publish())
    gate.people.restrict(fay, Restriction.OBJECTED)
    membership.withdraw(site.store, fay)
    gate.give(site.publish())
    add(site, with_face(4, consent=ANEW), fay)
    gate.give(site.publish())
    assert gate.people.restriction(fay) is Restriction.OBJECTED
    assert gate.matched() == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"consent": None},
        {"consent": replace(CONSENT, withdrawn_at=WHEN)},
        {"tokens": (), "pin": None, "templates": {}},
    ],
)
def test_a_hostile_entry_under_every_genuine_key_changes_nothing(site: Site, monkeypatch, changes) -> None:
    gate = site.register("gate-1")
    fay = add(site, with_face())
    retained = site.publish()
    gate.give(retained)
    before = gate.people.member(fay), gate.matched()
    key = site.store.site("main").key
    monkeypatch.setattr("edge.domain.roster.member.contradiction", lambda _member: None)
    plain = encode_member(replace(with_face(9), content=7, **changes))
    monkeypatch.undo()

    def hostile(payload: bytes) -> bytes:
        bare = replace(PersonMessage.decode(payload), version=99, sealed=b"")
        return replace(bare, sealed=site_key.encrypt(key, plain, bare.line())).encode()

    wire = resigned(retained[person_topic(fay)], hostile)
    gate.give({person_topic(fay): wire})
    assert gate.sync.counts.roster_rejected == 1
    assert (gate.people.member(fay).name, gate.matched()) == (before[0].name, before[1])
    assert (gate.people.member(fay).templates[MODEL] == before[0].templates[MODEL]).all()
    opened = site_key.decrypt(key, PersonMessage.decode(dsse.parse(wire).payload).sealed,
                             PersonMessage.decode(dsse.parse(wire).payload).line())  # fmt: skip
    assert opened == plain, "it opened, and what it says was refused"


@pytest.mark.parametrize("given", [
    Member("Eve", None, {MODEL: templates(1)}, tokens=FACELESS.tokens),
    Member("Eve", replace(CONSENT, withdrawn_at=WHEN), {MODEL: templates(1)}, tokens=FACELESS.tokens),
    Member("Eve", None, {}),
])  # fmt: skip
def test_the_people_file_itself_keeps_no_face_without_a_consent(site: Site, given: Member) -> None:
    """Whatever a reader of messages let pass."""
    gate = site.register("gate-1")
    eve = new_person_id()
    assert gate.people.receive({eve: given}, POLICY)[eve]
    assert gate.people.known() == frozenset()
    assert (faces(gate), gate.people.credentials.whose(Token.BADGE, BADGE)) == ([], None)


@pytest.mark.parametrize("seed", range(8))
def test_a_badge_that_passes_to_another_arrives_whatever_comes_first(site: Site, seed: int) -> None:
    gate = site.register("gate-1")
    fay, bob = add(site, FACELESS), add(site, member(2, tokens=((Token.BADGE, OTHER),)))
    gate.give(site.publish())
    add(site, member(2, pin=DIGEST), bob)
    add(site, replace(FACELESS, tokens=((Token.BADGE, OTHER),)), fay)
    add(site, member(2, pin=DIGEST, tokens=((Token.BADGE, BADGE),)), bob)
    newest = site.publish()
    pieces = [*newest.items(), *site.history]
    random.Random(seed).shuffle(pieces)
    if seed % 4 == 0:  # hers alone, with all that decides about it; then a restart
        gate.give({topic: wire for topic, wire in newest.items() if topic != person_topic(bob)})
        assert f"another person's here ({bob})" in gate.sync.kept_out()[fay]
        assert gate.people.credentials.whose(Token.BADGE, OTHER) == bob
        gate.restart()
        gate.give(newest)
    gate.give(pieces, settle=bool(seed % 2))
    assert (
        gate.people.credentials.whose(Token.BADGE, OTHER),
        gate.people.credentials.whose(Token.BADGE, BADGE),
    ) == (fay, bob)
    assert (gate.sync.kept_out(), gate.sync.missing()) == ({}, [])
    assert gate.sync.counts.roster_waiting == 0


@pytest.mark.parametrize("moment", ["_apply", "_leave_unlisted", "_count", "_raise_floor"])
def test_a_badge_that_is_freed_while_its_next_holder_is_judged_is_noticed(
    site: Site, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    gate = site.register("gate-1")
    with People(gate.people.path, b"k" * 32) as others:  # another process, as far as the file tells
        own = new_person_id()
        others.add(own, "Own")
        others.credentials.give(own, Token.BADGE, BADGE)
        fay, act = add(site, FACELESS), getattr(RosterSync, moment)

        def and_freed(self: RosterSync, *given: object) -> object:
            done = act(self, *given)
            if self.kept_out() and others.credentials.whose(Token.BADGE, BADGE) == own:
                others.credentials.take(own, Token.BADGE)
            return done

        monkeypatch.setattr(RosterSync, moment, and_freed)
        gate.give(site.publish(), settle=False)
        assert others.credentials.whose(Token.BADGE, BADGE) != own
        gate.settle()
        assert gate.people.credentials.whose(Token.BADGE, BADGE) == fay
        assert gate.sync.kept_out() == {}


def test_the_badge_of_somebody_who_leaves_is_free_for_who_comes(site: Site) -> None:
    gate = site.register("gate-1")
    fay = add(site, FACELESS)
    gate.give(site.publish())
    membership.remove(site.store, "main", fay, ErasureReason.EMPLOYMENT_ENDED)
    nell = add(site, FACELESS)
    retained = site.publish()
    gate.give(sorted(retained.items(), key=lambda pair: pair[0] != person_topic(nell)), settle=False)
    gate.settle()
    assert gate.people.credentials.whose(Token.BADGE, BADGE) == nell
    assert gate.sync.kept_out() == {}


def test_a_badge_that_is_anothers_here_stays_theirs_until_it_is_taken(site: Site) -> None:
    gate = site.register("gate-1")
    own = new_person_id()
    gate.people.add(own, "Own")
    gate.people.credentials.give(own, Token.BADGE, BADGE)
    fay = add(site, with_face())
    retained = site.publish()
    gate.give(retained)
    assert own in gate.sync.kept_out()[fay]
    assert (gate.people.credentials.whose(Token.BADGE, BADGE), gate.matched()) == (own, {fay})
    assert gate.people.credentials.whose(Token.NUMBER, STAFF) == fay, "all that is free is hers"
    gate.people.credentials.give(fay, Token.BADGE, "5555")
    gate.restart()
    gate.give(retained)
    assert gate.people.credentials.whose(Token.BADGE, "5555") == fay, "what was given by hand in the meantime stays"
    gate.people.credentials.take(own, Token.BADGE)
    gate.restart()
    gate.give(retained)
    assert (gate.people.credentials.whose(Token.BADGE, BADGE), gate.sync.kept_out()) == (fay, {})


def test_the_centre_adds_nobody_with_anothers_badge(site: Site) -> None:
    """Or one of the two would lose it unseen, and without a face be left with nothing to publish."""
    fay = add(site, FACELESS)
    with pytest.raises(LedgerError, match=f"another person's here \\({fay}\\)"):
        add(site, replace(FACELESS, name="Nell"))
    assert len(site.store.people.list()) == 1
    site.register("gate-1")
    site.publish()
