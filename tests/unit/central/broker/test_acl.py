"""The rules by which the terminals of a site read each other's records."""

import pytest

from edge.central.broker import acl
from edge.domain.protocol.record import Origin
from edge.errors import NameRefused

ONE, TWO, FAR = Origin("main", "gate-1"), Origin("main", "gate-2"), Origin("north", "gate-3")


def test_each_terminal_reads_two_kinds_of_its_own_site_by_name() -> None:
    rows = acl.render_acl(["main", "north"], terminals=[ONE, TWO, FAR])
    assert acl.terminals_of(rows) == [ONE, TWO, FAR]
    assert rows.count("user gate-1\ntopic read smartclocker/v1/main/+/record/punch\n") == 1
    assert rows.count("topic read smartclocker/v1/north/+/record/correction\n") == 1
    assert not [line for line in rows.splitlines() if line.startswith("pattern") and "+/record" in line]
    assert acl.own_lines(rows) == 0


def test_a_terminal_of_a_site_that_is_not_served_gets_no_rules() -> None:
    assert acl.terminals_of(acl.render_acl(["main"], terminals=[FAR])) == []


def test_an_earlier_acl_gets_the_rules_and_keeps_all_that_it_has() -> None:
    own = "user payroll\ntopic read smartclocker/v1/+/+/record/+\n\nuser gate-1\ntopic read weather/#\n"
    before = acl.render_acl(["main"]) + own
    after = acl.add(before, ["main"], (), [ONE, TWO])
    assert acl.terminals_of(after) == [ONE, TWO]
    assert set(before.splitlines()) <= set(after.splitlines())
    assert after.splitlines().count("user gate-1") == 1
    assert acl.add(after, ["main"], (), [ONE, TWO]) == after
    assert acl.own_lines(after) == 2, "payroll, and the weather"


def test_what_goes_leaves_lines_of_others_and_of_their_own_alone() -> None:
    rows = acl.add(acl.render_acl(["main"]) + "\nuser gate-1\ntopic read weather/#\n", ["main"], (), [ONE, TWO])
    without = acl.drop_terminals(rows, [ONE, TWO])
    assert acl.terminals_of(without) == []
    assert "user gate-1\ntopic read weather/#\n" in without
    assert "gate-2" not in without
    assert without.splitlines().count("user ledger") == 1
    assert acl.add(without, ["main"], (), [ONE, TWO]).count("+/record/punch") == 2


def test_no_rule_is_left_to_another_user_when_a_users_line_goes() -> None:
    """A pattern between a user's line and a rule of theirs does not end their rules."""
    rows = "user payroll\ntopic read a\n\nuser gate-1\ntopic read smartclocker/v1/main/+/record/punch\n"
    rows += "pattern read b/%u\ntopic read weather/#\n"
    assert "user gate-1\npattern read b/%u\ntopic read weather/#\n" in acl.drop_terminals(rows, [ONE])


@pytest.mark.parametrize("name", ["+", "gate-1\ntopic readwrite #"])
def test_a_name_that_would_open_more_is_refused(name: str) -> None:
    with pytest.raises(NameRefused, match="is not a name"):
        acl.render_acl(["main"], terminals=[Origin("main", name)])


def test_an_instance_that_is_added_later_has_the_ledgers_rules_under_its_own_name() -> None:
    rows = acl.add(acl.render_acl(["main"]), ["main"], ["two"])
    block = rows.partition("user ledger.two\n")[2].partition("\n\n")[0]
    assert "topic read smartclocker/v1/+/+/record/+" in block
    assert "topic write smartclocker/v1/+/+/receipt" in block
