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


def test_a_record_that_nobody_announced_is_found_by_looking(installation):
    """Nobody wakes the publisher, and the clock by which it sends again is far away: it looks at each round."""
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(1)
    publisher = terminal.run(resend_s=3600)
    terminal.receipted(1)
    with terminal.journal() as journal:
        journal.append(Draft(Kind.CORRECTION, CORRECTION, installation.punch().time))
    terminal.receipted(2)
    assert (publisher.counters.sent, publisher.counters.resends) == (2, 0)
    with installation.store() as store:
        assert store.count("correction") == 1


def test_a_stick_goes_back_and_forth_while_the_terminal_runs(installation, tmp_path):
    """The publisher has an own idea of what is covered; the stick moves the watermark behind its back."""
    terminal = installation.terminal()
    terminal.append(3)
    terminal.run()  # the broker is there, the ledger is not
    written = export(terminal.path, terminal.key, tmp_path / "out.scx", created=CORRECTION["at"])
    with installation.store() as store:
        importer = Importer(store, installation.ledger_key)
        assert importer.take(written.path).ok
        write_receipts(tmp_path / "receipts", importer.receipts(0))
    keys = {key_id(installation.ledger_key.verify_key): installation.ledger_key.verify_key}
    with envelopes(tmp_path / "receipts") as lines, terminal.journal() as journal:
        assert [acknowledge(line, keys, journal) for line in lines] == [ReceiptEffect.ADVANCED]
        assert journal.watermark() == 3
    installation.ledger()
    terminal.append(1)
    terminal.receipted(4)
    assert installation.count() == 4
