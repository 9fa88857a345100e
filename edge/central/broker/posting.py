"""Publishes signed messages on the terminals' command topics, and reports whether anybody is subscribed."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity
from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker.certificates import AUTHORITY
from edge.central.broker.turn import turn
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from edge.errors import BrokerError
from edge.ports import Acknowledged, Connected, Disconnected

CONNECT_S = 10.0
_WINDOW = 64
"""Number of unacknowledged messages at a time."""


@dataclass(frozen=True, slots=True)
class CommandMessage:
    """One signed message to a terminal."""

    to: Origin
    wire: bytes
    expires: str
    """RFC 3339 UTC. Until then the broker keeps the message for a terminal that is offline."""


def post(uplink: UplinkSettings, letters: Sequence[CommandMessage]) -> list[bool]:
    """Publishes all messages. Returns for each whether a client or a kept session is subscribed to it.

    `uplink` has the authority's certificate, because the ledger's is in use while the ledger runs. Raises
    BrokerError, KeyFileError.
    """
    if not letters:
        return []
    with connected(uplink) as link:
        return hand_over(link, letters)


@contextmanager
def connected(uplink: UplinkSettings) -> Iterator[MqttLink]:
    """A connection under the authority's name, which no other program uses meanwhile. Raises BrokerError,
    KeyFileError.
    """
    with turn(uplink):
        # the broker keeps no session for this name
        link = MqttLink(replace(uplink, session_expiry_s=0), Identity(AUTHORITY))
        link.start()
        try:
            _await_connection(link)
            yield link
        finally:
            link.stop()


def hand_over(link: MqttLink, letters: Sequence[CommandMessage]) -> list[bool]:
    """Publishes all messages on an open connection, as `post` does. If it raises BrokerError, some may have
    been sent.
    """
    answers: dict[int, Acknowledged] = {}
    for token, letter in enumerate(letters):
        sent = link.publish(
            topics.command(letter.to), letter.wire, token=token, expiry_s=_seconds_left(letter.expires)
        )
        if not sent:
            raise BrokerError("the broker ended the connection; try again")
        if token + 1 - len(answers) >= _WINDOW:
            answers |= _acknowledgement(link)
    while len(answers) < len(letters):
        answers |= _acknowledgement(link)
    for answer in answers.values():
        if answer.refused is not None:
            raise BrokerError(
                f"the broker refuses the command ({answer.refused}); let its ACL allow the user of our certificate "
                "to write smartclocker/v1/+/+/command"
            )
    return [not answers[token].unheard for token in range(len(letters))]


def _seconds_left(expires: str) -> int:
    left = datetime.fromisoformat(expires) - datetime.now(UTC)
    return max(1, int(left.total_seconds()))


def _await_connection(link: MqttLink) -> None:
    deadline = time.monotonic() + CONNECT_S
    while (left := deadline - time.monotonic()) > 0:
        match link.next_event(left):
            case Connected():
                return
            case Disconnected(reason):
                raise BrokerError(reason)
    raise BrokerError(f"the broker does not answer within {CONNECT_S:g} s; check its host and port")


def _acknowledgement(link: MqttLink) -> dict[int, Acknowledged]:
    """The next acknowledgement with its token. Raises BrokerError."""
    deadline = time.monotonic() + CONNECT_S
    while (left := deadline - time.monotonic()) > 0:
        match link.next_event(left):
            case Acknowledged() as answer:
                return {answer.token: answer}
            case Disconnected(reason):
                raise BrokerError(reason)
    raise BrokerError(f"the broker does not acknowledge within {CONNECT_S:g} s; see its log, and try again")
