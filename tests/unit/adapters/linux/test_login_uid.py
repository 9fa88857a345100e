"""Whose hands are at the keyboard: what the kernel and sudo know, by number."""

import os
from pathlib import Path

import pytest

from edge.adapters.linux import login_uid

UNSET = "4294967295"


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    return tmp_path / "loginuid"


@pytest.mark.parametrize("unset", [UNSET, None, "", "x", "-1", "99999999999999999999"])
def test_the_login_comes_first_then_sudo_then_the_process(kernel: Path, unset: str | None) -> None:
    kernel.write_text("1001")
    assert login_uid.uid(kernel, {"SUDO_UID": "1002"}, own=0) == 1001
    if unset is None:
        kernel.unlink()  # a kernel without auditing has no such file
    else:
        kernel.write_text(unset)
    assert login_uid.uid(kernel, {"SUDO_UID": "1002"}, own=0) == 1002
    assert login_uid.uid(kernel, {}, own=33) == 33


@pytest.mark.parametrize("said", ["", "-1", "1 ", "1\n", "root", "١", UNSET, "0x1", "9" * 30])
def test_a_sudo_that_says_no_number_is_not_believed(kernel: Path, said: str) -> None:
    kernel.write_text(UNSET)
    assert login_uid.uid(kernel, {"SUDO_UID": said}, own=1000) == 1000


def test_the_login_uid_of_this_process_is_known() -> None:
    assert 0 <= login_uid.uid() < int(UNSET)


def test_a_login_name_is_known_as_one() -> None:
    assert login_uid.is_login_name("root")
    assert not login_uid.is_login_name("4711")
    assert os.getuid() == 0 or not login_uid.is_login_name("no-such-login-0")
