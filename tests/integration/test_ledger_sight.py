"""Both sides compare heads as soon as they see each other, though neither has anything to send."""

import shutil

from edge.central.ledger.terminal_claims import claims
from edge.domain.protocol import topics
from edge.domain.protocol.terminal_status import Presence
from edge.terminal.runtime.alarms import Alarm
from edge.terminal.runtime.status_source import AlarmConditions


def settled(installation, count: int):
    """A terminal with everything receipted, and stopped."""
    terminal = installation.terminal()
    terminal.append(count)
    terminal.run(resend_s=60)
    terminal.receipted(count)
    terminal.stop()
    return terminal


def test_a_journal_that_was_restored_is_seen_though_it_has_nothing_to_send(installation):
    installation.ledger()
    terminal = settled(installation, 5)
    shutil.copy(terminal.path, terminal.path.with_name("older"))
    terminal.append(5)
    terminal.run(resend_s=60)
    terminal.receipted(10)
    terminal.stop()
    for path in terminal.path.parent.glob(f"{terminal.path.name}*"):
        path.unlink()
    shutil.copy(terminal.path.with_name("older"), terminal.path)  # the card as it was: five records, all receipted
    publisher = terminal.run(resend_s=60)
    installation.eventually(lambda: Alarm.FORK in publisher.alarms, "the fork is seen")
    assert publisher.counters.sent == 0


def test_a_ledger_that_was_restored_is_seen_and_gets_everything_again(installation, caplog):
    service = installation.ledger()
    terminal = settled(installation, 5)
    service.stop()
    for path in installation.ledger_path.parent.glob("ledger.db*"):
        path.unlink()
    with installation.store() as store:
        store.register(terminal.origin, terminal.key.verify_key)
    installation.ledger()
    terminal.run(resend_s=60, behind_s=1.0)
    installation.eventually(lambda: "it has lost some" in caplog.text, "the loss is seen")
    installation.eventually(lambda: installation.count() == 5, "all of it is sent again")


def test_what_a_terminal_says_is_remembered_and_a_hostile_neighbour_changes_nothing(installation):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(3)
    terminal.run(status=AlarmConditions({"tamper": lambda: True}))
    terminal.receipted(3)

    def claim():
        with installation.store() as store:
            return claims(store).get(terminal.origin)

    installation.eventually(lambda: claim() is not None, "its status is heard")
    assert (claim().state, claim().head) == (Presence.ONLINE, 3)
    assert "tamper" in claim().alarms
    terminal.stop()
    installation.eventually(lambda: claim().state == Presence.STOPPED, "and that it went")
    neighbour = installation.neighbour("gate-1")
    for raw in (b"", b"{", b"[" * 36_000, b'{"v":1,"state":"online"}'):
        neighbour.publish(topics.status(terminal.origin), raw, retain=True)
    neighbour.link.stop()
    terminal.append(1)
    terminal.run()
    terminal.receipted(4)
    assert "tamper" in claim().alarms


def test_a_record_whose_kind_is_called_status_is_a_record(installation):
    """Its topic ends like that of a status; the ledger stores kinds that it does not know."""
    service = installation.ledger()
    terminal = installation.terminal()
    with terminal.journal() as journal:
        journal.append(installation.punch())
        wire = journal.envelopes(0, 1)[0].wire
    neighbour = installation.neighbour("eavesdropper")  # our ACL knows the kinds; another broker's may not
    assert neighbour.publish(f"smartclocker/v1/main/gate-1/record/{'status'}", wire).refused is None
    neighbour.publish(topics.record(terminal.origin, "punch"), wire)
    installation.eventually(lambda: installation.count() == 1, "the one under its own kind is stored")
    assert {reason.name for _, reason in service._said} == {"KIND"}, "the other was judged as a record"
