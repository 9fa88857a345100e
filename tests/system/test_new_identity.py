"""A terminal whose key is lost, or was revoked: the steps of "A new identity" in docs/operations.md, by files."""

import json
from pathlib import Path

import pytest

from edge import config
from edge.central.store.model import now
from edge.crypto import key_files
from edge.crypto.dsse import key_id
from edge.domain.protocol.record import Draft
from edge.domain.protocol.record_kinds import Kind
from edge.errors import JournalForeign
from edge.journal import last_seen
from edge.terminal import adapters, installed


class Moved:
    """A terminal with five records of which the centre has `delivered`; its key is gone and another one made."""

    def __init__(self, site, smartclocker, root: Path, delivered: int) -> None:
        self.site, self.call, self.root = site, smartclocker, root
        (root / "dir").mkdir()
        ledger = key_files.create_identity(root / "dir" / "ledger.key")
        self.loaded = config.load(site.config).config
        secrets = installed.load_secrets(self.loaded)
        self.old, self.name = key_id(secrets.identity.verify_key), installed.origin(self.loaded)
        (root / "first.pem").write_text(key_files.public_pem(secrets.identity.verify_key))
        (root / "dir" / "ledger.pem").write_text(key_files.public_pem(ledger.verify_key))
        self.centre("register", self.name.site, self.name.terminal, root / "first.pem")
        self.append(secrets, delivered)
        self.ok("journal", "export", root / "first.scx", "--config", site.config)
        self.centre("import", root / "first.scx")
        self.append(secrets, 5 - delivered)
        identity = config.credential(self.loaded.keys.identity)
        identity.unlink()
        self.ok("keys", "create", identity.parent)
        with pytest.raises(JournalForeign, match="A new identity"):
            self.begin()
        (root / "old").mkdir()
        for file in site.journal.parent.glob("journal.db*"):
            file.rename(root / "old" / file.name)

    def append(self, secrets, count: int) -> None:
        with installed.open_journal(self.loaded, secrets) as journal:
            for _ in range(count):
                journal.append(Draft(Kind.BOOT, {"version": "1", "models": []}, adapters.clock().evidence()))
            last_seen.note(journal)

    def begin(self) -> None:
        installed.secure_journal(self.loaded, installed.load_secrets(self.loaded), adapters.clock())

    def ok(self, *words: object) -> str:
        done = self.call(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def centre(self, verb: str, *words: object) -> str:
        return self.ok("central", verb, self.root / "dir", *words)

    def register_the_new_one(self) -> None:
        (self.root / "new.pem").write_text(self.ok("keys", "show", "--config", self.site.config))
        self.centre("register", self.name.site, self.name.terminal, self.root / "new.pem")

    def recover(self) -> Path:
        (self.root / "old.pem").write_text(self.centre("terminals", "--pem", self.old))
        words = ("journal", "recover", self.root / "old", self.root, "--key", self.root / "old.pem", "--json")
        (row,) = json.loads(self.ok(*words, "--config", self.site.config))["epochs"]
        assert (row["records"], row["missing"]) == (5, 0)
        return Path(row["file"])

    def deliver_the_new_journal(self) -> None:
        self.begin()
        self.ok("journal", "export", self.root / "new.scx", "--config", self.site.config)
        self.centre("import", self.root / "new.scx")

    def gaps(self) -> list[dict]:
        return json.loads(self.call("central", "gaps", self.root / "dir", "--json").stdout)

    def acknowledge(self, found: dict) -> None:
        word = found["text"].split(f"{self.name.site}/{self.name.terminal} ")[1].split()[0]
        self.centre("acknowledge", f"{self.name.site}/{self.name.terminal}", word, "--why", "a new identity")
        assert self.gaps() == []


def test_what_a_lost_key_signed_is_all_at_the_centre_before_it_is_revoked(site, smartclocker, tmp_path: Path):
    moved = Moved(site, smartclocker, tmp_path, delivered=2)
    moved.register_the_new_one()
    assert "3 stored, 2 duplicate; held up to 5" in moved.centre("import", moved.recover())
    moved.centre("revoke", moved.old, "--since", now(), "--why", "its key was lost")
    moved.deliver_the_new_journal()
    (found,) = moved.gaps()
    assert (found["kind"], found["first"], found["last"]) == ("set-aside", None, None)
    assert "after record 5 may be missing; up to there all of it is here" in found["text"]
    moved.acknowledge(found)


def test_what_was_not_delivered_before_the_key_was_revoked_stays_missing(site, smartclocker, tmp_path: Path):
    moved = Moved(site, smartclocker, tmp_path, delivered=2)
    moved.centre("revoke", moved.old, "--why", "the card was copied")
    moved.register_the_new_one()
    refused = smartclocker("central", "import", tmp_path / "dir", moved.recover())
    assert (refused.returncode, "5 records were rejected" in refused.stdout) == (65, True)
    moved.deliver_the_new_journal()
    (found,) = moved.gaps()
    assert (found["kind"], found["first"], found["last"]) == ("set-aside", 3, 5)
    assert f"its identity {moved.old} was revoked, so that nothing more of it is stored" in found["text"]
    moved.acknowledge(found)
