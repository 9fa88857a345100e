"""A byte of any column of any row of the people file, altered: the terminal starts and matches the others."""

import base64
import hashlib
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge.crypto import dsse
from edge.domain.people.credentials import Token
from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record_draft import restricted
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.vocabulary import ErasureReason
from edge.errors import PeopleError
from edge.journal.journal import Journal
from edge.people.lacking import Lack, words
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.terminal.attendance.credential_check import CredentialCheck
from edge.terminal.operator import actions
from edge.terminal.orders.authority_keys import Authority
from edge.terminal.orders.order_handler import OrderHandler
from edge.terminal.outbox.flush import flush
from tests.support.altered import altered
from tests.support.clock import HandClock
from tests.support.people import CONSENT, POLICY
from tests.support.signed_orders import AUTHORITY, END, EXPIRES, GATE, IDENTITY, ISSUED, MODEL, NEXT, STORAGE, sign

ONES_OWN = {
    *("people", "templates", "consents", "means", "tokens", "orders", "marks", "authority", "policies", "anchor"),
    *("entries", "contested", "foretold", "foretold_bars", "aside", "lacking"),
}
"""All but `vault`, under whose one row everything is sealed."""


def order(n: int, word: Word, **fields: object) -> Order:
    return Order(f"{n:032x}", "hq", ("gate-1",), n, ISSUED, EXPIRES, word, fields)


def rows(seed: int) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(3, 192)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A people file with something in each table, closed; and who is matched whatever becomes of the others."""
    root, clock = tmp_path_factory.mktemp("lived"), HandClock()
    path = root / "people.db"
    with People(path, STORAGE) as people, Journal(root / "journal.db", GATE, IDENTITY) as journal:
        ids = sorted(new_person_id() for _ in range(5))
        for n, person in enumerate(ids):
            people.enrol(person, f"Person {n}", CONSENT, POLICY, rows(n), MODEL)
            people.credentials.give(person, Token.BADGE, f"000471{n}")
        people.credentials.give(ids[0], Token.NUMBER, "77001")
        people.credentials.set_pin(ids[0], "271828")
        people.restrict(ids[1], Restriction.OBJECTED)
        people.withdraw(ids[2], "2026-03-01T09:00:00Z")
        people.erase(ids[3], "2026-03-01T09:00:00Z", "requested")
        people.note_entries({ids[0]: 3, ids[1]: 4})
        people.foretell(new_person_id())
        people.foretell(new_person_id(), withdrawn_at=ISSUED)
        people.foretell_bar(new_person_id(), Restriction.RESTRICTED)
        people._db.execute("INSERT INTO contested VALUES (?, ?)", (ids[0], b"x" * 32))
        people._db.execute("INSERT INTO aside VALUES ('b', '[]')")
        people.lacking.note(ids[0], [Lack.BADGE])
        people.orders.set_anchor(clock.evidence())
        orders = OrderHandler(GATE, IDENTITY, AUTHORITY.verify_key, lambda: People(path, STORAGE), POLICY, clock)
        key = base64.b64encode(bytes(NEXT.verify_key)).decode()
        text = "The second policy.\n"
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        for one in (
            order(1, Word.ROTATE, key=key, until=EXPIRES, **{"from": ISSUED}),
            order(2, Word.EMPLOYMENT_ENDED, person=ids[0], at=END),
            order(3, Word.POLICY, version="2", text=text, sha256=sha256, consent_again=False),
        ):
            assert orders.take(dsse.parse(sign(one)), journal)
        orders.close()
        people.erase(ids[1], "2026-03-01T09:00:00Z", "employer")  # interrupted here
        people.orders.take("c" * 32, None, 0, records=[restricted(ids[0], Restriction.RESTRICTED)])
    return path, ids[4]


def cells(path: Path) -> Iterator[tuple[str, str, int]]:
    with closing(sqlite3.connect(path)) as db, db:
        for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            count = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for _, column, *_ in db.execute(f"PRAGMA table_info({table})").fetchall():
                yield from ((table, column, n) for n in range(count))


def live(root: Path, clock: HandClock) -> tuple[set[str], list[str]]:
    """What a start and the first minutes do with the file, as the threads of the service do; whom it matches."""
    path = root / "people.db"
    with People(path, STORAGE) as people, Journal(root / "journal.db", GATE, IDENTITY) as journal:
        flush(people, journal, clock, interrupted=True)
        unreadable: list[str] = []
        found = people.gallery(MODEL, POLICY, unreadable=unreadable, length=192)
        people.accepted(POLICY)
        people.other_text(POLICY)
        people.outbox.aside()
        words(people.lacking.all())
        people.credentials.overview()
        listed = people.list()
        for badge in ("0004710", "0004714"):
            people.credentials.whose(Token.BADGE, badge)
        assert CredentialCheck(people.credentials, lambda _: False)
        for person in found.people:
            people.learn(person, "coming", rows(9)[0], POLICY)
        orders = OrderHandler(GATE, IDENTITY, AUTHORITY.verify_key, lambda: People(path, STORAGE), POLICY, clock)
        orders.look(journal)
        orders.take(dsse.parse(sign(order(9, Word.RESTRICT, person=new_person_id()))), journal)
        orders.close()
        Authority(AUTHORITY.verify_key, people.orders).keys("2026-03-02T08:00:00.000Z")
        damaged = [one.id for one in listed if one.damaged]
        for person in damaged:  # the cure that is offered
            actions.erase(person, ErasureReason.EMPLOYER, people=people, journal=journal, clock=clock, by="4711")
        assert not any(one.damaged for one in people.list() if one.id in damaged)
    return set(found.people), damaged


def test_whatever_byte_is_altered_the_terminal_starts_and_matches_the_others(
    lived: tuple[Path, str], tmp_path: Path
) -> None:
    path, other = lived
    kept = {end: path.with_name(path.name + end).read_bytes() for end in ("",)}
    journal = path.with_name("journal.db").read_bytes()
    chance = random.Random(5)
    tables = set()
    for table, column, n in cells(path):
        if table == "vault":
            continue
        tables.add(table)
        for file in tmp_path.iterdir():
            file.unlink()
        (tmp_path / "people.db").write_bytes(kept[""])
        (tmp_path / "journal.db").write_bytes(journal)
        with closing(sqlite3.connect(tmp_path / "people.db")) as db, db:
            db.executescript(
                "DROP TRIGGER consents_stay; DROP TRIGGER consents_are_final; PRAGMA ignore_check_constraints = ON;"
            )
            about = row_of(db, table, n)
            altered(db, table, column, n, chance)
        where = (table, column, n, about)
        try:
            matched, damaged = live(tmp_path, HandClock())
        except Exception as error:
            raise AssertionError(where) from error
        if other not in about and table != "policies":
            assert other in matched, where
        assert set(damaged) <= set(about) | {one for one in damaged if table in {"people", "templates"}}, where
    assert tables == ONES_OWN


def row_of(db: sqlite3.Connection, table: str, n: int) -> tuple[object, ...]:
    key = next(row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[5])
    found: tuple[object, ...] = db.execute(
        f"SELECT * FROM {table} ORDER BY {key} LIMIT 1 OFFSET ?", (n,)
    ).fetchone()
    return found


def test_the_one_row_under_which_everything_is_sealed_is_told_from_a_wrong_key(
    lived: tuple[Path, str], tmp_path: Path
) -> None:
    path, _ = lived
    (tmp_path / "people.db").write_bytes(path.read_bytes())
    with closing(sqlite3.connect(tmp_path / "people.db")) as db, db:
        db.execute("UPDATE vault SET wrapped_epoch = zeroblob(length(wrapped_epoch))")
    with pytest.raises(PeopleError, match="storage key does not open"):
        People(tmp_path / "people.db", STORAGE)
