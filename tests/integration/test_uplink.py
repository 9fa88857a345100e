"""MqttUplink against a real mosquitto: certificates, names, absence, last words."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity
from edge.adapters.mqtt.uplink import MqttUplink
from edge.central.broker import certificates
from edge.domain.protocol import topics
from edge.domain.protocol.record import Origin
from edge.errors import KeyFileError
from edge.ports import Acknowledged, Connected, Disconnected, Message, Uplink
from edge.terminal.uplink.status import last_will
from tests.support.broker import restart
from tests.support.contracts import contract

pytestmark = contract(Uplink, MqttUplink, "a real mosquitto with TLS, on this machine")

HERE = Origin("main", "gate-1")


def uplink_of(settings, origin=HERE) -> MqttUplink:
    return MqttUplink(settings, origin, last_will(origin), [topics.receipt(origin)])


def first_event(settings):
    with uplink_of(settings) as uplink:
        return uplink.next_event(60)


def test_publishes_are_acknowledged_in_their_order(installation):
    with uplink_of(installation.uplink("gate-1")) as uplink:
        assert not uplink.publish(topics.record(HERE, "punch"), b"too early", token=1)
        assert uplink.next_event(60) == Connected(session_present=False)
        for token in range(1, 101):
            assert uplink.publish(topics.record(HERE, "punch"), b"x" * 900, token=token)
        answers = [uplink.next_event(60) for _ in range(100)]
    assert answers == [Acknowledged(token, None, unheard=True) for token in range(1, 101)]


def test_the_session_outlives_the_connection(installation):
    with uplink_of(installation.uplink("gate-1")) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
    installation.neighbour("ledger").publish(topics.receipt(HERE), b"while it was away")
    with uplink_of(installation.uplink("gate-1")) as uplink:
        events = [uplink.next_event(60), uplink.next_event(60)]
    assert Connected(session_present=True) in events
    assert Message(topics.receipt(HERE), b"while it was away") in events


def test_wake_ends_a_wait(installation):
    with uplink_of(installation.uplink("gate-1")) as uplink:
        uplink.next_event(60)
        uplink.wake()
        began = time.monotonic()
        assert uplink.next_event(90) is None
        assert time.monotonic() - began < 60, "it did not wait to its end"


def test_another_authority_for_the_broker_is_a_clear_reason(installation, tmp_path):
    other = certificates.create_authority(tmp_path / "other")
    event = first_event(installation.uplink("gate-1", ca=other.ca))
    assert isinstance(event, Disconnected)
    assert "certificate verify failed" in event.reason
    assert "copy the certificate of the authority that signed it" in event.reason


def test_a_certificate_of_another_authority_is_a_clear_reason(installation, tmp_path):
    certificates.create_authority(tmp_path / "other")
    alien = certificates.issue_client(tmp_path / "other", "gate-1")
    event = first_event(installation.uplink("gate-1", certificate=alien.certificate, key=alien.key))
    assert isinstance(event, Disconnected)
    # TLS 1.3: the broker's alert may lose its race against the reset of the connection
    assert "certificate" in event.reason


def test_an_expired_certificate_is_a_clear_reason(installation):
    expired = certificates.issue_client(installation.broker.pki, "gate-9", lifetime=timedelta(days=-1))
    event = first_event(installation.uplink("gate-1", certificate=expired.certificate, key=expired.key))
    assert isinstance(event, Disconnected)
    assert "certificate" in event.reason


def test_an_expired_certificate_of_the_broker_is_a_clear_reason(installation):
    certificates.issue_server(installation.broker.pki, [installation.broker.host], lifetime=timedelta(days=-1))
    restart(installation.broker)
    event = first_event(installation.uplink("gate-1"))
    assert "certificate has expired" in event.reason
    assert "set this clock" in event.reason


def test_a_broker_of_another_name_is_a_clear_reason(installation):
    certificates.issue_server(installation.broker.pki, ["broker.example"])
    restart(installation.broker)
    event = first_event(installation.uplink("gate-1"))
    assert "mismatch" in event.reason
    assert "give the broker a certificate that names 127.0.0.1" in event.reason


def test_a_name_that_does_not_exist_is_a_clear_reason(installation):
    assert "name not found" in first_event(installation.uplink("gate-1", host="no-such-broker.invalid")).reason


def test_a_broker_without_tls_is_a_clear_reason(installation, tmp_path):
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        event = first_event(installation.uplink("gate-1", port=server.getsockname()[1], backoff_first_s=30.0))
        thread.join()
    assert "TLS handshake" in event.reason


def test_one_reason_is_said_once_however_often_it_is_tried(installation):
    installation.broker.stop()
    with uplink_of(installation.uplink("gate-1")) as uplink:
        assert "connection refused" in uplink.next_event(60).reason
        assert uplink.next_event(0.6) is None


def test_two_terminals_under_one_name_are_told_so(installation):
    with uplink_of(installation.uplink("gate-1", backoff_first_s=30.0)) as first:
        assert isinstance(first.next_event(60), Connected)
        with uplink_of(installation.uplink("gate-1")) as second:
            assert isinstance(second.next_event(60), Connected)
            event = first.next_event(60)
    assert isinstance(event, Disconnected)
    # mosquitto 2.0.11 only closes the connection, without MQTT v5's reason code
    assert "another client connected under our name" in event.reason


@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (Path.unlink, "does not exist; `smartclocker claim` brings it"),
        (lambda path: path.write_text("-----BEGIN NOTHING-----\n"), "PEM"),
        (lambda path: path.write_bytes(b""), "PEM"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
    ],
    ids=["missing", "damaged", "empty", "folder"],
)
def test_a_file_that_cannot_be_used_is_named_waited_for_and_taken_once_it_is_mended(
    installation, which, harm, words
):
    settings = installation.uplink("gate-1")
    path = getattr(settings, which)
    whole = path.read_bytes()
    harm(path)
    with uplink_of(settings) as uplink:
        event = uplink.next_event(60)
        assert isinstance(event, Disconnected)
        assert str(path) in event.reason
        assert words in event.reason
        assert uplink.unusable
        if path.is_dir():
            path.rmdir()
        path.touch(0o600)
        path.write_bytes(whole)
        while not isinstance(event := uplink.next_event(60), Connected):
            assert isinstance(event, Disconnected)
        assert not uplink.unusable


@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
def test_a_command_says_at_once_what_file_it_cannot_use(installation, tmp_path, which):
    """As the ledger does at its start: a person waits for it."""
    settings = replace(installation.uplink("gate-1"), **{which: tmp_path / "absent.pem"})
    with pytest.raises(KeyFileError, match=r"absent\.pem: does not exist; `smartclocker claim` brings it"):
        MqttLink(settings, Identity("somebody")).start()


def _reason_of_unusable(settings) -> str:
    with uplink_of(settings) as uplink:
        event = uplink.next_event(60)
        assert isinstance(event, Disconnected)
        assert uplink.unusable
        return event.reason


def test_a_key_that_is_open_to_others_is_not_used(installation):
    settings = installation.uplink("gate-1")
    settings.key.chmod(0o604)
    assert "readable or writable by others; `chmod 600" in _reason_of_unusable(settings)


def test_an_encrypted_key_is_refused_and_asks_nobody(installation):
    from cryptography.hazmat.primitives import serialization as pem

    settings = installation.uplink("gate-1")
    key = pem.load_pem_private_key(settings.key.read_bytes(), None)
    settings.key.write_bytes(
        key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.BestAvailableEncryption(b"secret"))
    )
    assert "unencrypted private key" in _reason_of_unusable(settings)


def test_a_key_of_another_certificate_is_not_used(installation):
    settings, other = installation.uplink("gate-1"), installation.uplink("gate-2")
    assert "not a certificate with its own" in _reason_of_unusable(replace(settings, key=other.key))


def test_a_renewal_that_is_half_done_does_not_cost_the_connection(installation, caplog):
    """As a new certificate beside the old key, which systemd lent at the start."""
    settings, other = installation.uplink("gate-1"), installation.uplink("gate-2")
    genuine = settings.certificate.read_bytes()
    with uplink_of(settings) as uplink:
        assert isinstance(uplink.next_event(60), Connected)
        settings.certificate.write_bytes(other.certificate.read_bytes())
        restart(installation.broker)
        assert isinstance(uplink.next_event(60), Disconnected)
        while not isinstance(event := uplink.next_event(60), Connected):
            assert isinstance(event, Disconnected)
        assert uplink.unusable, "the alarm stands meanwhile"
        assert caplog.text.count("not a certificate with its own") == 1
        settings.certificate.write_bytes(genuine)
        restart(installation.broker)
        installation.eventually(lambda: not uplink.unusable, "they are a pair again")


def test_what_was_renewed_on_the_disk_is_used_at_the_next_attempt(installation):
    expired = certificates.issue_client(installation.broker.pki, "gate-1", lifetime=timedelta(days=-1))
    with uplink_of(installation.uplink("gate-9", certificate=expired.certificate, key=expired.key)) as uplink:
        event = uplink.next_event(60)
        assert isinstance(event, Disconnected)
        assert "certificate" in event.reason
        assert certificates.issue_client(installation.broker.pki, "gate-1") == expired, "the same files, renewed"
        while not isinstance(event := uplink.next_event(60), Connected):
            assert isinstance(event, Disconnected)


def test_stop_is_bounded_when_nobody_answers(installation):
    import socket

    with socket.create_server(("127.0.0.1", 0), backlog=1) as silent:
        uplink = uplink_of(
            replace(installation.uplink("gate-1", port=silent.getsockname()[1]), connect_timeout_s=60)
        )
        uplink.start()
        connection, _ = silent.accept()
        uplink.stop()
        assert uplink._link._thread.is_alive(), "it does not wait for the end of the handshake"
        connection.close()
        installation.eventually(lambda: not uplink._link._thread.is_alive(), "it ends by itself")


def test_the_will_tells_of_a_terminal_that_was_killed_and_a_clean_stop_does_not(installation, tmp_path):
    settings = installation.uplink("gate-1")
    program = tmp_path / "terminal.py"
    program.write_text(
        textwrap.dedent(f"""
            from pathlib import Path
            from edge.adapters.mqtt.uplink import MqttUplink, UplinkSettings
            from edge.domain.protocol import topics
            from edge.domain.protocol.record import Origin
            from edge.terminal.uplink.status import last_will
            here = Origin("main", "gate-1")
            files = [Path(p) for p in {[str(settings.ca), str(settings.certificate), str(settings.key)]}]
            uplink = MqttUplink(UplinkSettings({settings.host!r}, {settings.port}, *files), here, last_will(here),
                                [topics.receipt(here)])
            uplink.start()
            assert uplink.next_event(60)
            uplink.publish(topics.status(here), b'{{"v":1,"state":"online"}}', token=1, retain=True)
            uplink.next_event(3600)
            uplink.next_event(3600)
        """)
    )
    watcher = installation.neighbour("ledger", topics.ALL_STATUS)
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, str(program)], env={**os.environ, "PYTHONPATH": str(root)})
    try:
        watcher.hears(topics.status(HERE), b"online")
        process.send_signal(signal.SIGKILL)
        watcher.hears(topics.status(HERE), b"offline")
    finally:
        process.kill()
        process.wait()
    late = installation.neighbour("ledger", topics.ALL_STATUS)
    late.hears(topics.status(HERE), b"offline")  # retained

    terminal = installation.terminal("gate-2")
    publisher = terminal.run()
    installation.eventually(lambda: publisher.connected, "connected")
    terminal.stop()
    watcher.hears(topics.status(terminal.origin), b"stopped")
    assert not [p for t, p in watcher.heard if t == topics.status(terminal.origin) and b"offline" in p]


def test_private_keys_are_written_closed(installation):
    for key in installation.broker.pki.glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_session_is_begun_anew_without_what_the_broker_held(installation):
    with uplink_of(installation.uplink("gate-1")) as uplink:
        assert not uplink.renew(), "before there is a connection"
        assert isinstance(uplink.next_event(60), Connected)
    with uplink_of(installation.uplink("gate-1")) as uplink:
        assert uplink.next_event(60) == Connected(session_present=True)
        assert uplink.renew()
        assert uplink.next_event(60) == Disconnected("a new session at the broker begins")
        assert uplink.next_event(60) == Connected(session_present=False)
        installation.neighbour("ledger").publish(topics.receipt(HERE), b"heard again")
        assert uplink.next_event(60) == Message(topics.receipt(HERE), b"heard again")
        uplink.handled()
        watcher = installation.neighbour("ledger", topics.status(HERE))
        assert watcher.poll(0.5) is None, "no last will: it is no failure"
    with uplink_of(installation.uplink("gate-1")) as uplink:
        assert uplink.next_event(60) == Connected(session_present=True), "and the new one is kept"
