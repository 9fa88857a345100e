"""One suite over every Notifier adapter: systemd's datagram socket, and nobody."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.adapters.linux.sd_notify import SilentNotifier, SystemdNotifier
from edge.ports import Notifier
from tests.support.contracts import contract, holds


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "n"))
        server.settimeout(60)
        yield server


@pytest.fixture(
    params=[
        pytest.param("systemd", marks=contract(Notifier, SystemdNotifier, "a datagram socket of the test's own")),
        pytest.param("silent", marks=contract(Notifier, SilentNotifier, "nothing")),
    ]
)
def notifier(request: pytest.FixtureRequest, manager: socket.socket) -> Iterator[Notifier]:
    made = SystemdNotifier(manager.getsockname(), 10.0) if request.param == "systemd" else SilentNotifier()
    holds(request, made)
    yield made
    if isinstance(made, SystemdNotifier):
        made.close()


def tell_everything(notifier: Notifier) -> None:
    notifier.slow(30.0)
    notifier.ready("attending\nat the door")
    notifier.watchdog()
    notifier.stopping()


def test_everything_may_be_told_whether_somebody_listens_or_not(notifier: Notifier, manager: socket.socket) -> None:
    tell_everything(notifier)
    manager.close()
    tell_everything(notifier)


def test_the_watchdogs_limit_is_none_or_a_time(notifier: Notifier) -> None:
    assert notifier.watchdog_s is None or notifier.watchdog_s > 0


def test_what_listens_hears_it_in_its_order(notifier: Notifier, manager: socket.socket) -> None:
    tell_everything(notifier)
    manager.setblocking(False)
    heard = []
    while True:
        try:
            heard.append(manager.recv(4_096).decode())
        except BlockingIOError:
            break
    expected = ["EXTEND_TIMEOUT_USEC=30000000", "READY=1\nSTATUS=attending at the door", "WATCHDOG=1", "STOPPING=1"]
    assert heard == ([] if notifier.watchdog_s is None else expected)
