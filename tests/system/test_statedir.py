"""The state directory is refused where it cannot keep a punch, or is not ours: before anything is opened there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge import config
from edge.adapters.linux.filesystem import describe, weakness
from edge.errors import ConfigError, JournalError
from edge.terminal.runtime.alarms import Alarm
from edge.terminal.startup import state_directory

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "tmpfs": "mount -t tmpfs none {state}",
    "ramfs": "mount -t ramfs none {state}",
    "overlay": "mkdir {base}/l {base}/m && mount -t tmpfs none {base}/m && mkdir {base}/m/u {base}/m/w && "
    "mount -t overlay -o lowerdir={base}/l,upperdir={base}/m/u,workdir={base}/m/w none {state}",
}


def on(site, kind: str, verb: str) -> "subprocess.CompletedProcess[str]":
    """A verb in a mount namespace of its own, with the state directory on another kind of disk."""
    state = site.directory / "state"
    mount = KINDS[kind].format(state=state, base=site.directory)
    command = f"{mount} && chmod 700 {state} && exec {sys.executable} -m edge {verb} --config {site.config}"
    return subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command],
        cwd=ROOT, text=True, capture_output=True, timeout=300, check=False,
    )  # fmt: skip


@pytest.fixture
def strict(site):
    """As an installation is: without the key that tests need on machines whose own disk is in memory."""
    text = site.config.read_text()
    assert "volatile = true\n" in text
    site.config.write_text(text.replace("volatile = true\n", ""))
    return site


@pytest.mark.parametrize("verb", ["run", "check"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_forgets_is_refused_with_its_reason(strict, kind: str, verb: str) -> None:
    done = on(strict, kind, verb)
    assert done.returncode == 78, done.stderr
    assert f"is on {kind}, which" in done.stdout + done.stderr
    assert "storage.volatile" in done.stdout + done.stderr
    assert list((strict.directory / "state").iterdir()) == [], "nothing was made there"


def test_the_key_allows_it_and_the_alarm_says_so(site, monkeypatch) -> None:
    loaded = config.load(site.config).config
    monkeypatch.setattr(state_directory, "weakness", lambda _: describe(0x01021994))
    assert state_directory.require(loaded) is True
    monkeypatch.setattr(state_directory, "weakness", lambda _: None)
    assert state_directory.require(loaded) is False
    assert Alarm.STATE_VOLATILE == "state-volatile"


@pytest.mark.parametrize(
    ("magic", "name"),
    [
        (0x01021994, "tmpfs"), (0x794C7630, "overlay"), (0x4D44, "FAT"), (0x2011BAB0, "exFAT"), (0x6969, "NFS"),
        (0xFF534D42, "CIFS"), (0xFFFFFFFFFF534D42, "CIFS"), (0xFE534D42, "SMB"), (0x65735546, "FUSE"),
    ],
)  # fmt: skip
def test_what_keeps_nothing_for_certain_is_known(magic: int, name: str) -> None:
    assert f"is on {name}, which" in str(describe(magic))


@pytest.mark.parametrize("magic", [0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, 0x2FC12FC1])
def test_disks_are_taken(magic: int) -> None:
    assert describe(magic) is None


def test_the_kernel_is_asked() -> None:
    assert weakness(Path("/proc")) is None
    with pytest.raises(FileNotFoundError):
        weakness(Path("/nowhere"))


def test_a_directory_that_is_away_is_waited_for(strict) -> None:
    (strict.directory / "state").rmdir()
    with pytest.raises(JournalError, match="no directory"):
        state_directory.require(config.load(strict.config).config)


def test_a_file_in_its_place_is_a_fault_of_the_configuration(strict) -> None:
    (strict.directory / "state").rmdir()
    (strict.directory / "state").touch()
    with pytest.raises(ConfigError, match="is no directory"):
        state_directory.require(config.load(strict.config).config)


def test_a_directory_of_somebody_else_is_named_with_its_cure(strict) -> None:
    """As the service's user, who is not root; whoever runs the tests is that user already, or may become one."""
    state = strict.directory / "state"
    state.chmod(0)
    loaded = config.load(strict.config).config
    user = 12_345 if os.geteuid() == 0 else os.geteuid()
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresuid(user, user, user)
            state_directory.require(loaded)
            os.write(writer, b"taken")
        except ConfigError as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        text = said.read()
    os.wait()
    state.chmod(0o700)
    assert f"uid {user} may not read and write" in text
    assert "chown -R" in text
