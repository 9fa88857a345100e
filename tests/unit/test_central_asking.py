"""What is asked for about nobody, and what ends a request: never in silence."""

import json

import pytest

from edge.central import authority
from edge.central.registry import Registry
from edge.central.store import Store
from edge.cli import main
from edge.domain.kinds import Kind
from edge.domain.orders import NOBODY_HERE
from tests.unit.test_central_orders import BEN, WHY, centre, gates, order
from tests.unit.test_central_punches import ANNA, HOUR, evidence

__all__ = ["centre", "gates"]

NOBODY = "no record and no roster here names this person"


def central(capsys, centre, verb: str, *words: str) -> tuple[int, str]:
    code = main(["central", *verb.split(), str(centre), *words])
    said = capsys.readouterr()
    return code, said.out + said.err


@pytest.mark.parametrize(("person", "why"), [(BEN, NOBODY), ("ann", "no person id")])
def test_the_audit_of_nobody_says_so(centre, gates, capsys, person, why):
    code, said = central(capsys, centre, "audit", "--person", person)
    assert (code, why in said) == (65, True)
    assert central(capsys, centre, "audit", "--person", ANNA)[0] == 0


@pytest.mark.parametrize("verb", ["rights open", "audit"])
def test_nothing_is_entered_about_nobody_but_by_force(centre, gates, capsys, verb):
    rest = {"rights open": (BEN, "access"), "audit": ("--enter", "note", "--person", BEN)}[verb]
    code, said = central(capsys, centre, verb, *rest, *WHY)
    assert (code, NOBODY in said, "--force" in said) == (65, True, True)
    assert central(capsys, centre, verb, *rest, *WHY, "--force")[0] == 0
    assert central(capsys, centre, "audit", "--person", BEN)[0] == 0, "the log itself names them now"


def test_everything_that_an_entry_lacks_is_said_at_once(centre, capsys):
    code, said = central(capsys, centre, "audit", "--enter", "disclosure")
    assert (code, "--why" in said, "--to" in said) == (65, True, True)


def opened(capsys, centre, right: str = "access") -> str:
    return central(capsys, centre, "rights open", ANNA, right, *WHY)[1].split()[1].rstrip(":")


def entry(centre):
    with Registry(centre / authority.DB) as registry:
        return registry.entries()[-1]


def test_a_request_for_which_nothing_was_ordered_is_closed_by_an_express_word_alone(centre, gates, capsys):
    number = opened(capsys, centre)
    code, said = central(capsys, centre, "rights close", number, "--ground", "told by letter", *WHY)
    assert (code, "nothing was ordered" in said, "--without-order" in said) == (65, True, True)
    assert central(capsys, centre, "rights close", number, "--ground", "g", "--without-order", *WHY)[0] == 0
    assert entry(centre).data["without_order"] is True


def answer(centre, gate, outcome: str, detail: str) -> None:
    with Registry(centre / authority.DB) as registry:
        last = registry.addressed()[-1].order
    data = {"command_id": last.id, "command": str(last.word), "outcome": outcome, "detail": detail}
    gate.write(Kind.COMMAND_RESULT, data, evidence(HOUR))


@pytest.mark.parametrize("details", [("no name is held",), (NOBODY_HERE, NOBODY_HERE, NOBODY_HERE)])
def test_a_request_whose_order_was_refused_is_closed_by_an_express_word_alone(centre, gates, capsys, details):
    number = opened(capsys, centre, "restriction")
    where = "main/*" if len(details) > 1 else "main/gate-1"
    order(centre, where, "restrict", ANNA, "--request", number)
    for gate, detail in zip(gates, details, strict=False):
        answer(centre, gate, "refused", detail)
    code, said = central(capsys, centre, "rights close", number, "--ground", "g", *WHY)
    assert (code, "gate-1" in said and "refused" in said, "--although-refused" in said) == (65, True, True)
    close = ("rights close", number, "--ground", "no name was ever held", "--although-refused")
    assert central(capsys, centre, *close, *WHY)[0] == 0
    assert "gate-1" in entry(centre).data["refused"]


def test_terminals_that_do_not_know_the_person_keep_no_request_open(centre, gates, capsys):
    number = opened(capsys, centre, "restriction")
    order(centre, "main/*", "restrict", ANNA, "--request", number)
    answer(centre, gates[0], "done", "restricted")
    for gate in gates[1:]:
        answer(centre, gate, "refused", NOBODY_HERE)
    assert central(capsys, centre, "rights close", number, "--ground", "g", *WHY)[0] == 0
    assert "refused" not in entry(centre).data


def test_what_was_refused_and_ordered_again_is_done(centre, gates, capsys):
    number = opened(capsys, centre, "restriction")
    for outcome in ("refused", "done"):
        order(centre, "main/gate-1", "restrict", ANNA, "--request", number)
        answer(centre, gates[0], outcome, "so")
    assert central(capsys, centre, "rights close", number, "--ground", "g", *WHY)[0] == 0
    with Store(centre / "ledger.db") as store:
        assert store.count("command-result") == 2
    assert json.loads(central(capsys, centre, "rights list", "--json")[1])[0]["standing"] == "done"
