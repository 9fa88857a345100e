"""Orders at the centre's command line, without a broker: about whom, all or none, cancelled, waiting."""

import contextlib
import hashlib
import json
import sqlite3
import time
from datetime import datetime
from pathlib import Path

import pytest

from edge.central.authority import authority_key, order_status
from edge.central.authority.register import Actor, OrderRegister
from edge.central.ledger.terminal_claims import ClaimRecorder
from edge.central.store.records import Store
from edge.cli import main
from edge.cli.central.orders import fields
from edge.crypto.dsse import key_id
from edge.domain.protocol import topics
from edge.domain.protocol.order import Word
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Kind
from edge.errors import RecordError
from edge.terminal.uplink.status import Online, online
from tests.support.centre import WHY, centre, gates, order
from tests.support.ledger_gate import HOUR, Gate, since_boot
from tests.support.people import ANN, BOB

__all__ = ["centre", "gates"]  # fixtures


def orders(centre: Path, *words: str) -> int:
    return main(["central", "orders", str(centre), *words])


def states(centre: Path, capsys) -> list[tuple[int, str, str]]:
    capsys.readouterr()
    orders(centre, "--all", "--json")
    rows = json.loads(capsys.readouterr().out)
    return [(row["sequence"], row["terminal"], row["state"]) for row in rows]


@pytest.mark.parametrize(
    ("person", "why"),
    [
        (BOB, "no record and no roster here names this person"),
        ("ann", "no person id"),
        (f"{ANN}a", "no person id"),
    ],
)
def test_an_order_about_nobody_is_refused_before_it_is_signed(centre, gates, capsys, person, why):
    assert order(centre, "main/gate-1", "erase", person, "--reason", "requested") not in {0, 1}
    said = capsys.readouterr().err
    assert why in said
    assert "--force" in said
    assert states(centre, capsys) == []


def test_where_no_order_waits_the_list_says_so(centre, gates, capsys):
    assert orders(centre) == 0
    assert capsys.readouterr().out == "no order was given\n"
    assert orders(centre, "--json") == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("where", ["gate-1", "main/", "/gate-1", "/"])
def test_a_terminal_without_its_site_is_refused_with_the_form(centre, gates, capsys, where):
    assert order(centre, where, "restrict", ANN) == 65
    assert f"{where}: write SITE/TERMINAL, or SITE/* for all" in capsys.readouterr().err


def test_a_policy_that_is_no_file_or_no_text_is_refused_with_the_cause(centre, gates, tmp_path, capsys):
    text = tmp_path / "policy.md"
    for content, said in ((None, "No such file or directory"), (b"\xff", "is not UTF-8 text")):
        if content is not None:
            text.write_bytes(content)
        words = ("--version", "2", "--text", str(text))
        assert order(centre, "main/*", "policy", *words) == 65
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("verb", [("authority", "show"), ("audit",)])
def test_a_directory_without_an_authority_names_the_verb_that_makes_one(tmp_path, capsys, verb):
    assert main(["central", *verb, str(tmp_path)]) == 78
    assert "correct DIR, or make one with `smartclocker central authority init DIR`" in capsys.readouterr().err


def test_by_force_it_is_given_and_somebody_who_is_known_needs_none(centre, gates, capsys):
    assert order(centre, "main/gate-1", "erase", BOB, "--reason", "requested", "--force") == 1
    assert order(centre, "main/gate-1", "restrict", ANN) == 1
    assert states(centre, capsys) == [(1, "gate-1", "owed"), (2, "gate-1", "owed")]


def test_an_order_to_a_site_that_fails_at_one_terminal_is_given_to_none(centre, gates, capsys, monkeypatch):
    """What was issued for those before it would be sent by the next `orders --send`, though nobody saw it given."""
    real = fields.sealed_name

    def second_fails(arguments, terminal):
        if terminal.origin.terminal == "gate-2":
            raise RuntimeError("a key that is none")
        return real(arguments, terminal)

    monkeypatch.setattr("edge.cli.central.orders.order.sealed_name", second_fails)
    assert order(centre, "main/*", "rectify", ANN, "--name", "Ann") == 70, "what nobody foresaw"
    assert states(centre, capsys) == []
    monkeypatch.undo()
    assert order(centre, "main/*", "rectify", ANN, "--name", "Ann") == 1
    assert [state for *_, state in states(centre, capsys)] == ["owed"] * 3


def test_one_order_of_several_that_no_terminal_would_take_keeps_back_all(centre):
    with OrderRegister(centre / authority_key.DB) as registry:
        each = {"gate-1": {"person": ANN}, "gate-2": {"person": "Ann"}}
        with pytest.raises(RecordError):
            registry.issue_each(
                authority_key.load(centre),
                Actor("Pat", "x"),
                "main",
                Word.RESTRICT,
                each,
                valid=order_status.AGAIN_AFTER,
            )
        assert registry.addressed() == []
        assert len(registry.entries()) == 1


@pytest.mark.parametrize(
    ("words", "roster"),
    [
        (("restrict", ANN), True),
        (("erase", ANN, "--reason", "requested"), True),
        (("delete-evidence", ANN), False),
        (("access", ANN, "--reply-key", "KEY"), False),
    ],
)
def test_what_is_cancelled_speaks_of_the_roster_only_where_that_followed_it(centre, gates, capsys, words, roster):
    key = centre / "reply.key"
    assert main(["central", "rights", "key", str(key)]) == 0
    order(centre, "main/gate-1", *(str(key) if word == "KEY" else word for word in words))
    capsys.readouterr()
    assert orders(centre, "--cancel", "1", *WHY) == 0
    assert ("roster" in capsys.readouterr().out) is roster


def test_an_order_that_was_cancelled_is_owed_and_sent_no_more_and_the_log_says_who_and_why(centre, gates, capsys):
    order(centre, "main/*", "restrict", ANN)
    order(centre, "main/gate-1", "erase", ANN, "--reason", "requested")
    assert orders(centre, "--cancel", "2", "--by", "Pat", "--why", "the wrong person") == 0
    assert "gate-1  erase  cancelled; it was never sent" in capsys.readouterr().out
    assert states(centre, capsys)[-1] == (2, "gate-1", "cancelled")
    with Store(centre / "ledger.db") as store, OrderRegister(centre / authority_key.DB) as registry:
        assert {one.order.sequence for one in order_status.due(order_status.standing(registry, store))} == {1}
        entry = registry.entries()[-1]
        assert (entry.act, entry.why, entry.data["sequence"]) == ("order-cancelled", "the wrong person", 2)
    assert main(["central", "audit", str(centre)]) == 0
    assert orders(centre, "--cancel", "1", "--by", "Pat", "--why", "x") == 0
    assert orders(centre) == 0, "nobody owes anything"


def test_what_was_sent_may_be_obeyed_yet_and_its_result_stands(centre, gates, capsys):
    order(centre, "main/gate-1", "restrict", ANN)
    with OrderRegister(centre / authority_key.DB) as registry:
        registry.sent(registry.addressed())
        command = registry.addressed()[0].order.id
    assert orders(centre, "--cancel", "1", "--by", "Pat", "--why", "x") == 0
    assert "may still obey it, until 20" in capsys.readouterr().out
    assert states(centre, capsys) == [(1, "gate-1", "cancelled")]
    result = {"command_id": command, "command": "restrict", "outcome": "done", "detail": "kept"}
    gates[0].write(Kind.COMMAND_RESULT, result, since_boot(HOUR))
    assert states(centre, capsys) == [(1, "gate-1", "done")]
    assert orders(centre, "--cancel", "1", "--by", "Pat", "--why", "x") == 65
    assert "no terminal is still to answer it (done)" in capsys.readouterr().err


def test_what_is_begun_to_be_sent_while_it_is_cancelled_may_be_obeyed(centre, gates, capsys, monkeypatch):
    """Between the look at what is owed and the entry in the log another command may take the order."""
    order(centre, "main/gate-1", "restrict", ANN)
    real = OrderRegister.cancel

    def late(self, *given):
        with OrderRegister(centre / authority_key.DB) as other:
            assert [one.order.sequence for one in other.claim(other.addressed())] == [1]
        return real(self, *given)

    monkeypatch.setattr(OrderRegister, "cancel", late)
    capsys.readouterr()
    assert orders(centre, "--cancel", "1", *WHY) == 0
    said = capsys.readouterr().out
    assert "never sent" not in said
    assert "may still obey it, until 20" in said


def test_what_is_sent_is_neither_cancelled_nor_sent_by_another_command(centre, gates):
    for _ in range(2):
        order(centre, "main/*", "restrict", ANN)
    with OrderRegister(centre / authority_key.DB) as registry, OrderRegister(centre / authority_key.DB) as other:
        read = registry.addressed()
        assert orders(centre, "--cancel", "1", *WHY) == 0
        mine = registry.claim(read)
        assert [(one.order.sequence, one.origin.terminal) for one in mine] == [(2, f"gate-{n}") for n in (1, 2, 3)]
        registry.sent(mine[:2], mine[2:])
        assert [one.origin.terminal for one in other.claim(read)] == ["gate-3"], "nobody listened there"
        after = {one.origin.terminal: one for one in other.addressed() if one.order.sequence == 2}
        assert [(after[name].times, after[name].trying is None) for name in sorted(after)] == [
            (1, True), (1, True), (0, False),
        ]  # fmt: skip


def test_an_order_whose_sending_was_killed_is_sent_again_at_once(centre, gates, capsys):
    order(centre, "main/gate-1", "restrict", ANN)
    with Store(centre / "ledger.db") as store, OrderRegister(centre / authority_key.DB) as registry:
        registry.claim(registry.addressed())
        assert len(order_status.due(order_status.standing(registry, store))) == 1
    capsys.readouterr()
    assert orders(centre) == 1
    assert "perhaps sent: a command ended while it did so" in capsys.readouterr().out


def test_a_registry_of_before_is_brought_up_to_date(centre, gates, capsys):
    order(centre, "main/gate-1", "restrict", ANN)
    with contextlib.closing(sqlite3.connect(centre / authority_key.DB, isolation_level=None)) as db:
        db.execute("ALTER TABLE addressed DROP COLUMN trying")
        db.execute("PRAGMA user_version = 2")
    assert states(centre, capsys) == [(1, "gate-1", "owed")]
    assert orders(centre, "--cancel", "1", *WHY) == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--cancel", "9", "--why", "x"], "no order has this number"),
        (["--cancel", "1"], "needs --why"),
        (["--cancel", "1", "--why", "x"], "a rotation is done"),
    ],
)
def test_what_cannot_be_cancelled_says_why(centre, gates, capsys, words, why):
    rotate = ["central", "authority", "rotate", str(centre), *WHY]
    assert main(rotate) == 0
    assert orders(centre, *words, "--by", "Pat") == 65
    assert why in capsys.readouterr().err


def test_an_order_that_waits_for_a_clock_says_so(centre, gates, capsys):
    order(centre, "main/gate-1", "unrestrict", ANN, "--lifts", "restriction")
    order(centre, "main/gate-1", "restrict", ANN)
    with OrderRegister(centre / authority_key.DB) as registry:
        registry.sent(registry.addressed())
    capsys.readouterr()
    orders(centre)
    first, second = capsys.readouterr().out.splitlines()
    assert all("sent 1 time, last 20" in line and "when that was an hour ago" in line for line in (first, second))
    with Store(centre / "ledger.db") as store:
        sightings = ClaimRecorder(store)
        said = Online(epoch="e" * 32, head=1, utc="2026-03-02T08:00:00.000Z", watermark=1, refused=False,
                      alarms=("clock-unsynchronised",), counters={})  # fmt: skip
        sightings.hear(topics.status(Origin("main", "gate-1")), online(said))
        sightings.flush(0)
    orders(centre)
    first, second = capsys.readouterr().out.splitlines()
    assert "follows no time server, and until it does this order waits there" in first
    assert "time server" not in second, "what only takes away is obeyed by any clock"


@pytest.mark.parametrize(
    ("now", "day", "taken"),
    [
        ("2026-03-01T20:00:00+00:00", "2026-03-02", True),  # it is Monday in Auckland
        ("2026-03-01T09:00:00+00:00", "2026-03-02", False),  # it is Monday nowhere
        ("2026-03-01T20:00:00+00:00", "2026-03-03", False),
    ],
)
def test_a_request_of_today_is_taken_wherever_today_has_begun(centre, gates, capsys, monkeypatch, now, day, taken):
    monkeypatch.setattr("edge.cli.central.rights.requests._now", lambda: datetime.fromisoformat(now))
    code = main(["central", "rights", "open", str(centre), ANN, "access", "--received", day, *WHY])
    assert (code == 0) is taken
    said = capsys.readouterr()
    assert ("lies in the future" in said.err) is not taken


def test_the_day_of_a_request_is_that_of_this_machine_s_zone(centre, gates, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        monkeypatch.setattr(
            "edge.cli.central.rights.requests._now", lambda: datetime.fromisoformat("2026-03-01T20:00:00+00:00")
        )
        assert main(["central", "rights", "open", str(centre), ANN, "access", *WHY]) == 0
    finally:
        monkeypatch.undo()
        time.tzset()
    with OrderRegister(centre / authority_key.DB) as registry:
        assert registry.entries()[-1].data["received"] == "2026-03-02"


def test_waiting_for_one_order_judges_that_order_alone(centre, gates):
    order(centre, "main/*", "restrict", ANN)
    order(centre, "main/gate-1", "object", ANN)
    with Store(centre / "ledger.db") as store, OrderRegister(centre / authority_key.DB) as registry:
        last = [one for one in registry.addressed() if one.order.sequence == 2]
        assert [one.addressed.order.sequence for one in order_status.judged(last, store)] == [2]


def test_an_answer_that_a_stolen_terminal_signed_is_marked_wherever_it_is_shown(centre, gates, capsys):
    main(["central", "rights", "open", str(centre), ANN, "erasure", *WHY])
    order(centre, "main/gate-1", "erase", ANN, "--reason", "requested", "--request", "2")
    with OrderRegister(centre / authority_key.DB) as registry:
        (command,) = (one.order.id for one in registry.addressed())
    result = {"command_id": command, "command": "erase", "outcome": "done", "detail": "all of it"}
    thief = gates[0]
    thief.write(Kind.COMMAND_RESULT, result, since_boot(HOUR))
    consent = {"person": BOB, "state": "given", "policy_version": "1", "policy_sha256": "c" * 64}
    thief.write(Kind.CONSENT, consent, since_boot(HOUR))
    views = (["orders", "--all"], ["audit", "--terminals"], ["rights", "list"], ["rights", "policy"])

    def shown() -> list[str]:
        found = []
        for verb, *rest in views:
            words = [verb, str(centre), *rest] if verb != "rights" else [verb, *rest, str(centre)]
            capsys.readouterr()
            main(["central", *words])
            found.append(capsys.readouterr().out)
        return found

    assert not any("unproven" in text for text in shown())
    assert (
        main(["central", "revoke", str(centre), key_id(thief.key.verify_key), "--since", "2026-03-01T00:00Z"]) == 0
    )
    assert all("[unproven]" in text for text in shown())
    again = Gate(thief.ledger._store, Origin("main", "gate-1"), 9)
    again.write(Kind.COMMAND_RESULT, {**result, "outcome": "refused", "detail": "not here"}, since_boot(HOUR))
    assert "refused: not here" in shown()[0], "the word of an identity that nobody doubts counts before"


def test_a_result_of_an_order_to_another_terminal_is_none_of_that_order(centre, gates, capsys):
    order(centre, "main/gate-1", "restrict", ANN)
    with OrderRegister(centre / authority_key.DB) as registry:
        (command,) = (one.order.id for one in registry.addressed())
    result = {"command_id": command, "command": "restrict", "outcome": "done", "detail": "x"}
    gates[1].write(Kind.COMMAND_RESULT, result, since_boot(HOUR))
    capsys.readouterr()
    main(["central", "audit", str(centre), "--terminals", "--json"])
    (row,) = json.loads(capsys.readouterr().out)["records"]
    assert (row["order"], row["doubt"]) == (None, None)


@pytest.mark.parametrize("at", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00", "tomorrow", "2026-12-31T23:59"])
def test_an_instant_that_no_calendar_has_is_refused(centre, gates, capsys, at):
    assert order(centre, "main/gate-1", "employment-ended", ANN, "--at", at) == 65
    assert "with Z or an offset" in capsys.readouterr().err


def test_a_pause_that_no_clock_takes_is_a_shorter_one(centre, gates, capsys, monkeypatch):
    order(centre, "main/gate-1", "restrict", ANN)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise KeyboardInterrupt

    monkeypatch.setattr("edge.cli.central.orders.order.time.sleep", sleep)
    assert orders(centre, "--send", "--every", "999999d", "--port", "1") == 130
    assert slept[0] < 9e9, "time.sleep refuses more"


def test_a_ticket_names_one_terminal_the_policy_a_witness_by_number_and_the_employer(
    centre, gates, tmp_path, capsys
):
    text = tmp_path / "policy.md"
    text.write_text("The policy.\n")
    about = ("--version", "2", "--text", str(text))
    whole = (*about, "--witness", "4711", "--employer-agreed")
    for where, words, said in (
        ("main/gate-1", (), "needs --version, --text, --witness, --employer-agreed"),
        ("main/gate-1", (*about, "--witness", "4711"), "needs --employer-agreed"),
        ("main/gate-1", (*about, "--witness", "Wanda", "--employer-agreed"), "a staff number and no name"),
        ("main/*", whole, "is for one terminal"),
    ):
        assert order(centre, where, "enrol", ANN, "--force", *words) == 65
        assert said in capsys.readouterr().err
    assert states(centre, capsys) == []
    order(centre, "main/gate-1", "enrol", ANN, "--force", *whole)
    with OrderRegister(centre / authority_key.DB) as registry:
        (made,) = registry.addressed()
    assert made.order.terminals == ("gate-1",)
    assert dict(made.order.fields) == {
        "person": ANN,
        "policy_version": "2",
        "policy_sha256": hashlib.sha256(text.read_bytes()).hexdigest(),
        "witness": "4711",
        "employer_agreed": True,
    }
    lifetime = datetime.fromisoformat(made.order.expires) - datetime.fromisoformat(made.order.issued)
    assert lifetime.total_seconds() == 86_400
