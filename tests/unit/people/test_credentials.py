"""Badges, staff numbers and PINs: nobody else's, never in the clear, and gone with an erasure."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.domain.people.credentials import Token
from edge.domain.roster.member import Member, decode_member, encode_member
from edge.errors import PeopleError, RecordError
from edge.people.people_store import People
from edge.people.person import new_person_id
from tests.support.people import CONSENT, POLICY

LATER = "2026-04-01T08:00:00Z"
# Long enough that no random bytes hold them by chance.
NUMBER, STAFF, PIN = "000471190660029", "77001880660029915", "271828182845"
Open = Callable[[], People]


def someone(people: People) -> str:
    person = new_person_id()
    people.add(person, "Ann Example")
    return person


def enrolled(people: People) -> str:
    person = new_person_id()
    people.enrol(person, "Ann Example", CONSENT, POLICY, np.eye(3, 8, dtype=np.float32), "m")
    return person


def everything(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_a_badge_is_its_persons_and_a_typed_one_opens_nothing(open_people: Open) -> None:
    people = open_people()
    ann = someone(people)
    assert people.credentials.give(ann, Token.BADGE, NUMBER)
    assert not people.credentials.give(ann, Token.BADGE, " 0004-71190660029 "), "it is theirs already"
    assert people.credentials.whose(Token.BADGE, "0004 71190660029") == ann
    assert people.credentials.whose(Token.NUMBER, NUMBER) is None
    assert people.credentials.whose(Token.BADGE, "999999") is None
    assert people.credentials.whose(Token.BADGE, "\x00") is None


def test_nobody_is_given_what_is_anothers(open_people: Open) -> None:
    people = open_people()
    ann, bob = someone(people), someone(people)
    people.credentials.give(ann, Token.BADGE, NUMBER)
    with pytest.raises(PeopleError, match="another person's here") as refused:
        people.credentials.give(bob, Token.BADGE, NUMBER)
    assert NUMBER not in str(refused.value)
    assert people.credentials.whose(Token.BADGE, NUMBER) == ann
    with pytest.raises(PeopleError, match="nobody here has this id"):
        people.credentials.give("a" * 26, Token.BADGE, "5555")
    with pytest.raises(PeopleError, match="no badge"):
        people.credentials.give(ann, Token.BADGE, "!")


def test_a_lost_badge_is_taken(open_people: Open) -> None:
    people = open_people()
    ann = someone(people)
    people.credentials.give(ann, Token.BADGE, NUMBER)
    people.credentials.give(ann, Token.BADGE, "5555")
    assert people.credentials.take(ann, Token.BADGE) == 2
    assert people.credentials.whose(Token.BADGE, NUMBER) is None


def test_a_pin_proves_its_person_alone_and_failures_are_counted_over_restarts(open_people: Open) -> None:
    people = open_people()
    ann, bob = someone(people), someone(people)
    people.credentials.set_pin(ann, PIN)
    assert people.credentials.proves(ann, PIN)
    assert not people.credentials.proves(bob, PIN)
    assert not people.credentials.proves(None, PIN)
    for _ in range(3):
        assert not people.credentials.proves(ann, "271829")
    assert open_people().credentials.failures(ann) == 3
    assert people.credentials.proves(ann, PIN)
    assert people.credentials.failures(ann) == 0
    with pytest.raises(PeopleError, match="6 to 12 digits"):
        people.credentials.set_pin(ann, "1234")
    people.credentials.set_pin(ann, None)
    assert not people.credentials.proves(ann, PIN)


def test_no_credential_is_in_the_clear(open_people: Open, path: Path) -> None:
    people = open_people()
    ann = someone(people)
    people.credentials.give(ann, Token.BADGE, NUMBER)
    people.credentials.give(ann, Token.NUMBER, STAFF)
    people.credentials.set_pin(ann, PIN)
    held = everything(path)
    for secret in (NUMBER, STAFF, PIN, "argon2", "Ann Example"):
        assert secret.encode() not in held
    assert ann.encode() in held, "the scan sees what is there"


def test_who_withdraws_keeps_their_badge_and_pin_and_may_still_be_given_one(open_people: Open) -> None:
    people = open_people()
    ann = enrolled(people)
    people.credentials.give(ann, Token.BADGE, NUMBER)
    people.credentials.set_pin(ann, PIN)
    people.withdraw(ann, LATER)
    assert people.gallery("m", POLICY).size == 0
    assert people.credentials.whose(Token.BADGE, NUMBER) == ann
    assert people.credentials.proves(ann, PIN)
    people.credentials.give(ann, Token.NUMBER, STAFF)
    assert people.held(ann)["staff_numbers"] == [STAFF]


def test_an_erasure_takes_all_of_it_and_leaves_the_others(open_people: Open, path: Path) -> None:
    people = open_people()
    ann, bob = enrolled(people), someone(people)
    for person, text in ((ann, NUMBER), (bob, "5555")):
        people.credentials.give(person, Token.BADGE, text)
        people.credentials.set_pin(person, PIN)
    sealed = [row[0] for row in people._db.execute("SELECT sealed FROM tokens WHERE person = ?", (ann,))]
    sealed += [row[0] for row in people._db.execute("SELECT pin FROM means WHERE person = ?", (ann,))]
    assert all(one in everything(path) for one in sealed)
    people.erase(ann, LATER, "requested")
    people.rewrite()
    left = everything(path)
    assert not any(one in left for one in sealed)
    assert people.credentials.whose(Token.BADGE, NUMBER) is None
    assert not people.credentials.proves(ann, PIN)
    assert people.credentials.whose(Token.BADGE, "5555") == bob
    assert open_people().credentials.proves(bob, PIN), "wrapped under the fresh epoch"


def test_somebody_without_a_face_is_listed_handed_out_and_erased(open_people: Open) -> None:
    people = open_people()
    ann = someone(people)
    (listed,) = people.list()
    assert (listed.name, listed.templates, listed.consent) == ("Ann Example", 0, None)
    assert people.gallery("m", POLICY).size == 0
    assert people.held(ann)["badges"] == []
    with pytest.raises(PeopleError, match="gave no consent"):
        people.withdraw(ann, LATER)
    assert people.erase(ann, LATER, "employer") == 0
    assert people.list()[0].name is None


def test_the_roster_carries_them_and_the_next_replaces_them(open_people: Open, tmp_path: Path) -> None:
    people = open_people()
    ann = enrolled(people)
    people.credentials.give(ann, Token.BADGE, NUMBER)
    people.credentials.set_pin(ann, PIN)
    member = people.member(ann)
    with People(tmp_path / "other.db", bytes(32)) as other:
        assert other.receive({ann: member}, POLICY) == {ann: None}
        assert other.credentials.whose(Token.BADGE, NUMBER) == ann
        assert other.credentials.proves(ann, PIN)
        bare = Member(member.name, member.consent, member.templates)
        assert other.receive({ann: bare}, POLICY) == {ann: None}
        assert other.credentials.whose(Token.BADGE, NUMBER) is None
        assert not other.credentials.has_pin(ann)


def test_the_roster_takes_nobodys_badge_away(open_people: Open) -> None:
    people = open_people()
    bob = someone(people)
    people.credentials.give(bob, Token.BADGE, NUMBER)
    ann = Member("Ann", CONSENT, {"m": np.eye(1, 8, dtype=np.float32)}, tokens=((Token.BADGE, NUMBER),))
    assert bob in (people.receive({new_person_id(): ann}, POLICY).popitem()[1] or "")
    assert people.gallery("m", POLICY).size == 1, "her face is known all the same"
    assert people.credentials.whose(Token.BADGE, NUMBER) == bob


def test_a_half_written_change_changes_nothing(open_people: Open) -> None:
    people = open_people()
    ann = someone(people)

    def half() -> None:
        with people.together():
            people.credentials.give(ann, Token.BADGE, NUMBER)
            people.add(ann, "Ann Again")

    with pytest.raises(PeopleError):
        half()
    assert people.credentials.whose(Token.BADGE, NUMBER) is None


@pytest.mark.parametrize("costs", ["m=9999999,t=3", "m=65537,t=3", "m=16384,t=99", "m=0,t=3"])
def test_a_pin_digest_that_would_fell_a_terminal_is_refused(costs: str) -> None:
    digest = f"$argon2id$v=19${costs},p=1${'A' * 22}${'A' * 43}"
    member = Member("Ann", CONSENT, {"m": np.eye(1, 8, dtype=np.float32)}, pin=digest)
    with pytest.raises(RecordError, match="more memory than a terminal has"):
        encode_member(member)
    fit = digest.replace(costs, "m=65536,t=3")
    assert decode_member(encode_member(replace(member, pin=fit))).pin == fit


def test_a_card_in_another_notation_does_not_become_a_second_badge(open_people: Open) -> None:
    people = open_people()
    ann, bob = someone(people), someone(people)
    people.credentials.give(ann, Token.BADGE, "0004711993")
    for same in ("4711993", "47E639", "39:e6:47:00", "0x0047E639"):
        for person in (ann, bob):
            with pytest.raises(PeopleError, match=rf"in another notation .* badge of {ann}.*people card"):
                people.credentials.give(person, Token.BADGE, same)
    assert people.credentials.give(bob, Token.BADGE, "4711993", other_card=True)
    assert people.credentials.whose(Token.BADGE, "4711993") == bob
    people.credentials.give(bob, Token.NUMBER, "711993")
    people.credentials.give(ann, Token.NUMBER, "0711993")


def supervisor(people: People) -> str:
    person = someone(people)
    people.credentials.give(person, Token.BADGE, NUMBER)
    people.credentials.set_pin(person, PIN)
    people.credentials.set_supervisor(person, STAFF)
    return person


def test_a_supervisor_has_badge_and_pin_and_a_number_that_is_not_in_the_clear(open_people: Open) -> None:
    people = open_people()
    ann = someone(people)
    with pytest.raises(PeopleError, match="a badge and a PIN first"):
        people.credentials.set_supervisor(ann, STAFF)
    with pytest.raises(PeopleError, match="nobody here has this id"):
        people.credentials.set_supervisor("a" * 26, None)
    bob = supervisor(people)
    assert people.credentials.supervisors() == {bob}
    assert people.credentials.supervisor(bob) == STAFF
    assert people.credentials.held(bob)["supervisor"] == STAFF
    assert STAFF.encode() not in everything(people.path)
    assert not people.credentials.set_supervisor(bob, STAFF), "it is so already"
    assert people.credentials.set_supervisor(bob, None)
    assert people.credentials.supervisors() == frozenset()


def test_a_supervisor_stays_one_when_others_are_erased_and_goes_with_their_own_erasure(open_people: Open) -> None:
    people = open_people()
    ann, bob = enrolled(people), supervisor(people)
    people.erase(ann, LATER, "requested")
    assert people.credentials.supervisor(bob) == STAFF
    people.erase(bob, LATER, "requested")
    assert people.credentials.supervisors() == frozenset()


def test_another_badge_from_the_roster_leaves_a_supervisor_one_and_without_a_pin_they_are_none(
    open_people: Open,
) -> None:
    people = open_people()
    bob = supervisor(people)
    member = people.member(bob)
    other = ((Token.BADGE, "777000777"),)
    for content, tokens, pin, stays in ((2, other, member.pin, True), (3, other, None, False)):
        people.receive({bob: replace(member, tokens=tokens, pin=pin, content=content)}, POLICY)
        assert (people.credentials.supervisors() == {bob}) is stays
    assert people.credentials.supervisor(bob) is None
