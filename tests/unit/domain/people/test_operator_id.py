"""Who acted by hand, as a record says it: a number, and never a name."""

import pytest

from edge.domain.people.operator_id import LAST_UID, is_by, is_staff_number, of_uid


@pytest.mark.parametrize(("uid", "said"), [(0, "uid:0"), (1000, "uid:1000"), (LAST_UID, "uid:4294967294")])
def test_a_login_is_said_by_its_number(uid: int, said: str) -> None:
    assert of_uid(uid) == said
    assert is_by(said)
    assert not is_staff_number(said), "nobody passes for a login by an option"


@pytest.mark.parametrize("uid", [-1, LAST_UID + 1, 2**64])
def test_what_the_kernel_means_by_nobody_is_no_login(uid: int) -> None:
    with pytest.raises(ValueError, match="no login"):
        of_uid(uid)


@pytest.mark.parametrize("word", ["7", "4711", "hr-2", "a1", "0-0", "1" * 32, "9f3a"])
def test_a_staff_number_is_opaque(word: str) -> None:
    assert is_staff_number(word)
    assert is_by(word)


@pytest.mark.parametrize(
    "word",
    ["", "ada", "j-smith", "Ada", "Ada1", "ada 1", "J. Smith", "-1", "1" * 33, "a_1", "a.1", "ada1@hq", "1\n", "é1",
     "١", "1/2", "uid:", "root"],
)  # fmt: skip
def test_a_name_is_no_staff_number(word: str) -> None:
    assert not is_staff_number(word)
    assert not is_by(word)


@pytest.mark.parametrize(
    "value",
    ["uid:-1", "uid:01", "uid:1 ", "uid:1\n", "uid:root", "uid:12345678901", "UID:1", "uid:1,uid:2", "uid:١", None,
     0, 1000, True, 1.5, [], ["uid:1"], {}, {"uid": 1}],
)  # fmt: skip
def test_a_malformed_operator_id_is_refused(value: object) -> None:
    assert not is_by(value)
