"""The roster's messages at a terminal: made by the real centre, delivered in every bad way."""

import random
from dataclasses import replace

import numpy as np
import pytest
from nacl.signing import SigningKey

from edge.central.roster import membership
from edge.central.roster.messages import compose
from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.domain.people.credentials import Token
from edge.domain.roster.messages import PersonMessage
from edge.domain.roster.topics import Place, TopicPart, place_of
from edge.domain.vocabulary import ErasureReason
from edge.errors import LedgerError, PeopleError, RecordError
from edge.people.lacking import Lack
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.people.roster import inbox
from tests.support.people import CONSENT, POLICY
from tests.support.roster_site import MODEL, WHEN, Site, member, person_topic, resigned, site, templates

__all__ = ["site"]  # fixtures


@pytest.mark.parametrize("restarts", [1, 2])
def test_who_came_before_their_manifest_stays_over_a_restart(site: Site, restarts: int) -> None:
    """A page of the coming roster judges nobody by the manifest of the old one."""
    gate = site.register("gate-1")
    ann = site.add(1)
    gate.give(site.publish())
    membership.add(site.store, "main", ann, member(1, name="Another Name"))
    while (late := new_person_id())[0] == ann[0]:
        pass
    assert membership.add(site.store, "main", late, member(2))
    coming = site.publish()
    gate.give({person_topic(late): coming[person_topic(late)]})
    for _ in range(restarts):
        gate.restart()
    page = Place("main", TopicPart.PAGE, ann[0]).topic
    gate.give({page: coming[page]})
    assert gate.matched() == {ann, late}
    gate.restart()
    gate.give(coming)
    assert gate.matched() == {ann, late}
    assert gate.sync.kept_out() == {}
    assert gate.sync.missing() == []


def test_everybody_arrives_with_name_templates_and_consent(site: Site) -> None:
    gate = site.register("gate-1")
    ann, bob = site.add(1), site.add(2)
    gate.give(site.publish())
    assert gate.matched() == {ann, bob}
    assert gate.sync.missing() == []
    arrived = gate.people.member(ann)
    assert arrived.name == "Person 1"
    assert arrived.consent == CONSENT
    assert np.array_equal(arrived.templates[MODEL], templates(1))


@pytest.mark.parametrize("seed", range(12))
def test_any_order_with_duplicates_and_older_copies_ends_the_same(site: Site, seed: int) -> None:
    """Everything that was ever retained, shuffled, some of it twice, in pieces, with restarts between."""
    shuffler = random.Random(seed)
    gate = site.register("gate-1")
    ids = [site.add(number) for number in range(4)]
    site.publish()
    membership.add(site.store, "main", ids[0], member(0, name="Another Name"))
    membership.remove(site.store, "main", ids[1], ErasureReason.REQUESTED)
    site.publish()
    membership.rotate(site.store, "main")
    late = site.add(9)
    final = site.publish()
    everything = site.history + shuffler.sample(site.history, len(site.history) // 2)
    shuffler.shuffle(everything)
    for begin in range(0, len(everything), 7):
        gate.give(everything[begin : begin + 7], settle=bool(seed % 2))
        if shuffler.random() < 0.2:
            gate.restart()
    gate.restart()
    gate.give(final)  # what a connection brings
    assert gate.matched() == {ids[0], ids[2], ids[3], late}
    assert gate.sync.missing() == []
    assert gate.people.member(ids[0]).name == "Another Name"
    assert gate.sync.counts.roster_waiting == 0


def test_a_terminal_that_was_away_converges_by_what_is_retained_alone(site: Site) -> None:
    gate = site.register("gate-1")
    ids = [site.add(number) for number in range(5)]
    gate.give(site.publish())
    gate.restart()
    for round_ in range(4):
        membership.remove(site.store, "main", ids[round_], ErasureReason.EMPLOYMENT_ENDED)
        site.publish()
        membership.rotate(site.store, "main")
        site.publish()
    fresh = site.add(77)
    gate.give(site.publish())
    assert gate.matched() == {ids[4], fresh}
    assert gate.sync.missing() == []


def test_a_rectified_name_is_not_brought_back_by_a_later_roster(site: Site) -> None:
    gate, other = site.register("gate-1"), site.register("gate-2")
    ann, bob = site.add(1), site.add(2)
    before = site.publish()
    gate.give(before)
    gate.people.rectify(ann, "Right Name")  # as the order does at a terminal that heard it
    assert membership.rectify(site.store, ann, " Right Name ") == ["main"]
    membership.rotate(site.store, "main")  # everybody is made anew
    after = site.publish()
    for terminal in (gate, other):
        terminal.give(after)
        terminal.give(before)
        assert (terminal.people.member(ann).name, terminal.people.member(bob).name) == ("Right Name", "Person 2")
        assert terminal.matched() == {ann, bob}
    assert membership.rectify(site.store, ann, "Right Name") == [], "doing it again changes nothing"
    assert membership.rectify(site.store, new_person_id(), "Nobody") == [], "who is in no roster needs none"


def test_a_name_that_is_none_leaves_the_roster_as_it_is(site: Site) -> None:
    ann = site.add(1)
    with pytest.raises(PeopleError):
        membership.rectify(site.store, ann, "two\nlines")
    assert site.store.people.member(ann).name == "Person 1"


def test_an_omission_is_listed_and_ends_when_it_comes(site: Site) -> None:
    gate = site.register("gate-1")
    ann, bob = site.add(1), site.add(2)
    retained = site.publish()
    held_back = retained.pop(person_topic(bob))
    gate.give(retained)
    assert gate.matched() == {ann}
    assert gate.sync.missing() == [bob]
    gate.restart()
    assert gate.sync.missing() == [bob]
    gate.give({person_topic(bob): held_back})  # and the key, which is in memory only, has not come again
    assert gate.sync.missing() == [bob]
    gate.give(retained)
    assert gate.matched() == {ann, bob}
    assert gate.sync.missing() == []


def test_a_missing_page_is_an_omission_too_and_its_people_wait(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    retained = site.publish()
    page = Place("main", TopicPart.PAGE, ann[0]).topic
    held_back = retained.pop(page)
    gate.give(retained)
    assert gate.matched() == set()
    assert gate.sync.missing() == [f"page {ann[0]}"]
    gate.give({page: held_back})
    assert gate.matched() == {ann}


def test_an_old_message_does_not_come_back_after_a_restart_either(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    first = site.publish()
    membership.add(site.store, "main", ann, member(1, name="The Newer"))
    gate.give(site.publish())
    gate.restart()
    gate.give(first)
    assert gate.people.member(ann).name == "The Newer"
    assert gate.sync.counts.roster_old == 3  # person, page, manifest
    assert gate.sync.missing() == []


def test_an_erased_person_does_not_come_back_even_without_the_tombstone(site: Site) -> None:
    from datetime import timedelta

    gate, late = site.register("gate-1"), site.register("gate-2")
    ann, bob = site.add(1), site.add(2)
    first = site.publish()
    gate.give(first)
    membership.remove(site.store, "main", ann, ErasureReason.REQUESTED)
    second = site.publish()
    assert b'"gone":"requested"' in dsse.parse(second[person_topic(ann)]).payload
    gate.give(second)
    assert gate.matched() == {bob}
    third = site.publish(tombstones=timedelta(0))
    assert person_topic(ann) not in third
    for terminal in (gate, late):
        terminal.give(third)
        terminal.give(first)  # a broker that was restored
        terminal.restart()
        terminal.give(first)
        assert terminal.matched() == {bob}
        with pytest.raises(PeopleError):
            terminal.people.member(ann)


def test_older_notes_that_were_put_back_make_nobody_leave_who_came_after_them(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    gate.give(site.publish())
    gate.received.close()
    older = gate.received_path.read_bytes()
    gate.restart()
    bob = site.add(2)
    gate.give(site.publish())
    gate.received.close()
    for path in site.root.glob("gate-1-roster.db*"):
        path.unlink()
    gate.received_path.write_bytes(older)
    gate.restart()
    carl = site.add(3)
    coming = site.publish()
    gate.give({topic: wire for topic, wire in coming.items() if place_of(topic).part is TopicPart.PAGE})
    assert gate.matched() == {ann, bob}, "the manifest of then does not tell that they left"
    gate.give(coming)
    assert gate.matched() == {ann, bob, carl}
    membership.remove(site.store, "main", bob, ErasureReason.REQUESTED)
    gate.give(site.publish())
    assert gate.matched() == {ann, carl}


@pytest.mark.parametrize("restarted", [False, True])
def test_older_notes_make_nobody_leave_whose_entry_came_before_its_manifest(site: Site, restarted: bool) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    gate.give(site.publish())
    gate.received.close()
    older = gate.received_path.read_bytes()
    gate.restart()
    bob = site.add(2)
    second = site.publish()
    gate.give({person_topic(bob): second[person_topic(bob)]})  # as the centre says it: entries, pages, manifest
    if restarted:
        gate.restart()
    gate.give(sorted(second.items(), key=lambda one: place_of(one[0]).part is TopicPart.MANIFEST))
    gate.received.close()
    for path in site.root.glob("gate-1-roster.db*"):
        path.unlink()
    gate.received_path.write_bytes(older)
    gate.restart()
    site.add(3)
    coming = site.publish()
    gate.give({topic: wire for topic, wire in coming.items() if place_of(topic).part is TopicPart.PAGE})
    assert gate.matched() == {ann, bob}


def test_who_came_before_two_manifests_is_not_judged_by_the_first(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    gate.give(site.publish())
    bob = site.add(2)
    second = site.publish()
    carl = site.add(3)
    third = site.publish()
    gate.give({person_topic(carl): third[person_topic(carl)]})
    assert gate.matched() == {ann, carl}
    gate.restart()
    gate.give(second)  # the centre is publishing the third still
    assert gate.matched() == {ann, bob, carl}
    gate.give(third)
    assert gate.matched() == {ann, bob, carl}
    assert gate.sync.missing() == []


def test_nothing_is_to_be_given_anew_to_somebody_whose_tombstone_came(site: Site) -> None:
    gate = site.register("gate-1")
    ann, bob = site.add(1), site.add(2)
    site.publish()
    for person in (ann, bob):
        gate.people.lacking.note(person, {Lack.PERSON, Lack.BADGE})  # an older file was put back, before they came
    membership.remove(site.store, "main", ann, ErasureReason.REQUESTED)
    gate.give(site.publish())
    assert gate.people.lacking.all() == {bob: (Lack.PERSON, Lack.BADGE)}


def test_an_entry_brings_the_name_that_an_older_file_lacked(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    gate.give(site.publish())
    gate.people.lacking.note(ann, {Lack.NAME, Lack.BADGE})  # an older file was put back
    gate.give(site.publish())
    assert gate.people.lacking.all() == {ann: (Lack.BADGE, Lack.NAME)}, "nothing new came"
    membership.rectify(site.store, ann, "Ann Right")
    gate.give(site.publish())
    assert gate.people.lacking.all() == {ann: (Lack.BADGE,)}


def test_who_is_unlisted_leaves_although_the_tombstone_was_withheld(site: Site) -> None:
    from datetime import timedelta

    gate = site.register("gate-1")
    ann, bob = site.add(1), site.add(2)
    gate.give(site.publish())
    membership.remove(site.store, "main", ann, ErasureReason.REQUESTED)
    site.publish()
    gate.give(site.publish(tombstones=timedelta(0)))
    assert gate.matched() == {bob}
    assert [person for person, _, _ in gate.people._db.execute("SELECT id, wrapped, name FROM people")] == sorted(
        [ann, bob]
    )
    assert gate.people._db.execute("SELECT wrapped FROM people WHERE id = ?", (ann,)).fetchone() == (None,)


@pytest.mark.parametrize("how", ["removed", "withdrawn"])
def test_an_older_people_file_brings_nobodys_face_back(site: Site, how: str) -> None:
    gate = site.register("gate-1")
    ann, bob = site.add(1, tokens=((Token.BADGE, "471100"),)), site.add(2)
    gate.give(site.publish())
    gate.people.purge()
    older = gate.people.path.read_bytes()
    if how == "removed":
        membership.remove(site.store, "main", ann, ErasureReason.REQUESTED)
    else:
        membership.withdraw(site.store, ann)
    gate.give(site.publish())
    gate.people.close()
    for path in gate.people.path.parent.glob(f"{gate.people.path.name}*"):
        path.unlink()
    gate.people.path.write_bytes(older)
    gate.people = People(gate.people.path, b"k" * 32)
    gate.restart()
    gate.give(site.publish())
    assert gate.matched() == {bob}


def test_people_who_were_enrolled_here_alone_stay(site: Site) -> None:
    gate = site.register("gate-1")
    own = new_person_id()
    gate.people.enrol(own, "Own", CONSENT, POLICY, templates(5), MODEL)
    ann = site.add(1)
    gate.give(site.publish())
    assert gate.matched() == {own, ann}


def test_a_swapped_ciphertext_changes_nothing(site: Site) -> None:
    """Even under the authority's signature: the line is bound into the encryption."""
    gate = site.register("gate-1")
    ann, bob = site.add(1), site.add(2)
    retained = site.publish()
    gate.give(retained)
    sealed = PersonMessage.decode(dsse.parse(retained[person_topic(bob)]).payload).sealed

    def swap(payload: bytes) -> bytes:
        return replace(PersonMessage.decode(payload), sealed=sealed, version=99).encode()

    gate.give({person_topic(ann): resigned(retained[person_topic(ann)], swap)})
    assert gate.sync.counts.roster_rejected == 1
    assert gate.people.member(ann).name == "Person 1"


def test_a_message_in_another_place_or_of_another_site_changes_nothing(site: Site) -> None:
    gate = site.register("gate-1")
    ann, bob = site.add(1), site.add(2)
    retained = site.publish()
    elsewhere = resigned(retained[person_topic(ann)], lambda raw: raw.replace(b'"site":"main"', b'"site":"east"'))
    gate.give([(person_topic(bob), retained[person_topic(ann)]), (person_topic(ann), elsewhere)])
    assert gate.rejected == 2
    for name in ("manifest", f"page/{ann[0]}"):
        other = resigned(retained[f"smartclocker/v1/main/roster/{name}"], lambda raw: raw.replace(b"main", b"east"))
        gate.give([(f"smartclocker/v1/main/roster/{name}", other)])
    assert gate.rejected == 4
    assert not gate.sync.begun


def test_two_documents_under_one_number_are_refused(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    retained = site.publish()
    gate.give(retained)
    again = resigned(retained[person_topic(ann)], lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))
    gate.give([(person_topic(ann), again)])
    manifest = "smartclocker/v1/main/roster/manifest"
    gate.give([(manifest, resigned(retained[manifest], lambda raw: raw.replace(b'"count":1', b'"count":2')))])
    page = f"smartclocker/v1/main/roster/page/{ann[0]}"
    gate.give([(page, resigned(retained[page], lambda raw: raw.replace(b'"entries"', b'"more":1,"entries"')))])
    assert gate.rejected == 3
    assert gate.sync.missing() == []


def test_nobody_without_an_active_consent_under_our_policy(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    other = site.add(2, consent=replace(CONSENT, policy_version="2025-9"))
    retained = site.publish()
    gate.give(retained)
    assert gate.matched() == {ann}
    assert gate.people._db.execute("SELECT count(*) FROM templates").fetchone() == (1,)
    assert "consent is to another policy" in gate.sync.kept_out()[other]
    assert gate.sync.missing() == []  # it came; that it is kept out is another matter
    gate.restart(replace(POLICY, version="2025-9"))  # the terminal's policy is what the person agreed to, now
    gate.give(retained)
    assert other not in gate.sync.kept_out()
    assert gate.people.member(other).name == "Person 2"


def test_a_consent_to_a_newer_policy_ends_matching_until_the_policy_is_here(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    gate.give(site.publish())
    newer = replace(CONSENT, policy_version="2027-1", given_at="2027-01-01T09:00:00Z")
    membership.add(site.store, "main", ann, member(1, consent=newer))
    gate.give(site.publish())
    assert gate.matched() == set()
    assert set(gate.people.gallery(MODEL, replace(POLICY, version="2027-1")).people) == {ann}


def test_who_withdrew_here_stays_out_until_they_agree_again(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    gate.give(site.publish())
    gate.people.withdraw(ann, "2026-04-01T09:00:00Z")
    membership.rotate(site.store, "main")
    membership.add(site.store, "main", ann, member(1, name="Changed"))
    gate.give(site.publish())
    assert gate.matched() == set()
    assert "withdrawn here" in gate.sync.kept_out()[ann]
    again = replace(CONSENT, given_at="2026-05-01T09:00:00Z")
    membership.add(site.store, "main", ann, member(1, consent=again))
    gate.give(site.publish())
    assert gate.matched() == {ann}


def test_the_restricted_are_kept_and_not_matched(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1, restricted=True)
    gate.give(site.publish())
    assert gate.matched() == set()
    assert gate.people.member(ann).restricted
    assert gate.sync.counts.roster_people == 1


def test_a_revoked_terminal_gets_no_new_key_and_the_others_everything(site: Site) -> None:
    first, second = site.register("gate-1"), site.register("gate-2")
    site.add(1)
    before = site.publish()
    first.give(before)
    second.give(before)
    site.revoke("gate-1")
    fresh = site.add(2)
    after = site.publish()
    assert "smartclocker/v1/main/roster/key/gate-1" not in after
    persons = [topic for topic in before if "/person/" in topic]
    assert all(after[topic] != before[topic] for topic in persons)
    first.give(after)
    second.give(after)
    assert fresh not in first.matched()
    assert fresh in second.matched()
    assert second.people.member(fresh).name == "Person 2"
    assert first.sync.counts.roster_waiting == 2


def test_an_older_site_key_is_refused_after_a_restart(site: Site) -> None:
    gate = site.register("gate-1")
    site.add(1)
    before = site.publish()
    membership.rotate(site.store, "main")
    gate.give(site.publish())
    gate.restart()
    topic = "smartclocker/v1/main/roster/key/gate-1"
    gate.give([(topic, before[topic])])
    assert gate.sync.counts.roster_old == 1
    assert gate.sync._inbox._keys == {}


def test_a_key_for_another_terminal_opens_nothing_here(site: Site) -> None:
    gate, _ = site.register("gate-1"), site.register("gate-2")
    site.add(1)
    retained = site.publish()
    base = "smartclocker/v1/main/roster/key"
    theirs = retained[f"{base}/gate-2"]
    pretended = resigned(theirs, lambda raw: raw.replace(b"gate-2", b"gate-1"))
    gate.give([(f"{base}/gate-1", theirs), (f"{base}/gate-1", pretended)])
    assert gate.rejected == 2
    assert gate.sync._inbox._keys == {}


def test_encrypting_anew_writes_nobody_anew(site: Site) -> None:
    gate = site.register("gate-1")
    site.add(1)
    gate.give(site.publish())
    changes = gate.people._own_changes
    membership.rotate(site.store, "main")
    gate.give(site.publish())
    assert gate.people._own_changes == changes
    assert gate.sync.missing() == []


def test_publishing_again_changes_no_byte(site: Site) -> None:
    site.register("gate-1")
    site.add(1)
    first = site.publish()
    assert site.publish() == first
    assert not membership.add(site.store, "main", site.ids[0], member(1))
    assert site.publish() == first
    site.add(2)
    second = site.publish()
    changed = {topic for topic in second if first.get(topic) != second[topic]}
    pages = {f"smartclocker/v1/main/roster/page/{site.ids[1][0]}", "smartclocker/v1/main/roster/manifest"}
    assert changed == {person_topic(site.ids[1]), *pages}


def test_another_authority_key_signs_everything_again_and_nothing_moves(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    gate.give(site.publish())
    other = SigningKey(b"b" * 32)
    after = {topic: one.wire for topic, one in compose(site.store, "main", site.terminals, other).items()}
    assert {dsse.parse(wire).keyid for wire in after.values()} == {key_id(other.verify_key)}
    gate.give(after)
    assert gate.matched() == {ann}
    assert gate.sync.counts.roster_applied == 1
    assert gate.rejected == 0


def test_another_people_file_is_filled_again(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    retained = site.publish()
    gate.give(retained)
    gate.people.close()
    gate.people = People(site.root / "anew.db", b"k" * 32)
    gate.restart()
    gate.give(retained)
    assert gate.matched() == {ann}


def test_neither_name_nor_template_nor_key_is_in_the_terminals_record(site: Site) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    retained = site.publish()
    gate.give(retained)
    sealed = PersonMessage.decode(dsse.parse(retained[person_topic(ann)]).payload).sealed
    here = site.store.site("main")
    assert here is not None
    files = [path.read_bytes() for path in site.root.glob("gate-1-db*")]
    assert any(ann.encode() in raw for raw in files)  # what is there is found
    for secret in (b"Person 1", templates(1).tobytes()[:32], here.key, sealed[30:62]):
        assert not any(secret in raw for raw in files)


def test_whoever_was_removed_is_not_added_again_and_leaves_the_centres_files(site: Site) -> None:
    site.register("gate-1")
    ann = site.add(1)
    site.add(2)
    wire = site.publish()[person_topic(ann)]
    wrapped = site.store.people._db.execute("SELECT wrapped FROM people WHERE id = ?", (ann,)).fetchone()[0]
    sealed = dsse.parse(wire).payload[-64:]

    def found(secret: bytes) -> bool:
        return any(secret in path.read_bytes() for path in site.root.glob("roster*"))

    assert found(wrapped)
    assert found(wire[200:260])
    membership.remove(site.store, "main", ann, ErasureReason.REQUESTED)
    site.publish()
    assert not found(wrapped)
    assert not found(wire[200:260])
    assert not found(sealed)
    with pytest.raises(LedgerError, match="under a new id"):
        membership.add(site.store, "main", ann, member(1))


def test_the_centre_refuses_who_has_not_agreed(site: Site) -> None:
    with pytest.raises(LedgerError, match="nobody attested an age"):
        site.add(1, consent=replace(CONSENT, age_attested=False))
    assert site.store.members("main") == {}


def test_too_many_templates_are_said_with_the_cure() -> None:
    from edge.domain.roster.member import encode_member

    with pytest.raises(RecordError, match="fewer photographs"):
        encode_member(member(1, templates={MODEL: templates(1, count=16)}))


def test_a_disk_that_takes_nothing_costs_a_repetition_and_nothing_else(site: Site, monkeypatch) -> None:
    gate = site.register("gate-1")
    ann = site.add(1)
    retained = site.publish()
    for file, act in ((gate.people, "receive"), (gate.received, "keep")):
        genuine = getattr(type(file), act)

        def fails(*words, **named):
            raise PeopleError("the disk is full")

        monkeypatch.setattr(type(file), act, fails)
        with pytest.raises(PeopleError):
            gate.give(retained)
        monkeypatch.setattr(type(file), act, genuine)
    gate.settle()
    assert gate.matched() == {ann}
    assert gate.sync.missing() == []
    assert gate.people._db.execute("SELECT count(*) FROM consents").fetchone() == (1,)


def test_a_removal_that_was_interrupted_is_done_again(site: Site) -> None:
    gate = site.register("gate-1")
    ann, bob = site.add(1), site.add(2)
    gate.give(site.publish())
    membership.remove(site.store, "main", ann, ErasureReason.REQUESTED)
    after = site.publish()
    for topic, wire in after.items():
        place = place_of(topic)
        assert place is not None
        gate.sync.take(place, dsse.parse(wire).payload)
    gate.sync.settle()
    assert list(gate.sync.leaving) == [ann]
    gate.people.erase(ann, WHEN, "requested")  # and the power goes before the rest
    gate.restart()
    assert gate.matched() == {bob}
    gate.give(after)
    assert gate.people.erasures() == []
    assert gate.sync.missing() == []


def test_more_than_may_wait_is_dropped_and_comes_again(site: Site, monkeypatch) -> None:
    monkeypatch.setattr(inbox, "MAX_WAITING", 2)
    gate = site.register("gate-1")
    ids = {site.add(number) for number in range(4)}
    retained = site.publish()
    people_first = sorted(retained.items(), key=lambda pair: "/person/" not in pair[0])
    gate.give(people_first, settle=False)
    assert len(gate.sync.missing()) == 2
    gate.give(retained)
    assert gate.matched() == ids
