"""docs/data-inventory.md names every column and every field of records and orders, and no other."""

import contextlib
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.central.authority.register import OrderRegister
from edge.central.claims.token_store import TokenStore
from edge.central.roster.store import RosterStore
from edge.central.store.database import Database
from edge.crypto.key_files import create_identity
from edge.domain.protocol import order, record_kinds
from edge.domain.protocol.record import Origin
from edge.evidence_images import schema
from edge.journal import schema as journal_schema
from edge.people import schema as people_schema
from edge.people.roster.state import RosterState
from edge.people.site.store import SiteStore
from tests.support.clock import NOW

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| \*\*([\w./-]+)\*\*(?: `(\w+)`:)? ((?:`\w+` ?)+)\| (.+?) \|$", re.MULTILINE)
MAKERS = {
    "people.db": lambda path: people_schema.create(path / "people.db", b"k" * 32),
    "evidence.db": lambda path: schema.create(path / "evidence.db", NOW),
    "journal.db": lambda path: journal_schema.create(
        path / "journal.db", Origin("s", "t"), create_identity(path / "key")
    ),
    "roster.db": lambda path: RosterState(path / "roster.db").close(),
    "site.db": lambda path: SiteStore(path / "site.db", "s").close(),
    "ledger.db": lambda path: Database(path / "ledger.db").close(),
    "authority.db": lambda path: OrderRegister(path / "authority.db").close(),
    "claims.db": lambda path: TokenStore(path).close(),
    "centre/roster.db": lambda path: RosterStore(path).close(),
}


def documented(page: str) -> dict[str, list[str]]:
    """By file, every `table.column` that the page names, in its order."""
    found: dict[str, list[str]] = {}
    for file, table, columns, *_ in ROW.findall(page):
        found.setdefault(file, []).extend(
            ".".join(filter(None, (table, one))) for one in re.findall(r"\w+", columns)
        )
    return found


def columns(path: Path) -> set[str]:
    query = "SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'"
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        return {f"{table}.{column}" for table, column in db.execute(query)}


PAGE = (ROOT / "docs/data-inventory.md").read_text()
HELD = documented(PAGE)


@pytest.mark.parametrize("file", MAKERS)
def test_every_column_of_a_database_has_its_row(file: str, tmp_path: Path) -> None:
    make: Callable[[Path], None] = MAKERS[file]
    make(tmp_path)
    assert set(HELD[file]) == columns(tmp_path / Path(file).name)


def test_every_field_of_a_record_and_of_an_order_has_its_row() -> None:
    fields = [*record_kinds.FIELDS.values(), *record_kinds.OPTIONAL.values()]
    assert set(HELD["record"]) == {name for one in fields for name in one} | {"epoch", "seq", "prev", "time"}
    assert set(HELD["order"]) == {name for fields in order.FIELDS.values() for name in fields}


def test_nothing_is_named_twice_and_no_row_escapes() -> None:
    assert set(HELD) == {*MAKERS, "record", "order"}
    assert [
        one for file, names in HELD.items() for one in {f"{file} {n}" for n in names if names.count(n) > 1}
    ] == []
    rows = re.findall(r"^\| \*\*.+", PAGE, re.MULTILINE)
    assert len(rows) == len(ROW.findall(PAGE)) > 20
    assert documented("| **x.db** `t`: `a` `b` | why |") == {"x.db": ["t.a", "t.b"]}


def test_no_other_database_is_made() -> None:
    makers = {
        str(path.relative_to(ROOT)) for path in ROOT.glob("edge/**/*.py") if "CREATE TABLE" in path.read_text()
    }
    assert makers == {
        "edge/central/store/schema.py", "edge/central/authority/register_schema.py",
        "edge/central/claims/schema.py",
        "edge/central/roster/schema.py",
        "edge/evaluation/cache.py", "edge/journal/recovery.py", "edge/journal/schema.py",
        "edge/evidence_images/schema.py", "edge/people/roster/state.py", "edge/people/schema.py",
        "edge/people/site/schema.py",
    }  # fmt: skip
    for name in ("studies.db", "verdicts.db", "found.db"):
        assert f"`{name}`" in PAGE
