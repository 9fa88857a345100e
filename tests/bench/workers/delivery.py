"""The processes of a delivery, each one part of the product: `python -m tests.bench.workers.delivery ROLE DIR …`.

`tests.bench.drain` and `tests.bench.terminal` start them. Each of a delivery prints one line of JSON when it is
ready or done, and ends with its standard input.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from edge.adapters.mqtt.tls import UplinkSettings
from edge.crypto import key_files
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from tests.bench.backlog import write_backlog

ORIGIN = Origin("bench", "gate-1")
WINDOW = 128


def main(words: list[str]) -> None:
    """Play one role."""
    role, directory, *rest = words
    ROLES[role](Path(directory), *rest)


def empty_room(config: Path) -> None:
    """A terminal's whole process, but its replay camera films a room that nobody enters."""
    import os

    from edge.adapters.linux.process_hardening import give_back_large_buffers, harden_process
    from edge.adapters.linux.sd_notify import notifier_from
    from edge.adapters.replay.camera import ReplayCamera
    from edge.adapters.replay.scene import Scene
    from edge.config import load
    from edge.terminal.daemon import Terminal

    harden_process()
    give_back_large_buffers()
    Terminal(load(config).config, notifier=notifier_from(os.environ), camera=ReplayCamera(Scene())).run()


def broker(directory: Path) -> None:
    """A mosquitto with TLS, and certificates for both sides."""
    from edge.central.broker import certificates
    from edge.central.broker.mosquitto import EmbeddedBroker

    with EmbeddedBroker(directory / "broker", sites=(ORIGIN.site,)) as running:
        for name in (certificates.LEDGER, ORIGIN.terminal):
            certificates.issue_client(running.pki, name)
        _say({"port": running.port})
        sys.stdin.read()


def backlog(directory: Path, count: str) -> None:
    """A journal with `count` records, and the keys of the terminal and the ledger."""
    identity = key_files.create_identity(directory / "identity")
    ledger = key_files.create_identity(directory / "ledger.key")
    (directory / "ledger.pem").write_text(key_files.public_pem(ledger.verify_key), encoding="ascii")
    began = time.perf_counter()
    write_backlog(directory / "journal.db", ORIGIN, identity, int(count))
    _say({"seconds": time.perf_counter() - began})


def ledger(directory: Path, port: str) -> None:
    """The ledger's service on a fresh database."""
    from edge.central.ledger.service import LedgerService, LedgerSettings
    from edge.central.store.records import Store

    path = directory / "ledger.db"
    with Store(path) as store:
        store.register(ORIGIN, key_files.load_identity(directory / "identity").verify_key)
    service = LedgerService(LedgerSettings(_uplink(directory, port, "ledger"), path, directory / "ledger.key"))
    service.start()
    if not service.connected.wait(10):
        raise TimeoutError("the ledger did not reach the broker")
    before = time.process_time()
    _say({"ready": True})
    sys.stdin.read()
    service.stop()
    spent = time.process_time() - before
    with Store(path) as store:
        _say({"stored": store.count(), "cpu_us": 1e6 * spent / max(store.count(), 1)})


def publisher(directory: Path, port: str) -> None:
    """The terminal's publish loop alone, until everything is receipted."""
    from edge.adapters.linux.clock import SystemClock
    from edge.adapters.mqtt.uplink import MqttUplink
    from edge.crypto.dsse import key_id
    from edge.journal.journal import Journal
    from edge.terminal.uplink.publisher import Publisher
    from edge.terminal.uplink.status import last_will

    identity = key_files.load_identity(directory / "identity")
    pinned = key_files.load_public(directory / "ledger.pem")
    uplink = MqttUplink(
        _uplink(directory, port, ORIGIN.terminal),
        ORIGIN,
        last_will(ORIGIN),
        [topics.receipt(ORIGIN), topics.command(ORIGIN)],
    )

    def open_journal() -> Journal:
        return Journal(directory / "journal.db", ORIGIN, identity)

    publisher = Publisher(uplink, open_journal, ORIGIN, {key_id(pinned): pinned}, SystemClock(), window=WINDOW)
    with open_journal() as journal:
        head = journal.head().seq
        publisher.open()
        while not publisher.connected:
            publisher.run_once(0.5)
        before_kb, began, spent, look_at = _memory_kb("VmRSS"), time.perf_counter(), time.process_time(), 0.0
        while True:
            publisher.run_once(0.5)
            if time.perf_counter() > look_at:  # not at every turn: the question itself costs
                look_at = time.perf_counter() + 0.05
                if journal.watermark() >= head:
                    break
        took, spent = time.perf_counter() - began, time.process_time() - spent
        growth_mb = (_memory_kb("VmHWM") - before_kb) * 1024 / 1e6
        publisher.close()
    resends = publisher.counters.resends
    _say({"seconds": took, "cpu_us": 1e6 * spent / head, "growth_mb": growth_mb, "resends": resends})


def bare_sender(directory: Path, port: str) -> None:
    """The same bytes to the same topic by paho alone."""
    from edge.journal.journal import Journal
    from tests.bench import mqtt_baseline

    with Journal(directory / "journal.db", ORIGIN, key_files.load_identity(directory / "identity")) as journal:
        wires = [outgoing.wire for outgoing in journal.envelopes(0, journal.head().seq)]
    spent = time.process_time()
    seconds = mqtt_baseline.send(
        _uplink(directory, port, ORIGIN.terminal), topics.record(ORIGIN, "punch"), wires, WINDOW
    )
    _say({"seconds": seconds, "cpu_us": 1e6 * (time.process_time() - spent) / len(wires)})


def bare_counter(directory: Path, port: str, expected: str) -> None:
    """What the ledger would receive, counted and thrown away."""
    from tests.bench import mqtt_baseline

    settings, spent = _uplink(directory, port, "ledger"), time.process_time()
    seen = mqtt_baseline.count(settings, topics.ALL_RECORDS, int(expected), lambda: _say({"ready": True}))
    _say({"seen": seen, "cpu_us": 1e6 * (time.process_time() - spent) / max(seen, 1)})


ROLES: dict[str, Callable[..., None]] = {
    "empty-room": empty_room,
    "broker": broker,
    "backlog": backlog,
    "ledger": ledger,
    "publisher": publisher,
    "bare-sender": bare_sender,
    "bare-counter": bare_counter,
}


def _uplink(directory: Path, port: str, name: str) -> UplinkSettings:
    pki = directory / "broker" / "pki"
    return UplinkSettings(
        "127.0.0.1", int(port), pki / "ca.crt", pki / f"client-{name}.crt", pki / f"client-{name}.key"
    )


def _memory_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _say(document: dict[str, object]) -> None:
    print(json.dumps(document), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
