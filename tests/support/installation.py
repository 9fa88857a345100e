"""A whole installation on loopback: a real mosquitto, a ledger, terminals, and neighbours with certificates."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity, Receive
from edge.adapters.mqtt.uplink import MqttUplink, UplinkSettings
from edge.central.broker import certificates
from edge.central.broker.mosquitto import EmbeddedBroker
from edge.central.ledger.service import LedgerService, LedgerSettings
from edge.central.store.records import Store
from edge.crypto.dsse import key_id
from edge.crypto.key_files import create_identity
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from edge.domain.roster.topics import subscriptions
from edge.journal.journal import Journal
from edge.ports import Acknowledged, Connected
from edge.terminal.uplink.publisher import Publisher
from edge.terminal.uplink.send_window import BEHIND_S
from edge.terminal.uplink.status import last_will
from tests.support.clock import TickingClock
from tests.support.neighbours import INSTANCES
from tests.support.records import punch


def eventually(condition: Callable[[], object], what: str, within_s: float = 180.0) -> None:
    """Wait for a condition; fail with words when it does not come true in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within_s:g} s: {what}")
        time.sleep(0.005)


@dataclass
class Neighbour:
    """A client of the broker with a certificate of its own choice, which collects what it hears."""

    link: MqttLink
    received: list[Receive] = field(default_factory=list)

    @property
    def heard(self) -> list[tuple[str, bytes]]:
        return [(entry.message.topic, entry.message.payload) for entry in self.received]

    def poll(self, timeout_s: float = 0.05):
        event = self.link.next_event(timeout_s)
        if isinstance(event, Receive):
            self.received.append(event)
        return event

    def connect(self) -> None:
        self.link.start()
        self.next(Connected)

    def next(self, kind: type, within_s: float = 180.0):
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            event = self.poll(0.2)
            if isinstance(event, kind):
                return event
        pytest.fail(f"no {kind.__name__} within {within_s:g} s")

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> Acknowledged:
        assert self.link.publish(topic, payload, token=1, retain=retain)
        return self.next(Acknowledged)

    def hears(self, topic: str, part: bytes) -> None:
        def arrived() -> bool:
            self.poll(0.05)
            return any(t == topic and part in p for t, p in self.heard)

        eventually(arrived, f"{part!r} on {topic}")


class Terminal:
    """A journal and the publish loop on its thread, as the daemon runs it."""

    def __init__(self, site: "Installation", name: str) -> None:
        self.site = site
        self.origin = Origin("main", name)
        self.path = site.root / f"{name}.journal"
        self.key = create_identity(site.root / f"{name}.pem")
        self.publisher: Publisher | None = None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def journal(self) -> Journal:
        return Journal(self.path, self.origin, self.key)

    def append(self, count: int) -> None:
        with self.journal() as journal:
            for _ in range(count):
                journal.append(self.site.punch())
        if self.publisher is not None:
            self.publisher.wake()

    def watermark(self) -> int:
        with self.journal() as journal:
            return journal.watermark()

    def run(
        self,
        settings: UplinkSettings | None = None,
        resend_s: float = 10.0,
        behind_s: float = BEHIND_S,
        status=None,
        roster=None,
        site=None,
    ) -> Publisher:
        settings = settings or self.site.uplink(self.origin.terminal)
        wanted = [topics.receipt(self.origin), topics.command(self.origin)]
        wanted += [] if roster is None else subscriptions(self.origin)
        uplink = MqttUplink(settings, self.origin, last_will(self.origin), wanted, site=site is not None)
        keys = {key_id(self.site.ledger_key.verify_key): self.site.ledger_key.verify_key}
        publisher = Publisher(
            uplink,
            self.journal,
            self.origin,
            keys,
            TickingClock(),
            resend_s=resend_s,
            behind_s=behind_s,
            status=status,
            roster=roster,
            site=site,
        )
        self.publisher = publisher
        self._stop.clear()

        def loop() -> None:
            publisher.open()
            while not self._stop.is_set():
                publisher.run_once(0.1)
            publisher.close()

        self._thread = threading.Thread(target=loop, name="publish")
        self._thread.start()
        return publisher

    def stop(self) -> None:
        if self._thread is not None:
            self._stop.set()
            self.publisher.wake()
            self._thread.join(60)
            assert not self._thread.is_alive()
            self._thread = None

    def receipted(self, upto: int, within_s: float = 180.0) -> None:
        eventually(lambda: self.watermark() >= upto, f"a receipt up to {upto}", within_s)


class Installation:
    """What one site has. `stop` ends whatever was started through it."""

    def __init__(self, root: Path, broker: EmbeddedBroker) -> None:
        self.root = root
        self.broker = broker
        self.ledger_key = create_identity(root / "ledger.pem")
        self.ledger_path = root / "ledger.db"
        self.service: LedgerService | None = None
        self._terminals: list[Terminal] = []
        self._links: list[MqttLink] = []

    eventually = staticmethod(eventually)
    clock = TickingClock

    punch = staticmethod(punch)

    def uplink(self, common_name: str, **changes: object) -> UplinkSettings:
        files = certificates.issue_client(self.broker.pki, common_name)
        settings = UplinkSettings(
            self.broker.host,
            self.broker.port,
            files.ca,
            files.certificate,
            files.key,
            connect_timeout_s=30.0,
            backoff_first_s=0.02,
            backoff_max_s=0.2,
        )
        return replace(settings, **changes)

    def terminal(self, name: str = "gate-1") -> Terminal:
        terminal = Terminal(self, name)
        with self.store() as store:
            store.register(terminal.origin, terminal.key.verify_key)
        self._terminals.append(terminal)
        return terminal

    def store(self) -> Store:
        return Store(self.ledger_path)

    def count(self) -> int:
        with self.store() as store:
            return store.count()

    def start_ledger(self, uplink: UplinkSettings | None = None) -> LedgerService:
        settings = LedgerSettings(uplink or self.uplink("ledger"), self.ledger_path, self.root / "ledger.pem")
        self.service = LedgerService(settings)
        self.service.start()
        return self.service

    def ledger(self, uplink: UplinkSettings | None = None) -> LedgerService:
        service = self.start_ledger(uplink)
        assert service.connected.wait(60)
        return service

    def neighbour(
        self, common_name: str, *subscriptions: str, client_id: str = "", manual_release: bool = False
    ) -> Neighbour:
        """One under this name, whose connection it takes; for `ledger` under another id, another instance."""
        if common_name == "ledger" and client_id != "ledger":
            common_name = f"ledger.{INSTANCES[len(self._links)]}"
        identity = Identity(client_id or common_name, subscriptions, manual_release=manual_release)
        link = MqttLink(self.uplink(common_name), identity)
        self._links.append(link)
        neighbour = Neighbour(link)
        neighbour.connect()
        return neighbour

    def stop(self) -> None:
        for link in self._links:
            link.stop()
        for terminal in self._terminals:
            terminal.stop()
        if self.service is not None:
            self.service.stop()
