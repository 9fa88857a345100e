"""The authority's orders at the real program: daemon, broker and ledger as processes, a face before the camera."""

import contextlib
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.central.broker import certificates
from edge.central.broker.mosquitto import EmbeddedBroker, render_acl
from edge.resources import photos_directory
from edge.sandbox import SandboxCentre, write_terminal


def run(*words: object, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "edge", *map(str, words)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


@contextlib.contextmanager
def service(*words: object) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "tests.support.program", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.terminate()
        said = process.communicate(timeout=300)[1]
        assert b"Planted" not in said
        assert process.returncode in {0, -15}, said


def eventually(condition: Callable[[], object], what: str, within_s: float = 300.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def rows(path: Path, query: str, *parameters: object) -> list[tuple]:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return db.execute(query, parameters).fetchall()
    except sqlite3.OperationalError:
        return []  # not made yet


def everything(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(state.rglob("*")) if path.is_file())


def test_an_order_stops_the_matching_of_a_face_that_stands_there(tmp_path: Path) -> None:
    centre = tmp_path / "centre"
    run("central", "init", centre, "--host", "127.0.0.1", "--site", "main")
    run("central", "authority", "init", centre)
    broker = EmbeddedBroker(tmp_path / "broker", sites=("main",))
    broker.directory.mkdir()
    (broker.directory / "pki").symlink_to(centre / "pki")
    broker.acl.write_text(render_acl(("main",)))
    broker.acl.chmod(0o600)
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene" / "a.jpg").symlink_to(photos_directory() / "obama3.jpg")
    with broker:
        files = certificates.issue_client(broker.pki, "hall-1")
        place = SandboxCentre(
            "127.0.0.1", broker.port, files.ca, files.certificate, files.key, centre / "ledger.pem"
        )
        directory = tmp_path / "terminal"
        config = write_terminal(
            directory, tmp_path / "scene", site="main", name="hall-1", window_s=1.0, centre=place
        )
        key = f'[keys]\nauthority = "{centre / "authority.pem"}"\n'
        config.write_text(config.read_text().replace("[keys]\n", key))
        run("central", "register", centre, "main", "hall-1", directory / "identity.pem")
        photos = [photos_directory() / name for name in ("obama.jpg", "obama2.jpg")]
        words = (
            "--witness",
            "Planted Witness",
            "--consent",
            "--age-13-or-older",
            "--employer-agreed",
            "--config",
            config,
            "--json",
        )
        person = json.loads(run("enrol", "Planted Name", *photos, *words))["person"]
        people, journal = directory / "state" / "people.db", directory / "state" / "journal.db"

        def punches() -> int:
            query = "SELECT count(*) FROM records WHERE person = ? AND kind IN ('punch', 'suppressed')"
            found = rows(journal, query, person)
            return found[0][0] if found else 0

        ((sealed,),) = rows(people, "SELECT sealed FROM templates WHERE person = ?", person)
        ((wrapped, name),) = rows(people, "SELECT wrapped, name FROM people WHERE id = ?", person)
        planted = (sealed[:256], sealed[-256:], wrapped, name)  # a long one lies on several pages
        where = ("--host", "127.0.0.1", "--port", broker.port)
        ordered = (*where, "--by", "Pat", "--why", "a letter", "--wait", "300s")
        with service("central", "run", centre, *where), service("run", "--config", config):
            eventually(lambda: punches() > 1, "a face that comes again and again is matched again and again")
            run("central", "order", centre, "main/hall-1", "restrict", person, *ordered)

            def nobody_for_four_seconds() -> bool:
                before = punches()
                time.sleep(4)
                return punches() == before

            eventually(nobody_for_four_seconds, "matching has stopped: the roster is looked at every second")
            state = everything(directory / "state")
            assert all(blob in state for blob in planted), "kept, and not used"
            run("central", "order", centre, "main/*", "erase", person, "--reason", "requested", *ordered)
            state = everything(directory / "state")
            assert not any(blob in state for blob in planted)
        run("journal", "verify", "--config", config)
        listed = json.loads(run("central", "orders", centre, "--all", "--json"))
        assert [(one["order"], one["state"]) for one in listed] == [("restrict", "done"), ("erase", "done")]
        kinds = [kind for (kind,) in rows(centre / "ledger.db", "SELECT kind FROM records ORDER BY id")]
        assert [kind for kind in kinds if kind in {"restricted", "erased"}] == ["restricted", "erased"]


def test_a_key_that_is_not_there_is_said_by_check(tmp_path: Path) -> None:
    config = write_terminal(tmp_path / "terminal", photos_directory())
    config.write_text(config.read_text().replace("[keys]\n", '[keys]\nauthority = "nowhere.pem"\n'))
    assert "nowhere.pem: does not exist" in run("check", "--config", config, code=78)


@pytest.mark.parametrize("verb", ["orders", "audit", "rights list"])
def test_a_wrong_directory_gets_no_registry(tmp_path: Path, verb: str) -> None:
    (tmp_path / "empty").mkdir()
    words = (*verb.split(), tmp_path / "empty")
    done = subprocess.run(
        [sys.executable, "-m", "edge", "central", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode in {74, 78}, done.stdout + done.stderr
    assert list((tmp_path / "empty").iterdir()) == []


def test_nothing_is_decided_by_a_log_that_was_altered(tmp_path: Path) -> None:
    run("central", "init", tmp_path, "--host", "127.0.0.1", "--site", "main")
    run("central", "authority", "init", tmp_path)
    run("central", "register", tmp_path, "main", "hall-1", tmp_path / "ledger.pem")
    opening = ("central", "rights", "open", tmp_path, "a" * 26, "erasure")
    run(*opening, "--why", "a letter", "--received", "2026-01-31", "--force")
    assert "overdue, due 2026-02-28" in run("central", "rights", "list", tmp_path, code=1)
    with contextlib.closing(sqlite3.connect(tmp_path / "authority.db", isolation_level=None)) as db:
        db.execute("DROP TRIGGER audit_is_final")
        db.execute(
            "UPDATE audit SET payload = CAST(replace(payload, '2026-01-31', '2026-11-23') AS BLOB) WHERE n = 3"
        )
    for verb in (
        ("audit", tmp_path),
        ("rights", "list", tmp_path),
        ("rights", "close", tmp_path, 3, "--ground", "x"),
    ):
        run("central", *verb, *(("--why", "y") if "close" in verb else ()), code=65)
