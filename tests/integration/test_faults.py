"""What networks and brokers do to a connection, at either end of it: nothing is lost, nothing doubled (I2, I3)."""

import threading
import time

import pytest

from edge.adapters.mqtt import client
from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.ledger.recheck import verify_all
from tests.support.proxy import Proxy

SIDES = ["terminal", "ledger"]
NAMES = {"terminal": "edge.terminal.uplink.publisher", "ledger": "edge.central.ledger.service"}


class Line:
    """One of the two reaches the broker through a proxy, the other directly."""

    def __init__(self, installation, side: str, proxy: Proxy, caplog) -> None:
        self.site, self.side, self.proxy, self._caplog = installation, side, proxy, caplog
        caplog.set_level("INFO")
        self.terminal = installation.terminal()

    def start(self, resend_s: float = 2.0, **settings: object) -> None:
        through = {"port": self.proxy.port, "backoff_first_s": 0.05, "backoff_max_s": 0.4, **settings}
        ledger = self.site.uplink("ledger", **(through if self.side == "ledger" else {}))
        gate = self.site.uplink("gate-1", **(through if self.side == "terminal" else {}))
        self.service = self.site.ledger(ledger)
        self.publisher = self.terminal.run(gate, resend_s=resend_s)
        self.site.eventually(lambda: self.publisher.connected, "connected")

    def lost(self) -> None:
        self.site.eventually(lambda: self.said()[0], "the loss is noticed")

    def said(self) -> tuple[int, int]:
        """How many lines said that the broker is away, and how many that it is back."""
        lines = [(r.levelname, r.getMessage()) for r in self._caplog.records if r.name == NAMES[self.side]]
        away = [line for level, line in lines if level == "WARNING" and line.startswith("the broker is away")]
        back = [line for _, line in lines if line.startswith(("the broker is back", "the broker accepted"))]
        return len(away), len(back) - (self.side == "ledger")  # the ledger's first connection is said, too

    def whole(self, count: int, within_s: float = 180.0) -> None:
        """Everything is receipted, stored once, and verifies."""
        self.terminal.receipted(count, within_s)
        with self.site.store() as store:
            (report,) = verify_all(store)
        assert report.ok
        assert (report.records, report.stored) == (count, count)
        with self.terminal.journal() as journal:
            assert report.head == journal.head()


@pytest.fixture
def proxy(broker):
    with Proxy(broker.host, broker.port) as running:
        yield running


@pytest.fixture(params=SIDES)
def line(request, installation, proxy, caplog) -> Line:
    return Line(installation, request.param, proxy, caplog)


def test_a_link_that_holds_its_bytes_is_noticed_and_nothing_waits_for_it(line):
    """Nobody sends a FIN: keep-alive alone finds it, on an idle machine within twice its 5 s and a second."""
    line.terminal.append(20)
    line.start(keepalive_s=5)
    line.terminal.receipted(20)
    line.proxy.stall()
    line.terminal.append(30)
    line.lost()  # without keep-alive TCP alone would take a quarter of an hour
    line.proxy.flow()
    line.whole(50)
    assert line.said() == (1, 1)


def test_a_short_stall_is_only_a_delay(line):
    line.start()
    line.proxy.stall()
    line.terminal.append(50)
    time.sleep(1.0)
    line.proxy.flow()
    line.whole(50)
    assert line.said() == (0, 0)


def test_resets_in_the_middle_of_a_backlog(line):
    line.terminal.append(1200)
    line.start()
    for mark in (50, 400, 800):
        line.terminal.receipted(mark)
        connections = len(line.proxy.attempts)
        line.proxy.reset()
        line.site.eventually(lambda before=connections: len(line.proxy.attempts) > before, "it comes back")
    line.whole(1200)
    away, back = line.said()
    assert away == back
    assert 1 <= away <= 3


@pytest.mark.parametrize("end", ["client", "target"])
def test_a_half_closed_connection(line, end):
    line.terminal.append(300)
    line.start()
    line.terminal.receipted(50)
    line.proxy.half_close(end)
    line.lost()
    line.whole(300)
    assert line.said() == (1, 1)


def test_two_hundred_milliseconds_each_way_cost_time_alone(line):
    line.terminal.append(150)
    line.proxy.delay_s = 0.2
    line.start(resend_s=3600)  # by that clock, slowness itself would be a reason
    line.whole(150)
    assert line.said() == (0, 0)
    assert line.publisher.counters.reconnects == 0
    assert line.publisher.counters.sent == 150, "nothing is sent twice for being slow"


@pytest.mark.parametrize("after", [1, 5_000, 60_000])
def test_a_connection_that_ends_in_the_middle_of_a_packet(line, after):
    line.start()
    line.proxy.truncate(after)
    line.terminal.append(300)
    if line.side == "terminal":
        line.lost()
    line.whole(300)
    if line.side == "terminal":
        assert line.said() == (1, 1)


def test_a_broker_that_slams_the_door_is_asked_ever_more_rarely_and_at_odd_moments(line, monkeypatch):
    draw, drawn = client._pause_s, []

    def pause(attempt: int, settings: UplinkSettings) -> float:
        drawn.append((attempt, draw(attempt, settings)))
        return drawn[-1][1]

    line.start(backoff_first_s=0.1, backoff_max_s=0.8)
    monkeypatch.setattr(client, "_pause_s", pause)
    line.proxy.slamming = True
    before, began = len(line.proxy.attempts), time.monotonic()
    line.proxy.reset()
    line.lost()
    line.terminal.append(10)
    line.site.eventually(lambda: len(line.proxy.attempts) >= before + 7, "it asks again and again")
    assert time.monotonic() - began >= sum(seconds for _, seconds in drawn[:7]), "it waits before each"
    attempts = [attempt for attempt, _ in drawn]
    assert attempts == list(range(attempts[0], attempts[0] + len(attempts)))
    ceilings = [min(0.8, 0.1 * 2**attempt) for attempt in attempts]
    assert all(most / 2 <= seconds <= most for (_, seconds), most in zip(drawn, ceilings, strict=True))
    shares = {round(seconds / most, 6) for (_, seconds), most in zip(drawn, ceilings, strict=True)}
    assert len(shares) > 1, "drawn, not counted"
    line.proxy.slamming = False
    line.whole(10)
    assert line.said() == (1, 1)


@pytest.mark.parametrize("broker", [True, False], indirect=True, ids=["with its state", "forgetting all"])
def test_a_broker_that_is_killed_again_and_again(installation, broker):
    """Without persistence it forgets sessions, queues and what it acknowledged: receipts alone count."""
    installation.ledger()
    terminal = installation.terminal()
    terminal.append(900)
    publisher = terminal.run(resend_s=1.0)
    for mark in (60, 300, 600):
        terminal.receipted(mark)
        broker.kill()
        installation.eventually(lambda: not publisher.connected, "the loss is noticed")
        terminal.append(20)
        broker.start()
    terminal.receipted(960)
    installation.eventually(lambda: not publisher.alarms, "no alarm stays")
    with installation.store() as store:
        (report,) = verify_all(store)
    assert report.ok
    assert report.records == report.stored == 960


def test_both_ends_through_a_bad_line_at_once(installation, broker, caplog):
    """Resets at odd moments while both send, ever more rarely, until the terminal came back three times; peace."""
    with Proxy(broker.host, broker.port) as proxy:
        through = {"port": proxy.port, "backoff_first_s": 0.02, "backoff_max_s": 0.1}
        installation.ledger(installation.uplink("ledger", **through))
        terminal = installation.terminal()
        publisher = terminal.run(installation.uplink("gate-1", **through), resend_s=0.5)
        peace = threading.Event()

        def trouble() -> None:
            pause_s = 0.35
            while not peace.wait(pause_s):
                proxy.reset()
                pause_s *= 1.1  # a busy machine needs longer than that to connect at all

        troubled = threading.Thread(target=trouble)
        troubled.start()
        for _ in range(25):
            terminal.append(20)
            time.sleep(0.2)
        try:
            installation.eventually(lambda: publisher.counters.reconnects >= 3, "it comes back three times")
        finally:
            peace.set()
            troubled.join()
        terminal.receipted(500)
        with installation.store() as store:
            (report,) = verify_all(store)
        assert report.ok
        assert report.records == report.stored == 500
        terminal.stop()
        installation.service.stop()
