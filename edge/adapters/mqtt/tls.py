"""Mutual TLS to the broker: reading our files before each attempt, and plain words for failures."""

import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.adapters.mqtt.guarded_socket import GuardedSocket
from edge.crypto.key_files import is_exposed
from edge.errors import KeyFileError
from edge.storage.bounded_read import read_file

_MOST = 4_000_000
"""Greatest size of a certificate, a key or a bundle of authorities, in bytes."""


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """The broker's address, our files, and the limits of time."""

    host: str
    """A name or address that must be in the broker's certificate."""
    port: int
    ca: Path
    """PEM: the certificate authority that signed the broker's certificate; no other authority is trusted."""
    certificate: Path
    """PEM: our own certificate; its common name is our user at the broker."""
    key: Path
    """PEM: the private key of our certificate, unencrypted, closed to others."""
    keepalive_s: int = 20
    """A dead link is noticed within twice this time: one silent interval, then one for the answer to the ping."""
    session_expiry_s: int = 7 * 24 * 3600
    """How long the broker keeps our subscriptions and our queued messages while we are away."""
    connect_timeout_s: float = 5.0
    """Limit for each of: the TCP connection, the TLS handshake, the broker's answer to CONNECT and to SUBSCRIBE."""
    backoff_first_s: float = 1.0
    backoff_max_s: float = 60.0
    """The pause before attempt n is drawn from the upper half of min(max, first * 2^n), so that two hundred
    terminals do not come back to a restarted broker in the same second.
    """


def client_context(settings: UplinkSettings) -> ssl.SSLContext:
    """A context for TLS 1.2 or later that checks the broker's name against its certificate and presents our own.

    Raises KeyFileError for a file that is missing, unreadable, malformed or encrypted, or for a key open to others.
    """
    for path in (settings.ca, settings.certificate, settings.key):
        for problem in file_problems(path, secret=path == settings.key):
            raise problem
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=settings.ca)
    except ssl.SSLError as error:
        raise KeyFileError(
            f"{settings.ca}: not a PEM certificate; give the CA certificate of the broker"
        ) from error
    context.sslsocket_class = GuardedSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on; so both versions check alike
    try:
        # Without a password callback OpenSSL asks on the controlling terminal, and a service hangs there.
        context.load_cert_chain(settings.certificate, settings.key, password=_no_password)
    except ssl.SSLError as error:
        raise KeyFileError(
            f"{settings.certificate} and {settings.key}: not a certificate with its own unencrypted private key, "
            "both in PEM; issue both again at the centre, and copy both"
        ) from error
    return context


def file_problems(path: Path, *, secret: bool) -> Iterator[KeyFileError]:
    """Problems of one file by itself. `secret`: the file is the key, and must be closed to others."""
    try:
        content = _readable(path, secret=secret)
        if secret:
            _refuse_exposed(path)
            _refuse_no_key(path, content)
    except KeyFileError as error:
        yield error


def plain_reason(error: OSError, settings: UplinkSettings) -> str:
    """The reason why an attempt to connect failed, with the cure, in words for a log line."""
    where = f"{settings.host}:{settings.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_reason(error, settings)
    if isinstance(error, ssl.SSLError):
        return broker_refusal(str(error)) or f"the TLS handshake with {where} failed ({error.reason or error})"
    if isinstance(error, socket.gaierror):
        return f"name not found: {settings.host} ({error.strerror}); check the broker's name and the name server"
    if isinstance(error, ConnectionRefusedError):
        return f"connection refused by {where}; check that the broker runs and listens there"
    if isinstance(error, TimeoutError):
        return f"no answer from {where} within {settings.connect_timeout_s:g} s; check the network and the firewall"
    return f"no connection to {where} ({error.strerror or error}); check the network"


def broker_refusal(text: str) -> str | None:
    """The broker's TLS alert about *our* certificate, in plain words; None when `text` holds no such alert.

    In TLS 1.3 the alert arrives after our side of the handshake, on the first read, so that the text comes either
    from the handshake or from the first packet.
    """
    words = text.upper().replace(" ", "_")
    for alert, reason in _ALERTS.items():
        if alert in words:
            return f"the broker refused our certificate: {reason}; issue a new one at the centre"
    return None


_ALERTS = {
    "ALERT_CERTIFICATE_EXPIRED": "it has expired, or this clock or the broker's is wrong",
    "ALERT_UNKNOWN_CA": "another authority signed it",
    "ALERT_CERTIFICATE_REVOKED": "it was revoked",
    "ALERT_BAD_CERTIFICATE": "it is damaged",
    "ALERT_CERTIFICATE_UNKNOWN": "it is not acceptable",
    "ALERT_CERTIFICATE_REQUIRED": "it was not presented",
    "ALERT_DECRYPT_ERROR": "its key does not fit",
}


_ORIGIN = (
    "`smartclocker claim` brings it; or copy it from the centre (`smartclocker central issue` made it there, and "
    "ca.crt is in its pki/)"
)


def _certificate_reason(error: ssl.SSLCertVerificationError, settings: UplinkSettings) -> str:
    found = error.verify_message
    if "mismatch" in found:
        cure = f"give the broker a certificate that names {settings.host}, or use the name in it"
    elif "expired" in found or "not yet valid" in found:
        cure = "renew the broker's certificate, or set this clock"
    else:
        cure = f"copy the certificate of the authority that signed it to {settings.ca.name}"
    return f"certificate verify failed: the broker's certificate is not accepted ({found}); {cure}"


def _readable(path: Path, *, secret: bool) -> bytes:
    try:
        return read_file(path, _MOST)  # a FIFO would block OpenSSL for ever, and so end punching
    except FileNotFoundError as error:
        raise KeyFileError(f"{path}: does not exist; {_ORIGIN}, or correct its path") from error
    except PermissionError as error:
        cure = f"chown {os.geteuid()} {path}" if secret else f"chmod 644 {path}"
        raise KeyFileError(f"{path}: not readable by uid {os.geteuid()}; `{cure}`") from error
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror}); correct its path") from error


def _refuse_exposed(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        exposed = is_exposed(descriptor)
    finally:
        os.close(descriptor)
    if exposed:
        raise KeyFileError(f"{path}: readable or writable by others; `chmod 600 {path}`")


def _refuse_no_key(path: Path, content: bytes) -> None:
    if b"PRIVATE KEY-----" not in content or b"ENCRYPTED" in content:
        raise KeyFileError(
            f"{path}: not an unencrypted private key in PEM; issue it and its certificate again at the centre, and "
            "copy both"
        )


def _no_password() -> str:
    return ""
