"""The support bundle: what somebody who helps needs to know of a terminal, in one file, without personal data."""

import io
import json
import os
import platform
import tarfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

from edge import __version__
from edge.adapters.linux.service_account import SERVICE
from edge.domain.doctor import DoctorFinding, ItemUnseen
from edge.errors import ConfigError
from edge.terminal.doctor.bundle import log_shapes, reduction
from edge.terminal.doctor.bundle.reduction import Reducer
from edge.terminal.doctor.readings.sources import Sources, output_of, text_of

_README = """A support bundle of one SmartClocker terminal, made by `smartclocker doctor --bundle`.

doctor.json         each part of the terminal: ok, warn, fail or not here, with the figures and the mend
configuration.json  every key; of texts that somebody chose only whether they are set
status.json         the running service's state, alarms and counters
log.json            the texts of the service's log, each with its count; values are left out
system.json         versions of program, Python, kernel and distribution

It holds no name, staff number, person's id, picture, template, key, address or path that somebody chose. Unpack it
and read it before you give it away: tar xzf FILE
"""


def content(findings: Sequence[DoctorFinding], sources: Sources) -> bytes:
    """The bytes of the tar.gz file."""
    read = sources.read
    loaded = None if isinstance(read, ConfigError) else read
    reducer = Reducer(loaded, None if loaded is None else _user(sources))
    documents: dict[str, Any] = {
        "doctor.json": {"items": [_reduced(reducer, finding, usable=loaded is not None) for finding in findings]},
        "configuration.json": None if loaded is None else reduction.configuration(loaded.rows()),
        "status.json": _status(sources),
        "log.json": _log(),
        "system.json": _system(sources),
    }
    return _packed(documents)


def _user(sources: Sources) -> str | None:
    account = sources.account
    return None if account is None or account.name == SERVICE else account.name


def _reduced(reducer: Reducer, finding: DoctorFinding, *, usable: bool) -> dict[str, Any]:
    """Sentences about a configuration that cannot be read may quote it, and are left out."""
    found = reducer.finding(finding)
    if not usable and finding.item == "configuration":
        found.update(said="(left out: it may quote the file)", mend="")
    return found


def _status(sources: Sources) -> dict[str, Any]:
    try:
        said = sources.status
    except ItemUnseen:
        return {"not_read": "the service does not answer this user"}
    return {"not_read": "no service runs"} if said is None else reduction.status(said)


def _log() -> dict[str, Any]:
    said = output_of(log_shapes.JOURNALCTL, log_shapes.MOST_LOG)
    if said is None:
        return {"not_read": "journalctl gives no answer"}
    return log_shapes.reduced(said.splitlines(), log_shapes.shapes())


def _system(sources: Sources) -> Mapping[str, str]:
    release = text_of(sources.root / "etc/os-release") or ""
    named = [line.partition("=")[2].strip('"') for line in release.splitlines() if line.startswith("PRETTY_NAME=")]
    model = text_of(sources.root / "proc/device-tree/model")
    return {
        "smartclocker": __version__,
        "python": platform.python_version(),
        "kernel": os.uname().release,
        "machine": os.uname().machine,
        "distribution": named[0] if named else "unknown",
        "board": (model or "unknown").rstrip("\0"),
    }


def _packed(documents: Mapping[str, Any]) -> bytes:
    packed = io.BytesIO()
    files = {"README.txt": _README.encode()}
    files |= {name: json.dumps(said, indent=2).encode() for name, said in documents.items()}
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, raw in files.items():
            member = tarfile.TarInfo(f"smartclocker-bundle/{name}")
            member.size, member.mode, member.mtime = len(raw), 0o600, int(time.time())
            archive.addfile(member, io.BytesIO(raw))
    return packed.getvalue()
