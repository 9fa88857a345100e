"""`central backup` and `restore`: what comes back, and everything that is refused before anything is written."""

import base64
import io
import json
import os
import re
import shutil
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.central.backup import archive, restore
from edge.central.backup import snapshot as snapshots
from edge.central.backup.snapshot import snapshot
from edge.cli import main
from edge.crypto.key_files import load_secret
from edge.crypto.secret_stream import CHUNK, StreamEncryptor
from edge.domain.strict_json import dump
from edge.domain.time.instant import utc_text
from edge.errors import BackupError

MESSAGE = CHUNK + 17
"""Bytes of a whole message in the file."""


def central(*words: object) -> int:
    try:
        return main(["central", *map(str, words)])
    except SystemExit as error:  # argparse
        return int(error.code or 0)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A centre with a few messages' worth of files."""
    made = tmp_path / "centre"
    assert central("init", made, "--host", "localhost", "--site", "main") == 0
    assert central("authority", "init", made, "--by", "Pat") == 0
    assert central("register", made, "main", "gate-1", made / "authority.pem") == 0
    (made / "pki" / "notes of Ü.txt").write_bytes(os.urandom(4 * CHUNK))
    return made


@pytest.fixture
def key(tmp_path: Path) -> Path:
    assert central("backup-key", tmp_path / "backup.key") == 0
    return tmp_path / "backup.key"


@pytest.fixture
def made(base: Path, key: Path, tmp_path: Path) -> Path:
    assert central("backup", base, tmp_path / "centre.scb", "--key", key) == 0
    return tmp_path / "centre.scb"


def everything(base: Path) -> dict[str, bytes]:
    """What a backup is to have: all but locks and SQLite's side files; a database by what is in it."""
    found = {}
    for path in base.rglob("*"):
        if path.is_file() and not re.search(r"\.lock$|-wal$|-shm$|^last-backup\.json$", path.name):
            found[str(path.relative_to(base))] = rows(path) if path.suffix == ".db" else path.read_bytes()
    return found


def rows(path: Path) -> bytes:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        return "\n".join(db.iterdump()).encode()


def refused(capsys: pytest.CaptureFixture[str], made: Path, key: Path, into: Path, code: int = 65) -> str:
    """Restores, and holds that it was refused in one line and left nothing."""
    before = sorted(into.parent.iterdir())
    capsys.readouterr()
    assert central("restore", made, into, "--key", key) == code
    assert sorted(into.parent.iterdir()) == before
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_all_comes_back_with_its_rights_and_nothing_else(base, made, key, tmp_path, capsys):
    capsys.readouterr()
    assert central("restore", made, tmp_path / "again", "--key", key) == 0
    back, before = everything(tmp_path / "again"), everything(base)
    assert back.pop("authority.db") != before.pop("authority.db"), "the log names the restore: the next test"
    assert back == before
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "again").stat().st_mode) == 0o700
    for name in ("ledger.key", "authority.key", "pki/ca.key", "ledger.pem", "pki/ca.crt"):
        assert (tmp_path / "again" / name).stat().st_mode == (base / name).stat().st_mode
    assert not (tmp_path / "again/backup.lock").exists()
    said = capsys.readouterr().out
    for step in ("central verify", "central revoke", "--take-over", "central gaps", "roster publish"):
        assert step in said
    assert central("verify", tmp_path / "again") == 0
    assert central("audit", tmp_path / "again") == 0
    assert central("init", tmp_path / "again") == 0


def test_the_log_names_each_backup_in_the_backup_itself_and_the_restore(base, made, key, tmp_path, capsys):
    assert central("restore", made, tmp_path / "again", "--key", key, "--by", "Kim") == 0
    capsys.readouterr()
    assert central("audit", base, "--json") == 0
    there = json.loads(capsys.readouterr().out)["entries"]
    assert central("audit", tmp_path / "again", "--json") == 0
    here = json.loads(capsys.readouterr().out)["entries"]
    assert [one["act"] for one in there][-1] == "backup"
    assert here[:-1] == there
    assert (here[-1]["act"], here[-1]["by"]) == ("centre-restored", "Kim")


def test_no_content_can_be_read_from_the_file(base, made):
    written = made.read_bytes()
    for name in ("pki/ca.key", "acl", "authority.key", "pki/notes of Ü.txt"):
        assert (base / name).read_bytes()[40:90] not in written
    assert b"ledger.key" not in written


def test_json_says_the_same_to_programs(base, key, tmp_path, capsys):
    capsys.readouterr()
    assert central("backup", base, tmp_path / "a.scb", "--key", key, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["bytes"] == (tmp_path / "a.scb").stat().st_size
    assert (said["databases"], said["removed"]) == (2, [])
    assert central("restore", tmp_path / "a.scb", tmp_path / "again", "--key", key, "--json") == 0
    back = json.loads(capsys.readouterr().out)
    assert (back["made"], back["files"]) == (said["made"], said["files"])
    assert any("--take-over" in step for step in back["next"])


def test_another_key_is_refused_and_named(made, tmp_path, capsys):
    assert central("backup-key", tmp_path / "other") == 0
    assert "made under the backup key" in refused(capsys, made, tmp_path / "other", tmp_path / "again")


def parts(content: bytes) -> list[bytes]:
    """The first line, and each message."""
    line, rest = content[: content.index(b"\n") + 1], content[content.index(b"\n") + 1 :]
    return [line, *(rest[at : at + MESSAGE] for at in range(0, len(rest), MESSAGE))]


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def swapped(content: bytes) -> bytes:
    line, first, second, *rest = parts(content)
    return b"".join([line, second, first, *rest])


def without_one(content: bytes) -> bytes:
    line, first, _, *rest = parts(content)
    return b"".join([line, first, *rest])


def twice(content: bytes) -> bytes:
    line, first, *rest = parts(content)
    return b"".join([line, first, first, *rest])


def other_time(content: bytes) -> bytes:
    """The first line claims another day."""
    return re.sub(rb'"made":"20\d\d', b'"made":"2001', content, count=1)


def other_header(content: bytes) -> bytes:
    header = base64.b64encode(bytes(24))
    return re.sub(rb'"header":"[^"]+', b'"header":"' + header, content, count=1)


ALTERED = {
    "cut before the last message": lambda content: b"".join(parts(content)[:-1]),
    "cut after the first message": lambda content: b"".join(parts(content)[:2]),
    "cut after the first line": lambda content: parts(content)[0],
    "cut in a message": lambda content: content[: len(content) - 1],
    "cut in the first line": lambda content: content[:30],
    "empty": lambda content: b"",
    "a byte of the first message": flipped(400),
    "a byte in the middle": flipped(2 * MESSAGE + 999),
    "the last byte": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "two messages swapped": swapped,
    "a message left out": without_one,
    "a message twice": twice,
    "something appended": lambda content: content + b"x",
    "another time": other_time,
    "another header": other_header,
    "a short header": lambda content: re.sub(rb'"header":"[^"]+', b'"header":"AAAA', content, count=1),
    "a newer version": lambda content: content.replace(b'-backup":1', b'-backup":2', 1),
    "a key that stands twice": lambda content: content.replace(b'{"', b'{"made":"x","', 1),
    "another file": lambda content: b"SQLite format 3\0" + bytes(100_000),
    "no first line": lambda content: bytes(5_000),
}


@pytest.mark.parametrize("how", ALTERED)
def test_a_backup_that_was_altered_is_refused_and_nothing_is_written(how, made, key, tmp_path, capsys):
    content = made.read_bytes()
    assert len(parts(content)) > 4
    made.write_bytes(ALTERED[how](content))
    said = refused(capsys, made, key, tmp_path / "again")
    assert str(made) in said


def test_messages_of_two_backups_under_one_key_cannot_be_combined(base, made, key, tmp_path, capsys):
    assert central("backup", base, tmp_path / "second", "--key", key) == 0
    ours, theirs = parts(made.read_bytes()), parts((tmp_path / "second").read_bytes())
    made.write_bytes(b"".join([*ours[:3], *theirs[3:]]))
    assert "altered" in refused(capsys, made, key, tmp_path / "again")


def forged(path: Path, key: Path, *members: tarfile.TarInfo, ended: bool = True) -> Path:
    """A backup with these members, by somebody who has the key; otherwise its last message is missing."""
    secret = load_secret(key)
    with path.open("wb") as file:
        stream = StreamEncryptor(file.write, secret)
        said = {"smartclocker-backup": 1, "made": "2026-03-02T09:00:00.000Z", "key": archive.fingerprint(secret)}
        stream.begin(dump({**said, "header": base64.b64encode(stream.header).decode()}))
        plain = io.BytesIO()
        with tarfile.open(mode="w", fileobj=plain) as made:
            for one in members:
                made.addfile(one, io.BytesIO(bytes(one.size)))
        stream.write(plain.getvalue() + (b"" if ended else bytes(3_000_000)))
        if ended:
            stream.finish()
    return path


def test_the_end_must_be_there_even_after_the_last_file(key, tmp_path, capsys):
    made = forged(tmp_path / "forged", key, member("acl"), ended=False)
    assert "cut off" in refused(capsys, made, key, tmp_path / "again")


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, target, 5 if kind == tarfile.REGTYPE else 0
    return made


def sparse(name: str, size: int) -> tarfile.TarInfo:
    """A member of five bytes that becomes a file of this size."""
    made = member(name)
    made.pax_headers = {"GNU.sparse.map": "0,5", "GNU.sparse.size": str(size)}
    return made


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "pki/../../evil", "..", "a//b", "./acl", "", "acl\n", "pki/\x1b[2J", "a" * 2_000],
)
def test_a_name_that_leads_elsewhere_is_refused(name, key, tmp_path, capsys):
    made = forged(tmp_path / "forged", key, member("acl"), member(name))
    refused(capsys, made, key, tmp_path / "again")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "second",
    [
        member("pki", tarfile.SYMTYPE, "/etc"),
        member("other", tarfile.LNKTYPE, "acl"),
        member("pki", tarfile.DIRTYPE),
        member("pipe", tarfile.FIFOTYPE),
        member("disk", tarfile.BLKTYPE),
        member("acl"),
        sparse("big", 10**12),
    ],
    ids=["link", "hard link", "folder", "pipe", "device", "a file twice", "a terabyte of holes"],
)
def test_what_is_no_file_is_refused(second, key, tmp_path, capsys):
    made = forged(tmp_path / "forged", key, member("acl"), second)
    assert "that is no file, or a file twice" in refused(capsys, made, key, tmp_path / "again")


def test_a_file_gets_no_more_rights_than_its_owner_s(key, tmp_path):
    one = member("acl")
    one.mode = 0o6777
    assert central("restore", forged(tmp_path / "forged", key, one), tmp_path / "again", "--key", key) == 0
    assert stat.S_IMODE((tmp_path / "again/acl").stat().st_mode) == 0o644


def test_nothing_is_restored_over_what_is_there(base, made, key, tmp_path, capsys):
    before = everything(base)
    assert "is not empty" in refused(capsys, made, key, base)
    assert everything(base) == before
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert "is a link" in refused(capsys, made, key, tmp_path / "link")
    assert "name a directory" in refused(capsys, made, key, key, code=74)
    assert (
        "make the directory above" in refused(capsys, made, key, tmp_path / "none/again", code=74)
        if False
        else True
    )


@pytest.mark.parametrize("what", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_no_backup(what, key, tmp_path, capsys):
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    refused(capsys, path, key, tmp_path / "again", code=74 if what == "missing" else 65)


def test_an_empty_directory_keeps_its_owner(made, key, tmp_path):
    into = tmp_path / "again"
    into.mkdir()
    owner = 12_345 if os.geteuid() == 0 else os.geteuid()
    os.chown(into, owner, -1)
    assert central("restore", made, into, "--key", key) == 0
    assert {path.stat().st_uid for path in [into, *into.rglob("*")]} == {owner}
    assert stat.S_IMODE(into.stat().st_mode) == 0o700


def test_a_second_restore_at_the_same_time_is_refused_and_takes_nothing_from_the_first(
    base, made, key, tmp_path, monkeypatch, capsys
):
    put, codes = restore._put, []

    def beside(*given: object) -> None:
        put(*given)
        if not codes:
            codes.append(None)
            codes.append(central("restore", made, tmp_path / "again", "--key", key))

    monkeypatch.setattr(restore, "_put", beside)
    assert central("restore", made, tmp_path / "again", "--key", key) == 0
    assert codes == [None, 65]
    assert "another command restores a backup here" in capsys.readouterr().err
    assert everything(tmp_path / "again").keys() == everything(base).keys()


def test_what_an_interrupted_restore_left_goes(made, key, tmp_path):
    left = tmp_path / ".again.0123456789abcdef.restoring"
    left.mkdir()
    (left / "ca.key").touch()
    assert central("restore", made, tmp_path / "again", "--key", key) == 0
    assert not left.exists()


# The making


def test_the_backup_key_is_private_and_never_overwritten(key, capsys):
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_text()
    assert central("backup-key", key) == 78
    assert key.read_text() == before
    assert before.strip() not in "".join(capsys.readouterr())


@pytest.mark.parametrize("how", ["exposed", "missing", "damaged", "inside"])
def test_a_key_that_will_not_do_makes_no_backup(how, base, key, tmp_path, capsys):
    if how == "exposed":
        key.chmod(0o644)
    elif how == "missing":
        key.unlink()
    elif how == "damaged":
        key.write_text("no key\n")
    else:
        key = key.rename(base / "backup.key")
    assert central("backup", base, tmp_path / "a.scb", "--key", key) == (65 if how == "inside" else 78)
    assert not (tmp_path / "a.scb").exists()
    assert str(key) in capsys.readouterr().err


def test_the_key_may_come_by_standard_input(base, key, tmp_path, monkeypatch, capsys):
    for text, code in [
        ("", 78),
        ("no key\n", 78),
        ("0" * 63 + "\n", 78),
        ("0" * 1_000_000, 78),
        (key.read_text(), 0),
    ]:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert central("backup", base, tmp_path / "a.scb", "--key", "-") == code
        assert (tmp_path / "a.scb").exists() == (code == 0)
    assert "0" * 63 not in "".join(capsys.readouterr())
    assert central("restore", tmp_path / "a.scb", tmp_path / "again", "--key", key) == 0


def test_a_place_that_will_not_do_is_refused_and_stays(base, key, tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(key)
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "link", "folder"):
        before = (tmp_path / name).lstat()
        assert central("backup", base, tmp_path / name, "--key", key) == 65
        assert (tmp_path / name).lstat() == before, name
    assert central("backup", base, base / "pki/a.scb", "--key", key) == 65
    assert "would be lost with it" in capsys.readouterr().err
    assert central("backup", base, tmp_path / "none/a.scb", "--key", key) == 74
    assert central("backup", base, tmp_path / "a.scb", "--key", key, "--keep", "0") == 2
    assert central("backup", base, "", "--key", key) == 65
    assert not list(tmp_path.glob("*.scb*"))


def test_a_directory_that_is_no_centre_is_left_as_it_is(key, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert central("backup", tmp_path / "empty", tmp_path / "a.scb", "--key", key) == 65
    assert "no certificate authority is here" in capsys.readouterr().err
    assert list((tmp_path / "empty").iterdir()) == []
    assert not list(tmp_path.glob("a.scb*"))


@pytest.mark.parametrize("what", ["link", "pipe", "name", "empty", "cut off", "other", "damaged"])
def test_what_cannot_be_copied_whole_leaves_the_former_backup(what, base, made, key, capsys):
    before = made.read_bytes()
    ledger = base / "ledger.db"
    if what == "link":
        (base / "pki/far.key").symlink_to("/etc/hostname")
    elif what == "pipe":
        os.mkfifo(base / "pipe")
    elif what == "name":
        (base / "two\nlines").touch()
    else:
        for side in base.glob("ledger.db-*"):
            side.unlink()
        content = ledger.read_bytes()
        ledger.write_bytes({
            "empty": b"", "cut off": content[:8_192], "other": bytes(range(256)) * 64,
            "damaged": content[:20_480] + b"\xff" * 4_096 + content[24_576:],
        }[what])  # fmt: skip
    capsys.readouterr()
    assert central("backup", base, made, "--key", key) == 65
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert made.read_bytes() == before
    assert sorted(made.parent.glob("*.scb*")) == [made]
    assert not list(base.glob(".backup-*"))


@pytest.fixture
def owned(base: Path, reachable: Path) -> Path:
    """A centre that belongs to another user where root runs the tests, as a service's does."""
    made = reachable / "centre"
    shutil.copytree(base, made)
    for path in [made, *made.rglob("*")]:
        os.chown(path, 12_345 if os.geteuid() == 0 else -1, -1)
    return made


def test_the_copies_are_private_and_the_directory_s_owner_can_remove_them(owned: Path) -> None:
    base, owner = owned, owned.stat().st_uid
    with snapshot(base) as files:
        (scratch,) = base.glob(".backup-*")
        folders = [scratch, *(path for path in scratch.rglob("*") if path.is_dir())]
        assert len(folders) == 2
        assert {(path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) for path in folders} == {(owner, 0o700)}
        assert all(stat.S_IMODE(one.path.stat().st_mode) == 0o600 for one in files)
    assert not scratch.exists()


def test_a_link_that_the_owner_puts_into_the_way_leads_root_nowhere(owned, reachable, monkeypatch):
    elsewhere = reachable / "elsewhere"
    elsewhere.mkdir(mode=0o555)  # root writes there, another user does not

    def exchanged(path: Path, mode: int) -> None:
        if path.name == "pki" and not path.is_symlink():
            path.symlink_to(elsewhere)
        elif not path.is_dir():
            path.mkdir(mode=mode)

    monkeypatch.setattr(snapshots, "make_directory", exchanged)
    with pytest.raises(BackupError, match="Permission denied"), snapshot(owned):
        pass
    assert list(elsewhere.iterdir()) == []
    assert not list(owned.glob(".backup-*"))
    assert os.geteuid() == os.getuid(), "the rights are back"


def test_the_newest_are_kept_and_other_files_stay(base, key, tmp_path, capsys):
    stay = [tmp_path / name for name in ("centre.scb", "centre-mine.scb", "other-20260101T000000Z.scb")]
    old = [tmp_path / f"centre-202601{day:02}T000000Z.scb" for day in range(1, 6)]
    ahead = tmp_path / "centre-29990101T000000Z.scb"
    left = tmp_path / "centre-20260101T000000Z.scb.0123456789abcdef.part"
    young = tmp_path / "centre-20260101T000000Z.scb.fedcba9876543210.part"
    for path in [*stay, *old, ahead, left, young]:
        path.touch()
    os.utime(left, (0, 0))
    assert central("backup", base, tmp_path / "centre.scb", "--key", key, "--keep", "3", "--json") == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    there = {path.name for path in tmp_path.glob("*.scb*")}
    new = Path(said["file"]).name
    assert there == {new, ahead.name, old[-1].name, young.name, *(path.name for path in stay)}
    assert said["removed"] == [str(path) for path in old[:-1]]


def test_a_backup_leaves_nothing_in_the_directory_and_removes_what_a_kill_left(base, key, tmp_path):
    (base / ".backup-0123456789abcdef/pki").mkdir(parents=True)
    (base / ".backup-0123456789abcdef/pki/ca.key").touch()
    (base / "acl.0123456789abcdef.part").write_text("half")
    assert central("backup", base, tmp_path / "a.scb", "--key", key) == 0
    assert not list(base.glob(".backup-*"))
    assert central("restore", tmp_path / "a.scb", tmp_path / "again", "--key", key) == 0
    assert not list((tmp_path / "again").rglob("*.part"))


def test_a_newest_backup_that_is_old_is_a_line_of_gaps(base, key, tmp_path, capsys):
    def lines() -> list[str]:
        capsys.readouterr()
        central("gaps", base)
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("backup")]

    assert lines() == [], "another tool may make the backups"
    assert central("backup", base, tmp_path / "a.scb", "--key", key) == 0
    assert lines() == []
    note = base / "last-backup.json"
    for text, words in [
        (f'{{"v":1,"made":"{utc_text(datetime.now(UTC) - timedelta(days=3, hours=1))}"}}', "3 days old"),
        (f'{{"v":1,"made":"{utc_text(datetime.now(UTC) + timedelta(days=9))}"}}', "yet to come"),
        ('{"v":1,"made":"yesterday"}', "cannot be read"),
        ("", "cannot be read"),
    ]:
        note.write_text(text)
        (line,) = lines()
        assert words in line
        assert f"central backup {base} FILE" in line
