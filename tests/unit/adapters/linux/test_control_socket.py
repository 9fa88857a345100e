"""The control socket against clients of every kind: it never waits for one, and what is kept is bounded."""

import contextlib
import errno
import os
import pwd
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge.adapters.linux import control_socket, peer_credentials
from edge.adapters.linux.control_client import ask, is_served
from edge.adapters.linux.control_socket import (
    MOST_CONNECTIONS,
    MOST_LINE,
    MOST_WAITING,
    REQUEST_WITHIN_S,
    ClientLine,
    ControlSocket,
    short_name,
)
from edge.adapters.linux.peer_credentials import Peer
from edge.errors import ControlAway, ControlError


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def listening(tmp_path: Path, clock: Clock) -> Iterator[ControlSocket]:
    found = ControlSocket(tmp_path / "control", now_s=clock)
    found.open()
    yield found
    found.close()


def connect(listening: ControlSocket) -> socket.socket:
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(30)
    with short_name(listening.path) as name:
        link.connect(name)
    return link


def came(listening: ControlSocket, until: Callable[[list[ClientLine]], bool] = bool) -> list[ClientLine]:
    found: list[ClientLine] = []
    for _ in range(1_000):
        found += listening.poll(0.05)
        if until(found):
            return found
    raise AssertionError(f"it never came: {found}")


def test_a_line_comes_with_its_peer(listening) -> None:
    with connect(listening) as link:
        link.sendall(b'{"v":1}\n')
        (line,) = came(listening)
        assert line.line == b'{"v":1}'
        assert (line.client.peer.pid, line.client.peer.uid) == (os.getpid(), os.geteuid())
        assert os.getegid() in line.client.peer.groups
        assert set(os.getgroups()) <= line.client.peer.groups
        listening.send(line.client, b"answer", last=True)
        assert link.recv(100) == b"answer\n"
        assert link.recv(100) == b""


def test_all_groups_of_a_peer_count_and_without_the_kernel_those_of_its_login(listening, monkeypatch) -> None:
    with connect(listening) as link:
        link.sendall(b"{}\n")
        (line,) = came(listening)
        assert line.client.peer.groups == {os.getegid(), *os.getgroups()}
        monkeypatch.setattr(peer_credentials, "_SO_PEERGROUPS", 60_000)
        found = peer_credentials.peer_of_socket(line.client.link)
        login = pwd.getpwuid(os.geteuid()).pw_name
        assert found.groups == {os.getegid(), *os.getgrouplist(login, os.getegid())}


def test_half_lines_are_put_together(listening) -> None:
    with connect(listening) as link:
        for part in (b'{"v"', b":1,", b'"do":"status"}\n'):
            link.sendall(part)
            listening.poll(0.05)
        assert not listening._clients[0].incoming


def test_a_line_that_is_too_long_is_a_fault_and_is_not_kept(listening) -> None:
    with connect(listening) as link:
        link.sendall(b"a" * MOST_LINE)
        found = came(listening)
        assert found[-1].fault == "too-long"
        assert len(listening._clients[0].incoming) < MOST_LINE


def test_a_client_that_does_not_end_its_line_is_a_fault(listening, clock) -> None:
    with connect(listening) as link:
        link.sendall(b'{"v":1')
        listening.poll(0.05)
        clock.now_s += REQUEST_WITHIN_S + 0.1
        (late,) = came(listening)
        assert late.fault == "too-slow"
        listening.send(late.client, b"too slow", last=True)
        assert link.recv(100) == b"too slow\n"
        assert not listening._clients


def test_a_client_that_is_answered_may_be_silent(listening, clock) -> None:
    with connect(listening) as link:
        link.sendall(b"{}\n")
        came(listening)
        clock.now_s += 1_000
        listening._looked_s = clock.now_s
        assert listening.poll(0.01) == []
        assert len(listening._clients) == 1


def test_a_client_that_never_reads_is_dropped_and_holds_nothing(listening) -> None:
    with connect(listening) as link:
        link.sendall(b"{}\n")
        (line,) = came(listening)
        sent = 0
        while listening.is_connected(line.client) and sent < 100 * MOST_WAITING:
            listening.send(line.client, b"x" * 1_000)
            sent += 1_000
        assert not listening.is_connected(line.client)
        assert not line.client.outgoing
        listening.send(line.client, b"more")


def test_a_client_that_does_not_read_its_last_line_is_dropped_after_a_while(listening, clock) -> None:
    with connect(listening) as link:
        link.sendall(b"{}\n")
        (line,) = came(listening)
        for _ in range(10_000):
            listening.send(line.client, b"x" * 1_000)
            if line.client.outgoing:
                break
        listening.send(line.client, b"end", last=True)
        assert listening.is_connected(line.client)
        clock.now_s += control_socket.DRAIN_S + 0.1
        listening._looked_s = clock.now_s
        listening.poll(0.01)
        assert not listening.is_connected(line.client)


def test_a_client_that_goes_is_told(listening) -> None:
    link = connect(listening)
    link.sendall(b"{}\n")
    (line,) = came(listening)
    link.close()
    (gone,) = came(listening)
    assert (gone.client, gone.line) == (line.client, None)


def test_more_clients_than_places_are_told_to_try_again(listening) -> None:
    links = [connect(listening) for _ in range(MOST_CONNECTIONS)]
    listening.poll(0.05)
    with connect(listening) as late:
        listening.poll(0.05)
        assert b"busy" in late.recv(1_000)
    for link in links:
        link.close()
    came(listening, lambda found: len(found) == MOST_CONNECTIONS)
    with connect(listening) as again:
        again.sendall(b"{}\n")
        assert came(listening)[0].line == b"{}"


def test_the_client_that_is_silent_for_longest_makes_room_and_one_that_asked_stays(listening, clock) -> None:
    asking = connect(listening)
    asking.sendall(b"{}\n")
    (line,) = came(listening)
    silent = [connect(listening) for _ in range(MOST_CONNECTIONS - 1)]
    listening.poll(0.05)
    clock.now_s += 1
    with connect(listening) as late:
        late.sendall(b'{"v":1}\n')
        assert [one.line for one in came(listening)] == [b'{"v":1}']
        assert b"busy" in silent[0].recv(1_000)
        assert silent[0].recv(1_000) == b""
    assert listening.is_connected(line.client)
    for link in (asking, *silent):
        link.close()


def test_after_a_full_turn_nobody_is_accepted_for_a_moment(tmp_path, clock, monkeypatch) -> None:
    monkeypatch.setattr(control_socket, "_ACCEPTED", 4)
    listening = ControlSocket(tmp_path / "control", now_s=clock)
    listening.open()
    links = [connect(listening) for _ in range(6)]
    for _ in range(5):
        listening.poll(0.0)
    assert len(listening._clients) == 4
    clock.now_s += control_socket._PAUSE_S
    listening.poll(0.0)
    assert len(listening._clients) == 6
    listening.close()
    for link in links:
        link.close()


def test_without_a_free_descriptor_it_does_not_spin(listening, clock, monkeypatch) -> None:
    asked: list[int] = []

    class Exhausted:
        def accept(self) -> None:
            asked.append(1)
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    real = listening._listening
    with connect(listening) as link:
        listening._listening = Exhausted()
        monkeypatch.setattr(listening, "_selector", Selecting(listening._selector, real, listening._listening))
        for _ in range(20):
            listening.poll(0.0)
        assert len(asked) == 1
        monkeypatch.undo()
        listening._listening = real
        clock.now_s += control_socket._PAUSE_S
        link.sendall(b"{}\n")
        assert came(listening)[0].line == b"{}"


class Selecting:
    """A selector that takes one object for another."""

    def __init__(self, selector: object, real: socket.socket, shown: object) -> None:
        self._selector, self._real, self._shown = selector, real, shown

    def unregister(self, one: object) -> None:
        self._selector.unregister(self._real if one is self._shown else one)

    def __getattr__(self, name: str) -> object:
        return getattr(self._selector, name)


def test_a_client_waits_for_its_turn_while_others_stand_before_it(tmp_path) -> None:
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket(socket.AF_UNIX))
        with short_name(tmp_path / "control") as name:
            listening.bind(name)
        listening.listen(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                link = stack.enter_context(socket.socket(socket.AF_UNIX))
                link.setblocking(False)
                with short_name(tmp_path / "control") as name:
                    link.connect(name)
        found: list[bool] = []
        thread = threading.Thread(target=lambda: found.append(is_served(tmp_path / "control")))
        thread.start()
        listening.settimeout(30)
        while thread.is_alive():
            listening.accept()[0].close()
            thread.join(0.2)
        assert found == [True]


def test_what_lies_in_its_place_is_named_with_its_own_cure(tmp_path) -> None:
    (tmp_path / "control").mkdir()
    with pytest.raises(ControlError, match="something else lies there: move it away, or name another place"):
        ControlSocket(tmp_path / "control").open()


def test_in_a_folder_to_which_everybody_may_write_nobody_listens_and_nobody_asks(tmp_path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    with socket.socket(socket.AF_UNIX) as stranger:
        with short_name(folder / "control") as name:
            stranger.bind(name)
        stranger.listen()
        stranger.settimeout(0)
        with pytest.raises(ControlError, match="another program can take the terminal's place; name another one"):
            ask(folder / "control", {"do": "status"})
        with pytest.raises(BlockingIOError):
            stranger.accept()
    with pytest.raises(ControlError, match="everybody may write to that folder"):
        ControlSocket(folder / "control").open()
    folder.chmod(0o755)
    listening = ControlSocket(folder / "control")
    listening.open()
    listening.close()


def test_a_peer_that_may_not_connect_gets_one_line_and_no_place(tmp_path, clock) -> None:
    stranger = Peer(1, 65_534, frozenset())
    listening = ControlSocket(
        tmp_path / "control", lambda peer: f"no, {peer.uid}".encode(), peer_of=lambda _: stranger, now_s=clock
    )
    listening.open()
    try:
        for _ in range(3 * MOST_CONNECTIONS):
            with connect(listening) as link:
                link.sendall(b'{"v":1,"do":"status"}\n')
                assert listening.poll(0.05) == []
                assert link.recv(100) == b"no, 65534\n"
        assert not listening._clients
    finally:
        listening.close()


def test_many_empty_lines_are_many_lines_and_no_error(listening) -> None:
    with connect(listening) as link:
        link.sendall(b"\n" * 1_000)
        found = came(listening, lambda found: len(found) >= 1_000)
        assert all(one.line == b"" for one in found)


def test_a_socket_that_a_former_process_left_is_replaced(tmp_path) -> None:
    path = tmp_path / "control"
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    assert not is_served(path)
    listening = ControlSocket(path)
    listening.open()
    assert is_served(path)
    listening.close()
    listening.close()
    assert not path.exists()


def test_another_file_in_its_place_is_left_alone(tmp_path) -> None:
    path = tmp_path / "control"
    path.write_text("mine")
    with pytest.raises(ControlError, match=r"control\.socket"):
        ControlSocket(path).open()
    assert path.read_text() == "mine"


def test_a_socket_that_was_removed_is_noticed(listening, clock) -> None:
    listening.path.unlink()
    clock.now_s += 10
    with pytest.raises(ControlError, match="removed or replaced"):
        listening.poll(0.01)


def test_a_folder_may_be_deeper_than_a_socket_address_is_long(tmp_path) -> None:
    folder = tmp_path / ("deep" * 30) / ("deeper" * 20)
    folder.mkdir(parents=True)
    listening = ControlSocket(folder / "control")
    listening.open()
    assert is_served(folder / "control")
    listening.close()


def test_everybody_may_connect_so_that_whoever_is_refused_is_told_why(listening) -> None:
    assert listening.path.stat().st_mode & 0o777 == 0o666


def test_without_a_terminal_the_client_says_so(tmp_path) -> None:
    with pytest.raises(ControlAway, match="systemctl start"):
        ask(tmp_path / "control", {"do": "status"})
    with pytest.raises(ControlAway, match="no terminal runs here"):
        ask(tmp_path / "missing" / "control", {"do": "status"})
