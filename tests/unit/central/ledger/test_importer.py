"""Records on a stick: genuine ones are stored exactly once in any order with the network; nothing else changes."""

import json
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.ledger.importer import FileReport, Importer
from edge.central.ledger.intake import Ledger, Outcome, RejectReason
from edge.central.ledger.recheck import verify_all
from edge.central.store.records import Store
from edge.cli import main
from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.crypto.key_files import create_identity, public_pem
from edge.domain.protocol import topics
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Origin
from edge.journal.export import export
from edge.journal.journal import Journal
from tests.support.records import punch

GATE, YARD = Origin("main", "gate-1"), Origin("main", "yard")
CREATED = "2026-03-02T09:00:00.000Z"
COUNT = 300  # two commits


OPEN: list[Journal] = []
"""Journals that a test opened, closed after it."""


@pytest.fixture(autouse=True)
def _close_journals() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


class Terminal:
    """A journal, and its way onto a stick."""

    def __init__(self, directory: Path, origin: Origin, count: int, key: SigningKey | None = None) -> None:
        directory.mkdir()
        self.directory, self.origin = directory, origin
        self.key = key or SigningKey.generate()
        self.journal = Journal(directory / "journal.db", origin, self.key)
        OPEN.append(self.journal)
        self.append(count)

    def append(self, count: int) -> None:
        for _ in range(count):
            self.journal.append(punch())

    def export(self, name: str = "out.scx", **options) -> Path:
        written = export(self.journal.path, self.key, self.directory / name, created=CREATED, **options)
        assert written is not None
        return written.path


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    directory = tmp_path / "centre"
    directory.mkdir()
    create_identity(directory / "ledger.key")
    return directory


@pytest.fixture
def ledger_key(centre: Path) -> SigningKey:
    from edge.crypto.key_files import load_identity

    return load_identity(centre / "ledger.key")


@pytest.fixture
def store(centre: Path) -> Iterator[Store]:
    with Store(centre / "ledger.db") as opened:
        yield opened


@pytest.fixture
def gate(tmp_path: Path, store: Store) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path / "gate", GATE, COUNT)
    store.register(GATE, terminal.key.verify_key)
    yield terminal
    terminal.journal.close()


@pytest.fixture
def take(store: Store, ledger_key: SigningKey) -> Callable[[Path], FileReport]:
    return lambda path: Importer(store, ledger_key).take(path)


def by_network(store: Store, key: SigningKey, terminal: Terminal, after: int, count: int) -> None:
    sent = [
        (topics.record(terminal.origin, outgoing.kind), outgoing.wire)
        for outgoing in terminal.journal.envelopes(after, count)
    ]
    Ledger(store, key).accept_batch(sent)


def outcome(report: FileReport) -> dict[str, int]:
    return {word.value: count for word, count in report.outcomes.items() if count}


def test_a_file_is_stored_once_however_often_it_is_given(take, gate: Terminal, store: Store):
    path = gate.export()
    first, second = take(path), take(path)
    assert (first.ok, outcome(first), first.upto) == (True, {"stored": COUNT}, COUNT)
    assert (second.ok, outcome(second)) == (True, {"duplicate": COUNT})
    assert store.count() == COUNT
    assert [report.ok for report in verify_all(store)] == [True]


def test_the_network_before_and_after_makes_no_difference(
    take, gate: Terminal, store: Store, ledger_key: SigningKey
):
    by_network(store, ledger_key, gate, 100, 200)  # out of order: 1 to 100 are still on their way
    report = take(gate.export())
    assert (report.ok, outcome(report)) == (True, {"stored": COUNT - 200, "duplicate": 200})
    by_network(store, ledger_key, gate, 0, COUNT)
    assert store.count() == COUNT
    assert [report.ok for report in verify_all(store)] == [True]


def test_files_in_any_order(take, gate: Terminal, store: Store):
    early = gate.export("early.scx")
    gate.append(50)
    late = gate.export("late.scx", after=COUNT)
    report = take(late)
    assert (report.ok, report.upto, outcome(report)) == (False, 0, {"stored": 50})
    assert "record 1 is missing" in report.problems[0]
    assert take(early).upto == COUNT + 50


def test_a_cut_file_gives_what_is_genuine_and_says_that_it_is_cut(take, gate: Terminal, store: Store):
    path = gate.export()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    report = take(path)
    assert not report.ok
    assert "cut off" in report.problems[0]
    assert 100 < report.outcomes[Outcome.STORED] < 200
    assert (report.upto, report.unreadable) == (report.outcomes[Outcome.STORED], 1)
    path.write_bytes(content)
    assert take(path).ok
    assert store.count() == COUNT


def test_a_sealed_file_is_opened_here_and_only_here(take, gate: Terminal, store: Store, ledger_key: SigningKey):
    assert outcome(take(gate.export("sealed.scx", seal_to=ledger_key.verify_key))) == {"stored": COUNT}
    report = take(gate.export("other.scx", seal_to=SigningKey.generate().verify_key))
    assert not report.ok
    assert "sealed to the ledger key" in report.problems[0]
    assert store.count() == COUNT


def test_a_cut_sealed_file_gives_what_came_before(take, gate: Terminal, ledger_key: SigningKey):
    path = gate.export("sealed.scx", seal_to=ledger_key.verify_key)
    path.write_bytes(path.read_bytes()[:-5000])
    report = take(path)
    assert "cut off" in report.problems[0]
    assert COUNT - 100 < report.outcomes[Outcome.STORED] < COUNT


def test_a_file_of_an_unknown_terminal_changes_nothing(take, store: Store, tmp_path: Path):
    stranger = Terminal(tmp_path / "stranger", GATE, 3)
    report = take(stranger.export())
    assert not report.ok
    assert (outcome(report), report.reasons) == ({"rejected": 3}, {RejectReason.UNKNOWN_KEY: 3})
    assert store.count() == 0


def test_records_of_another_terminal_are_counted_and_left_out(take, gate: Terminal, store: Store, tmp_path: Path):
    yard = Terminal(tmp_path / "yard", YARD, 5)
    store.register(YARD, yard.key.verify_key)
    theirs = yard.export().read_bytes().splitlines(keepends=True)
    path = gate.export()
    ours = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([ours[0], *theirs[1:6], *ours[1:]]))
    report = take(path)
    assert outcome(report) == {"rejected": 5, "stored": COUNT}
    assert report.reasons == {RejectReason.FOREIGN_KEY: 5}
    assert "cut off or altered" in report.problems[0]
    assert store.count() == COUNT


def test_a_header_that_lies_makes_nothing_genuine(take, gate: Terminal, store: Store):
    path = gate.export()
    lines = path.read_bytes().splitlines(keepends=True)
    lies = json.loads(lines[0]) | {"terminal": "yard"}
    path.write_bytes(json.dumps(lies, separators=(",", ":")).encode() + b"\n" + b"".join(lines[1:]))
    assert outcome(take(path)) == {"rejected": COUNT}
    assert store.count() == 0


def test_doubled_and_shuffled_lines_are_sorted_out(take, gate: Terminal, store: Store):
    path = gate.export()
    lines = path.read_bytes().splitlines(keepends=True)
    records = lines[1:-1] * 2
    random.Random(3).shuffle(records)
    path.write_bytes(b"".join([lines[0], *records, lines[-1]]))
    report = take(path)
    assert (outcome(report), report.upto) == ({"stored": COUNT, "duplicate": COUNT}, COUNT)
    assert report.problems == [
        "cut off or altered: no genuine manifest is at its end; its genuine records were stored"
    ]
    assert [one.ok for one in verify_all(store)] == [True]


def test_a_second_history_of_a_journal_is_kept_as_evidence(take, gate: Terminal, store: Store, tmp_path: Path):
    gate.journal.close()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "journal.db").write_bytes(gate.journal.path.read_bytes())
    other = Terminal.__new__(Terminal)
    other.directory, other.origin, other.key = copy, GATE, gate.key
    other.journal = Journal(copy / "journal.db", GATE, gate.key)
    gate.journal = Journal(gate.directory / "journal.db", GATE, gate.key)
    gate.append(1)
    other.journal.append(punch(direction="out"))
    assert take(gate.export()).ok
    report = take(other.export())
    assert outcome(report) == {"duplicate": COUNT, "conflict": 1}
    assert "two histories" in report.problems[0]
    other.journal.close()


def test_hostile_lines_are_counted_in_little_memory(take, gate: Terminal, store: Store):
    path = gate.export()
    lines = path.read_bytes().splitlines(keepends=True)
    chance = random.Random(5)
    junk = [
        b"\n",
        b"\0\0\0\n",
        b"{}\n",
        b"[" * 30_000 + b"\n",
        b'{"payloadType":"x","payload":"","signatures":[]}\n',
        b'{"a":' * 5_000 + b"\n",
        b"9" * 30_000 + b"\n",
        chance.randbytes(20_000).replace(b"\n", b" ") + b"\n",
        dsse.to_wire(dsse.sign("text/plain", b"x", gate.key)) + b"\n",
        b"x" * 40_000 + b"\n",
    ]
    with path.open("wb") as file:
        file.write(b"".join([*lines[:5], *junk, *lines[5:]]))
        file.truncate(file.tell() + 256 * 1024 * 1024)  # a line of NULs without an end
    tracemalloc.start()
    report = take(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (outcome(report), report.unreadable) == ({"stored": COUNT}, len(junk) + 1)
    assert peak < 16_000_000
    assert [one.ok for one in verify_all(store)] == [True]


def test_signed_nonsense_is_rejected(take, gate: Terminal, store: Store):
    path = gate.directory / "odd.scx"
    from edge.domain.protocol.export_manifest import Header
    from edge.domain.protocol.record import PAYLOAD_TYPE

    header = Header(GATE, gate.journal.epoch, key_id(gate.key.verify_key), 0).encode()
    odd = [dsse.sign(PAYLOAD_TYPE, payload, gate.key) for payload in (b"", b"{}", b"\0", b"x" * 20_000)]
    path.write_bytes(b"\n".join([header, *map(dsse.to_wire, odd), b""]))
    report = take(path)
    assert outcome(report) == {"rejected": 4}
    assert store.count() == 0


def test_every_mutation_of_a_file_leaves_a_ledger_that_verifies(take, store: Store, tmp_path: Path):
    small = Terminal(tmp_path / "small", YARD, 6)
    store.register(YARD, small.key.verify_key)
    path, chance = small.export(), random.Random(11)
    content = path.read_bytes()
    end = content.rindex(b"\n", 0, -1)  # the manifest's own base64 has bits that say nothing
    for _ in range(150):
        at, size = chance.randrange(end), chance.choice([1, 1, 1, 40, 900])
        changed = content[:at] + chance.randbytes(size) + content[at + chance.choice([0, size]) :]
        path.write_bytes(changed)
        assert take(path).ok is (changed == content)
        problems = [one.problem.what for one in verify_all(store) if one.problem is not None]
        assert all(what.startswith("missing: ") for what in problems)  # for what was behind the damage waits
    path.write_bytes(content)
    take(path)
    assert store.count() == 6
    assert [one.ok for one in verify_all(store)] == [True]


def test_a_ledger_that_was_restored_learns_what_it_lost(
    take, gate: Terminal, store: Store, ledger_key: SigningKey, tmp_path: Path
):
    gate_upto = gate.journal.hash_at(250)
    made = Receipt(GATE, gate.journal.epoch, 250, gate_upto, CREATED)
    raw = dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, made.encode(), ledger_key))
    gate.journal.acknowledge(made, raw)
    report = take(gate.export("pending.scx"))
    assert "it lost some; export with --all" in report.problems[0]
    assert take(gate.export("all.scx", after=0)).ok


def test_what_is_no_export_is_reported_and_the_others_are_taken(centre, gate: Terminal, tmp_path: Path, capsys):
    (tmp_path / "note.txt").write_text("hello")
    words = ["central", "import", centre, tmp_path / "note.txt", tmp_path / "missing", gate.export(), "--json"]
    assert main([str(word) for word in words]) == 74
    said = json.loads(capsys.readouterr().out)
    assert ["not an export" in (said["files"][0]["problems"] or [""])[0], said["files"][2]["stored"]] == [
        True,
        COUNT,
    ]
    assert "cannot be read" in said["files"][1]["problems"][0]
    assert main([str(word) for word in [*words[:3], tmp_path / "note.txt"]]) == 65


def test_receipts_go_back_on_the_stick(centre, gate: Terminal, ledger_key: SigningKey, tmp_path: Path, capsys):
    back = tmp_path / "receipts"
    words = [str(word) for word in ("central", "import", centre, gate.export(), "--receipts", back)]
    assert main(words) == 0
    assert f"{COUNT} stored" in capsys.readouterr().out
    (line,) = back.read_bytes().splitlines()
    keys = {key_id(ledger_key.verify_key): ledger_key.verify_key}
    receipt = Receipt.decode(dsse.verify(dsse.parse(line), Receipt.PAYLOAD_TYPE, keys))
    assert (receipt.upto, receipt.head) == (COUNT, gate.journal.head().hash)
    assert main(words) == 74  # never overwritten
    assert "never overwritten" in capsys.readouterr().err
    assert public_pem(ledger_key.verify_key)


def test_a_wrong_directory_gets_no_new_ledger(gate: Terminal, tmp_path: Path, capsys):
    (tmp_path / "wrong").mkdir()
    assert main(["central", "import", str(tmp_path / "wrong"), str(gate.export())]) == 78
    assert "ledger.key" in capsys.readouterr().err
    assert list((tmp_path / "wrong").iterdir()) == []


def test_an_import_that_is_killed_is_finished_by_giving_the_file_again(centre, gate: Terminal, store: Store, take):
    path = gate.export()
    script = (
        "import os, sys; from pathlib import Path\n"
        "from edge.central.ledger.importer import Importer; from edge.central.store.records import Store\n"
        "from edge.crypto.key_files import load_identity\n"
        "base = Path(sys.argv[1])\n"
        "kill = lambda path, records: records >= 256 and os.kill(os.getpid(), 9)\n"
        "Importer(Store(base / 'ledger.db'), load_identity(base / 'ledger.key'), kill).take(Path(sys.argv[2]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, centre, path], check=False, env={**os.environ}, timeout=600
    )
    assert done.returncode == -9
    assert store.count() == 256
    assert outcome(take(path)) == {"stored": COUNT - 256, "duplicate": 256}
    assert [one.ok for one in verify_all(store)] == [True]
