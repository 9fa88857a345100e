"""Who may use the control socket, by what the kernel says of the other end."""

from edge.adapters.linux.peer_credentials import Peer
from edge.terminal.control.admission import Admission

RULE = Admission(own_uid=990, group="smartclocker-operators", gid=800)
ROOT, SERVICE = Peer(1, 0, frozenset({0})), Peer(2, 990, frozenset({990}))
MEMBER, OTHER = Peer(3, 1000, frozenset({1000, 800})), Peer(4, 1001, frozenset({1001}))


def test_root_the_service_and_the_members_of_the_group_are_served() -> None:
    assert [RULE.refusal(peer) for peer in (ROOT, SERVICE, MEMBER)] == [None] * 3


def test_everybody_else_is_told_the_cure() -> None:
    refusal = RULE.refusal(OTHER) or ""
    assert "uid 1001" in refusal
    assert "usermod -aG smartclocker-operators" in refusal


def test_without_the_group_its_number_is_nobodys() -> None:
    rule = Admission(990, "smartclocker-operators", None)
    assert rule.refusal(ROOT) is None
    assert "groupadd --system smartclocker-operators" in (rule.refusal(MEMBER) or "")


def test_a_member_acts_under_their_own_login_or_a_staff_number() -> None:
    assert RULE.operator_problem(MEMBER, "uid:1000") is None
    assert RULE.operator_problem(MEMBER, "s-4711") is None
    assert "uid:1000" in (RULE.operator_problem(MEMBER, "uid:0") or "")
    assert RULE.operator_problem(ROOT, "uid:1000") is None
    assert RULE.operator_problem(SERVICE, "uid:1000") is None
