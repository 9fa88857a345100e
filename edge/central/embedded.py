"""A private broker with TLS and a ledger on this machine, for the demo and the simulator."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import VerifyKey

from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker import certificates
from edge.central.broker.acl import render_acl
from edge.central.broker.mosquitto import EmbeddedBroker
from edge.central.ledger.service import LedgerService, LedgerSettings
from edge.central.store.records import Store
from edge.crypto import key_files
from edge.domain.protocol.record import Origin
from edge.sandbox import SandboxCentre

LEDGER_DB, LEDGER_KEY, LEDGER_PUBLIC = "ledger.db", "ledger.key", "ledger.pem"


@dataclass
class EmbeddedCentre:
    """The centre of one site, while it runs."""

    site: str
    directory: Path
    """The centre's files."""
    broker: EmbeddedBroker

    @property
    def ledger_db(self) -> Path:
        """Path of the ledger's file."""
        return self.directory / LEDGER_DB

    def access(self, terminal: str, authority: Path | None = None) -> SandboxCentre:
        """The way of one terminal to this centre; `authority` is the public key that it pins."""
        client = self.broker.pki / f"client-{terminal}.crt"
        return SandboxCentre(
            host=self.broker.host,
            port=self.broker.port,
            ca=self.broker.pki / "ca.crt",
            certificate=client,
            key=client.with_suffix(".key"),
            ledger=self.directory / LEDGER_PUBLIC,
            authority=authority,
        )

    def uplink(self, user: str) -> UplinkSettings:
        """The settings of a connection of one of the centre's programs; a missing certificate is made."""
        path = self.broker.pki / f"client-{user}.crt"
        if not path.exists():
            certificates.issue_client(self.broker.pki, user)
        files = self.broker.pki / "ca.crt", path, path.with_suffix(".key")
        return UplinkSettings(self.broker.host, self.broker.port, *files, backoff_max_s=2.0)

    def register(self, terminal: str, key: VerifyKey) -> None:
        """Have the ledger take the records of a terminal."""
        with Store(self.ledger_db) as store:
            store.register(Origin(self.site, terminal), key)


@contextmanager
def embedded_centre(directory: Path, site: str, terminals: Sequence[str]) -> Iterator[EmbeddedCentre]:
    """Start broker and ledger in `directory`, with certificates for these terminals; the files stay. Raises
    SmartClockerError.
    """
    with ExitStack() as stack:
        rows = render_acl((site,), terminals=[Origin(site, terminal) for terminal in terminals])
        (directory / "broker").mkdir(mode=0o700, exist_ok=True)
        certificates.write_file(directory / "broker" / "acl", rows.encode("ascii"), 0o600)
        broker = stack.enter_context(EmbeddedBroker(directory / "broker", sites=(site,)))
        centre = EmbeddedCentre(site, directory / "centre", broker)
        centre.directory.mkdir(mode=0o700, exist_ok=True)
        identity = key_files.create_identity(centre.directory / LEDGER_KEY)
        public = key_files.public_pem(identity.verify_key)
        (centre.directory / LEDGER_PUBLIC).write_text(public, encoding="ascii")
        for terminal in terminals:
            certificates.issue_client(broker.pki, terminal)
        settings = LedgerSettings(centre.uplink("ledger"), centre.ledger_db, centre.directory / LEDGER_KEY)
        ledger = LedgerService(settings)
        ledger.start()
        stack.callback(ledger.stop)
        yield centre
