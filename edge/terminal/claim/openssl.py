"""The `openssl` program, which makes the terminal's TLS key and checks what the centre issued.

The terminal has no library for certificates. Secrets go through files and pipes, never through arguments.
"""

import os
import re
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

from edge.adapters.mqtt import certificate as certificates
from edge.domain.claim.messages import ClaimAnswer
from edge.errors import ClaimRefused, ExtraMissing, KeyFileError
from edge.storage import durable_file

_WITHIN_S = 60.0
"""Seconds for one call; a slow board takes a fraction of one."""
_REQUEST = re.compile(r"-----BEGIN CERTIFICATE REQUEST-----\n.+?-----END CERTIFICATE REQUEST-----\n", re.DOTALL)


def make_key(path: Path) -> None:
    """Makes an EC P-256 key (PEM, 0600), durable on return; never overwrites. Raises KeyFileError, ExtraMissing."""
    content = _call("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    durable_file.create(path, content, KeyFileError)


def make_request(key: Path) -> str:
    """A certificate request (PEM), signed by the key. Its name counts for nothing: the centre knows the name.

    Raises KeyFileError if the file holds no key, ExtraMissing.
    """
    content = _call("req", "-new", "-batch", "-sha256", "-key", str(key.absolute()), "-subj", "/CN=claim")
    found = _REQUEST.search(content.decode("ascii", "replace"))
    if found is None:
        raise KeyFileError(f"{key}: `openssl req` made no request with it; move it away and try again")
    return found[0]


def check(answer: ClaimAnswer, key: Path) -> None:
    """Raises ClaimRefused unless the certificate is of this key, of this name, and issued by that authority.

    The clock is not asked: it may be wrong until the terminal reaches a time server.
    """
    with tempfile.TemporaryDirectory(prefix="smartclocker-claim.") as folder:
        ours, theirs = Path(folder, "terminal.pem"), Path(folder, "ca.pem")
        ours.write_text(answer.certificate, encoding="ascii")
        theirs.write_text(answer.ca, encoding="ascii")
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(ours, key, password=lambda: "")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise _wrong("its certificate is not of this terminal's key") from error
        try:
            name = certificates.read(ours).name
        except KeyFileError as error:
            raise _wrong("it holds no certificate") from error
        if name != answer.terminal:
            raise _wrong("its certificate has another name")
        try:
            only = ("-no-CApath", "-no-CAstore", "-CAfile", str(theirs))  # not the authorities of this machine, too
            _call("verify", "-no_check_time", "-purpose", "sslclient", *only, str(ours))
        except KeyFileError as error:
            raise _wrong("its certificate is not from its authority") from error


def _wrong(what: str) -> ClaimRefused:
    return ClaimRefused(f"the centre's answer cannot be used: {what}; nothing was changed here. Make another token")


def _call(*words: str) -> bytes:
    """What `openssl` prints. Raises KeyFileError with its last words, ExtraMissing if the program is not there."""
    program = shutil.which("openssl")
    if program is None:
        raise ExtraMissing("the program openssl is not installed; `sudo apt install openssl`")
    environment = {"PATH": os.environ.get("PATH", os.defpath), "OPENSSL_CONF": os.devnull, "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            [program, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KeyFileError(f"openssl {words[0]}: did not end well ({type(error).__name__}); try again") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise KeyFileError(f"openssl {words[0]}: {said[-1] if said else done.returncode}; look at that file")
    return done.stdout
