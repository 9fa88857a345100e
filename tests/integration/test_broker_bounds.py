"""What a neighbour with a certificate can make the broker keep, in memory and on its disk."""

from pathlib import Path

from edge.domain import topics
from edge.domain.kinds import Kind
from edge.domain.records import Origin

EVIL = Origin("main", "evil")
MEBIBYTE = 1 << 20


def resident(site) -> int:
    """Bytes of memory that the broker has."""
    status = Path(f"/proc/{site.broker._process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_only_the_kinds_of_record_can_be_retained_and_each_once(site):
    """mosquitto cannot forbid some to retain, but a name has few topics to do it under."""
    evil = site.neighbour("evil")
    before = resident(site)
    for number in range(200):
        refused = evil.publish(f"smartclocker/v1/main/evil/record/k{number}", b"x" * 60_000, retain=True).refused
        assert refused is not None
    for _ in range(30):
        for kind in Kind:
            assert evil.publish(topics.record(EVIL, kind), b"x" * 60_000, retain=True).refused is None
        assert evil.publish(topics.status(EVIL), b"x" * 60_000, retain=True).refused is None
    assert resident(site) - before < 16 * MEBIBYTE
    reader = site.neighbour("ledger", "smartclocker/v1/+/evil/#")
    site.eventually(lambda: reader.poll(0.5) is None, "all that is retained is said again")
    assert len({topic for topic, _ in reader.heard}) == len(Kind) + 1


def test_what_is_queued_for_a_ledger_that_is_away_is_bounded(site):
    """Records of its own name, as large as they may be: what comes beyond the bound is dropped, and sent again."""
    site.ledger()
    site.service.stop()
    evil = site.neighbour("evil")
    before = resident(site)
    for _ in range(2_500):  # 150 MB
        assert evil.publish(topics.record(EVIL, "punch"), b"x" * 60_000).refused is None
    assert resident(site) - before < 100 * MEBIBYTE
    terminal = site.terminal()
    terminal.append(5)
    terminal.run(resend_s=1.0)
    site.service = None
    site.start_ledger()
    terminal.receipted(5, within_s=60)
