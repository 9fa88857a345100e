"""The authority's key, its registry and its log: nothing is changed unseen, and no rotation is lost half-way."""

import contextlib
import shutil
import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.authority import acting, authority_key, register
from edge.central.authority import lock as authority_lock
from edge.central.authority.audit import check
from edge.central.authority.register import Actor, OrderRegister
from edge.central.roster.schema import ROSTER_KEY
from edge.cli import main
from edge.crypto import dsse
from edge.crypto.key_files import create_identity, load_identity, load_public
from edge.domain.protocol.audit_entry import Act
from edge.domain.protocol.order import Order, Word
from edge.errors import KeyFileError, LedgerError, RecordError
from tests.support.people import ANN

PAT = Actor("Pat", "asked by letter")
MONTH = timedelta(days=30)
START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return authority_key.init(tmp_path, PAT)


def restrict(made: OrderRegister, key: SigningKey, **options: object) -> Order:
    return made.issue(key, PAT, "hq", ["gate-1", "gate-2"], Word.RESTRICT, {"person": ANN}, valid=MONTH, **options)


def problem(directory: Path) -> str | None:
    with OrderRegister(directory / authority_key.DB) as made:
        return check(made, load_public(directory / authority_key.PUBLIC)).problem


def test_an_ordering_authority_is_made_once(tmp_path: Path, key: SigningKey) -> None:
    assert authority_key.init(tmp_path, PAT) == key == authority_key.load(tmp_path)
    assert (tmp_path / authority_key.KEY).stat().st_mode & 0o777 == 0o600
    assert load_public(tmp_path / authority_key.PUBLIC) == key.verify_key
    (tmp_path / authority_key.KEY).unlink()
    with pytest.raises(KeyFileError, match="restore it from your backup"):
        authority_key.init(tmp_path, PAT)
    with pytest.raises(KeyFileError, match="restore both from one backup"):
        authority_key.load(tmp_path)


def test_orders_are_numbered_signed_and_in_the_log_with_who_and_why(tmp_path: Path, key: SigningKey) -> None:
    with OrderRegister(tmp_path / authority_key.DB) as made:
        first, second = restrict(made, key), restrict(made, key, everywhere=True, request=1)
        assert (first.sequence, second.sequence) == (1, 2)
        sent = made.addressed()
        entries = made.entries()
    assert [one.origin.terminal for one in sent] == ["gate-1", "gate-2"] * 2
    keys = {dsse.key_id(key.verify_key): key.verify_key}
    assert Order.decode(dsse.verify(dsse.parse(sent[0].wire), Order.PAYLOAD_TYPE, keys)) == first
    assert second.terminals == ("*",)
    assert [entry.act for entry in entries] == ["authority-made", "order", "order"]
    assert (entries[2].by, entries[2].why, entries[2].person) == ("Pat", "asked by letter", ANN)
    assert entries[2].data["request"] == 1
    assert problem(tmp_path) is None


def test_an_order_to_a_thousand_terminals_of_long_names_is_in_the_log(tmp_path: Path, key: SigningKey) -> None:
    names = [f"gate-{number:04}-{'x' * 50}" for number in range(1_000)]
    with OrderRegister(tmp_path / authority_key.DB) as made:
        made.issue(key, PAT, "hq", names, Word.RESTRICT, {"person": ANN}, valid=MONTH, everywhere=True)
        assert [one.origin.terminal for one in made.addressed()] == names
        data = made.entries()[-1].data
    assert (data["terminals"], data["addressed"], len(data["addressed_sha256"])) == (["*"], 1_000, 64)
    assert problem(tmp_path) is None


def test_what_no_terminal_would_take_is_neither_kept_nor_in_the_log(tmp_path: Path, key: SigningKey) -> None:
    with OrderRegister(tmp_path / authority_key.DB) as made:
        for person, terminals in (("Ann Example", ["gate-1"]), (ANN, [])):
            with pytest.raises(RecordError):
                made.issue(key, PAT, "hq", terminals, Word.RESTRICT, {"person": person}, valid=MONTH)
        with pytest.raises(RecordError):
            made.issue(
                key, Actor("Pat", "two\nlines"), "hq", ["gate-1"], Word.RESTRICT, {"person": ANN}, valid=MONTH
            )
        assert made.addressed() == []
        assert len(made.entries()) == 1


def test_the_log_can_be_neither_changed_nor_forged_unseen(tmp_path: Path, key: SigningKey) -> None:
    with OrderRegister(tmp_path / authority_key.DB) as made:
        restrict(made, key)
        made.enter(key, PAT, Act.DISCLOSURE, {"to": "the police"}, ANN)
        for statement in ("DELETE FROM audit", "UPDATE audit SET payload = x''"):
            with pytest.raises(sqlite3.IntegrityError, match="the audit log stays"):
                made._db.execute(statement)
    assert problem(tmp_path) is None
    for number, statement in enumerate((
        "DELETE FROM audit WHERE n = 2",
        "UPDATE audit SET payload = CAST(replace(payload, 'police', 'nobody') AS BLOB) WHERE n = 3",
        "UPDATE audit SET signature = zeroblob(64) WHERE n = 1",
        "DELETE FROM audit WHERE n = 1",
    )):  # fmt: skip
        copy = tmp_path / f"copy-{number}"
        copy.mkdir()
        for name in (authority_key.DB, authority_key.PUBLIC):
            shutil.copy(tmp_path / name, copy / name)
        db = sqlite3.connect(copy / authority_key.DB, isolation_level=None)
        db.execute("DROP TRIGGER audit_stays")
        db.execute("DROP TRIGGER audit_is_final")
        db.execute(statement)
        db.close()
        assert problem(copy) is not None, statement


def test_a_stranger_cannot_go_on_with_the_log(tmp_path: Path, key: SigningKey) -> None:
    with OrderRegister(tmp_path / authority_key.DB) as made:
        with pytest.raises(LedgerError, match="the log names another key"):
            made.enter(SigningKey.generate(), PAT, Act.NOTE, {})
        assert problem(tmp_path) is None
        made._refuse_other = lambda _key: None  # type: ignore[method-assign]
        made.enter(SigningKey.generate(), PAT, Act.NOTE, {})
    assert "known" in (problem(tmp_path) or "")


def test_the_next_key_signs_and_the_log_verifies_across_it(tmp_path: Path, key: SigningKey) -> None:
    with OrderRegister(tmp_path / authority_key.DB) as made:
        restrict(made, key)
    sites = {"hq": ["gate-1", "gate-2"], "plant": ["door-1"]}
    rotated = authority_key.rotate(tmp_path, PAT, sites, overlap=timedelta(days=10), start=START)
    following = authority_key.load(tmp_path)
    assert following != key
    assert rotated.keyid == dsse.key_id(following.verify_key)
    assert load_identity(tmp_path / f"authority-{dsse.key_id(key.verify_key)}.key") == key
    with OrderRegister(tmp_path / authority_key.DB) as made:
        sent = made.addressed()
        assert [one.origin.terminal for one in sent[2:]] == ["gate-1", "gate-2", "door-1"]
        assert all(one.expires <= rotated.until for one in sent), "what the old key signed ends with it"
        order = restrict(made, following)
        assert order.sequence == 4
        assert made.addressed()[-1].expires == order.expires
    assert problem(tmp_path) is None
    with OrderRegister(tmp_path / authority_key.DB) as made:
        with pytest.raises(LedgerError, match="give the command again"):
            made.enter(key, PAT, Act.NOTE, {})
        with pytest.raises(LedgerError, match="give the command again"):
            restrict(made, key)
    assert problem(tmp_path) is None, "the old key writes no more entries, and so the log verifies for good"


def test_a_forged_beginning_is_seen(tmp_path: Path, key: SigningKey) -> None:
    """A log of a stranger's that claims to have handed over to the genuine key."""
    (tmp_path / "forged").mkdir()
    stranger = authority_key.init(tmp_path / "forged", PAT)
    with OrderRegister(tmp_path / "forged" / authority_key.DB) as made:
        fields = {
            "key": authority_key._public(key),
            "from": "2026-01-01T00:00:00.000Z",
            "until": "2026-02-01T00:00:00.000Z",
        }
        made.rotate(stranger, stranger, PAT, {}, fields, MONTH)
        assert check(made, key.verify_key).problem is not None


@pytest.mark.parametrize("told", [False, True])
def test_a_rotation_that_was_interrupted_is_undone_or_carried_to_its_end(
    tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    def crash(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        if told:
            patched.setattr(authority_key, "_replace", crash)
        else:
            patched.setattr(register.OrderRegister, "rotate", crash)
        with pytest.raises(SystemExit):
            authority_key.rotate(tmp_path, PAT, {"hq": ["gate-1"]}, overlap=MONTH, start=START)
    now = authority_key.load(tmp_path)
    assert (now == key) is not told
    assert load_public(tmp_path / authority_key.PUBLIC) == now.verify_key
    assert (tmp_path / authority_key.NEXT).exists() is not told
    assert problem(tmp_path) is None
    unused = None if told else load_identity(tmp_path / authority_key.NEXT)
    authority_key.rotate(tmp_path, PAT, {"hq": ["gate-1"]}, overlap=MONTH, start=START)
    assert not (tmp_path / authority_key.NEXT).exists()
    kept = [load_identity(path) for path in tmp_path.glob("authority-*.key")]
    assert {bytes(one) for one in kept} >= {bytes(one) for one in (key, now, unused) if one is not None}
    assert problem(tmp_path) is None


def test_whoever_looks_at_the_key_during_a_rotation_waits_and_destroys_nothing(
    tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, go_on, seen = threading.Event(), threading.Event(), []
    real = register.OrderRegister.rotate

    def slowly(self: OrderRegister, *rest: object) -> object:
        made.set()
        assert go_on.wait(30)
        return real(self, *rest)

    monkeypatch.setattr(register.OrderRegister, "rotate", slowly)
    given, options = (tmp_path, PAT, {"hq": ["gate-1"]}), {"overlap": MONTH, "start": START}
    rotating = threading.Thread(target=authority_key.rotate, args=given, kwargs=options)
    looking = threading.Thread(target=lambda: seen.append(authority_key.load(tmp_path)))
    rotating.start()
    assert made.wait(30)
    following = load_identity(tmp_path / authority_key.NEXT)
    looking.start()
    looking.join(0.3)
    assert looking.is_alive()
    assert load_identity(tmp_path / authority_key.NEXT) == following
    go_on.set()
    rotating.join(30)
    looking.join(30)
    assert seen == [following] == [authority_key.load(tmp_path)]
    assert problem(tmp_path) is None


def test_a_turn_that_does_not_end_is_said_with_its_cure(tmp_path: Path, key: SigningKey) -> None:
    with (
        authority_lock.held(tmp_path),
        pytest.raises(KeyFileError, match=r"fuser .*authority\.lock"),
        authority_lock.held(tmp_path, wait_s=0.1),
    ):
        pass
    (tmp_path / authority_lock.LOCK).unlink()
    (tmp_path / authority_lock.LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError, match="cannot be opened"):
        authority_key.load(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_what_was_begun_and_interrupted_is_entered_by_whoever_acts_next(tmp_path: Path, key: SigningKey) -> None:
    def interrupted() -> None:
        with acting.turn_of(tmp_path, PAT) as authority, authority.act(Act.ROSTER_REMOVED, ANN) as act:
            act.begin({"sites": ["hq"]})
            raise SystemExit

    with pytest.raises(SystemExit):
        interrupted()
    with OrderRegister(tmp_path / authority_key.DB) as made:
        assert (made.begun(), len(made.entries())) == (1, 1)
    with acting.turn_of(tmp_path, Actor("Robin", "another matter", 1007)) as authority:
        authority.registry.enter(authority.key, authority.doing, Act.NOTE, {})
    with OrderRegister(tmp_path / authority_key.DB) as made:
        _, late, note = made.entries()
        assert made.begun() == 0
    assert (late.by, late.act, late.person, late.data["interrupted"]) == ("Pat", "roster-removed", ANN, True)
    assert (note.by, note.data) == ("Robin", {"login": 1007})
    assert problem(tmp_path) is None


def test_nothing_is_begun_while_the_log_is_locked(tmp_path: Path, key: SigningKey, monkeypatch) -> None:
    monkeypatch.setattr("edge.storage.sqlite_file.BUSY_S", 0.1)
    done = []

    def change() -> None:
        with acting.turn_of(tmp_path, PAT) as authority, authority.act(Act.ROSTER_KEY) as act:
            act.begin({"site": "hq"})
            done.append("the act")

    with contextlib.closing(sqlite3.connect(tmp_path / authority_key.DB, isolation_level=None)) as held:
        held.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="another process held it"):
            change()
    assert done == []


def test_a_registry_of_the_version_before_is_taken_over(tmp_path: Path, key: SigningKey) -> None:
    db = sqlite3.connect(tmp_path / authority_key.DB, isolation_level=None)
    db.executescript("DROP TABLE begun; ALTER TABLE addressed DROP COLUMN trying; PRAGMA user_version = 1")
    db.close()
    with OrderRegister(tmp_path / authority_key.DB) as made:
        assert made.begun() == 0
        restrict(made, key)
    assert problem(tmp_path) is None


def test_another_program_s_file_is_no_registry(tmp_path: Path) -> None:
    create_identity(tmp_path / authority_key.KEY)
    (tmp_path / authority_key.DB).write_bytes(b"garbage" * 200)
    with pytest.raises(LedgerError, match="registry"):
        OrderRegister(tmp_path / authority_key.DB)


@pytest.mark.parametrize("lock", [authority_lock.LOCK, authority_lock.PUBLISHING])
def test_a_lock_that_somebody_removed_lets_no_second_command_in(tmp_path: Path, lock: str) -> None:
    create_identity(tmp_path / ROSTER_KEY)
    with authority_lock.held(tmp_path, lock=lock):
        (tmp_path / lock).unlink()
        again = authority_lock.held(tmp_path, wait_s=0.1, lock=lock)
        with pytest.raises(KeyFileError, match="another command"), again:
            pass
        other = ({authority_lock.LOCK, authority_lock.PUBLISHING} - {lock}).pop()
        with authority_lock.held(tmp_path, wait_s=0.1, lock=other):
            pass  # who publishes takes turns of the authority's meanwhile
    with authority_lock.held(tmp_path, wait_s=0.1, lock=lock):
        pass


@pytest.mark.parametrize("left", ["nothing", "an empty log"])
def test_a_log_that_is_lost_is_not_begun_anew_in_silence(tmp_path, capsys, left):
    base = tmp_path / "centre"
    assert main(["central", "init", str(base), "--host", "localhost", "--site", "main"]) == 0
    assert main(["central", "authority", "init", str(base), "--by", "Pat"]) == 0
    for path in base.glob("authority.db*"):
        path.unlink()
    if left == "an empty log":
        OrderRegister(base / authority_key.DB).close()
    capsys.readouterr()
    assert main(["central", "authority", "init", str(base), "--by", "Pat"]) == 78
    assert "restore the file from your backup" in capsys.readouterr().err
    note = ("--enter", "note", "--by", "Pat", "--why", "x")
    assert main(["central", "audit", str(base), *note]) != 0
    assert (base / authority_key.DB).exists() is (left == "an empty log"), "and none is made for looking"
    assert main(["central", "audit", str(base)]) != 0, "an empty log does not verify"


def test_an_authority_whose_first_command_was_killed_before_its_log_is_completed(tmp_path, capsys):
    create_identity(tmp_path / authority_key.KEY)
    assert main(["central", "audit", str(tmp_path), "--enter", "note", "--why", "x"]) != 0
    with pytest.raises(KeyFileError, match="authority init DIR` again"):
        authority_key.load(tmp_path)
    assert main(["central", "authority", "init", str(tmp_path), "--by", "Pat"]) == 0
    assert main(["central", "audit", str(tmp_path)]) == 0
