"""Makes the broker's retained messages of a site's roster equal to the centre's. Only the difference is sent.

The broker is asked what it retains. A broker that lost its state is filled again; a broker that has everything gets
nothing.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity, Receive
from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker.certificates import AUTHORITY
from edge.central.broker.turn import turn
from edge.central.roster.store import Sent
from edge.domain.roster.messages import MAX_PEOPLE
from edge.domain.roster.topics import TopicPart, place_of, root
from edge.errors import BrokerError
from edge.ports import Acknowledged, Connected, Disconnected

CONNECT_S = 10.0
SILENCE_S = 30.0
"""The broker may be silent for this many seconds during the exchange."""
WHOLE_S = 600.0
"""Seconds in which the broker must deliver all that it retains. A full site is about 130 MB, which 2 Mbit/s deliver
in time.
"""
MOST_MESSAGES = 4 * MAX_PEOPLE
"""Enough for people, tombstones, a key for each terminal, pages and the manifest."""
MOST_BYTES = 256 << 20
"""Limit for what the broker sends: twice a full site of people with the largest entries
(`domain.roster_member`).
"""
_WINDOW = 64
_PROBE = "probe"
_ORDER = (TopicPart.KEY, TopicPart.PERSON, TopicPart.PAGE, TopicPart.MANIFEST)
"""The order of sending. Each message finds the ones that it needs, and the manifest names only messages that are
there.
"""


@dataclass(frozen=True, slots=True)
class PublishOutcome:
    """What a publication changed."""

    retained: int
    """Number of messages that the broker now retains."""
    sent: int
    emptied: int
    bytes: int
    """Number of bytes that were sent."""


def retained(uplink: UplinkSettings, site: str) -> dict[str, bytes]:
    """The messages of a site's roster that the broker retains, by topic. Raises BrokerError, KeyFileError."""
    with _linked(uplink, f"{root(site)}/#") as link:
        return _retained(link, site)


def publish(
    uplink: UplinkSettings, site: str, wanted: Mapping[str, Sent], there: Mapping[str, bytes] | None = None
) -> PublishOutcome:
    """Makes the broker's retained roster of a site equal to `wanted`, by topic. Raises BrokerError, KeyFileError.

    `there` is what the broker retained a moment ago. Doing it again, also after an interruption, sends only what is
    missing.
    """
    if there is None:
        there = retained(uplink, site)
    changed = [(topic, one.wire) for topic, one in wanted.items() if there.get(topic) != one.wire]
    emptied = [(topic, b"") for topic in there if topic not in wanted]
    changed.sort(key=lambda pair: (_rank(pair[0]), pair[0]))
    if changed or emptied:
        # a connection without subscriptions, so that it does not receive its own messages
        with _linked(uplink) as link:
            _send(link, [*changed, *emptied])
    return PublishOutcome(len(wanted), len(changed), len(emptied), sum(len(wire) for _, wire in changed))


@contextmanager
def _linked(uplink: UplinkSettings, *subscriptions: str) -> Iterator[MqttLink]:
    with turn(uplink):
        link = MqttLink(replace(uplink, session_expiry_s=0), Identity(AUTHORITY, subscriptions))
        link.start()
        try:
            yield link
        finally:
            link.stop()


def _retained(link: MqttLink, site: str) -> dict[str, bytes]:
    """The retained messages by topic. They are complete when our own probe message arrives, because it comes after
    them.
    """
    probe, mark = f"{root(site)}/{_PROBE}", secrets.token_bytes(16)
    found: dict[str, bytes] = {}
    heard = 0
    deadline = time.monotonic() + CONNECT_S
    end = time.monotonic() + WHOLE_S
    while (left := min(deadline, end) - time.monotonic()) > 0:
        match link.next_event(left):
            case Connected():  # retained messages may arrive before this event
                link.publish(probe, mark, token=-1)
            case Disconnected(reason):
                raise BrokerError(reason)
            case Acknowledged(token=-1, refused=str(why)):
                raise BrokerError(_refusal(why, site))
            case Receive(message=message):
                if message.topic == probe and message.payload == mark:
                    return found
                if message.payload:
                    found[message.topic] = message.payload
                heard += len(message.topic) + len(message.payload)
                if len(found) > MOST_MESSAGES or heard > MOST_BYTES:
                    raise BrokerError(
                        f"the broker retains more below {root(site)} than any roster is: something else writes "
                        "there, or the broker is not ours; look at its ACL and its log"
                    )
                deadline = time.monotonic() + SILENCE_S
            case _:
                pass
    raise BrokerError(
        "the broker does not say what it retains; let its ACL allow the user of our certificate to read and write "
        f"{root(site)}/#"
    )


def _send(link: MqttLink, messages: list[tuple[str, bytes]]) -> None:
    _await_connection(link)
    waiting, next_one = 0, 0
    deadline = time.monotonic() + SILENCE_S
    while waiting or next_one < len(messages):
        while waiting < _WINDOW and next_one < len(messages):
            topic, wire = messages[next_one]
            if not link.publish(topic, wire, token=next_one, retain=True):
                raise BrokerError("the broker ended the connection; give the command again, it sends the rest")
            waiting, next_one = waiting + 1, next_one + 1
        match link.next_event(max(0.0, deadline - time.monotonic())):
            case Acknowledged(token=token, refused=why) if token >= 0:
                if why is not None:
                    raise BrokerError(_refusal(why, messages[token][0]))
                waiting -= 1
                deadline = time.monotonic() + SILENCE_S
            case Disconnected(reason):
                raise BrokerError(reason)
            case _:
                pass
        if waiting and time.monotonic() >= deadline:  # even if the broker sends other messages meanwhile
            raise BrokerError("the broker does not acknowledge; see its log, and give the command again")


def _await_connection(link: MqttLink) -> None:
    deadline = time.monotonic() + CONNECT_S
    while (left := deadline - time.monotonic()) > 0:
        match link.next_event(left):
            case Connected():
                return
            case Disconnected(reason):
                raise BrokerError(reason)
    raise BrokerError(f"the broker does not answer within {CONNECT_S:g} s; check its host and port")


def _rank(topic: str) -> int:
    place = place_of(topic)
    return len(_ORDER) if place is None else _ORDER.index(place.part)


def _refusal(why: str, where: str) -> str:
    return (
        f"the broker refuses the roster ({why}); let its ACL allow the user of our certificate to write below "
        f"{where.partition('/roster')[0]}"
    )
