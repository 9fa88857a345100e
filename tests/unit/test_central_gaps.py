"""What lacks at the centre, each with its cure, and nothing when nothing does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central import presence
from edge.central import store as store_module
from edge.central.gaps import SETTLED, Finding, Kind, find
from edge.central.ledger import Ledger
from edge.central.presence import Sightings
from edge.central.store import Store
from edge.cli import main
from edge.domain import kinds, topics
from edge.domain.records import GENESIS, PAYLOAD_TYPE, Draft, Origin, Position, encode, payload_hash
from edge.domain.types import TimeEvidence
from edge.journal import envelope
from edge.terminal.status import Online, last_will, online, stopped

GATE, EPOCH = Origin("main", "gate-1"), "e" * 32
EVIDENCE = TimeEvidence("2026-03-02T07:59:58.120Z", 60, "Europe/Berlin", "b" * 36, 120_000, True)
TERMINAL, LEDGER, NEWER = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
DAY, START = timedelta(hours=24), datetime(2026, 3, 2, 8, tzinfo=UTC)


class Centre:
    """A ledger whose clock the test sets."""

    def __init__(self, path: Path, monkeypatch) -> None:
        self.at = START
        for module in (presence, store_module):
            monkeypatch.setattr(module, "now", lambda: self.at.isoformat(timespec="milliseconds")[:-6] + "Z")
        self.path = path
        self.store = Store(path / "ledger.db")
        self.ledger = Ledger(self.store, LEDGER)
        self.store.register(GATE, TERMINAL.verify_key)

    def take(self, *payloads: bytes, key: SigningKey = TERMINAL) -> None:
        for payload in payloads:
            kind = "gap" if b"smartclocker.gap" in payload else "boot"
            wire = envelope.to_wire(envelope.sign(PAYLOAD_TYPE, payload, key))
            self.ledger.accept(topics.record(GATE, kind), wire)

    def hear(self, raw: bytes) -> None:
        sightings = Sightings(self.store)
        sightings.hear(topics.status(GATE), raw)
        sightings.flush(0)

    def find(self, later: timedelta = SETTLED) -> list[Finding]:
        return find(self.store, DAY, self.at + later)

    def kinds(self, later: timedelta = SETTLED) -> list[tuple]:
        return [(one.kind, one.epoch, one.first, one.last) for one in self.find(later)]


@pytest.fixture
def centre(tmp_path: Path, monkeypatch):
    made = Centre(tmp_path, monkeypatch)
    yield made
    made.store.close()


def chain(count: int, epoch: str = EPOCH, version: str = "0.1.0", gap: dict | None = None) -> list[bytes]:
    out, prev = [], GENESIS
    for seq in range(1, count + 1):
        draft = Draft(kinds.Kind.BOOT, {"version": version, "models": []}, EVIDENCE)
        if gap is not None and seq == 1:
            draft = Draft(kinds.Kind.GAP, gap, EVIDENCE)
        out.append(encode(GATE, Position(epoch, seq, prev), draft))
        prev = payload_hash(out[-1])
    return out


def says(head: int, epoch: str = EPOCH, utc: str = "2026-03-02T08:00:00.000Z", **changes) -> bytes:
    said = {"watermark": head, "refused": False, "alarms": (), "counters": {}, **changes}
    return online(Online(epoch=epoch, head=head, utc=utc, **said))


def test_nothing_lacks_where_everything_came(centre):
    centre.take(*chain(5))
    centre.hear(says(5))
    assert centre.find() == []


def test_a_new_terminal_that_was_never_heard_is_not_silent_yet(centre):
    assert centre.find() == []
    assert centre.kinds(DAY) == [(Kind.SILENT, None, None, None)]


def test_missing_ranges_are_named_with_the_command_that_asks_for_them(centre):
    records = chain(12)
    centre.take(*(records[seq - 1] for seq in (1, 2, 5, 6, 9, 12)))
    assert centre.kinds() == [
        (Kind.MISSING, EPOCH, 3, 4), (Kind.MISSING, EPOCH, 7, 8), (Kind.MISSING, EPOCH, 10, 11),
    ]  # fmt: skip
    assert centre.kinds(SETTLED / 2) == [], "they may be out of order"
    assert all("central resend DIR main/gate-1" in one.text and one.askable for one in centre.find())
    centre.take(*records)
    assert centre.find() == []


def test_what_a_terminal_claims_and_never_sent(centre):
    centre.take(*chain(2))
    centre.hear(says(7))
    (found,) = centre.find()
    assert (found.kind, found.first, found.last, found.askable) == (Kind.UNDELIVERED, 3, 7, True)
    assert "central resend" in found.text
    assert centre.kinds(SETTLED / 2) == [], "they may be on their way"
    centre.take(*chain(7))
    assert centre.find() == []


def test_an_epoch_of_which_nothing_came(centre):
    centre.hear(says(3, epoch="f" * 32))
    assert centre.kinds() == [(Kind.UNDELIVERED, "f" * 32, 1, 3)]


def test_what_is_still_at_a_terminal_that_is_away(centre):
    centre.take(*chain(2))
    centre.hear(says(7))
    centre.at += timedelta(minutes=1)
    centre.hear(last_will(GATE)[1])
    found = centre.find()
    assert [one.kind for one in found] == [Kind.UNDELIVERED, Kind.OFFLINE]
    assert "bring it back" in found[0].text
    assert (found[1].since, "lost its connection" in found[1].text) == ("2026-03-02T08:01:00.000Z", True)
    centre.hear(stopped())
    assert "in good order" in centre.find()[1].text


def test_a_journal_that_was_set_aside_until_it_is_imported(centre):
    old = chain(6)
    centre.take(*old[:4])
    fields = {"previous_epoch": EPOCH, "previous_head": 6, "receipted": 4, "cause": "altered", "quarantine": "q-1"}
    centre.take(*chain(2, "f" * 32, gap=fields))
    (found,) = centre.find()
    assert (found.kind, found.epoch, found.first, found.last) == (Kind.SET_ASIDE, EPOCH, 5, 6)
    assert not found.askable
    assert "journal recover" in found.text
    assert "q-1" in found.text
    centre.take(*old)
    assert centre.find() == []


def test_a_journal_set_aside_whole_after_its_delivery_and_one_that_could_not_be_read(centre):
    centre.take(*chain(4))
    fields = {"previous_epoch": EPOCH, "previous_head": 4, "receipted": 4, "cause": "altered", "quarantine": "q-1"}
    unread = {**fields, "previous_epoch": None, "previous_head": 0, "receipted": 0, "cause": "unreadable"}
    centre.take(*chain(1, "f" * 32, gap=fields), *chain(1, "a" * 32, gap=unread))
    assert centre.find() == []


def test_silence_and_its_end(centre):
    centre.hear(says(0))
    assert centre.kinds(DAY - timedelta(seconds=1)) == []
    (found,) = centre.find(DAY)
    assert (found.kind, found.since) == (Kind.SILENT, "2026-03-02T08:00:00.000Z")
    centre.at += timedelta(hours=20)
    centre.hear(says(0))  # a retained one, repeated by a broker that restarted
    assert centre.kinds(timedelta(hours=4)) == [(Kind.SILENT, None, None, None)]
    centre.take(*chain(1))
    assert centre.kinds(timedelta(hours=4)) == []


def test_forks_and_alarms(centre):
    centre.take(*chain(3))
    centre.take(chain(3, version="0.2.0")[1])
    centre.hear(says(3, alarms=("ring-full", "fork")))
    fork, alarm = centre.find()
    assert (fork.kind, fork.epoch) == (Kind.FORK, EPOCH)
    assert (alarm.kind, "claims fork, ring-full" in alarm.text) == (Kind.ALARM, True)


def test_a_terminal_that_was_rolled_back(centre):
    centre.take(*chain(5))
    centre.at += timedelta(hours=1)
    centre.hear(says(3))
    assert [one.kind for one in centre.find()] == [Kind.ROLLED_BACK]


def test_a_claim_that_is_older_than_the_records_is_no_roll_back(centre):
    centre.take(*chain(3))
    centre.hear(says(3))
    centre.at += timedelta(minutes=10)
    centre.take(*chain(5))
    assert centre.find() == []


def test_of_a_revoked_identity_nothing_is_to_be_done(centre):
    centre.take(*chain(3)[1:])
    centre.hear(says(9))
    assert len(centre.find()) == 2
    centre.store.revoke(envelope.key_id(TERMINAL.verify_key))
    assert centre.find(10 * DAY) == []


def test_the_command_says_it_and_its_exit_code(centre, capsys):
    centre.take(*chain(3))
    assert main(["central", "gaps", str(centre.path), "--silent-after", "999999d"]) == 0
    assert "nothing is missing" in capsys.readouterr().out
    centre.take(*chain(3, "f" * 32)[2:])
    assert main(["central", "gaps", str(centre.path), "--silent-after", "999999d"]) == 1
    assert f"main/gate-1  missing: records 1 to 2 of epoch {'f' * 32}" in capsys.readouterr().out
    assert main(["central", "gaps", str(centre.path), "--silent-after", "999999d", "--json"]) == 1
    assert '"first": 1' in capsys.readouterr().out


@pytest.mark.parametrize("verb", [["gaps"], ["terminals"], ["verify"], ["revoke", "f" * 32]])
def test_a_wrong_directory_is_said_and_gets_no_ledger(verb, tmp_path, capsys):
    assert main(["central", verb[0], str(tmp_path), *verb[1:]]) == 74
    assert "there is no ledger here" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "0h", "1.5h", "24H", "1h2m", "٣h", "9999999d"])
def test_a_time_that_is_none_is_refused(text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["central", "gaps", "nowhere", "--silent-after", text])
    assert ended.value.code == 2
    assert "write 30s, 90m, 24h or 7d" in capsys.readouterr().err or text.startswith("-")
