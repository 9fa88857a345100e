"""Combines the access reports of several terminals about one person into one JSON file and one HTML page."""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from edge.central.store.doubted_identities import Signers
from edge.central.store.records import Store
from edge.domain.attendance.doubts import Doubt
from edge.domain.privacy.access_page import JSON_NAME, page
from edge.domain.protocol.order import Word
from edge.domain.protocol.record import decode
from edge.domain.protocol.record_kinds import Kind
from edge.errors import ExportRefused

MAX_BYTES = 512 * 1024 * 1024
"""Largest size of one unpacked report in bytes; 200,000 records are about a third of it."""
_ODD = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, LookupError)
_MALFORMED = (TypeError, ValueError, AttributeError)
"""The errors of a zip file, JSON text or field that no terminal made. RecursionError is a RuntimeError."""


@dataclass(frozen=True, slots=True)
class AccessReport:
    """The decrypted access report of one terminal."""

    data: Mapping[str, Any]
    """The JSON data. The page in the file is not used; a new page is made from this data."""
    sha256: str
    """sha256 of the sealed file in hex, as the terminal's signed record names it."""


def read(sealed: bytes, key: bytes) -> AccessReport:
    """Opens a report with the requester's X25519 key (32 bytes).

    Raises ExportRefused if it is sealed to another key, was altered, or is no access report.
    """
    try:
        packed = SealedBox(PrivateKey(key)).decrypt(sealed)
    except (CryptoError, ValueError, TypeError) as error:
        raise ExportRefused("sealed to another key, or altered; fetch it again") from error
    try:
        archive = zipfile.ZipFile(io.BytesIO(packed))
        if archive.getinfo(JSON_NAME).file_size > MAX_BYTES:
            raise ExportRefused(f"unpacks to more than {MAX_BYTES} bytes, which no terminal makes; fetch it again")
        data = json.loads(archive.read(JSON_NAME))
        words = [data["person"], data["site"], data["terminal"]]
        for text in _forms(data, [data]):
            text.encode()  # JSON can hold half of a surrogate pair, which cannot be written as UTF-8
    except (*_ODD, *_MALFORMED) as error:
        if isinstance(error, ExportRefused):
            raise
        raise ExportRefused("is no terminal's answer; name the file as it was fetched") from error
    if not all(isinstance(word, str) for word in words):
        raise ExportRefused("is no terminal's answer; name the file as it was fetched")
    return AccessReport(data, hashlib.sha256(sealed).hexdigest())


def vouched(answer: AccessReport, ledger: Store) -> bool:
    """Whether a signed record of the same terminal says that it made this file about this person.

    Records that came after the terminal's identity was doubted do not count, because whoever had its key could seal
    any file.
    """
    query = "SELECT payload, chain, received FROM records WHERE kind = ? AND instr(payload, ?)"
    signers = Signers(ledger)
    for payload, chain, received in ledger.select(query, (str(Kind.COMMAND_RESULT), answer.sha256.encode())):
        if signers.doubt(chain, received) is Doubt.UNPROVEN:
            continue
        record = decode(payload)
        where = (record.origin.site, record.origin.terminal) == (answer.data["site"], answer.data["terminal"])
        detail = str(record.data["detail"])
        said = f"/{answer.data['person']}-" in detail and f"sha256 {answer.sha256}" in detail
        if where and said and record.data["command"] == Word.ACCESS:
            return True
    return False


def together(answers: Sequence[AccessReport]) -> tuple[str, str]:
    """(JSON, HTML) of all reports together. Raises ExportRefused if they are about several people, or if a terminal
    occurs twice.
    """
    found = [one.data for one in answers]
    if len(found) == 1:
        return _forms(found[0], found)
    if len({one.data["person"] for one in answers}) != 1:
        raise ExportRefused("these answers are about several people; name one person's")
    names = [f"{one.data['site']}/{one.data['terminal']}" for one in answers]
    if len(set(names)) != len(names):
        raise ExportRefused("a terminal's answer is named twice; name the newer of them")
    document = {
        "smartclocker-access-collected": 1,
        "person": answers[0].data["person"],
        "answers": found,
    }
    return _forms(document, found)


def _forms(document: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    return json.dumps(document, indent=2, ensure_ascii=False), page(found)
