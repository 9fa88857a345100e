"""What terminals claim of themselves: remembered as claims, in few writes, for registered names alone."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.ledger import terminal_claims
from edge.central.ledger.terminal_claims import FLUSH_NS, REFRESH_NS, Claim, ClaimRecorder, claims
from edge.central.store.records import Store
from edge.central.store.schema import LEDGER, STEPS
from edge.cli import main
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from edge.domain.protocol.terminal_status import MAX_COUNTERS, Presence, decode
from edge.terminal.uplink.status import Online, last_will, online, stopped

GATE, TOPIC = Origin("main", "gate-1"), topics.status(Origin("main", "gate-1"))
KEY = SigningKey(bytes([1]) * 32)
SAID = Online("e" * 32, 9, 7, False, ("fork",), {}, "2026-03-01T08:00:00.000Z")


@pytest.fixture
def store(tmp_path: Path):
    with Store(tmp_path / "ledger.db") as opened:
        opened.register(GATE, KEY.verify_key)
        yield opened


@pytest.fixture
def clock(monkeypatch):
    """Sets what the ledger's own clock says, a minute of an hour."""

    def at(minute: int) -> None:
        monkeypatch.setattr(terminal_claims, "now", lambda: f"2026-03-02T08:{minute:02}:00.000Z")

    at(0)
    return at


def hear(store: Store, *raws: bytes) -> Claim:
    """As one instance after the other hears them."""
    for raw in raws:
        sightings = ClaimRecorder(store)
        sightings.hear(TOPIC, raw)
        sightings.flush(0)
    return claims(store)[GATE]


def test_a_status_is_remembered_as_claimed(store, clock):
    sightings = ClaimRecorder(store)
    assert sightings.hear(TOPIC, online(SAID)) == (GATE, SAID.epoch)
    assert claims(store) == {}
    sightings.flush(0)
    heard = "2026-03-02T08:00:00.000Z"
    assert claims(store) == {
        GATE: Claim(GATE, Presence.ONLINE, heard, heard, SAID.epoch, 9, 7, ("fork",), SAID.utc, heard, 1, heard)
    }  # fmt: skip


def test_who_is_gone_keeps_what_it_said_last(store, clock):
    hear(store, online(SAID))
    clock(1)
    claim = hear(store, last_will(GATE)[1])
    assert (claim.state, claim.since[14:16], claim.heard[14:16]) == (Presence.OFFLINE, "01", "01")
    assert (claim.epoch, claim.head, claim.watermark, claim.alarms) == (SAID.epoch, 9, 7, ("fork",))
    clock(2)
    claim = hear(store, stopped(), online(replace(SAID, head=10, alarms=(), utc="2026-03-01T08:02:00.000Z")))
    assert (claim.state, claim.since[14:16], claim.head, claim.alarms) == (Presence.ONLINE, "02", 10, ())


def test_a_repeated_retained_status_is_not_news(store, clock):
    """The broker gives it to every instance that subscribes, long after the terminal is dead."""
    hear(store, online(SAID))
    clock(5)
    assert hear(store, online(SAID)).heard[14:16] == "00"
    clock(6)
    claim = hear(store, online(replace(SAID, utc="2026-03-01T08:01:00.000Z")))
    assert (claim.heard[14:16], claim.since[14:16]) == ("06", "00")
    clock(7)
    hear(store, stopped())
    clock(8)
    assert hear(store, stopped()).heard[14:16] == "07"


def writes(store: Store) -> int:
    return store._db.total_changes


def test_it_is_written_on_change_else_once_a_minute_and_at_most_once_a_second(store, clock):
    sightings, before = ClaimRecorder(store), writes(store)
    steps = [
        (0, SAID, 1), (FLUSH_NS, replace(SAID, head=10), 0), (REFRESH_NS - 1, replace(SAID, head=11), 0),
        (REFRESH_NS, replace(SAID, head=12), 1), (REFRESH_NS + 1, replace(SAID, alarms=()), 0),
        (REFRESH_NS + FLUSH_NS, replace(SAID, alarms=()), 1),
    ]  # fmt: skip
    for now, said, more in steps:
        sightings.hear(TOPIC, online(said))
        sightings.flush(now)
        assert writes(store) - before == more, (now, said)
        before = writes(store)
    assert claims(store)[GATE].head == 9


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[" * 9_000, b'{"v":1}', online(SAID)[:-1], b"x" * 100_000])
def test_a_hostile_status_changes_nothing(store, raw):
    sightings = ClaimRecorder(store)
    assert sightings.hear(TOPIC, raw) is None
    sightings.flush(0)
    assert (claims(store), sightings.refused) == ({}, 1)


@pytest.mark.parametrize(
    "topic",
    [
        topics.status(Origin("main", "gate-2")),
        topics.status(Origin("other", "gate-1")),
        f"{TOPIC}/status",
        "status",
        "smartclocker/v2/main/gate-1/status",
        "smartclocker/v1/main/gate-1/receipt",
        "smartclocker/v1/main/+/status",
    ],
)
def test_only_the_registered_are_remembered(store, topic):
    sightings = ClaimRecorder(store)
    assert sightings.hear(topic, online(SAID)) is None
    sightings.flush(0)
    assert (claims(store), sightings.refused, sightings._waiting) == ({}, 1, {})


def test_a_revoked_name_is_not_heard(store):
    store.revoke(dsse.key_id(KEY.verify_key))
    assert ClaimRecorder(store).hear(TOPIC, online(SAID)) is None


def test_a_ledger_of_the_first_version_is_brought_up_to_date(tmp_path):
    path = tmp_path / "old.db"
    with contextlib.closing(replace(LEDGER, version=1).open(path, STEPS[0])) as old:
        row = (GATE.site, GATE.terminal, dsse.key_id(KEY.verify_key), bytes(KEY.verify_key))
        old.execute(
            "INSERT INTO terminals (site, terminal, keyid, public_key, registered) "
            "VALUES (?, ?, ?, ?, '2026-03-02T08:00:00.000Z')",
            row,
        )
    with Store(path) as store:
        assert hear(store, online(SAID)).head == 9
        assert store.terminals()[0].origin == GATE
        query = "EXPLAIN QUERY PLAN SELECT payload FROM records WHERE kind = 'gap' AND chain = ?"
        ((*_, plan),) = store.select(query, (1,))
        assert "records_apart" in plan


LATER = "2026-03-01T08:05:00.000Z"


def test_who_goes_within_the_second_has_said_how_far_it_is(store, clock):
    hear(store, online(SAID))
    sightings = ClaimRecorder(store)
    for said in (online(replace(SAID, head=10, utc=LATER)), online(replace(SAID, head=12, utc=LATER)), stopped()):
        sightings.hear(TOPIC, said)
    sightings.flush(0)
    claim = claims(store)[GATE]
    assert (claim.state, claim.head, claim.utc) == (Presence.STOPPED, 12, LATER)


def test_an_old_word_that_a_broker_without_its_memory_tells_again_changes_nothing(store, clock):
    hear(store, online(SAID))
    clock(5)
    before = hear(store, online(replace(SAID, head=12, utc=LATER)), stopped())
    clock(9)
    after = hear(store, online(SAID))
    assert after == before
    clock(10)
    assert hear(store, online(replace(SAID, alarms=("fork", "no-ledger")))).alarms == ("fork", "no-ledger")


def test_a_clock_that_was_set_back_is_heard_and_its_head_accuses_nobody(store, clock):
    hear(store, online(replace(SAID, utc=LATER)))
    clock(5)
    claim = hear(store, online(replace(SAID, head=11)))
    assert (claim.head, claim.utc, claim.claimed) == (11, SAID.utc, None)
    clock(6)
    assert hear(store, online(replace(SAID, head=11, utc=LATER))).claimed[14:16] == "06"


def test_what_it_counted_is_shown_and_why_it_sent_people_back(store, clock, tmp_path, capsys):
    counters = {"punches": 40, "refused_dark": 3, "refused_too-far": 12, "policy": "v1", "frame_to_cue_p50_ms": 1.5}
    hear(store, online(replace(SAID, counters=counters)))
    assert main(["central", "terminals", str(tmp_path)]) == 0
    assert "people refused since it started, by reason: dark 3, too-far 12\n" in capsys.readouterr().out
    assert main(["central", "terminals", str(tmp_path), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["counters"] == {"punches": 40, "refused_dark": 3, "refused_too-far": 12}
    assert hear(store, last_will(GATE)[1]).counters == tuple(sorted(row["counters"].items())), (
        "gone, it said so last"
    )


def test_a_terminal_that_was_never_heard_counted_nothing(store, tmp_path, capsys):
    assert main(["central", "terminals", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["counters"] is None


@pytest.mark.parametrize(
    "counters",
    [[1], None, {"refused_dark": -1}, {"refused_dark": True}, {"Refused dark\n": 1}, {"refused_dark": "3"}],
)
def test_counters_that_are_none_are_not_shown_and_the_rest_of_the_status_counts(counters):
    raw = json.loads(online(SAID)) | {"counters": counters}
    said = decode(json.dumps(raw).encode())
    assert (said.head, said.counters) == (SAID.head, ())


def test_no_more_counters_are_kept_than_a_table_can_show():
    raw = json.loads(online(SAID)) | {"counters": {f"refused_{n}": n for n in range(300)}}
    assert len(decode(json.dumps(raw).encode()).counters) == MAX_COUNTERS
