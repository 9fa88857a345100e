"""What another process appends to the journal, a correction by hand for one, goes the way of every record."""

from edge.central.ledger.importer import Importer, write_receipts
from edge.crypto.dsse import key_id
from edge.domain.protocol.record import Draft
from edge.domain.protocol.record_kinds import Kind
from edge.journal.export import export
from edge.journal.export_reader import acknowledge, envelopes
from edge.journal.journal import ReceiptEffect

CORRECTION = {
    "person": "a" * 26,
    "change": "added",
    "corrects": None,
    "direction": "in",
    "at": "2026-03-02T07:58:00.000Z",
    "reason": "forgotten",
    "worker": "asked",
    "employer": "agrees",
}


def test_a_record_that_nobody_announced_is_found_by_looking(site):
    """Nobody wakes the publisher, and the clock by which it sends again is far away: it looks at each round."""
    site.ledger()
    terminal = site.terminal()
    terminal.append(1)
    publisher = terminal.run(resend_s=3600)
    terminal.receipted(1)
    with terminal.journal() as journal:
        journal.append(Draft(Kind.CORRECTION, CORRECTION, site.punch().time))
    terminal.receipted(2)
    assert (publisher.counters.sent, publisher.counters.resends) == (2, 0)
    with site.store() as store:
        assert store.count("correction") == 1


def test_a_stick_goes_back_and_forth_while_the_terminal_runs(site, tmp_path):
    """The publisher has an own idea of what is covered; the stick moves the watermark behind its back."""
    terminal = site.terminal()
    terminal.append(3)
    terminal.run()  # the broker is there, the ledger is not
    written = export(terminal.path, terminal.key, tmp_path / "out.scx", created=CORRECTION["at"])
    with site.store() as store:
        importer = Importer(store, site.ledger_key)
        assert importer.take(written.path).ok
        write_receipts(tmp_path / "receipts", importer.receipts(0))
    keys = {key_id(site.ledger_key.verify_key): site.ledger_key.verify_key}
    with envelopes(tmp_path / "receipts") as lines, terminal.journal() as journal:
        assert [acknowledge(line, keys, journal) for line in lines] == [ReceiptEffect.ADVANCED]
        assert journal.watermark() == 3
    site.ledger()
    terminal.append(1)
    terminal.receipted(4)
    assert site.count() == 4
