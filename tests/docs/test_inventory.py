"""docs/data-inventory.md: every table of every database, and every kind of record, stands on it."""

import re
from pathlib import Path

import pytest

from edge.central.authority import register_schema
from edge.central.claims import schema as claims_schema
from edge.central.roster import schema as centre_roster_schema
from edge.central.store import schema as ledger_schema
from edge.domain.protocol.record_kinds import Kind
from edge.evidence_images import schema
from edge.journal import schema as journal_schema
from edge.people import schema as people_schema
from edge.people.roster import state
from edge.people.site import schema as site_schema

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/data-inventory.md").read_text()


def tables(module: object) -> set[str]:
    scripts = [value for value in vars(module).values() if isinstance(value, str)]
    return {name for script in scripts for name in re.findall(r"CREATE TABLE (\w+)", script)}


SCHEMAS = [
    ("people.db", people_schema), ("journal.db", journal_schema), ("roster.db", state), ("evidence.db", schema),
    ("site.db", site_schema),
    ("ledger.db", ledger_schema), ("authority.db", register_schema), ("claims.db", claims_schema),
    ("roster.db", centre_roster_schema),
]  # fmt: skip


@pytest.mark.parametrize(("name", "module"), SCHEMAS, ids=[module.__name__ for _, module in SCHEMAS])
def test_every_table_stands_there(name: str, module: object) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}`:")]
    said = {table for line in rows for table in re.findall(r"`(\w+)`", line.split("|")[1].split(":", 1)[1])}
    found = tables(module)
    assert found, "the schema is read from the module's own SQL"
    assert found <= said


def test_no_table_stands_there_that_is_not() -> None:
    known = {(name, table) for name, module in SCHEMAS for table in tables(module)}
    cells = re.findall(r"^\| `([\w-]+\.db)`: ([^|]+)\|", PAGE, re.MULTILINE)
    said = {(name, table) for name, cell in cells for table in re.findall(r"`(\w+)`", cell)}
    assert said == known


def test_every_kind_of_record_stands_there() -> None:
    table = PAGE[PAGE.index("## The records") :]
    cells = re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
    said = {kind for cell in cells for kind in re.findall(r"`(.+?)`", cell)}
    assert said == set(Kind)


@pytest.mark.parametrize("page", ["dpia.md", "staff-notice.md", "data-inventory.md"])
def test_the_papers_name_each_other_and_what_is_there(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    for target in re.findall(r"\]\(([\w./-]+\.md)\)", text):
        assert (ROOT / "docs" / target).resolve().is_file(), target
