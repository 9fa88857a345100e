"""Claiming a name for this terminal: makes its keys, asks the centre, and writes what the answer holds.

Every file appears whole and durable, the configuration last. A note (`claim-begun`) stays from before the question
until after the last file, so that a claim that was interrupted at any step is given again and completes: it uses
the same keys, and the centre answers the same terminal again.
"""

import base64
import json
from dataclasses import dataclass
from pathlib import Path

from edge.adapters.claim.client import converse
from edge.crypto import key_files
from edge.domain.claim import messages
from edge.domain.claim.messages import ClaimAnswer, ClaimFile, ClaimRequest, Refusal
from edge.domain.claim.token import ClaimToken
from edge.errors import ClaimRefused, KeyFileError, RecordError
from edge.storage import durable_file
from edge.storage.bounded_read import read_file
from edge.terminal.claim import openssl
from edge.terminal.claim.config_lines import with_keys
from edge.terminal.claim.places import Places, read_places

_MOST_KEY = 4_096
_BY_FILE = "by-file"
"""In the note in place of a token's hash."""
_ANOTHER = "`smartclocker central terminal add` at the centre makes another token"
_REFUSALS = {
    Refusal.TOKEN_UNKNOWN: f"the centre does not know this token, or withdrew it; {_ANOTHER}",
    Refusal.MALFORMED: "the centre cannot read what this program sends; install the centre's version here",
    Refusal.TOKEN_EXPIRED: f"the token has ended, by the centre's clock; {_ANOTHER}",
    Refusal.TOKEN_USED: f"another terminal has used this token. If you know of none, tell the centre; {_ANOTHER}",
    Refusal.NAME_TAKEN: (
        "another identity has this name. Choose another name at the centre, or give `central terminal add … "
        "--again` there if this terminal takes its place"
    ),
    Refusal.KEY_REFUSED: (
        "the identity of this terminal belongs to another name, or was revoked. Make a new one: "
        "docs/operations.md, a new identity"
    ),
    Refusal.FAILED: "the centre could not do it; its log says why. Then give this command again",
}


@dataclass(frozen=True, slots=True)
class Claimed:
    """The result of a claim."""

    answer: ClaimAnswer
    files: list[Path]
    """The files that were written, in this order."""


@dataclass(frozen=True, slots=True)
class _Begun:
    """The note of a claim that was begun."""

    digest: str
    """The hash of the token's secret."""
    fresh: bool
    """Whether nothing of an earlier claim was here when it began."""
    again: bool


def claim(places: Places, address: tuple[str, int], token: ClaimToken, *, again: bool) -> Claimed:
    """Claims with this token at the claim server. The same token may be given again after an interruption.

    Raises ClaimRefused, ClaimAway, KeyFileError, ConfigError, ExtraMissing.
    """
    begun = begin(places, token.digest, again=again)
    identity = key_files.load_identity(places.identity)
    csr = openssl.make_request(places.new_tls_key)  # before the connection, which has a deadline

    def request(certificate: bytes, nonce: bytes) -> ClaimRequest:
        signature = identity.sign(messages.proof(token.digest, csr, certificate, nonce)).signature
        return ClaimRequest(_text(token.secret), _text(bytes(identity.verify_key)), csr, _text(signature))

    answer = converse(*address, token, request)
    if isinstance(answer, Refusal):
        raise ClaimRefused(_REFUSALS[answer])
    return Claimed(answer, install(places, answer, again=begun.again))


def write_request(places: Places, into: Path, *, again: bool) -> None:
    """Writes a request for a centre that this terminal cannot reach. Raises ClaimRefused, KeyFileError."""
    begin(places, _BY_FILE, again=again)
    identity = key_files.load_identity(places.identity)
    csr = openssl.make_request(places.new_tls_key)
    signature = identity.sign(messages.file_proof(csr)).signature
    request = ClaimFile(_text(bytes(identity.verify_key)), csr, _text(signature))
    with durable_file.NewFile(into, ClaimRefused) as file:
        file.write(messages.write_message(request))


def take_answer(places: Places, file: Path) -> Claimed:
    """Takes the answer to `write_request`. Raises ClaimRefused, KeyFileError."""
    begun = _read(places.marker)
    if begun is None or begun.digest != _BY_FILE or not places.new_tls_key.exists():
        raise ClaimRefused(
            "no request of this terminal waits for an answer; first `smartclocker claim --request FILE`"
        )
    try:
        answer = messages.read_answer(read_file(file, messages.MOST_ANSWER))
    except RecordError as error:
        raise ClaimRefused(f"{file}: is no answer of a centre ({error}); carry it here again") from error
    except OSError as error:
        raise ClaimRefused(f"{file}: cannot be read ({error.strerror}); give the file's path") from error
    if isinstance(answer, Refusal):
        raise ClaimRefused(_REFUSALS[answer])
    return Claimed(answer, install(places, answer, again=begun.again))


def begin(places: Places, digest: str, *, again: bool) -> _Begun:
    """Makes the keys that are missing, and the note; `digest` is the token's.

    Raises ClaimRefused if the terminal is claimed already.
    """
    earlier = _read(places.marker)
    there = places.written_earlier()
    same = earlier is not None and earlier.digest == digest
    fresh = not there if earlier is None else earlier.fresh
    if there and not (again or same or fresh):
        raise ClaimRefused(
            f"this terminal is claimed already: {there[0]} is here. With --again it is claimed anew, and the files "
            "are replaced; the identity stays"
        )
    if earlier is None:
        places.new_tls_key.unlink(missing_ok=True)
    begun = _Begun(digest, fresh, again or (same and earlier is not None and earlier.again))
    for path in (places.identity, places.storage, places.tls_key):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    note = {"token": begun.digest, "fresh": begun.fresh, "again": begun.again}
    durable_file.replace(places.marker, json.dumps(note).encode(), KeyFileError)
    if not places.identity.exists():
        key_files.create_identity(places.identity)
    if not places.storage.exists():
        key_files.create_secret(places.storage)
    if not places.new_tls_key.exists():
        openssl.make_key(places.new_tls_key)
    return begun


def install(places: Places, answer: ClaimAnswer, *, again: bool) -> list[Path]:
    """Checks an answer as a whole, then writes its files and the configuration. Returns what was written.

    Raises ClaimRefused before anything is written; KeyFileError for a file that cannot be.
    """
    for text in (answer.ledger, answer.authority, answer.roster):
        _refuse_no_key(text)
    openssl.check(answer, places.new_tls_key)
    configuration = with_keys(places.text, places.wanted(answer, again=again))
    written: list[Path] = []
    for path, text in _public(places, answer):
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _put(path, text.encode(), 0o644, written)
    _put(places.tls_key, _private(places.new_tls_key), 0o600, written)
    if configuration != places.text:
        if read_places(places.config).text != places.text:
            raise ClaimRefused(
                f"{places.config}: was changed while the claim went on, and is left so; give the same command again"
            )
        found, path = places.config.stat(), places.config.resolve()
        owner = found.st_uid, found.st_gid  # the service's group, perhaps, which must go on reading it
        content = configuration.encode()
        durable_file.replace(path, content, KeyFileError, mode=found.st_mode & 0o666, owner=owner)
        written.append(path)
    places.marker.unlink()  # first: without the note, a key that is left over is never used
    durable_file.sync_directory(places.marker.parent)
    places.new_tls_key.unlink()
    return written


def _public(places: Places, answer: ClaimAnswer) -> list[tuple[Path, str]]:
    """The files that anybody may read, with their texts."""
    pairs = [
        (places.ca, answer.ca),
        (places.certificate, answer.certificate),
        (places.ledger, answer.ledger),
        (places.authority, answer.authority),
        (places.roster, answer.roster),
    ]
    if answer.policy is not None and places.takes_policy(answer):
        pairs.append((places.policy_text(), answer.policy.text))
    return [(path, text) for path, text in pairs if text is not None]


def _private(path: Path) -> bytes:
    try:
        return read_file(path, _MOST_KEY)
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read ({error.strerror}); give the command again") from error


def _put(path: Path, content: bytes, mode: int, written: list[Path]) -> None:
    durable_file.replace(path, content, KeyFileError, mode=mode)
    written.append(path)


def _refuse_no_key(text: str | None) -> None:
    if text is None:
        return
    try:
        key_files.load_public(text)
    except KeyFileError as error:
        raise ClaimRefused(
            "the centre's answer cannot be used: one of its public keys is none; nothing was changed here"
        ) from error


def _read(marker: Path) -> _Begun | None:
    """The note; None if there is none. A damaged note counts as that of an unknown token."""
    try:
        said = json.loads(read_file(marker, _MOST_KEY))
        return _Begun(str(said["token"]), said["fresh"] is True, said["again"] is True)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return _Begun("", fresh=False, again=False)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
