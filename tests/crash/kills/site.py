"""A whole installation in a directory: the centre as `central init` makes it, and terminals with three people."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from edge import config
from edge.central.broker import certificates
from edge.central.store.records import Store
from edge.crypto.key_files import load_public
from edge.domain.protocol.record import Origin
from edge.sandbox import SandboxCentre, write_terminal
from edge.terminal import installed
from edge.terminal.installed import journal_path
from tests.crash.kills.broker import HurriedBroker

ROOT = Path(__file__).resolve().parents[3]
PHOTOS = ROOT / "tests" / "photos"
SITE = "demo"
PEOPLE = {
    "Barack": ("obama.jpg", "obama2.jpg"),
    "Eileen": ("astronaut.png",),
    "Joe": ("biden.jpg",),
}
SEEN = ("obama3.jpg", "astronaut.png", "biden.jpg")
"""What stands in front of the cameras, in an order of each life's own."""
WINDOW_S = 1.0
"""The shortest duplicate window: the same three people punch all the time."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal's files."""

    name: str
    directory: Path
    config: Path
    replay: Path

    @property
    def origin(self) -> Origin:
        return Origin(SITE, self.name)

    @property
    def identity(self) -> Path:
        """Its public key."""
        return self.directory / "identity.pem"

    @property
    def journal(self) -> Path:
        return journal_path(config.load(self.config).config)

    @property
    def log(self) -> Path:
        return self.directory / "daemon.log"

    def show_people(self, rng: random.Random) -> None:
        """The next life sees the three in another order."""
        self._show([PHOTOS / name for name in rng.sample(SEEN, len(SEEN))])

    def show_nobody(self) -> None:
        """The next life makes no punch."""
        wall = self.directory / "wall.png"
        Image.new("RGB", (640, 480), (150, 150, 145)).save(wall)
        self._show([wall])

    def pending(self) -> int:
        """Records without a receipt, asked while its daemon runs or not."""
        loaded = config.load(self.config).config
        with installed.open_journal(loaded, installed.load_secrets(loaded)) as journal:
            return journal.stats().pending

    def _show(self, photos: Sequence[Path]) -> None:
        shutil.rmtree(self.replay, ignore_errors=True)
        self.replay.mkdir()
        for number, photo in enumerate(photos):
            (self.replay / f"{number}{photo.suffix}").symlink_to(photo)


@dataclass(frozen=True, slots=True)
class Site:
    """Everything; nothing of it runs yet."""

    directory: Path
    broker: HurriedBroker
    terminals: tuple[Terminal, ...]

    @property
    def centre(self) -> Path:
        """The DIR of `smartclocker central`."""
        return self.directory / "centre"

    @property
    def ledger_db(self) -> Path:
        return self.centre / "ledger.db"

    @property
    def ledger_key(self) -> Path:
        """Its public half."""
        return self.centre / "ledger.pem"

    @property
    def ledger_log(self) -> Path:
        return self.centre / "ledger.log"


def build(directory: Path, terminals: int) -> Site:
    """Make the centre and so many terminals, and enrol the three people at each through the command line."""
    centre = directory / "centre"
    smartclocker("central", "init", centre, "--host", "127.0.0.1", "--site", SITE)
    broker = HurriedBroker(centre, sites=(SITE,))
    made = tuple(_terminal(directory, broker, f"door-{number + 1}") for number in range(terminals))
    with Store(centre / "ledger.db") as store:
        for one in made:
            store.register(one.origin, load_public(one.identity))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(_enrol, made))
    return Site(directory, broker, made)


def again(directory: Path) -> Site:
    """One that was built there before."""
    names = sorted(path.parent.name for path in directory.glob("door-*/config.toml"))
    terminals = tuple(_at(directory / name) for name in names)
    return Site(directory, HurriedBroker(directory / "centre", sites=(SITE,)), terminals)


def smartclocker(*words: object) -> str:
    """Run the command line; what it printed. Raises CalledProcessError after telling why."""
    done = subprocess.run(
        [sys.executable, "-m", "edge", *map(str, words)], cwd=ROOT, text=True, capture_output=True, check=False
    )
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        done.check_returncode()
    return done.stdout


def _terminal(directory: Path, broker: HurriedBroker, name: str) -> Terminal:
    files = certificates.issue_client(broker.pki, name)
    centre = SandboxCentre(
        host=broker.host,
        port=broker.port,
        ca=files.ca,
        certificate=files.certificate,
        key=files.key,
        ledger=broker.directory / "ledger.pem",
    )
    made = _at(directory / name)
    write_terminal(made.directory, made.replay, site=SITE, name=name, window_s=WINDOW_S, centre=centre)
    return made


def _at(directory: Path) -> Terminal:
    return Terminal(directory.name, directory, directory / "config.toml", directory / "replay")


def _enrol(terminal: Terminal) -> None:
    for name, photos in PEOPLE.items():
        consent = ("--witness", "the harness", "--consent", "--age-13-or-older", "--employer-agreed")
        smartclocker("enrol", name, *(PHOTOS / p for p in photos), "--config", terminal.config, *consent)
