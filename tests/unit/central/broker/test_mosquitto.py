"""mosquitto's configuration and the process around it."""

import socket
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.broker.certificates import Credentials
from edge.central.broker.mosquitto import (
    BrokerSettings,
    EmbeddedBroker,
    find_mosquitto,
    render_acl,
    render_configuration,
)
from edge.crypto import dsse
from edge.domain.protocol import record, terminal_status, topics
from edge.domain.protocol.order import Order
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record_kinds import Kind
from edge.domain.protocol.resend_command import Resend
from edge.domain.roster import messages
from edge.domain.roster.messages import KeyMessage, Page, PersonMessage, RosterManifest
from edge.domain.roster.topics import Place, TopicPart
from edge.errors import BrokerError
from tests.support.broker import restart
from tests.support.mqtt_packets import publish

INSTALLED = Path("/etc/smartclocker/broker")
PROVISIONING = Path(__file__).parents[4] / "provisioning" / "mosquitto"


def settings(**changes: object) -> BrokerSettings:
    files = Credentials(INSTALLED / "ca.crt", INSTALLED / "server.crt", INSTALLED / "server.key")
    defaults = {
        "address": "192.0.2.1",
        "port": 8883,
        "credentials": files,
        "crl": INSTALLED / "crl.pem",
        "acl": INSTALLED / "acl",
        "state": Path("/var/lib/mosquitto"),
        "sites": ("main",),
    }
    return BrokerSettings(**{**defaults, **changes})


def test_the_provisioned_files_are_what_the_program_writes():
    assert (PROVISIONING / "mosquitto.conf").read_text() == render_configuration(settings())
    assert (PROVISIONING / "acl").read_text() == render_acl(("main",))


def test_nobody_enters_without_a_certificate():
    lines = render_configuration(settings()).splitlines()
    assert "listener 8883 192.0.2.1" in lines
    assert {"require_certificate true", "use_identity_as_username true", "allow_anonymous false"} <= set(lines)
    assert sum(line.startswith("listener ") for line in lines) == 1


@pytest.mark.parametrize(
    ("kind", "largest"),
    [
        (record.PAYLOAD_TYPE, record.MAX_PAYLOAD),
        (Receipt.PAYLOAD_TYPE, Receipt.MAX_PAYLOAD),
        (Resend.PAYLOAD_TYPE, Resend.MAX_PAYLOAD),
        (Order.PAYLOAD_TYPE, Order.MAX_PAYLOAD),
        (PersonMessage.PAYLOAD_TYPE, messages.MAX_PAYLOAD),
        (Page.PAYLOAD_TYPE, messages.MAX_PAYLOAD),
        (RosterManifest.PAYLOAD_TYPE, messages.MAX_PAYLOAD),
        (KeyMessage.PAYLOAD_TYPE, messages.MAX_LINE),
    ],
)
def test_whatever_we_send_fits_into_an_envelope(kind, largest):
    wire = dsse.to_wire(dsse.sign(kind, b"x" * largest, SigningKey.generate()))
    assert len(wire) <= dsse.MAX_ENVELOPE


def test_and_an_envelope_under_its_longest_topic_into_a_packet():
    here = record.Origin("s" * 32, "n" * 32)
    person = Place("s" * 32, TopicPart.PERSON, "a" * 26).topic
    most = int(
        next(line for line in render_configuration(settings()).splitlines() if "max_packet_size" in line)[16:]
    )
    assert terminal_status.MAX_STATUS < dsse.MAX_ENVELOPE
    for topic in (topics.record(here, max(Kind, key=len)), topics.status(here), topics.command(here), person):
        assert len(publish(topic, b"x" * dsse.MAX_ENVELOPE, 1, retain=True)) <= most


def test_persistence_is_a_choice():
    lines = render_configuration(settings(persistence=False, autosave_on_changes=True, autosave_s=1)).splitlines()
    assert {"persistence false", "autosave_on_changes true", "autosave_interval 1"} <= set(lines)


def test_each_site_has_its_own_patterns():
    acl = render_acl(("north", "south"))
    for site in ("north", "south"):
        assert f"pattern write smartclocker/v1/{site}/%u/record/punch" in acl
        assert f"pattern read smartclocker/v1/{site}/%u/receipt" in acl


@pytest.mark.parametrize("site", ["+", "#", "", "a/b", "main\ntopic readwrite #"])
def test_a_site_that_would_open_others_is_refused(site):
    with pytest.raises(ValueError, match="is not a name"):
        render_acl((site,))


def test_a_missing_mosquitto_names_the_package(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda *args, **kwargs: None)
    with pytest.raises(BrokerError, match="apt install mosquitto"):
        find_mosquitto()


def test_a_broker_that_cannot_start_says_why(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:  # it accepts connections, too: that proves nothing
        broker = EmbeddedBroker(tmp_path, taken.getsockname()[1])
        with pytest.raises(BrokerError, match="Address already in use"):
            broker.start()


def test_a_free_port_is_given_to_nobody_else_before_it_starts_and_between_two_runs(tmp_path):
    broker = EmbeddedBroker(tmp_path)
    for _ in range(2):
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((broker.host, broker.port))
        with broker:
            pass


def test_the_embedded_broker_ends_only_what_it_started(tmp_path):
    broker = EmbeddedBroker(tmp_path)
    broker.stop()
    broker.kill()
    with broker:
        with pytest.raises(BrokerError, match="runs already"):
            broker.start()
        socket.create_connection((broker.host, broker.port), timeout=60).close()
        broker.kill()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((broker.host, broker.port), timeout=60)
        restart(broker)
        socket.create_connection((broker.host, broker.port), timeout=60).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((broker.host, broker.port), timeout=60)
