"""What is asked for about nobody, and what ends a request: never in silence."""

import json

import pytest
from nacl.signing import SigningKey

from edge.central.authority import authority_key
from edge.central.authority.register import OrderRegister
from edge.central.store.records import Store
from edge.cli import main
from edge.domain.protocol.order import NOBODY_HERE
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Kind
from tests.support.centre import WHY, centre, gates, order
from tests.support.ledger_gate import HOUR, since_boot
from tests.support.people import ANN, BOB

__all__ = ["centre", "gates"]

NOBODY = "no record and no roster here names this person"


def central(capsys, centre, verb: str, *words: str) -> tuple[int, str]:
    code = main(["central", *verb.split(), str(centre), *words])
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.mark.parametrize(("person", "why"), [(BOB, NOBODY), ("ann", "no person id")])
def test_the_audit_of_nobody_says_so(centre, gates, capsys, person, why):
    code, said = central(capsys, centre, "audit", "--person", person)
    assert (code, why in said) == (65, True)
    assert central(capsys, centre, "audit", "--person", ANN)[0] == 0


@pytest.mark.parametrize("verb", ["rights open", "audit"])
def test_nothing_is_entered_about_nobody_but_by_force(centre, gates, capsys, verb):
    rest = {"rights open": (BOB, "access"), "audit": ("--enter", "note", "--person", BOB)}[verb]
    code, said = central(capsys, centre, verb, *rest, *WHY)
    assert (code, NOBODY in said, "--force" in said) == (65, True, True)
    assert central(capsys, centre, verb, *rest, *WHY, "--force")[0] == 0
    assert central(capsys, centre, "audit", "--person", BOB)[0] == 0, "the log itself names them now"


def test_everything_that_an_entry_lacks_is_said_at_once(centre, capsys):
    code, said = central(capsys, centre, "audit", "--enter", "disclosure")
    assert (code, "--why" in said, "--to" in said) == (65, True, True)


def opened(capsys, centre, right: str = "access") -> str:
    return central(capsys, centre, "rights open", ANN, right, *WHY)[1].split()[1].rstrip(":")


def entry(centre):
    with OrderRegister(centre / authority_key.DB) as registry:
        return registry.entries()[-1]


def test_a_request_for_which_nothing_was_ordered_is_closed_by_an_express_word_alone(centre, gates, capsys):
    number = opened(capsys, centre)
    code, said = central(capsys, centre, "rights close", number, "--ground", "told by letter", *WHY)
    assert (code, "nothing was ordered" in said, "--without-order" in said) == (65, True, True)
    assert central(capsys, centre, "rights close", number, "--ground", "g", "--without-order", *WHY)[0] == 0
    assert entry(centre).data["without_order"] is True


def answer(centre, gate, outcome: str, detail: str) -> None:
    with OrderRegister(centre / authority_key.DB) as registry:
        last = registry.addressed()[-1].order
    data = {"command_id": last.id, "command": str(last.word), "outcome": outcome, "detail": detail}
    gate.write(Kind.COMMAND_RESULT, data, since_boot(HOUR))


@pytest.mark.parametrize("details", [("no name is held",), (NOBODY_HERE, NOBODY_HERE, NOBODY_HERE)])
def test_a_request_whose_order_was_refused_is_closed_by_an_express_word_alone(centre, gates, capsys, details):
    number = opened(capsys, centre, "restriction")
    where = "main/*" if len(details) > 1 else "main/gate-1"
    order(centre, where, "restrict", ANN, "--request", number)
    for gate, detail in zip(gates, details, strict=False):
        answer(centre, gate, "refused", detail)
    code, said = central(capsys, centre, "rights close", number, "--ground", "g", *WHY)
    assert (code, "gate-1" in said and "refused" in said, "--although-refused" in said) == (65, True, True)
    close = ("rights close", number, "--ground", "no name was ever held", "--although-refused")
    assert central(capsys, centre, *close, *WHY)[0] == 0
    assert "gate-1" in entry(centre).data["refused"]


def test_terminals_that_do_not_know_the_person_keep_no_request_open(centre, gates, capsys):
    number = opened(capsys, centre, "restriction")
    order(centre, "main/*", "restrict", ANN, "--request", number)
    answer(centre, gates[0], "done", "restricted")
    for gate in gates[1:]:
        answer(centre, gate, "refused", NOBODY_HERE)
    assert central(capsys, centre, "rights close", number, "--ground", "g", *WHY)[0] == 0
    assert "refused" not in entry(centre).data


def test_what_was_refused_and_ordered_again_is_done(centre, gates, capsys):
    number = opened(capsys, centre, "restriction")
    for outcome in ("refused", "done"):
        order(centre, "main/gate-1", "restrict", ANN, "--request", number)
        answer(centre, gates[0], outcome, "so")
    assert central(capsys, centre, "rights close", number, "--ground", "g", *WHY)[0] == 0
    with Store(centre / "ledger.db") as store:
        assert store.count("command-result") == 2
    assert json.loads(central(capsys, centre, "rights list", "--json")[1])[0]["standing"] == "done"


ERASE = ("erase", ANN, "--reason", "requested", "--request")


def close(capsys, centre, number: str, *words: str) -> tuple[int, str]:
    return central(capsys, centre, "rights close", number, "--ground", "g", *words, *WHY)


def test_an_order_of_another_word_does_not_answer_a_request(centre, gates, capsys):
    number = opened(capsys, centre, "erasure")
    order(centre, "main/gate-1", "restrict", ANN, "--request", number)
    answer(centre, gates[0], "done", "restricted")
    code, said = close(capsys, centre, number)
    assert (code, "has records of this person" in said or "answers erasure" in said) == (65, True)
    order(centre, "main/gate-1", *ERASE, number)
    answer(centre, gates[0], "done", "erased")
    assert close(capsys, centre, number)[0] == 0


@pytest.mark.parametrize("right", ["access", "erasure"])
def test_a_terminal_with_records_but_no_order_keeps_a_request_open(centre, gates, capsys, right):
    gates[1].punch(since_boot(HOUR))
    assert main(["central", "rights", "key", str(centre / "reply")]) == 0
    capsys.readouterr()
    words = ERASE if right == "erasure" else ("access", ANN, "--reply-key", str(centre / "reply"), "--request")
    number = opened(capsys, centre, right)
    order(centre, "main/gate-1", *words, number)
    answer(centre, gates[0], "done", "so")
    code, said = close(capsys, centre, number)
    assert (code, "main/gate-2" in said, "gate-3" in said) == (65, True, False)
    order(centre, "main/gate-2", *words, number)
    answer(centre, gates[1], "done", "so")
    assert close(capsys, centre, number)[0] == 0


def test_a_terminal_that_erased_the_person_by_itself_is_not_to_be_ordered_it(centre, gates, capsys):
    gates[1].punch(since_boot(HOUR))
    data = {"person": ANN, "reason": "requested", "templates": 1}
    gates[1].write(Kind.ERASED, data, since_boot(HOUR))
    number = opened(capsys, centre, "erasure")
    order(centre, "main/gate-1", *ERASE, number)
    answer(centre, gates[0], "done", "erased")
    assert close(capsys, centre, number)[0] == 0


def keyid(centre, name: str) -> str:
    with Store(centre / "ledger.db") as store:
        return next(one.keyid for one in store.terminals() if one.origin.terminal == name)


def test_a_result_that_is_unproven_answers_nothing(centre, gates, capsys):
    """Whoever had the stolen card may have said it, and the terminal of that name now has never heard of it."""
    number = opened(capsys, centre, "erasure")
    order(centre, "main/gate-1", *ERASE, number)
    answer(centre, gates[0], "done", "erased")
    central(capsys, centre, "revoke", keyid(centre, "gate-1"), "--since", "2020-01-01T00:00Z")
    code, said = close(capsys, centre, number)
    assert (code, "no terminal answered" in said) == (65, True)
    with Store(centre / "ledger.db") as store:
        store.register(Origin("main", "gate-1"), SigningKey(bytes([77] * 32)).verify_key)
    code, said = close(capsys, centre, number)
    assert (code, "gate-1 (unproven)" in said) == (65, True)


def test_what_no_terminal_did_is_closed_by_an_express_word_alone(centre, gates, capsys):
    number = opened(capsys, centre, "erasure")
    order(centre, "main/gate-1", *ERASE, number)
    central(capsys, centre, "orders", "--cancel", "1", *WHY)
    central(capsys, centre, "revoke", keyid(centre, "gate-1"))
    assert close(capsys, centre, number)[0] == 65
    assert close(capsys, centre, number, "--without-order")[0] == 0
    assert entry(centre).data["without_order"] is True


def test_what_was_cancelled_since_the_person_was_answered_otherwise_keeps_no_request_open(centre, gates, capsys):
    number = opened(capsys, centre, "erasure")
    order(centre, "main/gate-1", *ERASE, number)
    assert close(capsys, centre, number, "--without-order")[0] == 65, "it may be carried out still"
    central(capsys, centre, "orders", "--cancel", "1", *WHY)
    code, said = close(capsys, centre, number)
    assert (code, "--without-order" in said) == (65, True)
    assert close(capsys, centre, number, "--without-order")[0] == 0


def test_a_policy_whose_order_was_cancelled_is_not_the_one_last_ordered(centre, gates, capsys, tmp_path):
    for number, version in enumerate(("first", "second"), 1):
        (tmp_path / version).write_text(version)
        words = ("--version", version, "--text", str(tmp_path / version), "--consent-again")
        order(centre, "main/*", "policy", *words)
        assert f"policy {version}; asks" in central(capsys, centre, "rights policy")[1]
        if number == 2:
            central(capsys, centre, "orders", "--cancel", "2", *WHY)
    said = central(capsys, centre, "rights policy")[1]
    assert ("policy first; asks" in said, "second" in said) == (True, False)


def test_a_disclosure_names_whom(centre, gates, capsys):
    code, said = central(capsys, centre, "audit", "--enter", "disclosure", *WHY)
    assert (code, "needs --to" in said) == (65, True)
