"""provisioning/mosquitto/README.md followed to the letter, with the real mosquitto under its own user."""

import os
import pwd
import re
import shlex
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.central.broker.mosquitto import find_mosquitto

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "provisioning/mosquitto/README.md"


def smartclocker(*words: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "edge", *map(str, words)], cwd=ROOT, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


class Installed:
    """The page's steps 2 to 4, below a directory of ours instead of /etc and /var/lib."""

    def __init__(self, root: Path) -> None:
        self.base, self.into = root / "var lib/centre", root / "etc/broker"
        self.held = socket.socket()  # bound and not listening: nobody else is given its port
        self.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.held.bind(("127.0.0.1", 0))
        self.port = self.held.getsockname()[1]
        self.user = "mosquitto" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.process: subprocess.Popen[bytes] | None = None
        self.log = root / "log"
        state = root / "state"
        state.mkdir()
        for word, told in self.commands():
            words = [{"DIR": self.base, "/etc/smartclocker/broker": self.into}.get(one, one) for one in told]
            if word == "init":
                names = ["--host", "127.0.0.1", "--site", "main"]
                smartclocker("central", "init", self.base, *names, "--listen", "127.0.0.1", "--port", self.port)
                conf = self.base / "mosquitto.conf"
                conf.write_text(conf.read_text().replace("/var/lib/mosquitto/", f"{state}/"))
            else:
                smartclocker(*words, "--user", self.user)
        if os.geteuid() == 0:
            os.chown(state, pwd.getpwnam(self.user).pw_uid, -1)

    @staticmethod
    def commands() -> Iterator[tuple[str, list[str]]]:
        """What the page says to give, in its order."""
        for line in re.findall(r"^\d\. `sudo smartclocker ([^`]+)`", PAGE.read_text(), re.MULTILINE):
            words = shlex.split(line)
            yield words[1], words

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [find_mosquitto(), "-c", self.into / "mosquitto.conf"], cwd="/", stdout=log, stderr=log
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 10).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        pytest.fail(f"it does not listen: {self.log.read_text()}")

    def stop(self) -> None:
        self.held.close()
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)

    def enters(self, name: str) -> bool:
        """Whether the broker answers a CONNECT under this certificate."""
        context = ssl.create_default_context(cafile=self.base / "pki/ca.crt")
        context.load_cert_chain(self.base / f"pki/client-{name}.crt", self.base / f"pki/client-{name}.key")
        connect = b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03any"
        try:
            plain = socket.create_connection(("127.0.0.1", self.port), 60)
            with plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                secure.sendall(connect)
                return secure.recv(4)[:1] == b"\x20"
        except OSError:
            return False


@pytest.fixture
def installed(reachable: Path) -> Iterator[Installed]:
    made = Installed(reachable)
    yield made
    made.stop()


def test_the_page_followed_to_the_letter_starts_and_lets_terminals_in(installed):
    assert [word for word, _ in installed.commands()] == ["init", "broker"]
    installed.start()
    smartclocker("central", "issue", installed.base, "gate-1")
    assert installed.enters("gate-1")
    assert "Error:" not in installed.log.read_text(), "a client that only hangs up is none"
    names = {path.name for path in installed.into.iterdir()}
    assert names == {"mosquitto.conf", "acl", "ca.crt", "server.crt", "server.key", "crl.pem"}, "no key of the CA"
    for path in installed.into.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        owner = installed.user if path.name == "acl" and os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        assert path.owner() == owner, "mosquitto wants to own its ACL, and nothing else"
    warned = {line for line in installed.log.read_text().splitlines() if "Warning" in line}
    assert all("does not contain '%c' or '%u'" in line for line in warned) or os.geteuid() != 0
    assert len(warned) == 3


def test_a_revoked_certificate_is_refused_after_a_reload_and_the_others_go_on(installed):
    installed.start()
    for name in ("gate-1", "gate-2"):
        smartclocker("central", "issue", installed.base, name)
        assert installed.enters(name)
    smartclocker("central", "revoke", installed.base, "gate-1")
    smartclocker("central", "broker", installed.base, installed.into, "--user", installed.user)
    installed.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while installed.enters("gate-1") or not installed.enters("gate-2"):  # a connection may meet the reload itself
        assert time.monotonic() < deadline, "the revoked certificate still enters, or the other one does not"
        time.sleep(0.05)
    smartclocker("central", "issue", installed.base, "gate-1")
    assert installed.enters("gate-1"), "a new certificate of the name is another one"


def test_a_site_that_is_added_works_after_a_reload(installed):
    installed.start()
    smartclocker("central", "init", installed.base, "--site", "depot", "--host", "broker.example")
    smartclocker("central", "broker", installed.base, installed.into, "--user", installed.user)
    installed.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while b"broker.example" not in ssl.PEM_cert_to_DER_cert(
        ssl.get_server_certificate(("127.0.0.1", installed.port), timeout=60)
    ):
        assert time.monotonic() < deadline, "the new certificate is not shown"
        time.sleep(0.05)
    acl = (installed.into / "acl").read_text()
    assert "/main/" in acl
    assert "/depot/" in acl


def test_a_directory_in_which_something_else_lies_keeps_its_owner_and_mode(tmp_path: Path) -> None:
    smartclocker("central", "init", tmp_path / "centre", "--host", "127.0.0.1", "--site", "main")
    other = tmp_path / "etc"
    other.mkdir(mode=0o755)
    (other / "hosts").touch()
    before = other.stat()
    user = "mosquitto" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    words = [
        sys.executable,
        "-m",
        "edge",
        "central",
        "broker",
        str(tmp_path / "centre"),
        str(other),
        "--user",
        user,
    ]
    done = subprocess.run(words, cwd=ROOT, text=True, capture_output=True, check=False)
    assert (done.returncode, "a directory of its own" in done.stderr) == (2, True)
    after = other.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert [path.name for path in other.iterdir()] == ["hosts"]
