"""What a broker may do to the command that publishes a roster: neither fill its memory nor keep it for ever."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from edge.adapters.mqtt.mailbox import Receive
from edge.central.roster import publisher
from edge.errors import BrokerError
from edge.ports import Connected, Message


class Hostile:
    """A link whose broker goes on sending and never says what we wait for; each event takes a second."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        self.now, self.sent = 0.0, 0
        self._size = size
        monkeypatch.setattr(publisher, "time", SimpleNamespace(monotonic=lambda: self.now))
        self._events = self._flood()

    def publish(self, _topic: str, _payload: bytes, **_more: object) -> bool:
        return True

    def next_event(self, _timeout_s: float) -> object:
        self.now += 1.0
        return next(self._events)

    def _flood(self) -> Iterator[object]:
        yield Connected(session_present=False)
        while True:
            self.sent += 1
            yield Receive(
                Message(f"smartclocker/v1/main/roster/person/{self.sent}", b"x" * self._size), self.sent, 1
            )


def test_a_broker_that_says_it_retains_ever_more_is_refused_within_a_bound(monkeypatch) -> None:
    monkeypatch.setattr(publisher, "WHOLE_S", float("inf"))
    monkeypatch.setattr(publisher, "MOST_BYTES", 1_000_000)
    link = Hostile(monkeypatch, 10_000)
    with pytest.raises(BrokerError, match="more below"):
        publisher._retained(link, "main")
    assert link.sent <= 100
    monkeypatch.setattr(publisher, "MOST_MESSAGES", 50)
    link = Hostile(monkeypatch, 1)
    with pytest.raises(BrokerError, match="more below"):
        publisher._retained(link, "main")
    assert link.sent == 51


def test_a_broker_that_goes_on_sending_ends_with_the_time_for_all(monkeypatch) -> None:
    link = Hostile(monkeypatch, 1)
    with pytest.raises(BrokerError, match="does not say what it retains"):
        publisher._retained(link, "main")
    assert link.now <= publisher.WHOLE_S + 1


def test_a_broker_that_sends_and_acknowledges_nothing_is_left(monkeypatch) -> None:
    link = Hostile(monkeypatch, 1)
    with pytest.raises(BrokerError, match="does not acknowledge"):
        publisher._send(link, [("topic", b"wire")])
    assert link.now <= publisher.SILENCE_S + 2
