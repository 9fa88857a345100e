"""The claim server against those who only want to keep it busy, or to learn something."""

import logging
import socket
import ssl
import threading

import pytest

from edge.central.claims import server as claim_server
from edge.domain.claim import messages
from edge.domain.claim.messages import ClaimAnswer, Refusal
from edge.domain.claim.try_limits import TryLimits
from tests.support.claims import ClaimCentre, Impostor, connected, line_of
from tests.support.installation import eventually

MANY = TryLimits(each=10_000, in_all=10_000)


@pytest.fixture
def centre(tmp_path) -> ClaimCentre:
    return ClaimCentre(tmp_path)


def raw(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 60)


def ended(link: socket.socket) -> bool:
    """Whether the server ended the connection; waits for that."""
    try:
        while link.recv(4_096):
            pass
    except ConnectionError:
        pass
    return True


LINES = {
    "nothing": b"\n",
    "no JSON": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a list": b"[]\n",
    "nested": b"[" * 4_000 + b"\n",
    "another version": b'{"v":2}\n',
    "NUL": b"\0\n",
}


@pytest.mark.parametrize("what", LINES)
def test_who_sends_rubbish_hears_one_word(centre, what: str) -> None:
    with centre.serving(), connected(centre.port) as link:
        line_of(link)
        link.sendall(LINES[what])
        try:
            said = line_of(link)
        except (EOFError, OSError):
            return  # two lines, which end the connection without a word
        assert said == b'{"v":1,"refused":"malformed"}'
        assert ended(link)


def test_a_line_without_end_is_not_read_beyond_its_limit(centre) -> None:
    with centre.serving(), connected(centre.port) as link:
        line_of(link)
        for _ in range(1_000):
            try:
                link.sendall(b" " * 65_536)
            except OSError:
                return
        pytest.fail("it reads without end")


def test_the_greeting_is_all_that_is_said_to_a_stranger_and_differs_each_time(centre) -> None:
    said = set()
    with centre.serving():
        for _ in range(3):
            with connected(centre.port) as link:
                assert link.version() == "TLSv1.3"
                said.add(messages.read_greeting(line_of(link)))
                assert link.getpeercert(binary_form=True)
    assert len(said) == 3


def test_older_tls_is_refused(centre) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with centre.serving(), raw(centre.port) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain)


@pytest.mark.parametrize("how", ["no hello", "half a hello", "no line", "a byte now and then"])
def test_a_slow_client_is_ended_at_its_deadline_and_holds_nobody_up(centre, how: str) -> None:
    with centre.serving(within_s=1.0, limits=MANY):
        token = centre.token("main/gate-1")
        stop = threading.Event()
        if how in {"no hello", "half a hello"}:
            slow: socket.socket = raw(centre.port)
            slow.sendall(b"\x16\x03\x01\x02\x00\x01" if how == "half a hello" else b"")
            dripping = None
        else:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            slow = context.wrap_socket(raw(centre.port))
            line_of(slow)
            dripping = threading.Thread(target=drip, args=(slow, stop)) if how == "a byte now and then" else None
        if dripping is not None:
            dripping.start()
        eventually(Impostor(centre.port, token).is_taken_in, "somebody else is answered meanwhile")
        assert dripping is not None or ended(slow)
        if dripping is not None:
            dripping.join(60)
            assert not dripping.is_alive(), "the connection was ended under it"
        slow.close()


def drip(link: ssl.SSLSocket, stop: threading.Event) -> None:
    try:
        while not stop.wait(0.02):
            link.sendall(b" ")
    except OSError:
        pass


def test_one_address_has_so_many_connections_at_once(centre) -> None:
    with centre.serving(limits=MANY) as server:
        held = [raw(centre.port) for _ in range(claim_server.MOST_OF_ONE)]
        eventually(lambda: server._open.total() == claim_server.MOST_OF_ONE, "all are taken")
        with raw(centre.port) as more:
            assert ended(more)
        held.pop().close()
        eventually(lambda: server._open.total() < claim_server.MOST_OF_ONE, "one has ended")
        assert isinstance(Impostor(centre.port, centre.token("main/gate-1")).ask(), ClaimAnswer)
        for one in held:
            one.close()


def test_all_addresses_together_have_so_many(centre, monkeypatch) -> None:
    monkeypatch.setattr(claim_server, "MOST_AT_ONCE", 3)
    with centre.serving(limits=MANY) as server:
        held = [raw(centre.port) for _ in range(3)]
        eventually(lambda: server._open.total() == 3, "all are taken")
        with raw(centre.port) as more:
            assert ended(more)
        for one in held:
            one.close()


def test_a_hundred_connections_leave_nothing_behind(centre) -> None:
    with centre.serving(limits=MANY) as server:
        for _ in range(100):
            raw(centre.port).close()
        eventually(lambda: server._open.total() == 0 and not server._threads, "all have ended")
        assert isinstance(Impostor(centre.port, centre.token("main/gate-1")).ask(), ClaimAnswer)


def test_guesses_are_counted_in_a_minute(centre, capfd) -> None:
    with centre.serving(limits=TryLimits(each=3, in_all=100)):
        token = centre.token("main/gate-1")
        guess = Impostor(centre.port, type(token)(bytes(13), token.pin))
        assert [guess.ask() for _ in range(3)] == [Refusal.TOKEN_UNKNOWN] * 3
        for _ in range(3):
            with pytest.raises((EOFError, OSError)):
                guess.ask()
    assert capfd.readouterr().err.count("too many connections or tries") == 1


def test_a_port_that_is_taken_is_told(centre, capsys) -> None:
    with centre.serving():
        assert centre.central("claims", "--listen", "127.0.0.1", "--port", centre.port)[0] == 74
    assert "cannot be listened on" in capsys.readouterr().err


def test_what_it_logs_names_no_secret(centre, caplog) -> None:
    token = centre.token("main/gate-1")
    logging.root.addHandler(caplog.handler)  # the command line took it away
    caplog.set_level("DEBUG")
    with centre.serving():
        one = Impostor(centre.port, token)
        one.ask()
        Impostor(centre.port, token).ask()
    said = caplog.text
    assert "main/gate-1 is claimed by the key" in said
    assert "a claim from 127.0.0.1 was refused: token-used" in said
    assert token.digest not in said
    assert token.written() not in said


def test_it_goes_on_when_no_thread_was_left_for_a_connection(centre, monkeypatch, capfd) -> None:
    started = threading.Thread.start

    def none_left(thread: threading.Thread) -> None:
        if thread.name == "claim":
            monkeypatch.setattr(threading.Thread, "start", started)
            raise RuntimeError("can't start new thread")
        started(thread)

    with centre.serving() as server:
        token = centre.token("main/gate-1")
        monkeypatch.setattr(threading.Thread, "start", none_left)
        with pytest.raises((EOFError, OSError)):
            Impostor(centre.port, token).ask()
        assert isinstance(Impostor(centre.port, token).ask(), ClaimAnswer)
        eventually(lambda: server._open.total() == 0, "every place is free again")
    assert "could not be served" in capfd.readouterr().err


def test_it_ends_by_itself_also_where_the_tokens_cannot_be_read(centre, monkeypatch) -> None:
    """Otherwise the certificate authority's key would be at its hand for ever."""
    monkeypatch.setattr(claim_server, "LOOK_S", 0.01)
    centre.token("main/gate-1")
    (centre.base / "claims.db").write_bytes(b"garbage" * 200)
    server = claim_server.ClaimServer(centre.base, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=(0.02,))
    thread.start()
    thread.join(60)
    ended = not thread.is_alive()
    server.stop()
    assert ended


def test_it_ends_by_itself_when_no_token_has_counted_for_the_given_time(centre, monkeypatch) -> None:
    monkeypatch.setattr(claim_server, "LOOK_S", 0.01)
    claim_server.ClaimServer(centre.base, "127.0.0.1", 0).run(idle_s=0.02)
    token = centre.token("main/gate-1")
    server = claim_server.ClaimServer(centre.base, "127.0.0.1", 0)
    looks, look = [], server._any_token_counts
    monkeypatch.setattr(server, "_any_token_counts", lambda: looks.append(look()) or looks[-1])
    thread = threading.Thread(target=server.run, args=(0.02,))
    thread.start()
    try:
        assert isinstance(Impostor(server.port, token).ask(), ClaimAnswer)
        seen = len(looks)
        eventually(lambda: len(looks) >= seen + 20, "it looks again and again")
        assert thread.is_alive(), "the terminal may have lost its answer"
        assert centre.central("terminal remove", "main/gate-1")[0] == 0
        thread.join(60)
        assert not thread.is_alive()
    finally:
        server.stop()
