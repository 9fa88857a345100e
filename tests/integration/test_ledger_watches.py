"""What the running ledger writes down beside the records, so that `central gaps` tells the truth."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.central.gaps.delivery_gaps import ProblemKind, find
from edge.central.ledger import pulse, silent_broker, terminal_claims
from edge.crypto.key_files import create_identity
from edge.domain.protocol.record import Origin

FAR = timedelta(days=36_500)


def kinds(installation, later: timedelta = timedelta(0)) -> list[ProblemKind]:
    with installation.store() as store:
        return [one.kind for one in find(store, FAR, datetime.now(UTC) + later)]


def test_a_terminal_that_publishes_and_is_not_registered_is_named(installation):
    installation.ledger()
    terminal = installation.terminal()
    with installation.store() as store, store.batch():
        store.change("DELETE FROM terminals WHERE site = ?", [("main",)])
    terminal.append(1)
    terminal.run(resend_s=0.2)
    installation.eventually(lambda: kinds(installation) == [ProblemKind.UNREGISTERED], "named")
    with installation.store() as store:
        (found,) = find(store, FAR)
        assert found.origin == Origin("main", "gate-1")
        store.register(terminal.origin, terminal.key.verify_key)
    terminal.receipted(1)
    installation.eventually(lambda: kinds(installation) == [], "and no longer")


def test_another_identity_than_the_registered_one_is_named(installation, tmp_path):
    installation.ledger()
    terminal = installation.terminal()
    terminal.key = create_identity(tmp_path / "other.pem")
    terminal.append(1)
    terminal.run(resend_s=0.2)
    installation.eventually(lambda: ProblemKind.UNREGISTERED in kinds(installation), "named")


def test_a_ledger_that_ended_is_said_within_minutes(installation):
    service = installation.ledger()
    installation.eventually(
        lambda: kinds(installation) == [] and kinds(installation, pulse.LATE) == [ProblemKind.LEDGER],
        "its first beat",
    )
    service.stop()
    assert kinds(installation, pulse.LATE) == [ProblemKind.LEDGER]
    service = installation.ledger()
    assert kinds(installation) == []


def test_a_ledger_without_its_broker_is_said(installation):
    service = installation.ledger()
    with installation.store() as store:
        installation.eventually(lambda: list(store.select("SELECT unheard FROM services")) == [(None,)], "a beat")
        installation.broker.kill()
        installation.eventually(lambda: list(store.select("SELECT unheard FROM services")) != [(None,)], "a beat")
    assert kinds(installation, pulse.LATE - timedelta(seconds=30)) == []
    with installation.store() as store, store.batch():
        store.change("UPDATE services SET beat = ?", [((datetime.now(UTC) + timedelta(minutes=4)).isoformat(),)])
    assert kinds(installation, timedelta(minutes=4)) == [ProblemKind.LEDGER]
    assert service.connected.is_set() is False


@pytest.mark.parametrize("how", ["SIGTERM", "a lost connection", "the broker is killed"])
def test_an_ordinary_end_after_punches_is_no_roll_back(installation, monkeypatch, how):
    """The status before them is a minute old, and its head stands until the terminal is back."""
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(2)
    terminal.run()
    terminal.receipted(2)
    with installation.store() as store:
        installation.eventually(lambda: terminal.origin in terminal_claims.claims(store), "it is claimed")
        terminal.append(4)
        terminal.receipted(6)
        monkeypatch.setattr(terminal_claims, "now", (datetime.now(UTC) + timedelta(hours=1)).isoformat)
        if how == "a lost connection":
            terminal.publisher._uplink._link._connection._client.socket().close()
            terminal.publisher._uplink._link._stopping.set()
        elif how == "the broker is killed":
            installation.broker.kill()
            terminal.stop()
            installation.broker.start()
        terminal.stop()
        gone = terminal_claims.Presence.ONLINE
        installation.eventually(
            lambda: (
                terminal_claims.claims(store)[terminal.origin].state is not gone or how == "the broker is killed"
            ),
            "gone",
        )
    assert set(kinds(installation, timedelta(hours=2))) <= {ProblemKind.OFFLINE, ProblemKind.LEDGER}


def test_a_ledger_that_hears_nothing_although_terminals_are_online_begins_a_new_session(
    installation, monkeypatch, caplog
):
    monkeypatch.setattr(silent_broker, "PATIENCE_S", 1.0)
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(1)
    terminal.run()
    terminal.receipted(1)
    installation.eventually(lambda: "a new session at the broker begins" in caplog.text, "a new session")
    terminal.append(1)
    terminal.receipted(2)
