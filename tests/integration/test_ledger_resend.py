"""`central resend`, from the command line to the answer in the ledger, over a real broker."""

import json
from datetime import timedelta

import pytest

from edge.central.gaps.resend import MAX_COMMANDS, Range, commands_for
from edge.cli import main
from edge.domain.protocol.record import Origin
from edge.domain.protocol.resend_command import MAX_RANGE
from tests.support.broker import restart

EPOCH = "e" * 32


@pytest.fixture
def centre(installation):
    """The centre's directory, over the installation's own files."""
    base = installation.root / "centre"
    base.mkdir()
    installation.uplink("authority")
    (base / "pki").symlink_to(installation.broker.pki)
    (base / "ledger.key").symlink_to(installation.root / "ledger.pem")
    (base / "ledger.db").symlink_to(installation.ledger_path)
    return base


@pytest.fixture
def resend(installation, centre, capsys):
    def run(*words: str) -> tuple[int, list[dict] | str]:
        broker = ["--host", installation.broker.host, "--port", str(installation.broker.port)]
        code = main(["central", "resend", str(centre), *words, *broker, "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    return run


def lose(installation, first: int, last: int, upto: int) -> None:
    """What a damaged database would lack."""
    with installation.store() as store, store.batch():
        store._db.execute("DELETE FROM records WHERE seq BETWEEN ? AND ?", (first, last))
        prev = store._db.execute("SELECT hash FROM records WHERE seq = ?", (upto,)).fetchone()[0]
        store._db.execute("UPDATE chains SET upto = ?, head = ?", (upto, prev))


def test_it_asks_for_what_lacks_and_waits_for_the_answer(installation, resend):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(40)
    terminal.run(behind_s=600)
    terminal.receipted(40)
    installation.service.stop()
    lose(installation, 11, 20, 10)
    with installation.store() as store, store.batch():  # it was seen long ago
        store._db.execute("UPDATE records SET received = '2026-01-01T00:00:00.000Z'")
    installation.ledger()
    code, (asked,) = resend("main/gate-1")
    assert (code, asked["outcome"], asked["first"], asked["last"]) == (0, "done", 11, 20)
    installation.eventually(lambda: installation.count() == 41, "all is back, and the result with it")
    code, nothing = resend("main/gate-1")
    assert (code, nothing) == (0, [])


def test_a_range_by_hand_and_what_the_terminal_cannot_do(installation, resend):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(5)
    terminal.run()
    terminal.receipted(5)
    code, (asked,) = resend("main/gate-1", "--first", "4", "--last", "90")
    assert (code, asked["outcome"]) == (1, "partly")
    code, (asked,) = resend("main/gate-1", "--first", "1", "--last", "2", "--epoch", "f" * 32)
    assert (code, asked["outcome"]) == (1, "refused")
    assert installation.count() == 7


def test_a_terminal_that_is_away_gets_it_later_and_one_that_never_was_does_not(installation, resend):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(3)
    terminal.run()
    terminal.receipted(3)
    terminal.stop()
    code, (asked,) = resend("main/gate-1", "--first", "1", "--last", "3", "--wait", "1s")
    assert (code, asked["outcome"], asked["heard"]) == (1, None, True)
    terminal.run()
    installation.eventually(lambda: installation.count() == 4, "its answer")
    installation.terminal("gate-2")
    code, (asked,) = resend("main/gate-2", "--epoch", EPOCH, "--first", "1", "--last", "3")
    assert (code, asked["heard"]) == (1, False)


def test_an_expired_command_is_forgotten_by_the_broker(installation, resend):
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(3)
    terminal.run()
    terminal.receipted(3)
    terminal.stop()
    resend("main/gate-1", "--first", "1", "--last", "3", "--valid", "1s", "--wait", "2s")
    reader = installation.neighbour("gate-1", client_id="main.gate-1")
    installation.eventually(lambda: reader.poll() is None, "the queue of its session is read")
    assert not any("command" in topic for topic, _ in reader.heard)


@pytest.mark.parametrize(
    ("words", "code", "cure"),
    [
        (["main/gate-9"], 65, "no active identity"),
        (["main/gate-1", "--first", "3"], 65, "belong together"),
        (["main/gate-1", "--first", "3", "--last", "2"], 65, "no range"),
        (["main/gate-1", "--first", "0", "--last", "2"], 65, "no range"),
        (["main/gate-1", "--first", "1", "--last", "2"], 65, "name the epoch"),
        (["main/gate-1", "--epoch", "E", "--first", "1", "--last", "2"], 65, "epoch is missing or malformed"),
        (["main/gate-1", "--epoch", EPOCH, "--first", "1", "--last", "2", "--valid", "8d"], 65, "within 7 days"),
    ],
)
def test_what_cannot_be_asked_is_said_with_its_cure(installation, resend, words, code, cure):
    installation.terminal()
    assert (got := resend(*words))[0] == code
    assert cure in got[1]


def test_a_broker_that_is_away_or_refuses_is_named(installation, resend):
    terminal = installation.terminal()
    asked = [f"main/{terminal.origin.terminal}", "--epoch", EPOCH, "--first", "1", "--last", "2"]
    allowed = installation.broker.acl.read_text()
    installation.broker.acl.write_text(allowed.replace("topic write smartclocker/v1/+/+/command\n", ""))
    restart(installation.broker)
    code, said = resend(*asked)
    assert (code, "let its ACL allow" in said) == (69, True)
    installation.broker.stop()
    code, said = resend(*asked)
    assert (code, "connection refused" in said) == (69, True)
    installation.broker.start()


def test_a_long_range_is_asked_for_in_parts_and_a_hostile_claim_in_few():
    gate, valid = Origin("main", "gate-1"), timedelta(days=1)
    made = commands_for(gate, [Range(EPOCH, 1, 2 * MAX_RANGE + 1), Range("f" * 32, 7, 7)], valid)
    assert [(one.epoch[0], one.first, one.last) for one in made] == [
        ("e", 1, MAX_RANGE), ("e", MAX_RANGE + 1, 2 * MAX_RANGE), ("e", 2 * MAX_RANGE + 1, 2 * MAX_RANGE + 1),
        ("f", 7, 7),
    ]  # fmt: skip
    assert len({one.id for one in made}) == 4
    assert len(commands_for(gate, [Range(EPOCH, 1, 2**53)], valid)) == MAX_COMMANDS
