"""mosquitto: its configuration and ACL for this protocol, and a running mosquitto for the demo and the tests.

The ACL keeps tenants apart; it proves nothing. The ledger trusts signatures only.
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
    """The values in mosquitto.conf. Each default is the value for an installation."""

    address: str
    """The one address on which the broker listens."""
    port: int
    credentials: certificates.Credentials
    crl: Path
    """The list of revoked certificates."""
    acl: Path
    state: Path
    """Directory of the persistence file."""
    sites: Sequence[str]
    """The sites whose terminals this broker serves."""
    user: str = "mosquitto"
    """The user that mosquitto becomes if it is started as root. This user must be able to read the key file."""
    persistence: bool = True
    """Whether queues and retained messages survive a restart. Terminals send lost messages again, because they
    forget a record only after its receipt.
    """
    autosave_s: int = 60
    """Seconds between two writes of the state; with `autosave_on_changes`, the number of changes between them."""
    autosave_on_changes: bool = False
    """Each save writes the whole state. With a long queue this costs more than sending messages again."""
    max_queued: int = 5_000
    """Number of messages kept for a client that is offline. Further messages are dropped, and the terminal sends
    them again.
    """
    max_queued_bytes: int = 64_000_000
    """The same limit in bytes. It bounds what another client can make the broker keep while the ledger is
    offline.
    """
    max_inflight: int = 100
    """Number of unacknowledged messages to one client; the ledger can commit as many at once."""


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
    """The path of the mosquitto binary. Raises BrokerError if it is not installed."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    binary = shutil.which("mosquitto", path=path)
    if binary is None:
        raise BrokerError("mosquitto is not installed; `apt install mosquitto`")
    return binary


class EmbeddedBroker:
    """A real mosquitto on loopback with its own CA, for the demo and the tests.

    Entering the context writes `mosquitto.conf`, `acl` and `pki/` into `directory` (an existing CA is kept) and
    starts the process. Leaving it ends the process that this object started.
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
        """`port` 0 reserves a free port, also across restarts. `persistence` says whether queues and retained
        messages are kept.
        """
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
        """Writes missing files, starts mosquitto and waits until it accepts connections. Raises BrokerError."""
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
        """Sends SIGTERM, and SIGKILL if the process does not end in time. Calling it twice is safe."""
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
        """Sends SIGKILL, which has the effect of a power cut on the process. Calling it twice is safe."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        """Starts mosquitto."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops mosquitto."""
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
            # otherwise a mosquitto started as root could not read our 0600 files
            user=pwd.getpwuid(os.geteuid()).pw_name,
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
        """Whether the server on the port shows our certificate. Another program may have taken the port."""
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
    """A socket that is bound and does not listen. It keeps its port free for mosquitto, which may use it because it
    reuses addresses.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((LOOPBACK, 0))
    return held
