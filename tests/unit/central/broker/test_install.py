"""`central init` and `central broker` given as root, over a DIR that the ledger's user may alter."""

import os
import pwd
from pathlib import Path

import pytest

from edge.central import broker_address
from edge.central.broker import conf
from edge.cli import main

USER = pwd.getpwuid(os.geteuid()).pw_name
SECRET = "root:$6$hash:19000:0:99999:7:::\n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    assert main(["central", "init", str(tmp_path / "centre"), "--host", "broker.example", "--site", "main"]) == 0
    return tmp_path / "centre"


def broker(base: Path) -> int:
    return main(["central", "broker", str(base), str(base.parent / "broker"), "--user", USER])


@pytest.mark.parametrize("name", ["mosquitto.conf", "acl"])
def test_a_link_in_place_of_a_file_is_not_followed(
    base: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = base.parent / "shadow"
    elsewhere.write_text(SECRET)
    (base / name).unlink()
    (base / name).symlink_to(elsewhere)
    for again in (lambda: main(["central", "init", str(base)]), lambda: broker(base)):
        assert again() == 78
        assert f"{base / name}: cannot be read" in capsys.readouterr().err
    assert not (base.parent / "broker" / name).exists()
    assert [path for path in base.rglob("*") if path.is_file() and SECRET in path.read_text(errors="replace")] == [
        base / name
    ]


@pytest.mark.parametrize("name", ["mosquitto.conf", "acl"])
def test_a_pipe_in_place_of_a_file_hangs_nothing(base: Path, name: str) -> None:
    (base / name).unlink()
    os.mkfifo(base / name)
    assert (main(["central", "init", str(base)]), broker(base)) == (78, 78)
    assert broker_address.reached(base) == (broker_address.HOST, 8883)


def test_the_brokers_user_stands_in_its_configuration_also_if_the_line_was_removed(base: Path) -> None:
    path = base / "mosquitto.conf"
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines() if not line.startswith("user ")))
    assert broker(base) == 0
    assert conf.value((base.parent / "broker/mosquitto.conf").read_text(), "user") == USER
    path.write_text(f"{path.read_text()}  user root\n")
    assert broker(base) == 0
    lines = (base.parent / "broker/mosquitto.conf").read_text().splitlines()
    assert {line for line in lines if line.strip().startswith("user")} == {f"user {USER}"}


def test_a_configuration_that_includes_other_files_is_refused(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = base / "mosquitto.conf"
    path.write_text(f"{path.read_text()}include_dir {base}/more\n")
    assert broker(base) != 0
    assert "include_dir; write the lines of those files into" in capsys.readouterr().err
    assert not (base.parent / "broker/mosquitto.conf").exists()
