"""A centre made by the command line whose claim server runs in this process, and terminals that claim."""

import base64
import contextlib
import hashlib
import io
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from nacl.signing import SigningKey

from edge.central.claims.server import ClaimServer
from edge.central.store.records import Store
from edge.cli import main
from edge.domain.claim import messages
from edge.domain.claim.messages import ClaimAnswer, ClaimRequest, Refusal
from edge.domain.claim.token import ClaimToken, read_token

EXAMPLE = Path(__file__).resolve().parents[2] / "provisioning/config.example.toml"


class ClaimCentre:
    """DIR, and the claim server on a free port of this machine."""

    def __init__(self, root: Path) -> None:
        self.base = root / "centre"
        self.port = 0
        assert self.central("init", "--host", "broker.test", "--site", "main", "--site", "depot")[0] == 0
        assert self.central("authority init", "--by", "Pat")[0] == 0

    def central(self, verb: str, *words: object) -> tuple[int, str]:
        """The exit code and what was printed."""
        with contextlib.redirect_stdout(io.StringIO()) as said:
            code = main(["central", *verb.split(), str(self.base), *map(str, words)])
        return code, said.getvalue()

    def token(self, name: str, *words: object) -> ClaimToken:
        code, said = self.central("terminal add", name, "--json", *words)
        assert code == 0
        return read_token(json.loads(said)["token"])

    @contextlib.contextmanager
    def serving(self, **settings: object) -> Iterator[ClaimServer]:
        server = ClaimServer(self.base, "127.0.0.1", 0, **{"within_s": 120.0, **settings})
        self.port = server.port
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join(60)
            assert not thread.is_alive()

    def identities(self) -> dict[str, str | None]:
        """By `site/terminal keyid`: when it was revoked."""
        with Store(self.base / "ledger.db") as store:
            found = store.terminals()
        return {f"{one.origin.site}/{one.origin.terminal} {one.keyid}": one.revoked for one in found}

    def certificates(self) -> list[str]:
        """The names in the log of issued certificates."""
        lines = (self.base / "pki/issued.jsonl").read_text().splitlines()
        return [said["name"] for said in map(json.loads, lines) if "name" in said]

    def acts(self) -> list[str]:
        code, said = self.central("audit", "--json")
        assert code == 0
        return [one["act"] for one in json.loads(said)["entries"]]


class NewTerminal:
    """A terminal as the installer leaves it: the example's configuration, and nothing else."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "config.toml"
        directory.mkdir(parents=True)
        self.config.write_text(EXAMPLE.read_text())

    def claim(self, port: int, token: ClaimToken | str, *words: object) -> int:
        text = token.written() if isinstance(token, ClaimToken) else token
        file = self.directory / "token"
        file.write_text(text)
        given = ["claim", f"127.0.0.1:{port}", "--token-file", str(file), "--config", str(self.config)]
        try:
            return main([*given, *map(str, words)])
        finally:
            file.unlink()

    def by_file(self, *words: object) -> int:
        """A claim without a network: `--request FILE` or `--answer FILE`."""
        return main(["claim", *map(str, words), "--config", str(self.config)])

    def files(self) -> dict[str, bytes]:
        found = (path for path in self.directory.rglob("*") if path.is_file())
        return {str(path.relative_to(self.directory)): path.read_bytes() for path in found}


class Impostor:
    """Whoever speaks to the server without our program."""

    def __init__(self, port: int, token: ClaimToken) -> None:
        self.port, self.token = port, token
        self.identity = SigningKey.generate()
        self.tls_key = ec.generate_private_key(ec.SECP256R1())

    def request(self, certificate: bytes, nonce: bytes) -> ClaimRequest:
        csr = csr_of(self.tls_key)
        signature = self.identity.sign(messages.proof(self.token.digest, csr, certificate, nonce)).signature
        return ClaimRequest(
            encoded(self.token.secret), encoded(bytes(self.identity.verify_key)), csr, encoded(signature)
        )

    def is_taken_in(self) -> bool:
        """Whether a claim succeeds; a server with a short deadline may end one on a busy machine."""
        with contextlib.suppress(EOFError, OSError):
            return isinstance(self.ask(), ClaimAnswer)
        return False

    def ask(self, **changes: object) -> ClaimAnswer | Refusal:
        with connected(self.port) as link:
            nonce = messages.read_greeting(line_of(link))
            made = replace(self.request(link.getpeercert(binary_form=True), nonce), **changes)
            link.sendall(messages.write_message(made) + b"\n")
            return messages.read_answer(line_of(link))


def csr_of(key: object, signer: object = None) -> str:
    """A request (PEM) for a key; with `signer` under another key's signature."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ledger")])
    made = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    if signer is not None:
        der = bytearray(made.public_bytes(serialization.Encoding.DER))
        der[-1] ^= 1
        made = x509.load_der_x509_csr(bytes(der))
    return made.public_bytes(serialization.Encoding.PEM).decode()


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@contextlib.contextmanager
def connected(port: int) -> Iterator[ssl.SSLSocket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 60) as plain, context.wrap_socket(plain) as link:
        yield link


def line_of(link: ssl.SSLSocket) -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        part = link.recv(65_536)
        if not part:
            raise EOFError(found)
        found += part
    return found[:-1]


def tls_key_of(directory: Path) -> str:
    """sha256 of the public key of a terminal's TLS key."""
    key = serialization.load_pem_private_key((directory / "keys/tls-key").read_bytes(), password=None)
    return _hash(key.public_key())


def certified_key(pem: bytes) -> str:
    """sha256 of the public key in a certificate."""
    return _hash(x509.load_pem_x509_certificate(pem).public_key())


def _hash(key: object) -> str:
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()
