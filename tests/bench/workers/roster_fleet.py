"""The roster's benchmark: `python -m tests.bench.workers.roster_fleet DIR PEOPLE TERMINALS` prints a line of JSON.

A real mosquitto with TLS, the centre with its files, and terminals' publish loops, each with its own identity,
journal, people file and connection: many in one process, and a process for each core. Only the faces are made up.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from edge.adapters.mqtt.tls import UplinkSettings
from edge.crypto import key_files
from edge.domain.face import Floats
from edge.domain.people.consent import Consent, Policy
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from edge.domain.roster.topics import subscriptions
from edge.terminal.uplink.publisher import Publisher
from edge.terminal.uplink.roster_client import Roster

SITE = "bench"
POLICY = Policy("2026-1", "c" * 64)
CONSENT = Consent("2026-1", "c" * 64, "en", "2026-03-01T09:00:00Z", "J. Smith", True, True)
MODEL = "bench"
PROCESSES = 2
TEMPLATES, LENGTH = 3, 512
_BOUND_S = 100.0


class Gate:
    """A terminal, as far as the roster is concerned."""

    def __init__(self, directory: Path, port: int, name: str) -> None:
        from edge.adapters.linux.clock import SystemClock
        from edge.adapters.mqtt.uplink import MqttUplink
        from edge.crypto.dsse import key_id
        from edge.journal.journal import Journal
        from edge.people.people_store import People
        from edge.people.roster.state import RosterState
        from edge.terminal.uplink.status import last_will

        me, clock = Origin(SITE, name), SystemClock()
        identity = key_files.load_identity(directory / f"{name}.key")
        authority = key_files.load_public(directory / "authority.pem")
        self.roster = Roster(
            me,
            identity,
            lambda _people: {key_id(authority): authority},
            lambda: People(directory / f"{name}-people.db", b"k" * 32),
            lambda: RosterState(directory / f"{name}-roster.db"),
            POLICY,
            clock,
        )
        down = [topics.receipt(me), topics.command(me), *subscriptions(me)]
        self.publisher = Publisher(
            MqttUplink(_uplink(directory, port, name), me, last_will(me), down),
            lambda: Journal(directory / f"{name}-journal.db", me, identity),
            me,
            {},
            clock,
            roster=self.roster,
        )
        self.version = 0
        """Of the roster that is complete here."""
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._loop, name=name)

    def stop(self) -> None:
        """End the loop."""
        self._stopping.set()
        self.publisher.wake()
        self.thread.join(10)

    def _loop(self) -> None:
        self.publisher.open()
        while not self._stopping.is_set():
            self.publisher.run_once(0.2)
            self.version = self.roster.complete_version()
        self.publisher.close()


def main(words: list[str]) -> None:
    """The whole, or one process of terminals."""
    if words[0] == "terminals":
        terminals(Path(words[1]), int(words[2]), int(words[3]), int(words[4]))
    else:
        directory, people, count = Path(words[0]), int(words[1]), int(words[2])
        print(json.dumps(measure(directory, people, count)))


def terminals(directory: Path, port: int, first: int, count: int) -> None:
    """Run `count` terminals; for each version on the input, say when all have it."""
    gates = [Gate(directory, port, _name(number)) for number in range(first, first + count)]
    print("ready", flush=True)
    for line in sys.stdin:
        if gates[0].thread.ident is None:
            for gate in gates:
                gate.thread.start()
        version = int(line)
        while any(gate.version < version for gate in gates):
            time.sleep(0.01)
        print(json.dumps({"at": time.monotonic()}), flush=True)
    for gate in gates:
        gate.stop()


def measure(directory: Path, people: int, count: int) -> dict[str, float]:
    """Seconds and bytes: of the first time, and of one change."""
    from edge.central.broker import certificates
    from edge.central.broker.mosquitto import EmbeddedBroker
    from edge.central.roster.membership import add
    from edge.central.roster.messages import compose
    from edge.central.roster.publisher import publish
    from edge.central.roster.store import RosterStore
    from edge.central.store.model import RegisteredTerminal
    from edge.crypto.dsse import key_id
    from edge.domain.roster.member import Member
    from edge.people.person import new_person_id

    authority = key_files.create_identity(directory / "authority.key")
    (directory / "authority.pem").write_text(key_files.public_pem(authority.verify_key), encoding="ascii")
    registered = []
    for number in range(count):
        key = key_files.create_identity(directory / f"{_name(number)}.key").verify_key
        registered.append(RegisteredTerminal(number, Origin(SITE, _name(number)), key_id(key), key, "", None))
    ids = [new_person_id() for _ in range(people)]
    with EmbeddedBroker(directory / "broker", sites=(SITE,)) as broker, RosterStore(directory) as store:
        for name in (certificates.AUTHORITY, *(one.origin.terminal for one in registered)):
            certificates.issue_client(broker.pki, name)
        uplink = _uplink(directory, broker.port, certificates.AUTHORITY)
        for number, person in enumerate(ids):
            add(store, SITE, person, Member(f"Person {number}", CONSENT, {MODEL: _faces(number)}))
        began = time.monotonic()
        messages = compose(store, SITE, registered, authority)
        composed = time.monotonic()
        first = publish(uplink, SITE, messages)
        published = time.monotonic()
        fleet = [_start(directory, broker.port, share) for share in _shares(count)]
        try:
            synced = _until(fleet, 1)
            changed = Member("Another Name", CONSENT, {MODEL: _faces(0)})
            add(store, SITE, ids[0], changed)
            at = time.monotonic()
            second = publish(uplink, SITE, compose(store, SITE, registered, authority))
            change = _until(fleet, 2, began=at)
        finally:
            _kill(fleet)
            for process in fleet:
                process.wait()
    keys_bytes = sum(len(one.wire) for topic, one in messages.items() if "/key/" in topic)
    return {
        "compose_s": composed - began,
        "publish_s": published - composed,
        "sync_s": synced,
        "messages": float(first.sent),
        "terminal_bytes": first.bytes - keys_bytes * (count - 1) / count,
        "change_s": change,
        "change_messages": float(second.sent),
        "change_bytes": float(second.bytes),
    }


def _until(fleet: "list[subprocess.Popen[str]]", version: int, began: float | None = None) -> float:
    """Seconds until every terminal has it. Raises TimeoutError."""
    began = time.monotonic() if began is None else began
    watch = threading.Timer(_BOUND_S, _kill, (fleet,))
    watch.start()
    try:
        for process in fleet:
            if process.stdin is None:
                raise RuntimeError("a pipe was asked for")
            process.stdin.write(f"{version}\n")
            process.stdin.flush()
        lines = [process.stdout.readline() if process.stdout else "" for process in fleet]
    finally:
        watch.cancel()
    if not all(lines):
        raise TimeoutError("the terminals do not have the roster in time; the error is above")
    last: float = max(json.loads(line)["at"] for line in lines)
    return last - began


def _kill(fleet: "list[subprocess.Popen[str]]") -> None:
    for process in fleet:
        process.kill()


def _start(directory: Path, port: int, share: tuple[int, int]) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "tests.bench.workers.roster_fleet", "terminals", directory, port, *share]
    process = subprocess.Popen(
        [str(word) for word in words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    if process.stdout is None or not process.stdout.readline():
        raise RuntimeError("a process of terminals did not start; its error is above")
    return process


def _shares(count: int) -> list[tuple[int, int]]:
    size = -(-count // PROCESSES)
    return [(first, min(size, count - first)) for first in range(0, count, size)]


def _faces(seed: int) -> Floats:
    import numpy as np

    rows = np.random.default_rng(seed).standard_normal((TEMPLATES, LENGTH)).astype(np.float32)
    found: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def _uplink(directory: Path, port: int, name: str) -> UplinkSettings:
    pki = directory / "broker" / "pki"
    files = pki / "ca.crt", pki / f"client-{name}.crt", pki / f"client-{name}.key"
    return UplinkSettings("127.0.0.1", port, *files)


def _name(number: int) -> str:
    return f"gate-{number}"


if __name__ == "__main__":
    main(sys.argv[1:])
