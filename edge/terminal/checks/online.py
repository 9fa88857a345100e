"""The way to the ledger and back, tried once, for `smartclocker check --online`: it ends with a signed receipt.

No new record is made: the record that is sent is one of the journal's own, signed when it was made, and the ledger
stores it once however often it comes. Nothing is written here. The broker knows a terminal by one name, so that a
running service loses its connection for a moment and takes it back; its session at the broker stays.
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity, Receive
from edge.config_schema import Config
from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.domain.protocol import topics
from edge.domain.protocol.receipt import Receipt
from edge.errors import RecordError
from edge.ports import Acknowledged, Connected, Disconnected
from edge.terminal import adapters, installed
from edge.terminal.checks import online_journal
from edge.terminal.checks.online_journal import JournalRecord
from edge.terminal.installed import Secrets

RECEIPT_S = 20.0
"""How long to wait for a receipt. The ledger usually answers in a tenth of a second, but it may be busy."""
_STRANGE = 3
"""Number of unknown keys that are named, because a broker may make up any number of them."""
_TIMES = 3
"""Number of tries when a running service takes the connection back."""


@dataclass(frozen=True, slots=True)
class OnlineStep:
    """The result of one step on the way to the ledger."""

    name: str
    good: bool
    said: str
    """What was found; if it is bad, with the cure."""


def steps(config: Config, secrets: Secrets, receipt_s: float = RECEIPT_S) -> Iterator[OnlineStep]:
    """The result of each step as it is done; a bad one is the last. Raises JournalError, KeyFileError,
    ConfigError.
    """
    question = _Question(config, secrets, receipt_s)
    for _ in range(_TIMES):
        yield from question.ask()
        if question.answered:
            return
    yield question.beside()


class _Question:
    """One question to the ledger, asked again on a new connection when the connection was lost."""

    def __init__(self, config: Config, secrets: Secrets, receipt_s: float) -> None:
        self.answered = False
        self.lost = ""
        self._config, self._secrets, self._receipt_s = config, secrets, receipt_s
        self._me = installed.origin(config)
        self._record = online_journal.record(config, secrets)
        self._greeted = self._taken = False
        self._behind: int | None = None
        """The highest record that genuine receipts covered, when they did not cover our record."""
        self._strange: set[str] = set()
        """Ids of unknown keys that signed messages on the topic of receipts."""

    def ask(self) -> Iterator[OnlineStep]:
        """Ask on one connection. `answered` is set at its end, unless the connection is lost."""
        settings = adapters.uplink_settings(self._config)
        where = f"{settings.host}:{settings.port}"
        # Messages that are not released stay at the broker, for the service.
        name = f"{self._me.site}.{self._me.terminal}"
        link = MqttLink(settings, Identity(name, (topics.receipt(self._me),), manual_release=True))
        link.start()
        try:
            came = _connected(link, time.monotonic() + 3 * settings.connect_timeout_s)
            if not isinstance(came, Connected):
                why = "no answer in time; check the network" if came is None else came.reason
                self.answered = True
                yield OnlineStep("broker", False, f"{where}: {why}")
                return
            if not self._greeted:
                self._greeted = True
                yield OnlineStep("broker", True, f"{where} accepts {settings.certificate}")
            yield from self._send(link)
        finally:
            link.stop()

    def beside(self) -> OnlineStep:
        """The result when a running service took the connection back each time: the journal says whether it has the
        receipt.
        """
        record, deadline = self._record, time.monotonic() + self._receipt_s
        while record is not None and record.receipted < record.seq and time.monotonic() < deadline:
            upto = online_journal.number(self._config, _RECEIPTED)
            if upto >= record.seq:
                return OnlineStep("ledger", True, f"the running service has its signed receipt up to {upto}")
            time.sleep(_LOOK_S)
        lost = f"the connection was lost {_TIMES} times ({self.lost}), as happens beside a running service"
        if record is not None and record.receipted < record.seq:
            return OnlineStep("ledger", False, f"{lost}; {self._silence()}")
        held = 0 if record is None else record.receipted
        return OnlineStep(
            "ledger",
            False,
            f"{lost}; every record up to {held} has its receipt already, so that nothing new was asked; "
            "stop the service and check again, to test the way now",
        )

    def _send(self, link: MqttLink) -> Iterator[OnlineStep]:
        record = self._record
        if record is None:
            self.answered = True
            said = "nothing to receipt: no record is here yet, and only a receipt proves that ours are taken"
            yield OnlineStep(
                "ledger", False, f"{said}; `systemctl start smartclocker` makes the first, then check again"
            )
            return
        if not link.publish(record.topic, record.wire, token=1):
            self.lost = "at once"
            return
        deadline = time.monotonic() + self._receipt_s
        while (event := _next(link, deadline)) is not None:
            step: OnlineStep | None = None
            match event:
                case Disconnected(reason):
                    self.lost = reason
                    return
                case Acknowledged():
                    step = self._acknowledged(event, record)
                case Receive() if self._taken:  # an earlier message waited for the service, and is old
                    step = self._receipt(event, record)
                    if event.message.topic == topics.receipt(self._me):
                        link.release(event)  # the ledger signs another for the service; this lets more come
                case _:
                    pass
            if step is not None:
                self.answered = step.name == "ledger" or not step.good
                yield step
            if self.answered:
                return
        self.answered = True
        yield OnlineStep("ledger", False, self._silence())

    def _acknowledged(self, answer: Acknowledged, record: JournalRecord) -> OnlineStep | None:
        if answer.refused is not None:
            cure = "terminal.site and terminal.name must be those of the certificate, and the broker's ACL allow it"
            return OnlineStep("record", False, f"the broker refuses {record.topic} ({answer.refused}); {cure}")
        if answer.unheard:
            cure = "start it at the centre: `smartclocker central run`"
            return OnlineStep(
                "record", False, f"the broker threw record {record.seq} away: no ledger listens; {cure}"
            )
        if self._taken:
            return None
        self._taken = True
        return OnlineStep("record", True, f"the broker took record {record.seq}; the ledger may have it already")

    def _receipt(self, received: Receive, record: JournalRecord) -> OnlineStep | None:
        if received.message.topic != topics.receipt(self._me):
            return None
        try:
            signed = dsse.parse(received.message.payload)
            if not set(self._secrets.ledger) & {signed.keyid}:
                if len(self._strange) >= _STRANGE:
                    return None
                self._strange.add(signed.keyid if _KEYID.fullmatch(signed.keyid) else "of no proper id")
                return None
            receipt = dsse.open(signed, Receipt, self._secrets.ledger)
        except RecordError:
            return None
        if receipt.origin != self._me or receipt.epoch != record.epoch:
            return None
        return self._covers(receipt, record)

    def _covers(self, receipt: Receipt, record: JournalRecord) -> OnlineStep | None:
        """None when the receipt does not cover the record, because another may follow."""
        if receipt.upto < record.seq:
            self._behind = receipt.upto
            return None
        last, ours = online_journal.number(self._config, _LAST), online_journal.hash_of(self._config, receipt.upto)
        if receipt.upto > last or (ours is not None and ours != receipt.head):
            cure = "keep this disk, and compare both with `smartclocker journal verify`"
            why = "its chain is not ours" if receipt.upto <= last else f"ours ends with {last}, and its chain is"
            said = f"{why} at record {receipt.upto}: a journal was copied or restored (fork); {cure}"
            return OnlineStep("ledger", False, said)
        waiting = last - receipt.upto
        rest = f"; the service sends the {waiting} after it" if waiting else ""
        return OnlineStep("ledger", True, f"it signed that it holds every record up to {receipt.upto}{rest}")

    def _silence(self) -> str:
        if self._strange:
            pinned = ", ".join(sorted(self._secrets.ledger))
            return (
                f"a ledger answers, and signs with the key {', '.join(sorted(self._strange))}; keys.ledger holds "
                f"{pinned}: copy the centre's ledger.pem to {self._config.keys.ledger}"
            )
        record = self._record
        if self._behind is not None and record is not None:
            lost = (
                f"had receipted them up to {record.receipted}: it has lost some (ledger-behind)"
                if self._behind < record.receipted
                else f"does not take record {record.seq}"
            )
            cure = "look at its log and its database at the centre"
            return f"it signed that it holds our records up to {self._behind}, and {lost}; {cure}"
        keyid = key_id(self._secrets.identity.verify_key)
        return (
            f"no receipt within {self._receipt_s:g} s: look at the centre whether `smartclocker central run` runs, "
            f"and whether `smartclocker central terminals` lists {self._me.site}/{self._me.terminal} with the key "
            f"{keyid}; else register it"
        )


def _connected(link: MqttLink, deadline: float) -> Connected | Disconnected | None:
    while (event := _next(link, deadline)) is not None:
        if isinstance(event, Connected | Disconnected):
            return event
    return None


def _next(link: MqttLink, deadline: float) -> Connected | Disconnected | Acknowledged | Receive | None:
    """The next event; None when none comes before `deadline`, by the monotonic clock in seconds."""
    while (left := deadline - time.monotonic()) > 0:
        event = link.next_event(left)
        if event is not None:
            return event
    return None


_KEYID = re.compile(r"[0-9a-f]{32}")
_RECEIPTED = "SELECT coalesce(max(upto), 0) FROM receipt"
_LAST = "SELECT coalesce(max(seq), 0) FROM records"
_LOOK_S = 0.2
"""Pause between two readings of the journal."""
