"""A person's answers from several terminals, as one file for machines and one page to read."""

import html
import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from edge.errors import ExportRefused

JSON_NAME, PAGE_NAME = "data.json", "page.html"
MAX_BYTES = 512 * 1024 * 1024
"""Of one answer once it is unpacked; 200,000 records are about a third of it."""
_BODY = re.compile(r"</style>(.*)</html>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """One terminal's, in the clear."""

    data: Mapping[str, Any]
    page: str


def read(sealed: bytes, key: bytes) -> Answer:
    """Open one with the requester's X25519 key (32 bytes). Raises ExportRefused: another key, or altered."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(SealedBox(PrivateKey(key)).decrypt(sealed)))
        if sum(archive.getinfo(name).file_size for name in (JSON_NAME, PAGE_NAME)) > MAX_BYTES:
            raise ExportRefused(f"unpacks to more than {MAX_BYTES} bytes, which no terminal makes; fetch it again")
        data = json.loads(archive.read(JSON_NAME))
        words = [data["person"], data["site"], data["terminal"]]
        page = archive.read(PAGE_NAME).decode()
    except (CryptoError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        raise ExportRefused("sealed to another key, or altered; fetch it again") from error
    if not all(isinstance(word, str) for word in words):
        raise ExportRefused("is no terminal's answer; name the file as it was fetched")
    return Answer(data, page)


def together(answers: Sequence[Answer]) -> tuple[str, str]:
    """(JSON, HTML) of all. Raises ExportRefused when they are about several people, or one terminal's twice."""
    if len(answers) == 1:
        return json.dumps(answers[0].data, indent=2, ensure_ascii=False), answers[0].page
    if len({one.data["person"] for one in answers}) != 1:
        raise ExportRefused("these answers are about several people; name one person's")
    names = [f"{one.data['site']}/{one.data['terminal']}" for one in answers]
    if len(set(names)) != len(names):
        raise ExportRefused("a terminal's answer is named twice; name the newer of them")
    document = {
        "smartclocker-access-collected": 1,
        "person": answers[0].data["person"],
        "answers": [one.data for one in answers],
    }
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Held about you</title>',
        "<style>body{font:16px sans-serif;margin:2em}td,th{text-align:left;padding:.2em 1em .2em 0}</style>",
        f"<p>From {len(names)} terminals: {html.escape(', '.join(names))}</p>",
    ]
    for one in answers:
        body = _BODY.search(one.page)
        parts.append(f"<section>{body[1] if body else html.escape(one.page)}</section><hr>")
    return json.dumps(document, indent=2, ensure_ascii=False), "\n".join([*parts, "</html>\n"])
