"""A terminal without any network, by its command line alone: out on a stick, into the ledger, the receipt back."""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.central.ledger.recheck import verify_all
from edge.central.store.records import Store
from edge.crypto import key_files
from edge.domain.attendance.corrections import PunchState, effective
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Record, decode
from edge.journal.verify import read_payloads

PERSON = "a" * 26


@pytest.fixture
def centre(tmp_path: Path, site, smartclocker) -> Path:
    """A ledger that knows the terminal, and whose key is pinned there; neither has a broker."""
    directory = tmp_path / "centre"
    directory.mkdir()
    ledger = key_files.create_identity(directory / "ledger.key")
    (directory / "ledger.pem").write_text(key_files.public_pem(ledger.verify_key))
    done = smartclocker("central", "register", directory, "demo", "entrance-1", site.public_key)
    assert done.returncode == 0, done.stderr
    pinned = site.config.read_text().replace("[keys]", f'[keys]\nledger = "{directory / "ledger.pem"}"')
    site.config.write_text(pinned)
    return directory


@pytest.fixture
def correct(site, smartclocker) -> Callable[..., dict]:
    """Append a correction; what it says of itself."""

    def run(*options: object) -> dict:
        done = smartclocker("journal", "correct", "--config", site.config, "--json", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


ADDED = ("--person", PERSON, "--change", "added", "--direction", "in", "--at", "2026-03-02T07:58+01:00",
         "--reason", "forgotten", "--worker", "asked", "--employer", "agrees")  # fmt: skip


def records(path: Path) -> list[Record]:
    return [decode(payload) for payload in read_payloads(path, 0)]


def test_out_on_a_stick_into_the_ledger_and_the_receipt_back(site, centre, smartclocker, correct, tmp_path: Path):
    for _ in range(3):
        correct(*ADDED)
    stick = tmp_path / "stick"
    stick.mkdir()
    out = smartclocker("journal", "export", stick, "--config", site.config)
    assert out.returncode == 0, out.stderr
    (file,) = stick.iterdir()
    assert out.stdout.startswith(f"exported 3 records, 1 to 3: {file}")
    checked = smartclocker("journal", "verify", file, "--key", site.public_key)
    assert (checked.returncode, checked.stdout) == (0, "ok: 3 records, 1 to 3, not receipted yet\n")

    taken = smartclocker("central", "import", centre, file, "--receipts", stick / "receipts")
    assert (taken.returncode, taken.stderr) == (0, "")
    assert "3 stored" in taken.stdout
    back = smartclocker("journal", "receipt", stick / "receipts", "--config", site.config)
    assert (back.returncode, back.stdout) == (0, "receipted to 3 (before: 0); 0 records wait for a receipt\n")

    none = smartclocker("journal", "export", stick, "--config", site.config)
    assert (none.returncode, none.stdout) == (0, "nothing to export: every record is receipted\n")
    correct(*ADDED)
    more = json.loads(smartclocker("journal", "export", stick, "--config", site.config, "--json").stdout)
    assert (more["first"], more["last"]) == (4, 4)
    both = smartclocker(
        "journal", "verify", more["file"], "--config", site.config, "--key", centre / "ledger.pem", "--json"
    )
    assert json.loads(both.stdout)["receipt_verified"] is True
    everything = smartclocker("journal", "export", stick, "--config", site.config, "--all")
    assert "4 records, 1 to 4" in everything.stdout
    assert smartclocker("central", "import", centre, *stick.glob("*.scx")).returncode == 0
    with Store(centre / "ledger.db") as store:
        assert store.count() == 4
        assert [report.ok for report in verify_all(store)] == [True]


def test_sealed_nobody_but_the_centre_reads_it(site, centre, smartclocker, correct, tmp_path: Path):
    correct(*ADDED)
    file = tmp_path / "sealed.scx"
    assert (
        "sealed to the ledger" in smartclocker("journal", "export", file, "--config", site.config, "--seal").stdout
    )
    seen = smartclocker("journal", "verify", file, "--config", site.config)
    assert (seen.returncode, "only the centre can open it" in seen.stderr) == (65, True)
    assert "1 stored" in smartclocker("central", "import", centre, file).stdout


def test_a_cut_file_is_named_by_both_sides(site, centre, smartclocker, correct, tmp_path: Path):
    for _ in range(3):
        correct(*ADDED)
    file = tmp_path / "out.scx"
    smartclocker("journal", "export", file, "--config", site.config)
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:3]))
    checked = smartclocker("journal", "verify", file, "--key", site.public_key)
    assert (checked.returncode, "cut off" in checked.stdout) == (65, True)
    assert "2 records before it verified" in checked.stdout
    taken = smartclocker("central", "import", centre, file)
    assert (taken.returncode, "2 stored" in taken.stdout, "cut off" in taken.stdout) == (65, True, True)


def test_a_journal_and_an_identity_need_no_configuration(site, smartclocker, correct, tmp_path: Path, centre):
    correct(*ADDED)
    words = ("journal", "export", tmp_path / "out.scx", site.journal, "--identity", site.directory / "identity")
    done = smartclocker(*words, "--seal", "--ledger", centre / "ledger.pem")
    assert (done.returncode, done.stderr) == (0, "")
    again = smartclocker(*words)
    assert (again.returncode, "never overwritten" in again.stderr) == (74, True)


def test_receipts_that_are_not_ours_change_nothing(site, centre, smartclocker, correct, tmp_path: Path):
    correct(*ADDED)
    for name, content in {"empty": b"", "noise": os.urandom(5000), "nul": b"\0" * 100_000}.items():
        (tmp_path / name).write_bytes(content)
        done = smartclocker("journal", "receipt", tmp_path / name, "--config", site.config)
        assert (done.returncode, "nothing was changed" in done.stdout) == (65, True)
    file = tmp_path / "out.scx"
    smartclocker("journal", "export", file, "--config", site.config)
    smartclocker("central", "import", centre, file, "--receipts", tmp_path / "receipts")
    pinned = centre / "ledger.pem"
    genuine = pinned.read_text()
    pinned.write_text(site.public_key.read_text())  # another key is pinned here
    done = smartclocker("journal", "receipt", tmp_path / "receipts", "--config", site.config)
    assert (done.returncode, "not signed by the pinned ledger" in done.stdout) == (65, True)
    pinned.write_text(genuine)
    assert smartclocker("journal", "receipt", tmp_path / "receipts", "--config", site.config).returncode == 0


def test_a_receipt_of_another_chain_releases_nothing(site, centre, smartclocker, correct, tmp_path: Path):
    from edge.crypto import dsse
    from edge.domain.protocol import receipt

    made = correct(*ADDED)
    (only,) = records(site.journal)
    wrong = receipt.Receipt(only.origin, only.position.epoch, 1, "f" * 64, "2026-03-02T07:58:00.000Z")
    key = key_files.load_identity(centre / "ledger.key")
    wire = dsse.to_wire(dsse.sign(Receipt.PAYLOAD_TYPE, wrong.encode(), key))
    (tmp_path / "receipts").write_bytes(wire)
    done = smartclocker("journal", "receipt", tmp_path / "receipts", "--config", site.config)
    assert (done.returncode, "the ledger's chain is not ours" in done.stderr) == (65, True)
    assert made["id"].endswith("/1")
    assert smartclocker("journal", "export", tmp_path / "o.scx", "--config", site.config).returncode == 0


def test_a_correction_points_at_what_stays(site, smartclocker, correct):
    first = correct(*ADDED)
    assert first["at"] == "2026-03-02T06:58:00.000Z"
    second = correct("--change", "amended", "--corrects", first["id"], "--at", "2026-03-02T06:50:00Z",
                     "--reason", "wrong-time", "--worker", "not-heard", "--employer", "asked")  # fmt: skip
    assert (second["person"], second["checked"]) == (PERSON, True)
    correct("--change", "statement", "--corrects", second["id"], "--reason", "wrong-time",
            "--worker", "disputes", "--employer", "not-heard")  # fmt: skip
    kept = records(site.journal)
    (view,) = effective(kept, kept)
    assert (view.state, view.at, view.disputed) == (PunchState.ADDED, "2026-03-02T06:50:00.000Z", True)
    assert kept[0].data["at"] == first["at"]
    assert smartclocker("journal", "verify", "--config", site.config).returncode == 0


def test_nonsense_is_refused_with_every_problem_and_nothing_is_recorded(site, smartclocker, correct):
    first = correct(*ADDED)
    cases = {
        ("--change", "moved", "--direction", "up", "--at", "yesterday", "--corrects", "x/y"): [
            "person:", "change:", "corrects:", "direction:", "at: yesterday is no moment", "reason:", "worker:",
            "employer:",
        ],
        (*ADDED, "--corrects", first["id"]): ["corrects: an added punch points at nothing"],
        (*ADDED[:6], "--at", "2026-03-02T08:00", *ADDED[8:]): ["at: 2026-03-02T08:00 may be any of several"],
        (*ADDED[:6], "--at", "2126-03-02T08:00Z", *ADDED[8:]): ["at: is in the future"],
        ("--change", "voided", "--corrects", first["id"], *ADDED[8:], "--person", "b" * 26): ["another person's"],
        ("--change", "voided", "--corrects", first["id"][:-1] + "9", *ADDED[8:], "--person", PERSON): [
            "there is no record 9"
        ],
    }  # fmt: skip
    for options, expected in cases.items():
        done = smartclocker("journal", "correct", "--config", site.config, *options)
        assert done.returncode == 65, done.stdout
        assert "Traceback" not in done.stderr
        assert [words for words in expected if words not in done.stderr] == []
    assert len(records(site.journal)) == 1


def test_a_break_that_was_forgotten_is_entered_by_hand(site, correct, smartclocker):
    added = correct(*ADDED[:4], "--direction", "out", "--activity", "break", *ADDED[6:])
    assert (added["direction"], added["activity"]) == ("out", "break")
    correct("--change", "amended", "--corrects", added["id"], "--direction", "out", *ADDED[8:])
    first, second = records(site.journal)
    assert (first.data["activity"], "activity" in second.data) == ("break", False)
    for words, expected in [
        (("--direction", "out", "--activity", "lunch"), "activity: must be break"),
        (("--at", "2026-03-02T08:00Z", "--activity", "break"), "an activity needs the direction that it goes with"),
    ]:
        amending = ("--change", "amended", "--corrects", added["id"], *ADDED[8:])
        done = smartclocker("journal", "correct", "--config", site.config, *amending, *words)
        assert (done.returncode, expected in done.stderr) == (65, True), done.stderr


def test_one_of_another_terminal_is_recorded_and_said_to_be_unchecked(site, smartclocker):
    done = smartclocker(
        "journal", "correct", "--config", site.config, "--change", "voided", "--corrects", f"yard/{'e' * 32}/7",
        "--person", PERSON, "--reason", "other", "--worker", "agrees", "--employer", "asked",
    )  # fmt: skip
    assert (done.returncode, "could not be checked against it" in done.stdout) == (0, True)


def test_on_a_terminal_a_bar_shows_the_progress_and_none_elsewhere(site, correct, tmp_path: Path):
    correct(*ADDED)
    words = [sys.executable, "-m", "edge", "journal", "export", "--config", str(site.config)]
    quiet = subprocess.run([*words, str(tmp_path / "a.scx")], capture_output=True, check=True, timeout=300)
    assert quiet.stderr == b""
    ours, theirs = pty.openpty()
    shown = subprocess.run(
        [*words, str(tmp_path / "b.scx")], stdout=subprocess.PIPE, stderr=theirs, check=True, timeout=300
    )
    assert select.select([ours], [], [], 5)[0]
    assert b"records" in os.read(ours, 65_536)
    assert shown.stdout.startswith(b"exported 1 record,")
    os.close(ours)
    os.close(theirs)
