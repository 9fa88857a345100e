"""mosquitto: its configuration and ACL for this contract, and one that runs for the demo and the tests.

The ACL is the fence between tenants, not the proof of anything: the ledger believes signatures alone.
"""

import os
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from edge.central.broker import certificates, revocation_list, templates
from edge.central.broker.acl import render_acl
from edge.errors import BrokerError

__all__ = ["LOOPBACK", "START_BOUND_S", "BrokerSettings", "EmbeddedBroker", "find_mosquitto", "render_acl"]
__all__ += ["render_configuration"]

START_BOUND_S = 60.0
_STOP_BOUND_S = 60.0
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """What mosquitto.conf says; every default is one that we would install."""

    address: str
    """The one address to listen on."""
    port: int
    credentials: certificates.Credentials
    crl: Path
    """The certificates that count no more."""
    acl: Path
    state: Path
    """Directory of the persistence file."""
    sites: Sequence[str]
    """The sites whose terminals this broker serves."""
    user: str = "mosquitto"
    """Whom to become when it is started as root; the key file must be readable by it."""
    persistence: bool = True
    """Whether queues and retained messages survive a restart. What is lost all the same, the terminals send again:
    receipts, not the broker, decide what may be forgotten."""
    autosave_s: int = 60
    """How often the state is written; with `autosave_on_changes`, after how many changes."""
    autosave_on_changes: bool = False
    """Each save writes the whole state: with a long queue this costs more than sending again."""
    max_queued: int = 5_000
    """Messages kept for an absent client; what comes beyond is dropped, and sent again by its terminal."""
    max_queued_bytes: int = 64_000_000
    """The same in bytes: what a neighbour may make the broker keep for an absent ledger."""
    max_inflight: int = 100
    """Messages on their way to one client: what the ledger can commit at once."""


def render_configuration(settings: BrokerSettings) -> str:
    """The text of mosquitto.conf."""
    return templates.CONFIGURATION.format(
        address=settings.address,
        port=settings.port,
        ca=settings.credentials.ca,
        certificate=settings.credentials.certificate,
        key=settings.credentials.key,
        crl=settings.crl,
        acl=settings.acl,
        state=settings.state,
        user=settings.user,
        persistence=str(settings.persistence).lower(),
        autosave_s=settings.autosave_s,
        on_changes=str(settings.autosave_on_changes).lower(),
        max_queued=settings.max_queued,
        max_queued_bytes=settings.max_queued_bytes,
        max_inflight=settings.max_inflight,
    )


def find_mosquitto() -> str:
    """The path of the mosquitto binary. Raises BrokerError when it is not installed."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    binary = shutil.which("mosquitto", path=path)
    if binary is None:
        raise BrokerError("mosquitto is not installed; `apt install mosquitto`")
    return binary


class EmbeddedBroker:
    """A real mosquitto on loopback, with an authority of its own, for the demo and the tests.

    Entering writes `mosquitto.conf`, `acl`, `pki/` into `directory` (an authority that is there is kept) and
    starts it; leaving ends the process that this object started, and no other.
    """

    def __init__(
        self,
        directory: Path,
        port: int = 0,
        *,
        sites: Sequence[str] = ("main",),
        instances: Sequence[str] = (),
        persistence: bool = True,
        autosave_on_changes: bool = False,
    ) -> None:
        """`port` 0 takes a free one for itself, restarts included; `persistence`: whether all else is kept."""
        self.directory = directory
        self.host = LOOPBACK
        if port == 0:
            held = _hold_free_port()
            port = held.getsockname()[1]
            weakref.finalize(self, held.close)
        self.port = port
        self.pki = directory / "pki"
        self.acl = directory / "acl"
        self.log = directory / "mosquitto.log"
        self._configuration = directory / "mosquitto.conf"
        self._sites, self._instances = tuple(sites), tuple(instances)
        self._persistence, self._autosave_on_changes = persistence, autosave_on_changes
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Write its files where they are missing, start it, wait until it accepts. Raises BrokerError."""
        if self._process is not None:
            raise BrokerError("this broker runs already; stop it first")
        binary = find_mosquitto()
        self._write_files()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a fixed program with a file that we wrote
                [binary, "-c", str(self._configuration)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._await_listening(self._process)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL to one that does not heed it; safe to call twice."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_BOUND_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """SIGKILL: what a power cut does to it; safe to call twice."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        """Starts."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops."""
        self.stop()

    def _write_files(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificates.create_authority(self.pki)
        server = certificates.Credentials(self.pki / "ca.crt", self.pki / "server.crt", self.pki / "server.key")
        if not server.certificate.exists():
            server = certificates.issue_server(self.pki, [LOOPBACK, "localhost"])
        if not self.acl.exists():
            self.acl.write_text(render_acl(self._sites, self._instances), encoding="ascii")
            self.acl.chmod(0o600)
        settings = BrokerSettings(
            address=self.host,
            port=self.port,
            credentials=server,
            crl=revocation_list.ensure(self.pki),
            acl=self.acl,
            state=self.directory,
            sites=self._sites,
            user=pwd.getpwuid(os.geteuid()).pw_name,  # started as root, it would lose sight of our 0600 files
            persistence=self._persistence,
            autosave_s=1 if self._autosave_on_changes else 60,
            autosave_on_changes=self._autosave_on_changes,
        )
        self._configuration.write_text(render_configuration(settings), encoding="utf-8")

    def _await_listening(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_BOUND_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                self._process = None
                raise BrokerError(f"mosquitto ended at once, code {process.returncode}: {self._last_words()}")
            if self._is_ours():
                return
            time.sleep(0.01)
        self.stop()
        raise BrokerError(f"mosquitto does not listen after {START_BOUND_S:g} s; read {self.log}")

    def _is_ours(self) -> bool:
        """Whether what listens on the port shows our certificate: another program may hold the port."""
        try:
            shown = ssl.get_server_certificate((self.host, self.port), timeout=1.0)
        except OSError:
            return False
        ours = (self.pki / "server.crt").read_text(encoding="ascii")
        return ssl.PEM_cert_to_DER_cert(shown) == ssl.PEM_cert_to_DER_cert(ours)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        errors = [line for line in lines if "Error" in line] or lines[-3:]
        return re.sub(r"^\d+: ", "", errors[-1]) if errors else f"its log {self.log} is empty"


def _hold_free_port() -> socket.socket:
    """Bound, and not listening: nobody else is given its port; mosquitto, which reuses addresses, may use it."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((LOOPBACK, 0))
    return held
