"""Exports: what is on the stick is what was signed, whole and durable or not there; every change is seen."""

import json
import os
import random
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.domain.protocol import export_manifest
from edge.domain.protocol.export_manifest import ExportManifest
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import PAYLOAD_TYPE, Draft
from edge.errors import ExportRefused, JournalAltered, JournalError, TransferError
from edge.journal.export import WrittenExport, export
from edge.journal.export_reader import Form, What, envelopes, form_of, incoming
from edge.journal.journal import Journal, ReceiptEffect
from edge.journal.verify_export import verify_export
from edge.storage.durable_file import NewFile

Punch = Callable[..., Draft]
Open = Callable[[], Journal]
LEDGER = SigningKey(b"L" * 32)
NOW = "2026-03-01T09:00:00.000Z"
RECORDS, RECEIPTED = 40, 25


@pytest.fixture
def ring(open_journal: Open, punch: Punch, receipt_for: Callable) -> Journal:
    """40 records, receipted up to 25, the first ten evicted."""
    ring = open_journal()
    for number in range(RECORDS):
        ring.append(punch("abcde"[number % 5] * 26))
    made = receipt_for(ring, RECEIPTED)
    raw = dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, made.encode(), LEDGER))
    assert ring.acknowledge(made, raw) is ReceiptEffect.ADVANCED
    ring.evict(30)
    return ring


@pytest.fixture
def write(ring: Journal, identity: SigningKey, tmp_path: Path) -> Callable[..., WrittenExport]:
    def make(name: str = "out.scx", **options) -> WrittenExport:
        written = export(ring.path, identity, tmp_path / name, created=NOW, **options)
        assert written is not None
        return written

    return make


@pytest.fixture
def all_keys(keys: dict) -> dict:
    return {**keys, key_id(LEDGER.verify_key): LEDGER.verify_key}


def records_in(path: Path, ledger: SigningKey | None = None) -> list[bytes]:
    with incoming(path, ledger) as file:
        return [line.envelope.payload for line in file.lines if line.what is What.RECORD]


def test_what_no_receipt_covers_is_written_as_it_was_signed(write, ring: Journal, all_keys: dict):
    written = write()
    lines = written.path.read_bytes().split(b"\n")
    assert lines[1:16] == [outgoing.wire for outgoing in ring.envelopes(RECEIPTED, 99)]
    assert (written.manifest.first, written.manifest.last, written.manifest.count) == (26, 40, 15)
    assert json.loads(lines[0])["receipted"] == RECEIPTED
    report = verify_export(written.path, all_keys)
    assert (report.ok, report.records, report.first_seq, report.last_seq) == (True, 15, 26, 40)
    assert (report.receipted, report.receipt_verified, report.epoch) == (RECEIPTED, True, ring.epoch)
    assert (report.origin, report.head) == (ring.origin, ring.head().hash)
    assert form_of(written.path) is Form.EXPORT


def test_an_export_holds_all_records_or_those_after_a_number(write, all_keys: dict):
    assert (write("all.scx", after=0).manifest.first, write("some.scx", after=33).manifest.first) == (11, 34)
    for name in ("all.scx", "some.scx"):
        assert verify_export(write(f"again-{name}", after=33).path, all_keys).problem is None


def test_a_directory_gets_a_name_that_says_what_is_in_it(write, ring: Journal, tmp_path: Path):
    assert write("").path == tmp_path / f"hq-door-1-{ring.epoch[:8]}-26-40.scx"


def test_nothing_to_write_writes_nothing(ring: Journal, identity: SigningKey, tmp_path: Path):
    target = tmp_path / "out.scx"
    assert export(ring.path, identity, target, created=NOW, after=RECORDS) is None
    assert not target.exists()


def test_a_journal_without_a_receipt_begins_at_one(
    open_journal: Open, punch: Punch, identity, tmp_path: Path, keys
):
    ring = open_journal()
    ring.append(punch())
    written = export(ring.path, identity, tmp_path / "out.scx", created=NOW)
    report = verify_export(written.path, keys)
    assert (report.ok, report.first_seq, report.receipted) == (True, 1, 0)


def test_it_is_read_beside_the_service_and_nothing_of_the_journal_changes(write, ring: Journal, punch: Punch):
    before = {
        path.name: path.read_bytes() for path in ring.path.parent.glob("journal.db*") if path.suffix != ".db-shm"
    }
    done = []

    def meanwhile(done_: int, _all: int) -> None:
        if not done:
            done.append(ring.append(punch()))

    assert write("during.scx", progress=meanwhile).manifest.last == RECORDS  # the snapshot
    assert write("after.scx").manifest.last == RECORDS + 1
    assert before.keys() <= {path.name for path in ring.path.parent.glob("journal.db*")}
    assert (ring.watermark(), ring.head().seq) == (RECEIPTED, RECORDS + 1)


def test_a_closed_journal_is_not_touched_at_all(write, ring: Journal):
    ring.close()
    before = {path.name: path.read_bytes() for path in ring.path.parent.glob("journal.db*")}
    write()
    assert {path.name: path.read_bytes() for path in ring.path.parent.glob("journal.db*")} == before


def test_another_identity_is_refused(ring: Journal, tmp_path: Path):
    with pytest.raises(JournalError, match="give the identity that wrote"):
        export(ring.path, SigningKey.generate(), tmp_path / "out.scx", created=NOW)
    assert not (tmp_path / "out.scx").exists()


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (
            "UPDATE records SET payload = replace(CAST(payload AS TEXT), '\"in\"', '\"on\"') WHERE seq = 30",
            "record 30",
        ),
        ("UPDATE records SET signature = zeroblob(64) WHERE seq = 40", "record 40: its signature"),
        ("DELETE FROM records WHERE seq = 33", "record 34"),
        ("DELETE FROM records WHERE seq < 28", "record 26: missing"),
        ("UPDATE receipt SET upto = 30", "receipt that is kept"),
        ("UPDATE receipt SET envelope = x'7b7d'", "malformed"),
    ],
)
def test_what_does_not_verify_is_not_exported_and_leaves_no_file(
    write, ring: Journal, tmp_path: Path, statement, what
):
    ring._db.execute(
        statement.replace("replace(CAST", "CAST(replace(CAST").replace("'\"on\"')", "'\"on\"') AS BLOB)")
    )
    files = set(tmp_path.iterdir())
    with pytest.raises(JournalAltered, match=what):
        write()
    assert set(tmp_path.iterdir()) == files


def test_sealed_only_the_ledger_reads_it(write, ring: Journal, all_keys: dict):
    written = write("sealed.scx", seal_to=LEDGER.verify_key)
    content = written.path.read_bytes()
    assert form_of(written.path) is Form.SEALED
    assert written.sealed
    assert not any(word in content for word in (b"payload", b"door-1", ring.epoch.encode()))
    assert len(records_in(written.path, LEDGER)) == 15
    with pytest.raises(ExportRefused, match="only the centre can open it"):
        verify_export(written.path, all_keys)
    with pytest.raises(ExportRefused, match="and ours is"), incoming(written.path, SigningKey.generate()):
        pass
    again = write("again.scx", seal_to=LEDGER.verify_key).path.read_bytes()
    assert again.split(b"\n")[0] != content.split(b"\n")[0]  # another random key


def test_a_sealed_file_that_is_cut_gives_what_came_before(write, ring: Journal, punch: Punch):
    for _ in range(200):
        ring.append(punch())
    content = (whole := write("whole.scx", seal_to=LEDGER.verify_key)).path.read_bytes()
    boundary = content.index(b"\n") + 1 + 65_536 + 17  # between two messages
    for end in (len(content) - 1, len(content) // 2, 70_000, boundary):
        whole.path.with_name("cut.scx").write_bytes(content[:end])
        found = []
        with (
            incoming(whole.path.with_name("cut.scx"), LEDGER) as file,
            pytest.raises(ExportRefused, match="cut off"),
        ):
            found.extend(line.envelope.payload for line in file.lines if line.what is What.RECORD)
        assert found == records_in(whole.path, LEDGER)[: len(found)]
        assert len(found) > 20


def test_parts_of_two_sealed_files_do_not_fit_together(write, tmp_path: Path):
    one, two = (write(f"{n}.scx", seal_to=LEDGER.verify_key, after=n).path.read_bytes() for n in (0, 1))
    mixed = tmp_path / "mixed.scx"
    mixed.write_bytes(one.split(b"\n", 1)[0] + b"\n" + two.split(b"\n", 1)[1])
    with pytest.raises(ExportRefused, match="altered"):
        records_in(mixed, LEDGER)


def test_every_cut_is_seen_and_what_is_before_it_verifies(write, all_keys: dict, tmp_path: Path):
    content = write().path.read_bytes()
    starts = [at + 1 for at, byte in enumerate(content) if byte == 0x0A][:-1]
    cut = tmp_path / "cut.scx"
    for end in {*starts, *(at - 2 for at in starts[1:]), len(content) - 300}:
        cut.write_bytes(content[:end])
        report = verify_export(cut, all_keys)
        assert not report.ok
        assert report.records >= min(15, content[:end].count(b"\n") - 1)
    cut.write_bytes(content[: starts[-1]])
    assert "the manifest that ends the file is missing" in verify_export(cut, all_keys).problem.what


def test_a_lost_last_line_end_loses_nothing(write, all_keys: dict, tmp_path: Path):
    (tmp_path / "cut.scx").write_bytes(write().path.read_bytes()[:-1])
    assert verify_export(tmp_path / "cut.scx", all_keys).ok


def test_every_changed_byte_is_seen(write, all_keys: dict, tmp_path: Path):
    content = write().path.read_bytes()
    chance, bad = random.Random(7), tmp_path / "bad.scx"
    end = content.rindex(b"\n", 0, -1)  # the manifest's own base64 has bits that say nothing
    for at in chance.sample(range(end), 400):
        bad.write_bytes(content[:at] + bytes([content[at] ^ chance.randrange(1, 256)]) + content[at + 1 :])
        try:
            assert not verify_export(bad, all_keys).ok
        except ExportRefused:
            assert at < content.index(b"\n")  # the header


def test_lines_dropped_doubled_swapped_or_foreign_are_named(write, all_keys: dict, tmp_path: Path):
    lines = write().path.read_bytes().splitlines(keepends=True)
    stranger = dsse.to_wire(dsse.sign(PAYLOAD_TYPE, b"{}", SigningKey.generate())) + b"\n"
    wrong = {
        "dropped": lines[:5] + lines[6:],
        "doubled": lines[:6] + lines[5:],
        "swapped": [*lines[:5], lines[6], lines[5], *lines[7:]],
        "foreign": [*lines[:5], stranger, *lines[5:]],
        "no receipt": lines[:-2] + lines[-1:],
        "no records": lines[:1] + lines[-2:],
        "more": [*lines, lines[-1]],
        "empty line": [*lines[:5], b"\n", *lines[5:]],
        "receipt first": [lines[0], lines[-2], *lines[1:-2], lines[-1]],
        "two manifests": [*lines[:-1], lines[-1], lines[-1]],
    }
    for name, changed in wrong.items():
        (tmp_path / "bad.scx").write_bytes(b"".join(changed))
        report = verify_export(tmp_path / "bad.scx", all_keys)
        assert report.problem is not None, name


def test_a_file_that_says_the_same_in_other_bytes_is_not_the_one_that_was_written(write, all_keys, tmp_path: Path):
    content = write().path.read_bytes()
    for old, new in ((b'"payload":', b'"payload": '), (b'"keyid"', b'"more":1,"keyid"'), (b"\n", b"\r\n")):
        (tmp_path / "bad.scx").write_bytes(content.replace(old, new, 1))
        report = verify_export(tmp_path / "bad.scx", all_keys)
        assert (report.records, report.problem.what) == (
            15, "every record verifies, but the file was changed after it was written"
        )  # fmt: skip


def test_another_terminals_key_is_said_to_be_missing(write):
    report = verify_export(write().path, {})
    assert "which was not given" in report.problem.what


def test_a_manifest_by_another_key_proves_nothing(write, all_keys: dict, tmp_path: Path):
    *lines, last = write().path.read_bytes().splitlines(keepends=True)
    forged = dsse.sign(ExportManifest.PAYLOAD_TYPE, dsse.parse(last[:-1]).payload, SigningKey.generate())
    (tmp_path / "bad.scx").write_bytes(b"".join(lines) + dsse.to_wire(forged))
    assert not verify_export(tmp_path / "bad.scx", all_keys).ok


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\0" * 5000,
        b"SQLite format 3\0" + b"\0" * 100,
        b"{}",
        export_manifest.MAGIC,
        export_manifest.MAGIC + b"1}\n",
        export_manifest.MAGIC + b"2}\n",
        export_manifest.MAGIC + b" " * 5000,
        export_manifest.SEALED_MAGIC,
        export_manifest.SEALED_MAGIC + b'1,"to":"x","key":"AAAA","header":"AAAA"}\n',
        b"\xff\xfe{\0}\0",
    ],
)
def test_what_is_no_export_is_refused_with_a_cure(tmp_path: Path, content: bytes):
    (tmp_path / "x.scx").write_bytes(content)
    with pytest.raises(ExportRefused) as caught, incoming(tmp_path / "x.scx", LEDGER) as file:
        list(file.lines)
    assert str(tmp_path) in str(caught.value)


def test_an_export_that_is_no_file_is_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "fifo", Path("/dev/zero")):
        with pytest.raises(TransferError, match="cannot be read"):
            form_of(path)


def test_a_line_of_half_a_gigabyte_is_passed_over_in_little_memory(write, all_keys: dict, tmp_path: Path):
    lines = write().path.read_bytes().splitlines(keepends=True)
    with (tmp_path / "bad.scx").open("wb") as file:
        file.write(b"".join(lines[:3]))
        file.truncate(file.tell() + 512 * 1024 * 1024)  # a hole: NULs
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"".join(lines[3:]))
    tracemalloc.start()
    with incoming(tmp_path / "bad.scx") as opened:
        found = [line.what for line in opened.lines]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == [What.RECORD] * 2 + [What.UNREADABLE] + [What.RECORD] * 13 + [What.RECEIPT, What.MANIFEST]
    assert peak < 2_000_000


def test_a_file_of_envelopes_needs_no_header(write, tmp_path: Path):
    lines = write().path.read_bytes().splitlines(keepends=True)
    (tmp_path / "receipts").write_bytes(lines[-2] + b"nonsense\n" + lines[-2])
    with envelopes(tmp_path / "receipts") as found:
        assert [line.what for line in found] == [What.RECEIPT, What.UNREADABLE, What.RECEIPT]


def test_a_name_that_is_taken_is_never_replaced(write, tmp_path: Path):
    (tmp_path / "out.scx").write_bytes(b"mine")
    with pytest.raises(TransferError, match="never overwritten"):
        write()
    (tmp_path / "link.scx").symlink_to("nowhere")
    with pytest.raises(TransferError, match="never overwritten"):
        write("link.scx")
    assert (tmp_path / "out.scx").read_bytes() == b"mine"


def test_a_name_that_somebody_takes_meanwhile_is_not_replaced_either(tmp_path: Path):
    file = NewFile(tmp_path / "out", TransferError)
    file.write(b"ours")
    (tmp_path / "out").write_bytes(b"theirs")
    with pytest.raises(TransferError, match="never overwritten"), file:
        pass
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out", b"theirs")]


def test_an_exception_or_an_interrupt_leaves_no_file(write, tmp_path: Path):
    def stop(_done: int, _all: int) -> None:
        raise KeyboardInterrupt

    files = set(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        write(progress=stop)
    assert set(tmp_path.iterdir()) == files


def test_a_stick_that_is_gone_in_the_middle_is_said_plainly(write, tmp_path: Path):
    stick = tmp_path / "stick"
    stick.mkdir()

    def pull(_done: int, _all: int) -> None:
        shutil.rmtree(stick, ignore_errors=True)

    with pytest.raises(TransferError, match=r"stick.*The journal is as it was"):
        write("stick/out.scx", progress=pull)


def test_a_directory_that_is_not_there(tmp_path: Path):
    with pytest.raises(TransferError, match="mount the stick"):
        NewFile(tmp_path / "missing" / "out.scx", TransferError)


def test_a_directory_that_is_not_ours(as_nobody: None):
    with pytest.raises(TransferError, match="this user may not write there"):
        NewFile(Path("/usr/out.scx"), TransferError)


EXPORT = """
import sys
from pathlib import Path
from nacl.signing import SigningKey
from edge.errors import TransferError
from edge.journal.export import export
try:
    export(Path(sys.argv[1]), SigningKey(bytes(range(32))), Path(sys.argv[2]), created="2026-03-01T09:00:00.000Z")
except TransferError as error:
    sys.exit(str(error))
"""


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, timeout=600)


def on_a_stick(options: str, journal: Path, stick: Path) -> "subprocess.CompletedProcess[str]":
    """Export to a file system of its own, in a mount namespace of its own; then list what is on it."""
    export_ = f"{sys.executable} -c '{EXPORT}' {journal} {stick}"
    return run(
        "unshare", "-rm", "sh", "-c", f"mount -t tmpfs -o {options} none {stick} && {export_}; ls -A {stick}"
    )


def test_a_full_stick_and_a_read_only_one_say_so_and_keep_nothing(ring: Journal, punch: Punch, tmp_path: Path):
    for _ in range(300):
        ring.append(punch())
    ring.close()
    stick = tmp_path / "stick"
    stick.mkdir()
    full = on_a_stick("size=128k", ring.path, stick)
    assert "disk is full" in full.stderr
    assert full.stdout == ""
    locked = on_a_stick("ro", ring.path, stick)
    assert "read-only" in locked.stderr
    roomy = on_a_stick("size=4m", ring.path, stick)
    assert (roomy.stderr, roomy.stdout.endswith("-26-340.scx\n")) == ("", True)


def test_a_file_system_that_holds_no_larger_file_says_so(ring: Journal, tmp_path: Path):
    done = run("sh", "-c", f"ulimit -f 8; {sys.executable} -c '{EXPORT}' {ring.path} {tmp_path / 'out.scx'}")
    assert "allows no file of this size" in done.stderr
    assert not list(tmp_path.glob("*.scx")) + list(tmp_path.glob("*part"))


@pytest.mark.parametrize("links", [True, False])
def test_the_file_is_synced_before_it_has_its_name_and_no_hard_link_is_needed(
    ring: Journal, tmp_path: Path, links: bool
):
    """FAT answers EPERM to link(2)."""
    log = tmp_path / "log"
    refused = [] if links else ["-e", "inject=link,linkat:error=EPERM"]
    done = run(
        "strace", "-f", "-y", "-o", log, "-e", "trace=fsync,fdatasync,link,linkat,rename,renameat,renameat2",
        *refused, sys.executable, "-c", EXPORT, ring.path, tmp_path / "out.scx",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    calls = [line.split(maxsplit=1)[1] for line in log.read_text().splitlines() if str(tmp_path) in line]
    words = [call.split("(")[0] for call in calls if "journal.db" not in call]
    assert words == (["fsync", "linkat", "fsync"] if links else ["fsync", "linkat", "renameat", "fsync"])
    assert ".part" in calls[0]
    assert f"<{tmp_path}>" in calls[-1]
    assert (tmp_path / "out.scx").stat().st_size
    assert not list(tmp_path.glob("*part"))


def test_memory_does_not_grow_with_the_journal(ring: Journal, punch: Punch, write):
    def peak(name: str) -> int:
        tracemalloc.start()
        write(name, seal_to=LEDGER.verify_key)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak("warm.scx")
    small = peak("small.scx")
    for _ in range(1_500):
        ring.append(punch())
    assert write("large.scx").size > 1_500_000
    assert peak("large-sealed.scx") < small + 300_000


def test_a_process_that_is_killed_leaves_no_export_under_its_name(ring: Journal, punch: Punch, tmp_path: Path):
    kill = "progress=lambda done, all: done and __import__('os').kill(__import__('os').getpid(), 9)"
    script = EXPORT.replace('Z")', f'Z", {kill})')
    for _ in range(1_100):
        ring.append(punch())
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script, ring.path, out / "out.scx"], start_new_session=True, check=False, timeout=600
    )
    assert done.returncode == -9
    assert [path.suffix for path in out.iterdir()] == [".part"]
