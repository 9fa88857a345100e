"""What tests of the whole program share: the program itself, real photographs, and a terminal of one's own."""

import compileall
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from edge.sandbox import write_terminal
from tests.support import contracts
from tests.support.sd_listener import NotifyListener

Run = Callable[..., "subprocess.CompletedProcess[str]"]
ROOT = Path(__file__).resolve().parent.parent
MASK = os.umask(0o022)
os.umask(MASK)
# Its own bounds, 200 ms an example and a second for inventing ten, are of an idle machine; a run is like the last.
settings.register_profile(
    "any machine", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
LONGEST = (
    "privacy/test_privacy.py",
    "crash/test_kills.py",
    "system/test_badge.py",
    "system/test_fails_later.py",
    "system/test_people_by_hand.py",
    "system/test_evidence.py",
    "system/test_roster.py",
    "system/test_fails_alone.py",
    "system/test_export.py",
    "integration/test_faults.py",
    "unit/domain/pad/test_strobe.py",
    "unit/domain/privacy/test_image_retention.py",
    "unit/domain/recognition/test_door_hour.py",
    "system/test_run.py",
    "system/test_shift_change.py",
)
"""Files that take longest, the longest first: begun last, one of them would keep one worker busy at the end."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Twice as many workers as processors: half of the tests' time is waiting for other programs."""
    cores = len(os.sched_getaffinity(0))
    return int(os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or 2 * cores)


def pytest_configure(config: pytest.Config) -> None:
    """Compile the product once. Hundreds of tests start it as a program, and where PYTHONDONTWRITEBYTECODE is set,
    each of them would compile it again: a third of what its start costs.
    """
    words = "contract(port, adapter, on): a test of a port's contract (tests/support/contracts.py)"
    config.addinivalue_line("markers", words)
    config.addinivalue_line(
        "markers", "campaign: takes too long for every run; a target of its own chooses it by -m"
    )
    if not hasattr(config, "workerinput"):
        for part in ("edge", "tests/crash", "tests/support"):
            compileall.compile_dir(ROOT / part, quiet=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; all else stays in its order."""
    rank = {ROOT / "tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))
    contracts.note(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which contract suite ran on what, whatever the number of workers."""
    for line in contracts.table(terminalreporter.stats):
        terminalreporter.write_line(line)


@pytest.fixture(autouse=True)
def _no_handler_outlives_its_test() -> Iterator[None]:
    """The command line, called in this process, logs to the stream that stands for stderr during one test."""
    yield
    for handler in [one for one in logging.root.handlers if type(one) is logging.StreamHandler]:
        logging.root.removeHandler(handler)
    logging.root.setLevel(logging.WARNING)


@pytest.fixture(autouse=True)
def _no_umask_outlives_its_test() -> Iterator[None]:
    """The command line, called in this process, closes what it writes to everybody else."""
    yield
    os.umask(MASK)


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory that other users get into. Those of pytest are closed to them, and opening one does not last:
    each pytest of this user that begins beside us closes them again.
    """
    with tempfile.TemporaryDirectory(prefix="smartclocker-", dir="/var/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


@pytest.fixture(scope="session")
def photos() -> Path:
    return ROOT / "tests" / "photos"


@pytest.fixture(scope="session")
def smartclocker() -> Run:
    """Run the command line in a process of its own."""

    def run(*words: object, timeout: float = 300, typed: str | None = None) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "edge", *map(str, words)]
        return subprocess.run(
            command, cwd=ROOT, text=True, capture_output=True, timeout=timeout, check=False, input=typed
        )

    return run


@dataclass
class Site:
    """A terminal in a temporary directory."""

    directory: Path
    config: Path

    @property
    def journal(self) -> Path:
        return self.directory / "state" / "journal.db"

    @property
    def public_key(self) -> Path:
        return self.directory / "identity.pem"


@pytest.fixture
def site(tmp_path: Path, photos: Path) -> Site:
    """A terminal whose replay folder holds one photograph of one person; nobody is enrolled."""
    replay = tmp_path / "replay"
    replay.mkdir()
    (replay / "a.jpg").write_bytes((photos / "obama3.jpg").read_bytes())
    directory = tmp_path / "terminal"
    return Site(directory, write_terminal(directory, replay, window_s=1.0))


@pytest.fixture
def enrol(smartclocker: Run, photos: Path) -> Callable[..., str]:
    """Enrol through the command line; returns the person's id."""

    def enrol(site: Site, *names: str) -> str:
        done = smartclocker(
            "enrol", "Somebody", *(photos / name for name in names), "--config", site.config,
            "--witness", "a test", "--consent", "--age-13-or-older", "--employer-agreed",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[1]

    return enrol


@pytest.fixture
def notify(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[NotifyListener]:
    """A service manager's socket, named in $NOTIFY_SOCKET."""
    path = tmp_path_factory.mktemp("n") / "s"
    assert len(os.fsencode(path)) < 108
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    with NotifyListener(path) as listener:
        yield listener


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Drop root's power over permissions for the length of a test; an ordinary user has none."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
