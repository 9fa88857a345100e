"""Each SQLite file of the version before: migrated with nothing lost, also when killed; a newer one is refused."""

import contextlib
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from edge.errors import SmartClockerError
from tests.earlier_files.opening import EARLIER_VERSION, FILES, digests, extract, lost, tables, version

ROOT = Path(__file__).resolve().parents[2]
MIGRATED = ("journal", "people", "order register", "ledger", "centre's people")
"""Those whose format is another than it was."""


def test_the_list_of_kinds_is_whole(earlier: Path) -> None:
    found = {str(path.relative_to(earlier)) for path in earlier.rglob("*.db")}
    mentioned = {one.path for one in FILES.values()}
    assert {path for path in found if not path.startswith(("cut/", "set-aside/"))} == mentioned
    assert {name: version(earlier / one.path) for name, one in FILES.items()} == EARLIER_VERSION


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_version_before_is_opened_and_nothing_is_lost(
    name: str, earlier: Path, tmp_path: Path
) -> None:
    as_it_was = extract(tmp_path / "as-it-was") / FILES[name].path
    FILES[name].open(earlier).close()
    path = earlier / FILES[name].path
    assert lost(as_it_was, path) == []
    assert (version(path) > EARLIER_VERSION[name]) is (name in MIGRATED)
    again = tables(path)
    FILES[name].open(earlier).close()
    assert tables(path) == again


@pytest.mark.parametrize("name", FILES)
def test_a_migration_that_is_killed_at_any_statement_is_done_by_the_next_opening(
    name: str, earlier: Path, tmp_path: Path
) -> None:
    one, source, target = FILES[name], tmp_path / "source", tmp_path / "killed"
    for part in {"terminal": ("keys-made-for-this-test", "state"), "central": (".",)}[one.path.split("/")[0]]:
        shutil.copytree(
            earlier / one.path.split("/")[0] / part,
            source / one.path.split("/")[0] / part,
            ignore=shutil.ignore_patterns("*.reserve"),
        )
    command = [sys.executable, "-m", "tests.earlier_files.interrupt", name, str(source), str(target)]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    kills = int(done.stdout)
    assert kills == len(list(target.iterdir())) >= (10 if name in MIGRATED else 4)
    one.open(earlier).close()  # this one in peace
    whole = tables(earlier / one.path)
    for killed in target.iterdir():
        one.open(killed).close()
        assert lost(source / one.path, killed / one.path) == []
        assert tables(killed / one.path) == whole, killed.name
        assert version(killed / one.path) == version(earlier / one.path)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_newer_version_is_refused_with_the_cure_and_stays_as_it_is(name: str, earlier: Path) -> None:
    one = FILES[name]
    one.open(earlier).close()
    newer = version(earlier / one.path) + 1
    with contextlib.closing(sqlite3.connect(earlier / one.path)) as db:
        db.execute(f"PRAGMA user_version = {newer}")
    before = digests(earlier)
    with pytest.raises(SmartClockerError, match=r"install the version that wrote it|upgrade this one") as error:
        one.open(earlier)
    assert str(newer) in str(error.value)
    assert digests(earlier) == before
