"""From a damaged journal over the quarantine onto a stick: what verifies, whatever became of the file."""

import json
import os
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge import config
from edge.central.ledger.importer import Importer
from edge.central.store.model import Outcome
from edge.central.store.records import Store
from edge.crypto import key_files
from edge.crypto.dsse import key_id
from edge.crypto.key_files import public_pem
from edge.domain.protocol.record import Draft, Origin, decode
from edge.domain.protocol.record_kinds import Kind
from edge.journal import last_seen
from edge.terminal import adapters, installed


@pytest.fixture
def damaged(site):
    """Sixty records, the file without its first page and with one data page overwritten, set aside."""
    loaded = config.load(site.config).config
    secrets = installed.load_secrets(loaded)
    with installed.open_journal(loaded, secrets) as journal:
        epoch = journal.epoch
        for _ in range(60):
            journal.append(Draft(Kind.BOOT, {"version": "1", "models": ["x" * 150]}, adapters.clock().evidence()))
    pages = site.journal.read_bytes()
    middle = [n for n in range(4, len(pages) // 4096) if b"specversion" in pages[n * 4096 : (n + 1) * 4096]][4]
    with site.journal.open("r+b") as file:
        for number in (0, middle):
            file.seek(4096 * number)
            file.write(os.urandom(4096))
    installed.secure_journal(loaded, secrets, adapters.clock())
    (folder,) = (site.journal.parent / "quarantine").iterdir()
    return site, folder, epoch


def test_what_verifies_is_written_as_an_export_and_what_is_missing_is_said(damaged, smartclocker, tmp_path: Path):
    site, folder, epoch = damaged
    stick = tmp_path / "stick"
    stick.mkdir()
    before = (folder / "journal.db").read_bytes()
    done = smartclocker("journal", "recover", folder, stick, "--config", site.config, "--json")
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["epochs"]
    assert row["epoch"] == epoch
    assert 40 <= row["records"] < 60
    assert row["missing"] == row["last"] - row["first"] + 1 - row["records"] > 0
    assert (folder / "journal.db").read_bytes() == before
    again = smartclocker("journal", "recover", folder, stick, "--config", site.config)
    assert again.returncode == 74
    assert "never overwritten" in again.stderr


def test_a_sealed_recovery_needs_a_centre(damaged, smartclocker, tmp_path: Path):
    site, folder, _ = damaged
    done = smartclocker("journal", "recover", folder, tmp_path, "--config", site.config, "--seal")
    assert done.returncode == 78


@pytest.mark.parametrize("content", [b"", b"x" * 10_000])
def test_rubbish_gives_nothing_and_says_so(site, smartclocker, tmp_path: Path, content: bytes):
    (tmp_path / "journal.db").write_bytes(content)
    done = smartclocker("journal", "recover", tmp_path, tmp_path, "--config", site.config)
    assert done.returncode == 65
    assert "nothing genuine found" in done.stdout


@pytest.mark.parametrize("also", ["the note beside it, too", "the journal alone"])
def test_a_journal_that_was_removed_from_a_terminal_with_people_is_a_gap(site, smartclocker, also):
    done = smartclocker("people", "add", "Ann", "--age-13-or-older", "--config", site.config)
    assert done.returncode == 0, done.stderr
    person = done.stdout.split()[1].rstrip(":")
    loaded = config.load(site.config).config
    secrets = installed.load_secrets(loaded)
    with installed.open_journal(loaded, secrets) as journal:
        last_seen.note(journal)
        epoch, head = journal.epoch, journal.head().seq
    for file in site.journal.parent.glob("journal*"):
        file.unlink()
    if also == "the note beside it, too":
        last_seen.forget(site.journal)
    refused = smartclocker("people", "erase", person, "--reason", "requested", "--config", site.config)
    assert (refused.returncode, "is gone, and was there" in refused.stderr) == (74, True)
    installed.secure_journal(loaded, secrets, adapters.clock())
    with installed.open_journal(loaded, secrets) as journal:
        record = decode(journal.payload_at(1))
    assert (record.kind, record.data["cause"]) == (Kind.GAP, "missing")
    known = (None, 0) if also == "the note beside it, too" else (epoch, head)
    assert (record.data["previous_epoch"], record.data["previous_head"]) == known


def test_looking_into_a_new_terminal_is_no_earlier_life(site, smartclocker):
    for verb in (["people", "list"], ["people", "roster"], ["evidence", "list"]):
        smartclocker(*verb, "--config", site.config)
    loaded = config.load(site.config).config
    secrets = installed.load_secrets(loaded)
    installed.secure_journal(loaded, secrets, adapters.clock())
    with installed.open_journal(loaded, secrets) as journal:
        assert journal.head().seq == 0


def test_the_folder_of_a_journal_that_was_gone_says_what_to_look_for(site, smartclocker, tmp_path: Path):
    loaded = config.load(site.config).config
    secrets = installed.load_secrets(loaded)
    with installed.open_journal(loaded, secrets) as journal:
        journal.append(Draft(Kind.BOOT, {"version": "1", "models": []}, adapters.clock().evidence()))
        last_seen.note(journal)
    for file in site.journal.parent.glob("journal*"):
        file.unlink()
    installed.secure_journal(loaded, secrets, adapters.clock())
    (folder,) = (site.journal.parent / "quarantine").iterdir()
    done = smartclocker("journal", "recover", folder, tmp_path, "--config", site.config)
    assert (done.returncode, done.stderr) == (65, "")
    assert "this journal was missing" in done.stdout
    assert "smartclocker central acknowledge DIR SITE/TERMINAL EPOCH --why TEXT" in done.stdout
    assert "free space" not in done.stdout
    told = json.loads(
        smartclocker("journal", "recover", folder, tmp_path, "--config", site.config, "--json").stdout
    )
    assert (told["epochs"], "was missing" in told["notes"][0]) == ([], True)
    (folder / "report.json").unlink()
    done = smartclocker("journal", "recover", folder, tmp_path, "--config", site.config)
    assert (done.returncode, "there is no such file" in done.stderr) == (74, True)
    assert "free space" not in done.stderr


def test_a_journal_of_an_earlier_identity_is_named_and_recovered_by_its_public_key(
    site, smartclocker, tmp_path: Path
):
    loaded = config.load(site.config).config
    secrets = installed.load_secrets(loaded)
    with installed.open_journal(loaded, secrets) as journal:
        epoch, origin = journal.epoch, journal.origin
        for _ in range(4):
            journal.append(Draft(Kind.BOOT, {"version": "1", "models": []}, adapters.clock().evidence()))
    identity = config.credential(loaded.keys.identity)
    (tmp_path / "old.pem").write_text(public_pem(secrets.identity.verify_key))
    identity.unlink()
    key_files.create_identity(identity)
    new = key_files.load_identity(identity)
    (tmp_path / "new.pem").write_text(public_pem(new.verify_key))
    old, newer = key_id(secrets.identity.verify_key), key_id(new.verify_key)
    copy = tmp_path / "old"
    copy.mkdir()
    site.journal.rename(copy / "journal.db")
    recover = ("journal", "recover", copy, tmp_path, "--config", site.config)
    done = smartclocker(*recover)
    assert done.returncode == 65
    assert f"this journal says that the key {old} signed it, but the keys here are {newer}" in done.stdout
    assert f"central terminals DIR --pem {old}" in done.stdout
    assert "--key PEM" in done.stdout
    done = smartclocker(*recover, "--key", tmp_path / "old.pem", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (row,) = told["epochs"]
    assert (row["epoch"], row["records"], row["missing"], told["notes"]) == (epoch, 4, 0, [])
    verify = ("journal", "verify", row["file"], "--key", tmp_path / "old.pem")
    assert smartclocker(*verify).returncode == 65, "nobody vouches for the file with that key"
    done = smartclocker(*verify, "--key", tmp_path / "new.pem")
    assert (done.returncode, done.stdout[:16]) == (0, "ok: 4 records, 1")

    with Store(tmp_path / "ledger.db") as store:
        ledger = SigningKey(bytes([7]) * 32)
        assert not Importer(store, ledger).take(Path(row["file"])).ok, "of nobody who is registered"
        store.register(origin, secrets.identity.verify_key)
        store.register(Origin(origin.site, "another"), new.verify_key)
        report = Importer(store, ledger).take(Path(row["file"]))
        assert report.problems == [
            "cut off or altered: no genuine manifest is at its end; its genuine records were stored"
        ]
        assert (report.upto, report.outcomes[Outcome.STORED]) == (4, 4)
    with Store(tmp_path / "second.db") as store:
        store.register(origin, secrets.identity.verify_key)
        store.register(origin, new.verify_key)
        report = Importer(store, ledger).take(Path(row["file"]))
        assert (report.ok, report.upto) == (True, 4)
