"""A claim server that lies: with another certificate it hears nothing; with the right one it is not believed."""

import base64
import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.adapters.claim import client
from edge.central.broker import certificates
from edge.central.claims import server_certificate
from edge.central.claims.outfit import outfit
from edge.crypto.key_files import public_pem
from edge.domain.claim import messages
from edge.domain.claim.token import ClaimToken, pin_of
from edge.domain.protocol.record import Origin
from tests.support.claims import ClaimCentre, NewTerminal


class Liar:
    """A server with a certificate of its own; `say` makes the answer's bytes from the request."""

    def __init__(self, root: Path, say: Callable[[dict], bytes], greeting: bytes | None = None) -> None:
        self.centre = ClaimCentre(root)
        self.file = server_certificate.ensure(self.centre.base)
        self.say, self.greeting = say, messages.greeting(bytes(32)) + b"\n" if greeting is None else greeting
        self.heard = bytearray()
        self.token = ClaimToken(b"a" * 13, pin_of(server_certificate.der(self.file)))

    @contextlib.contextmanager
    def running(self) -> Iterator[int]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=self._serve, args=(listener,))
            thread.start()
            try:
                yield listener.getsockname()[1]
            finally:
                with contextlib.suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)
                thread.join(60)
                assert not thread.is_alive()

    def _serve(self, listener: socket.socket) -> None:
        context = server_certificate.context(self.file)
        with contextlib.suppress(OSError, EOFError):
            plain, _ = listener.accept()
            plain.settimeout(60)
            with context.wrap_socket(plain, server_side=True) as link:
                link.sendall(self.greeting)
                while not self.heard.endswith(b"\n"):
                    part = link.recv(65_536)
                    if not part:
                        return
                    self.heard += part
                said = self.say(json.loads(self.heard))
                link.sendall(said)
                if not said:
                    return
                with contextlib.suppress(ssl.SSLError):
                    link.recv(1)

    def issued(self, request: dict, name: str = "gate-1", base: Path | None = None) -> dict:
        """The answer of an honest centre."""
        from edge.central.claims import certificate_request

        where = base or self.centre.base
        pem = certificates.issue_for_key(where / "pki", name, certificate_request.check(request["csr"]).key)
        return json.loads(messages.write_message(outfit(where, Origin("main", name), pem)))


@pytest.fixture
def terminal(tmp_path: Path) -> NewTerminal:
    return NewTerminal(tmp_path / "terminal")


def written(terminal: NewTerminal) -> set[str]:
    """What is there but the keys that the terminal made itself, and its own configuration."""
    return {name for name in terminal.files() if not name.startswith("keys/")}


def test_a_server_with_another_certificate_hears_nothing(tmp_path, terminal, capsys) -> None:
    liar = Liar(tmp_path, lambda _: b"")
    token = ClaimToken(b"s" * 13, bytes(13))
    with liar.running() as port:
        assert terminal.claim(port, token) == 69
    assert bytes(liar.heard) == b""
    said = capsys.readouterr().err
    assert "another certificate than the token says, so nothing was sent" in said
    assert written(terminal) == {"config.toml"}


def test_one_who_stands_between_and_passes_on_the_certificate_cannot_prove_its_key(tmp_path, terminal) -> None:
    """The pinned certificate with another private key: OpenSSL itself refuses to serve it, so none can be made."""
    liar = Liar(tmp_path, lambda _: b"")
    other = server_certificate._new()
    mixed = tmp_path / "mixed.pem"
    key, certificate = (
        other.split(b"-----BEGIN CERTIFICATE")[0],
        liar.file.read_bytes().partition(b"-----BEGIN CERTIFICATE")[2],
    )
    mixed.write_bytes(key + b"-----BEGIN CERTIFICATE" + certificate)
    with pytest.raises(PermissionError, match="cannot be used"):
        server_certificate.context(mixed)


GREETINGS = {
    "nothing": b"",
    "rubbish": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "no nonce": b'{"v":1}\n',
    "a short nonce": b'{"v":1,"nonce":"AAAA"}\n',
    "without end": b" " * 5_000,
}


@pytest.mark.parametrize("what", GREETINGS)
def test_no_secret_is_sent_after_a_wrong_greeting(tmp_path, terminal, what: str, monkeypatch) -> None:
    monkeypatch.setattr(client.converse, "__defaults__", (2.0,))
    liar = Liar(tmp_path, lambda _: b"", GREETINGS[what])
    with liar.running() as port:
        assert terminal.claim(port, liar.token) in {65, 69}
    assert bytes(liar.heard) == b""
    assert written(terminal) == {"config.toml"}


def _with(**changes: object) -> Callable[[Liar], Callable[[dict], bytes]]:
    def make(liar: Liar) -> Callable[[dict], bytes]:
        def say(request: dict) -> bytes:
            said = {**liar.issued(request), **changes}
            return json.dumps({name: value for name, value in said.items() if value != "-"}).encode() + b"\n"

        return say

    return make


def _issued_to(name: str) -> Callable[[Liar], Callable[[dict], bytes]]:
    """Another terminal's certificate: for our key, with another name in it."""
    return lambda liar: (
        lambda request: json.dumps({**liar.issued(request, name), "terminal": "gate-1"}).encode() + b"\n"
    )


def _for_another_key(liar: Liar) -> Callable[[dict], bytes]:
    def say(request: dict) -> bytes:
        other = certificates.issue_client(liar.centre.base / "pki", "gate-1").certificate.read_text()
        return json.dumps({**liar.issued(request), "certificate": other}).encode() + b"\n"

    return say


def _of_another_authority(liar: Liar) -> Callable[[dict], bytes]:
    def say(request: dict) -> bytes:
        other = liar.centre.base.parent / "other"
        certificates.create_authority(other)
        return json.dumps({**liar.issued(request), "ca": (other / "ca.crt").read_text()}).encode() + b"\n"

    return say


NO_POINT = "302a300506032b6570032100" + "ff" * 32
LIES: dict[str, Callable[[Liar], Callable[[dict], bytes]]] = {
    "nothing": lambda _: lambda _request: b"",
    "rubbish": lambda _: lambda _request: b"\xff\xfe\n",
    "two lines": lambda _: lambda _request: b"{}\n{}\n",
    "a huge answer": lambda _: lambda _request: b"{" + b" " * 1_000_000 + b"}\n",
    "an unknown refusal": lambda _: lambda _request: b'{"v":1,"refused":"come back"}\n',
    "a path in the site": _with(site="../../etc"),
    "a path in the name": _with(terminal="../gate-1"),
    "a line end in the host": _with(host='broker\n[keys]\nidentity = "/etc/shadow"'),
    "a quote in the host": _with(host='broker"'),
    "no certificate": _with(certificate="-"),
    "no authority's certificate": _with(ca="-"),
    "no ledger's key": _with(ledger="-"),
    "a private key for a public one": _with(
        ledger="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    ),
    "a key that is no point": _with(
        ledger="-----BEGIN PUBLIC KEY-----\n"
        + base64.b64encode(bytes.fromhex(NO_POINT)).decode()
        + "\n-----END PUBLIC KEY-----\n"
    ),
    "a certificate that is none": _with(
        certificate="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    ),
    "a certificate of another name": _issued_to("gate-2"),
    "a certificate for another key": _for_another_key,
    "a certificate of another authority": _of_another_authority,
}


@pytest.mark.parametrize("lie", LIES)
def test_nothing_of_a_wrong_answer_is_written(tmp_path, terminal, lie: str, capsys) -> None:
    before = terminal.config.read_text()
    liar = Liar(tmp_path, lambda _: b"")
    liar.say = LIES[lie](liar)
    with liar.running() as port:
        assert terminal.claim(port, liar.token) in {65, 69}
    assert liar.heard, "it was asked"
    assert written(terminal) == {"config.toml"}
    assert terminal.config.read_text() == before
    said = capsys.readouterr().err
    assert "answer cannot be used" in said or "ended the connection" in said
    assert "Traceback" not in said


def test_an_authority_that_the_machine_trusts_does_not_stand_in_for_that_of_the_answer(
    tmp_path, terminal, monkeypatch, capsys
) -> None:
    """Its browser's authorities, say: the terminal will know the broker by the answer's alone."""
    liar = Liar(tmp_path, lambda _: b"")
    liar.say = _of_another_authority(liar)
    trusted, program = tmp_path / "trusted", tmp_path / "bin/openssl"
    trusted.mkdir()
    shutil.copy(liar.centre.base / "pki/ca.crt", trusted / "ca.pem")
    real = shutil.which("openssl")
    subprocess.run([real, "rehash", trusted], check=True)
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nSSL_CERT_DIR={trusted} exec {real} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with liar.running() as port:
        assert terminal.claim(port, liar.token) == 65
    assert "its certificate is not from its authority" in capsys.readouterr().err


def test_the_same_server_with_an_honest_answer_is_believed(tmp_path, terminal) -> None:
    """So that the lies above fail for what they say."""
    liar = Liar(tmp_path, lambda _: b"")
    liar.say = _with(ledger=public_pem(SigningKey.generate().verify_key))(liar)
    with liar.running() as port:
        assert terminal.claim(port, liar.token) == 0


def test_a_server_that_never_answers_is_left_at_the_deadline(tmp_path, terminal, monkeypatch, capsys) -> None:
    monkeypatch.setattr(client.converse, "__defaults__", (1.0,))
    waits = threading.Event()
    liar = Liar(tmp_path, lambda _: bytes(waits.wait(60)))
    with liar.running() as port:
        assert terminal.claim(port, liar.token) == 69
        waits.set()
    assert "no answer within 1 s" in capsys.readouterr().err
