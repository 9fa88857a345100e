"""The people store: consent before template, nothing in the clear, withdrawal at once."""

import itertools
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.domain.face import Floats, Probe
from edge.domain.people.consent import Consent, Policy
from edge.domain.protocol.fields import PERSON
from edge.domain.recognition.gallery import common
from edge.errors import PeopleError
from edge.people.people_store import People
from edge.people.person import new_person_id
from tests.support.people import CONSENT, POLICY
from tests.support.tolerance import SINGLE

STORAGE = bytes(range(32))
MODEL = "mobilefacenet-1"
LATER = "2026-04-01T08:00:00Z"
Open = Callable[[], People]


def embeddings(seed: int, count: int = 3, size: int = 192) -> Floats:
    rows = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def enrol(people: People, seed: int, name: str = "Ann Example", model_id: str = MODEL) -> str:
    person = new_person_id()
    people.enrol(person, name, CONSENT, POLICY, embeddings(seed), model_id)
    return person


def everything(path: Path) -> bytes:
    """All the bytes beside the store, the write-ahead file included."""
    return b"".join(file.read_bytes() for file in path.parent.iterdir())


def test_ids_are_opaque_and_their_own() -> None:
    ids = {new_person_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(PERSON.fullmatch(one) for one in ids)


def test_who_is_enrolled_is_matched(open_people: Open) -> None:
    people = open_people()
    ann, bob = enrol(people, 1), enrol(people, 2, "Bob Example")
    gallery = people.gallery(MODEL, POLICY)
    assert gallery.size == 2
    assert gallery.matrix.dtype == np.float32
    for person, seed in ((ann, 1), (bob, 2)):
        found = gallery.best(Probe(common(embeddings(seed))[0], MODEL, 1.0, 1.0))
        assert found is not None
        assert (found.person, found.score) == (person, pytest.approx(1.0, abs=SINGLE))
    listed = {person.id: person for person in people.list()}
    assert listed[ann].name == "Ann Example"
    assert (listed[ann].templates, listed[ann].models, listed[ann].consent) == (3, (MODEL,), CONSENT)


def test_it_is_all_there_after_reopening(open_people: Open) -> None:
    first = open_people()
    ann = enrol(first, 1)
    first.close()
    first.close()
    again = open_people()
    assert [person.id for person in again.list()] == [ann]
    assert again.gallery(MODEL, POLICY).matrix == pytest.approx(common(embeddings(1)), abs=SINGLE)


@pytest.mark.parametrize(
    "lacking",
    [
        replace(CONSENT, age_attested=False),
        replace(CONSENT, employer_agreed=False),
        replace(CONSENT, witness=""),
        replace(CONSENT, policy_version="2025-9"),
        replace(CONSENT, withdrawn_at=LATER),
    ],
)
def test_no_template_without_an_active_consent(open_people: Open, lacking: Consent) -> None:
    people = open_people()
    with pytest.raises(PeopleError, match="cannot enrol"):
        people.enrol(new_person_id(), "Ann", lacking, POLICY, embeddings(1), MODEL)
    assert people.list() == []
    assert people._db.execute("SELECT count(*) FROM templates").fetchone()[0] == 0


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((1, 192), np.float32),
        np.full((1, 192), np.nan, np.float32),
        np.ones((1, 192), np.float32),
        np.empty((0, 192), np.float32),
        np.empty((1, 0), np.float32),
        embeddings(1)[0],
        embeddings(1, count=33),
    ],
)
def test_what_is_no_template_is_refused(open_people: Open, rows: Floats) -> None:
    people = open_people()
    with pytest.raises(PeopleError, match="unit vectors"):
        people.enrol(new_person_id(), "Ann", CONSENT, POLICY, rows, MODEL)
    assert people.list() == []


@pytest.mark.parametrize(
    ("person", "name", "model_id", "word"),
    [
        ("ann", "Ann", MODEL, "id"),
        ("a" * 26, " ", MODEL, "name"),
        ("a" * 26, "a\nb", MODEL, "name"),
        ("a" * 26, "n" * 201, MODEL, "name"),
        ("a" * 26, "Ann", "", "model"),
        ("a" * 26, "Ann", "a\nb", "model"),
    ],
)
def test_malformed_words_are_refused(open_people: Open, person: str, name: str, model_id: str, word: str) -> None:
    with pytest.raises(PeopleError, match=word):
        open_people().enrol(person, name, CONSENT, POLICY, embeddings(1), model_id)


def test_all_that_is_wrong_is_said_at_once(open_people: Open) -> None:
    lacking = replace(CONSENT, age_attested=False, witness="")
    with pytest.raises(PeopleError) as caught:
        open_people().enrol("x", "", lacking, POLICY, np.zeros((1, 2), np.float32), "")
    assert str(caught.value).count(";") >= 8


def test_another_models_templates_are_apart(open_people: Open) -> None:
    people = open_people()
    person = enrol(people, 1)
    people.enrol(person, "Ann Married", CONSENT, POLICY, embeddings(2, count=1, size=512), "facenet-9")
    assert people.gallery(MODEL, POLICY).matrix.shape == (1, 192)
    assert people.gallery("facenet-9", POLICY).matrix.shape == (1, 512)
    assert people.gallery("none", POLICY).size == 0
    (listed,) = people.list()
    assert (listed.name, listed.templates, listed.models) == ("Ann Married", 4, ("facenet-9", MODEL))


def test_enrolling_again_replaces_the_templates(open_people: Open) -> None:
    people = open_people()
    person = enrol(people, 1)
    people.enrol(person, "Ann", CONSENT, POLICY, embeddings(9, count=1), MODEL)
    assert people.gallery(MODEL, POLICY).matrix == pytest.approx(common(embeddings(9, count=1)), abs=SINGLE)


def test_a_changed_policy_stops_matching(open_people: Open) -> None:
    people = open_people()
    enrol(people, 1)
    assert people.gallery(MODEL, Policy("2026-2", "b" * 64)).size == 0
    assert people.gallery(MODEL, Policy("2026-1", "b" * 64)).size == 0


def test_withdrawal_stops_matching_and_drops_the_key(open_people: Open) -> None:
    people, other = open_people(), open_people()
    ann, bob = enrol(people, 1), enrol(people, 2)
    assert other.gallery(MODEL, POLICY).size == 2
    assert people.withdraw(ann, LATER)
    for store in (people, other):
        assert store.gallery(MODEL, POLICY).people == (bob,)
    listed = {person.id: person for person in people.list()}
    assert (listed[ann].name, listed[ann].templates) == (None, 0)
    assert listed[ann].consent == replace(CONSENT, withdrawn_at=LATER)
    assert not people.withdraw(ann, LATER)
    assert len(people._db.execute("SELECT * FROM consents WHERE person = ?", (ann,)).fetchall()) == 2


def test_who_withdrew_may_come_back_under_a_new_key(open_people: Open) -> None:
    people = open_people()
    ann = enrol(people, 1)
    before = people._db.execute("SELECT wrapped FROM people").fetchone()[0]
    people.withdraw(ann, LATER)
    people.enrol(ann, "Ann", replace(CONSENT, given_at="2026-05-01T08:00:00Z"), POLICY, embeddings(3), MODEL)
    assert people.gallery(MODEL, POLICY).people == (ann,)
    vault = people._vault()
    after = people._db.execute("SELECT wrapped FROM people").fetchone()[0]
    assert vault.unwrap(ann, before) != vault.unwrap(ann, after)
    assert len(people._db.execute("SELECT * FROM consents").fetchall()) == 3


def test_an_unknown_person_and_a_bad_time_are_refused(open_people: Open) -> None:
    people = open_people()
    with pytest.raises(PeopleError, match="nobody here"):
        people.withdraw("z" * 26, LATER)
    with pytest.raises(PeopleError, match="RFC 3339"):
        people.withdraw(enrol(people, 1), "tomorrow")
    assert people.gallery(MODEL, POLICY).size == 1


def test_consent_history_cannot_be_changed(open_people: Open) -> None:
    people = open_people()
    enrol(people, 1)
    for statement in ("DELETE FROM consents", "UPDATE consents SET age_attested = 1"):
        with pytest.raises(sqlite3.IntegrityError, match="consent history stays"):
            people._db.execute(statement)


def test_a_failure_in_the_middle_keeps_nothing(open_people: Open) -> None:
    people = open_people()
    people._db.execute("CREATE TRIGGER no BEFORE INSERT ON consents BEGIN SELECT RAISE(ABORT, 'disk'); END")
    with pytest.raises(PeopleError):
        enrol(people, 1)
    assert people._db.execute("SELECT count(*) FROM people").fetchone()[0] == 0
    assert people._db.execute("SELECT count(*) FROM templates").fetchone()[0] == 0


def test_nothing_of_a_person_is_in_the_clear(open_people: Open, path: Path) -> None:
    people = open_people()
    rows = embeddings(7)
    people.enrol(new_person_id(), "Zebedee Unmistakable", CONSENT, POLICY, rows, MODEL)
    for state in ("in use", "closed"):
        if state == "closed":
            people.close()
        found = everything(path)
        assert MODEL.encode() in found  # the scan sees what is there
        for secret in ("Zebedee", "Unmistakable", "Wanda", "Witness"):
            assert secret.encode() not in found
            assert secret.encode("utf-16-le") not in found
        for row in rows:
            for start in range(0, 192, 16):
                assert row[start : start + 4].tobytes() not in found
        assert STORAGE not in found


def test_what_was_withdrawn_is_gone_from_the_files(open_people: Open, path: Path) -> None:
    people = open_people()
    person = enrol(people, 1)
    enrol(people, 2)
    sealed = people._db.execute("SELECT sealed FROM templates WHERE person = ?", (person,)).fetchone()[0]
    wrapped, name = people._db.execute("SELECT wrapped, name FROM people WHERE id = ?", (person,)).fetchone()
    assert all(part in everything(path) for part in (sealed[:64], wrapped, name))
    people.withdraw(person, LATER)
    for part in (sealed[:64], sealed[-64:], wrapped, name):
        assert part not in everything(path)


def test_the_version_tells_of_every_change(open_people: Open) -> None:
    one, two = open_people(), open_people()
    seen = [(one.version(), two.version())]
    assert one.version() == seen[0][0]
    person = enrol(one, 1)
    seen.append((one.version(), two.version()))
    enrol(two, 2)
    seen.append((one.version(), two.version()))
    two.withdraw(person, LATER)
    seen.append((one.version(), two.version()))
    assert (one.version(), two.version()) == seen[-1]
    for before, after in itertools.pairwise(seen):
        assert before[0] != after[0]
        assert before[1] != after[1]


def test_another_storage_key_names_the_cure(open_people: Open, path: Path) -> None:
    enrol(open_people(), 1)
    with pytest.raises(PeopleError, match="give the key that this terminal was set up with") as caught:
        People(path, b"x" * 32)
    assert caught.value.exit_code == 78


@pytest.mark.parametrize("table", ["templates", "people"])
def test_swapped_or_altered_data_is_refused(open_people: Open, table: str) -> None:
    people = open_people()
    ann, bob = enrol(people, 1), enrol(people, 2)
    column, key = {"templates": ("sealed", "person"), "people": ("wrapped", "id")}[table]
    value = people._db.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (ann,)).fetchone()[0]
    people._db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (value, bob))
    with pytest.raises(PeopleError, match="withdraw and enrol again"):
        people.gallery(MODEL, POLICY)


def test_a_miscounted_template_is_refused(open_people: Open) -> None:
    people = open_people()
    enrol(people, 1)
    people._db.execute("UPDATE templates SET count = 5")
    with pytest.raises(PeopleError, match="do not fit together"):
        people.gallery(MODEL, POLICY)


@pytest.mark.parametrize("content", [b"", b"SQLite", b"garbage" * 200])
def test_a_broken_file_is_kept_as_it_is(open_people: Open, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(PeopleError, match="not a people store; nothing was changed"):
        open_people()
    assert path.read_bytes() == content


def test_a_journal_is_no_people_store(open_people: Open, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(PeopleError, match="not a people store"):
        open_people()


def test_the_file_is_ours_alone(open_people: Open, path: Path) -> None:
    enrol(open_people(), 1)
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_a_person_in_a_message_is_an_id_at_most(open_people: Open) -> None:
    people = open_people()
    person = enrol(people, 1, "Unmistakable Name")
    people._db.execute("UPDATE templates SET sealed = zeroblob(100)")
    with pytest.raises(PeopleError) as caught:
        people.gallery(MODEL, POLICY)
    assert not re.search("Unmistakable|Wanda", str(caught.value))
    assert person not in str(caught.value)


def sealed_of(people: People, person: str) -> list[bytes]:
    """What the file holds of somebody: the ciphertexts, and the wrapped key."""
    rows = people._db.execute("SELECT sealed FROM templates WHERE person = ?", (person,)).fetchall()
    return [bytes(row[0]) for row in rows] + [
        bytes(blob)
        for blob in people._db.execute("SELECT wrapped, name FROM people WHERE id = ?", (person,)).fetchone()
    ]


def test_after_an_erasure_no_byte_is_left_and_everyone_else_is_matched(open_people: Open, path: Path) -> None:
    people = open_people()
    crowd = [enrol(people, seed, f"Person {seed}") for seed in range(40)]
    ann = crowd[7]
    planted = sealed_of(people, ann)
    assert all(blob in everything(path) for blob in planted), "the scan finds what is there"
    assert people.erase(ann, LATER, "requested") == 3
    people.rewrite()
    assert not any(blob in everything(path) for blob in planted)
    assert people.gallery(MODEL, POLICY).size == 39
    assert people.erasures() == [(ann, "requested")]
    people.erasure_over(ann)
    assert people.erasures() == []
    people.close()
    again = open_people()
    found = again.gallery(MODEL, POLICY).best(Probe(embeddings(8)[0], MODEL, 1.0, 1.0))
    assert found is not None
    assert found.person == crowd[8]
    (gone,) = [person for person in again.list() if person.id == ann]
    assert (gone.name, gone.templates, gone.consent.withdrawn_at) == (None, 0, LATER)


def test_what_a_copy_of_before_holds_is_wrapped_under_a_key_that_is_gone(open_people: Open, path: Path) -> None:
    people = open_people()
    ann, bob = enrol(people, 1), enrol(people, 2, "Bob Example")
    before = {person: sealed_of(people, person) for person in (ann, bob)}
    people.erase(ann, LATER, "requested")
    people.rewrite()
    for person, (_, wrapped, _) in before.items():
        with pytest.raises(PeopleError):
            people._vault().unwrap(person, wrapped)
    assert not any(blob in everything(path) for blob in before[bob][1:2]), (
        "even the survivors' old wrapping is gone"
    )


def test_an_erasure_can_be_done_again_and_only_of_somebody_known(open_people: Open) -> None:
    people = open_people()
    ann = enrol(people, 1)
    people.withdraw(ann, LATER)
    assert people.erase(ann, LATER, "withdrawn") == 0
    assert people.erase(ann, LATER, "withdrawn") == 0
    with pytest.raises(PeopleError, match="nobody here"):
        people.erase(new_person_id(), LATER, "requested")


def test_another_process_that_reads_is_said_and_the_erasure_stays_owed(open_people: Open, path: Path) -> None:
    people, reader = open_people(), sqlite3.connect(path, isolation_level=None)
    ann = enrol(people, 1)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM people").fetchone()
    people._db.execute("PRAGMA busy_timeout = 50")
    people.erase(ann, LATER, "requested")
    with pytest.raises(PeopleError):
        people.rewrite()
    assert people.gallery(MODEL, POLICY).size == 0, "matching has stopped all the same"
    reader.execute("COMMIT")
    reader.close()
    assert people.erasures() == [(ann, "requested")]
    assert people.erase(ann, LATER, "requested") == 0


def test_a_store_of_format_1_is_brought_up_to_date(open_people: Open, path: Path) -> None:
    people = open_people()
    ann = enrol(people, 1)
    for column in ("erasing", "restriction", "erased"):
        people._db.execute(f"ALTER TABLE people DROP COLUMN {column}")
    people._db.execute("ALTER TABLE templates DROP COLUMN learned")
    for table in ("orders", "marks", "authority", "policies", "anchor", "tokens", "means"):
        people._db.execute(f"DROP TABLE {table}")
    people._db.execute("PRAGMA user_version = 1")
    people.close()
    again = open_people()
    assert again.erasures() == []
    assert again.erase(ann, LATER, "requested") == 3
