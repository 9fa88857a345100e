"""The company: a centre, a real broker with TLS and its ACL, a ledger, terminals, and whoever listens to it all."""

import contextlib
import io
import json
import logging
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker import certificates
from edge.central.broker.mosquitto import EmbeddedBroker, render_acl
from edge.central.ledger.service import LedgerService, LedgerSettings
from edge.central.roster.schema import ROSTER_PUBLIC
from edge.central.roster.store import RosterStore
from edge.central.store.records import Store
from edge.cli import main
from edge.domain.face import Floats
from edge.domain.protocol.record import Origin, Record, decode
from edge.sandbox import SandboxCentre
from tests.privacy import tap
from tests.privacy.gate import SITE, Driven, Gate, Whole

LOG = "terminals.log"
EVIDENCE_KEY = "evidence.key"


@dataclass
class Employee:
    """Somebody on the staff, as the story knows them; the product knows less."""

    name: str
    face: Floats
    """(d,): what a camera would make of them."""
    person: str = ""
    templates: Floats | None = None
    """(k, d), as they were enrolled."""
    photo: str | None = None


@dataclass
class Company:
    """Everything that runs."""

    root: Path
    broker: EmbeddedBroker
    tap: tap.Tap
    whole: Whole
    driven: list[Driven]
    staff: list[Employee] = field(default_factory=list)
    late: int = 0
    """How many terminals were installed beside those."""
    faceless: str = ""
    """The id of somebody who is enrolled without a face."""

    @property
    def centre(self) -> Path:
        """The centre's directory."""
        return self.root / "centre"

    @property
    def gates(self) -> list[Gate]:
        """Every terminal."""
        return [self.whole, *self.driven]

    @property
    def reception(self) -> Driven:
        """Where people without a photograph enrol."""
        return self.driven[0]

    @property
    def revoked(self) -> Driven:
        """The one that will be revoked."""
        return self.driven[-2]

    @property
    def away(self) -> Driven:
        """The one that will be off the network."""
        return self.driven[-1]

    @property
    def present(self) -> list[Gate]:
        """Those that are neither."""
        return [gate for gate in self.gates if gate not in {self.revoked, self.away}]

    def central(self, verb: str, *words: object) -> tuple[int, str]:
        """`smartclocker central VERB DIR …`: its exit code, and all that it said."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = main(["central", *verb.split(), str(self.centre), *map(str, words)])
        return code, said.getvalue()

    @staticmethod
    def bare(*words: str) -> int:
        """`smartclocker central …` without DIR; its exit code."""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return main(["central", *words])

    def broker_words(self) -> list[object]:
        """Where it is, for a command line."""
        return ["--host", self.broker.host, "--port", self.broker.port]

    def order(self, where: str, *words: object) -> int:
        """Sign and send an order; whoever does not answer at once owes it."""
        rest = ["--by", "Pat", "--valid", "92d", "--wait", "1s", *self.broker_words()]
        why = [] if "--why" in words else ["--why", "asked by letter"]
        return self.central("order", f"{SITE}/{where}", *words, *why, *rest)[0]

    def publish(self, *words: str) -> int:
        """The roster's changes, to the broker."""
        return self.central("roster publish", *words, *self.broker_words())[0]

    def listed(self, verb: str, *words: object) -> list[dict[str, Any]]:
        """What a listing verb says."""
        found: list[dict[str, Any]] = json.loads(self.central(verb, "--json", *words)[1])
        return found

    def owing(self) -> set[str]:
        """The terminals that owe the result of an order."""
        return {row["terminal"] for row in self.listed("orders") if row["state"] == "owed"}

    def ledger(self) -> list[Record]:
        """Every record that arrived."""
        with Store(self.centre / "ledger.db") as store:
            return [decode(payload) for (payload,) in store.select("SELECT payload FROM records ORDER BY id")]

    def roster(self) -> RosterStore:
        """The centre's roster; close it."""
        return RosterStore(self.centre)

    def uplink(self, name: str) -> UplinkSettings:
        """A way to the broker with somebody's certificate."""
        files = certificates.issue_client(self.broker.pki, name)
        return UplinkSettings(
            self.broker.host, self.broker.port, files.ca, files.certificate, files.key, backoff_max_s=1.0
        )

    def saved(self) -> Path:
        """The broker's persistence file, as of now."""
        path = self.broker.directory / "mosquitto.db"
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = self.broker._process
        if process is None:
            raise RuntimeError("the broker does not run")
        process.send_signal(signal.SIGUSR1)  # mosquitto(8): write the persistence database now
        until = time.monotonic() + 120
        while (path.stat().st_mtime_ns if path.exists() else 0) == before and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.1)
        return path

    def stop(self) -> None:
        """All that is still up, but the broker."""
        for gate in self.gates:
            gate.stop()
        self.tap.stop()


@contextmanager
def found(root: Path, terminals: int) -> Iterator[Company]:
    """Build it in `root`, `terminals` of them (4 at least), none of which runs yet; take it down at the end."""
    if terminals < 4:
        raise ValueError("the story needs 4 terminals: one each that is whole, driven, revoked and away")
    with ExitStack() as stack:
        _keep_logs(root, stack)
        centre = root / "centre"
        quiet = io.StringIO()
        with contextlib.redirect_stdout(quiet):
            main(["central", "init", str(centre), "--host", "127.0.0.1", "--site", SITE])
            main(["central", "authority", "init", str(centre), "--by", "Pat"])
        broker = EmbeddedBroker(root / "broker", sites=(SITE,))
        broker.directory.mkdir()
        (broker.directory / "pki").symlink_to(centre / "pki")
        doors = [Origin(SITE, f"gate-{number}") for number in range(1, 10)]
        broker.acl.write_text(render_acl((SITE,), terminals=doors) + tap.ACL, encoding="ascii")
        broker.acl.chmod(0o600)
        stack.enter_context(broker)
        made = Company(root, broker, tap.Tap.__new__(tap.Tap), Whole.__new__(Whole), [])
        listener = made.tap = tap.Tap(made.uplink(tap.OPERATOR))
        if not listener.connected.wait(120):
            raise RuntimeError("the operator does not reach the broker")
        made.bare("evidence", "key", str(root / EVIDENCE_KEY))
        made.whole = _install(made, 1, Whole)
        made.driven = [_install(made, number, Driven) for number in range(2, terminals + 1)]
        service = LedgerService(
            LedgerSettings(made.uplink(certificates.LEDGER), centre / "ledger.db", centre / "ledger.key")
        )
        service.start()
        stack.callback(service.stop)
        stack.callback(made.stop)
        yield made


def faces(count: int, length: int, seed: int) -> Floats:
    """`count` made-up people: unit vectors, nearly orthogonal, as strangers' are."""
    rows = np.random.default_rng(seed).standard_normal((count, length)).astype(np.float32)
    unit: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def variants(face: Floats, count: int, seed: int) -> Floats:
    """The same face, `count` times, as pictures of one person differ."""
    noise = np.random.default_rng(seed).standard_normal((count, len(face))).astype(np.float32)
    rows = face + 0.3 * noise / np.sqrt(len(face))
    unit: Floats = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def install_late(company: Company) -> Driven:
    """One more terminal, which is on no list of the company's."""
    company.late += 1
    made: Driven = _install(company, 100 + company.late, Driven)
    return made


def _install(company: Company, number: int, kind: type[Any]) -> Any:
    name = f"gate-{number}"
    link = certificates.issue_client(company.broker.pki, name)
    ledger = company.centre / "ledger.pem"
    place = SandboxCentre(company.broker.host, company.broker.port, link.ca, link.certificate, link.key, ledger)
    more = f'\n[evidence]\nkey = "{company.root / EVIDENCE_KEY}.pem"\n' if kind is Whole else ""
    gate = kind(company.root / name, name, place, company.centre / "authority.pem", more)
    code, said = company.central("register", SITE, name, gate.directory / "identity.pem")
    if code != 0:
        raise RuntimeError(said)
    return gate


def _keep_logs(root: Path, stack: ExitStack) -> None:
    """Everything that the product logs, down to the least, goes to one file, which is scanned."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(mode=0o700, parents=True)
    logger, handler = logging.getLogger("edge"), logging.FileHandler(root / LOG, encoding="utf-8")
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False

    def restore() -> None:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
        handler.close()

    stack.callback(restore)


__all__ = [
    "EVIDENCE_KEY",
    "LOG",
    "ROSTER_PUBLIC",
    "Company",
    "Employee",
    "faces",
    "found",
    "install_late",
    "variants",
]
