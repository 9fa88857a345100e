"""The file of the other terminals' records: what it keeps of a chain, how much, how long, and after damage."""

import contextlib
import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.crypto.dsse import key_id
from edge.domain.protocol.record import GENESIS, Draft, Origin, Position, decode, encode, payload_hash
from edge.domain.protocol.record_kinds import Kind
from edge.domain.time.evidence import TimeEvidence
from edge.errors import SiteDamaged, SiteError
from edge.people.site import store as limits
from edge.people.site.schema import ASIDE, NAME, about, forget, persons
from edge.people.site.store import KEPT, SiteStore, SiteVerdict, VerifiedRecord
from tests.support.clock import NOW, evidence, text
from tests.support.corrections import fields
from tests.support.people import ANN, BOB
from tests.support.records import punch_data

OWN = ("0" * 32, 5)
KEY = key_id(SigningKey(b"k" * 32).verify_key)


class Chain:
    """What another terminal signs; its signature was verified before."""

    def __init__(self, terminal: str = "gate-2", epoch: str = "e" * 32, keyid: str = KEY) -> None:
        self.origin, self.epoch, self.keyid = Origin("main", terminal), epoch, keyid
        self.seq, self.prev = 0, GENESIS

    def punch(self, person: str = ANN, now: TimeEvidence = NOW, **changes: str) -> VerifiedRecord:
        self.seq += 1
        return self._sign(Draft(Kind.PUNCH, punch_data(person, **changes), now))

    def correct(self, one: VerifiedRecord) -> VerifiedRecord:
        self.seq += 1
        return self._sign(Draft(Kind.CORRECTION, fields("amended", one.record, direction="out"), NOW))

    def _sign(self, draft: Draft) -> VerifiedRecord:
        payload = encode(self.origin, Position(self.epoch, self.seq, self.prev), draft)
        self.prev = payload_hash(payload)
        return VerifiedRecord(decode(payload), payload, self.keyid)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / NAME


def later(days: float) -> TimeEvidence:
    return evidence(utc=text(datetime.fromisoformat(NOW.utc) + timedelta(days=days)))


def heard(store: SiteStore, person: str = ANN) -> list[int]:
    return [one.record.position.seq for one in store.of_person(person)]


def test_a_record_is_kept_once_with_what_was_here_when_it_came(path: Path) -> None:
    one = Chain().punch()
    with SiteStore(path, "main") as store:
        assert store.keep([one, one], NOW, OWN) == [SiteVerdict.KEPT, SiteVerdict.REPEATED]
        (kept,) = store.of_person(ANN)
        assert (kept.record, kept.epoch, kept.head, kept.utc) == (one.record, *OWN, NOW.utc)
        assert store.keep([one], NOW, OWN) == [SiteVerdict.REPEATED]
    assert path.stat().st_mode & 0o777 == 0o600
    assert persons(path) == {ANN}
    assert about(path, ANN) == [one.payload]


def test_of_two_records_in_one_place_the_first_one_stays(path: Path) -> None:
    chain = Chain()
    first = chain.punch()
    other = Chain().punch(direction="out")
    with SiteStore(path, "main") as store:
        assert store.keep([first, other], NOW, OWN) == [SiteVerdict.KEPT, SiteVerdict.FORK]
        assert store.of_person(ANN)[0].record == first.record


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_neighbours_that_do_not_fit_together_are_a_fork(path: Path, order: tuple[int, int]) -> None:
    genuine, other = Chain(), Chain()
    other.punch(direction="out")
    pair = genuine.punch(), other.punch()  # the second follows another first one
    with SiteStore(path, "main") as store:
        verdicts = [store.keep([pair[place]], NOW, OWN)[0] for place in order]
        assert verdicts == [SiteVerdict.KEPT, SiteVerdict.FORK]
    with SiteStore(path.with_name("whole.db"), "main") as store:
        chain = Chain()
        whole = [chain.punch() for _ in range(3)]
        for one in (whole[1], whole[0], whole[2]):
            assert store.keep([one], NOW, OWN) == [SiteVerdict.KEPT], "late, and linked on both sides"


def test_another_key_or_epoch_is_another_chain(path: Path) -> None:
    with SiteStore(path, "main") as store:
        ones = [Chain().punch(), Chain(epoch="f" * 32).punch(), Chain(keyid="1" * 32).punch()]
        assert store.keep(ones, NOW, OWN) == [SiteVerdict.KEPT] * 3


def test_a_person_has_few_records_of_a_chain_the_newest(path: Path) -> None:
    chain = Chain()
    ones = [chain.punch() for _ in range(limits.MOST_OF_PERSON + 4)]
    bob = chain.punch(BOB)
    with SiteStore(path, "main") as store:
        store.keep([*ones, bob], NOW, OWN)
        assert heard(store) == list(range(5, limits.MOST_OF_PERSON + 5))
        assert store.keep([ones[0]], NOW, OWN) == [SiteVerdict.KEPT]
        assert heard(store) == list(range(5, limits.MOST_OF_PERSON + 5)), "an old one is not among the newest"
        assert heard(store, BOB) == [bob.record.position.seq]


def test_after_31_days_it_is_gone_and_a_replay_does_not_bring_it_back(path: Path) -> None:
    one = Chain().punch(now=replace(NOW, synchronised=False))
    with SiteStore(path, "main") as store:
        store.set_neighbours({("gate-2", KEY)})
        store.keep([one], NOW, OWN)
        assert store.expire(later(KEPT.days - 1)) == 0
        assert store.expire(later(KEPT.days + 1)) == 1
        assert heard(store) == []
        assert store.keep([one], later(KEPT.days + 1), OWN) == [SiteVerdict.OLD]
        dated = Chain(epoch="f" * 32).punch()
        assert store.keep([dated], later(KEPT.days + 1), OWN) == [SiteVerdict.OLD], "its own clock says so"


def test_what_came_by_a_clock_that_nobody_vouched_for_is_dated_as_soon_as_one_is_right(path: Path) -> None:
    with SiteStore(path, "main") as store:
        store.keep([Chain().punch()], evidence(utc="1970-01-01T00:01:00.000Z", synchronised=False), OWN)
        assert store.of_person(ANN)[0].utc is None
        assert store.expire(NOW) == 0
        assert store.of_person(ANN)[0].utc == NOW.utc
        assert store.expire(later(KEPT.days + 1)) == 1


def test_what_came_in_the_future_was_dated_by_a_wrong_clock(path: Path) -> None:
    with SiteStore(path, "main") as store:
        store.keep([Chain().punch(now=later(300))], later(300), OWN)
        assert store.expire(NOW) == 1


@pytest.mark.parametrize("utc", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_a_clock_at_an_end_of_the_calendar_ends_nothing(path: Path, utc: str) -> None:
    with SiteStore(path, "main") as store:
        store.keep([Chain().punch()], evidence(utc=utc), OWN)
        store.expire(evidence(utc=utc))


def test_the_number_of_records_is_bounded_for_each_terminal_and_in_all(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_OF_TERMINAL", 30)
    monkeypatch.setattr(limits, "MOST", 40)
    flood, quiet = Chain("gate-2"), Chain("gate-3")
    people = [f"{letter * 25}{digit}" for letter in "abcdefgh" for digit in "abcdefgh"]
    with SiteStore(path, "main") as store:
        store.set_neighbours({("gate-2", KEY), ("gate-3", KEY)})
        store.keep([quiet.punch(person) for person in people[:15]], NOW, OWN)
        store.keep([flood.punch(person) for person in people], NOW, OWN)
        store.expire(NOW)
        left = [one.record.origin.terminal for person in people for one in store.of_person(person)]
        assert left.count("gate-2") == 30
        assert left.count("gate-3") == 10
        old = Chain("gate-2")
        assert store.keep([old.punch(people[0])], NOW, OWN) == [SiteVerdict.OLD], "its place is taken"


def test_what_a_terminal_said_goes_with_its_key(path: Path) -> None:
    with SiteStore(path, "main") as store:
        store.set_neighbours({("gate-2", KEY), ("gate-3", KEY)})
        store.keep([Chain("gate-2").punch(), Chain("gate-3").punch()], NOW, OWN)
        store.set_neighbours({("gate-3", KEY)})
        assert [one.record.origin.terminal for one in store.of_person(ANN)] == ["gate-3"]
        assert store.neighbours() == {("gate-3", KEY)}


def test_of_an_erased_person_no_byte_is_left(path: Path) -> None:
    chain = Chain()
    with SiteStore(path, "main") as store:
        store.keep([chain.punch(), chain.punch(BOB)], NOW, OWN)
        forget(path, ANN)  # another thread's or process's erasure
        assert (heard(store), heard(store, BOB)) == ([], [2])
    whole = b"".join(one.read_bytes() for one in path.parent.glob(f"{NAME}*"))
    assert ANN.encode() not in whole
    assert BOB.encode() in whole


def test_to_forget_in_a_damaged_or_absent_file_works(path: Path) -> None:
    forget(path, ANN)
    assert not path.exists()
    path.write_bytes(b"\xff" * 9_000)
    aside = path.with_name(NAME + ASIDE)
    aside.write_bytes(ANN.encode())
    forget(path, ANN)
    assert not path.exists()
    assert not aside.exists(), "nobody can delete single records from it"
    assert persons(path) == set()
    assert about(path, ANN) == []


@pytest.mark.parametrize("rubbish", [b"", b"text" * 999], ids=["empty", "text"])
def test_a_damaged_file_is_set_aside_and_begun_anew(path: Path, rubbish: bytes) -> None:
    path.write_bytes(rubbish)
    with pytest.raises(SiteDamaged):
        SiteStore(path, "main", mend=False)
    assert persons(path) == set()
    with SiteStore(path, "main") as store:
        assert store.anew is not None
        store.keep([Chain().punch()], NOW, OWN)
    assert path.with_name(NAME + ASIDE).read_bytes() == rubbish
    with SiteStore(path, "main") as store:
        assert store.anew is None
        assert heard(store) == [1]


def test_a_later_programs_file_is_a_cache_like_a_damaged_one(path: Path) -> None:
    SiteStore(path, "main").close()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with SiteStore(path, "main") as store:
        assert store.anew is not None


def test_a_link_is_not_followed(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))
    with SiteStore(path, "main") as store:
        assert store.anew is not None
    assert not path.is_symlink()


@pytest.mark.parametrize("altered", ["came = 'x'", "came = '2026-03-02T08:00:00'", "person = 'b'"])
def test_a_moment_that_is_none_and_a_record_of_somebody_else_are_damage(path: Path, altered: str) -> None:
    with SiteStore(path, "main") as store:
        store.keep([Chain().punch()], NOW, OWN)
        store._db.execute(f"UPDATE heard SET {altered}")
        with pytest.raises(SiteDamaged, match="a row was altered"):
            store.of_person("b" if "person" in altered else ANN)


def test_an_altered_row_is_damage(path: Path) -> None:
    with SiteStore(path, "main") as store:
        store.keep([Chain().punch()], NOW, OWN)
        store._db.execute("UPDATE heard SET payload = x'7b7d'")
        with pytest.raises(SiteDamaged, match="a row was altered"):
            store.of_person(ANN)
    with SiteStore(path, "main") as store:
        assert heard(store) == [], "it is not believed at the next opening either"


def test_another_sites_records_are_deleted(path: Path) -> None:
    with SiteStore(path, "main") as store:
        store.keep([Chain().punch()], NOW, OWN)
    with SiteStore(path, "depot") as store:
        assert heard(store) == []


def test_a_replaced_file_is_noticed(path: Path) -> None:
    with SiteStore(path, "main") as store:
        assert not store.is_replaced()
        path.replace(path.with_name("gone"))
        assert store.is_replaced()


def test_a_folder_in_its_place_is_an_error_with_the_cure(path: Path) -> None:
    path.mkdir()
    with pytest.raises(SiteError, match="correct the path"):
        SiteStore(path, "main")


def test_corrections_do_not_displace_the_punches_and_are_bounded_too(path: Path) -> None:
    chain = Chain()
    punches = [chain.punch() for _ in range(limits.MOST_OF_PERSON)]
    corrections = [chain.correct(punches[0]) for _ in range(limits.MOST_CORRECTIONS + 3)]
    with SiteStore(path, "main") as store:
        store.keep([*punches, *corrections], NOW, OWN)
        first = limits.MOST_OF_PERSON + 3
        assert heard(store) == [
            *range(1, limits.MOST_OF_PERSON + 1),
            *(first + n + 1 for n in range(limits.MOST_CORRECTIONS)),
        ]


def test_a_terminal_that_begins_a_chain_with_each_record_makes_no_punch_read_them_all(path: Path) -> None:
    honest = Chain("gate-3").punch()
    flood = [Chain(epoch=f"{number:032x}").punch() for number in range(limits.MOST_FROM_TERMINAL + 40)]
    with SiteStore(path, "main") as store:
        store.keep([honest, *flood], NOW, OWN)
        found = [one.record for one in store.of_person(ANN)]
        assert found == [honest.record, *(one.record for one in flood[40:])]


def test_an_altered_row_is_damage_also_when_a_further_record_comes(path: Path) -> None:
    chain = Chain()
    with SiteStore(path, "main") as store:
        store.keep([chain.punch() for _ in range(limits.MOST_OF_PERSON)], NOW, OWN)
        store._db.execute("UPDATE heard SET payload = x'00' WHERE place = 1")
        with pytest.raises(SiteDamaged, match="altered"):
            store.keep([chain.punch()], NOW, OWN)
