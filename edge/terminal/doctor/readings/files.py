"""Readings of the terminal's files: the configuration, the rights of keys, and what the state directory holds."""

import os
import shlex
import stat
from collections.abc import Iterator
from pathlib import Path

from edge.adapters.mqtt import certificate as certificates
from edge.domain.doctor import AS_ROOT, DoctorFinding, DoctorVerdict, ItemUnseen, absent, of_problems, ok
from edge.domain.plural import counted
from edge.errors import ConfigError
from edge.terminal import installed
from edge.terminal.checks import files, state
from edge.terminal.doctor import judge_parts
from edge.terminal.doctor.readings.sources import Sources

_OTHERS = 0o077
_NAMED = 3


def configuration(sources: Sources) -> DoctorFinding:
    """Whether the file can be read, and all keys in it are right."""
    found = sources.read
    if not isinstance(found, ConfigError):
        said = f"{sources.source} is right, {len(found.given)} keys are set"
        return ok("configuration", said, {"keys_set": len(found.given)})
    if sources.source.exists() and not os.access(sources.source, os.R_OK, effective_ids=True):
        raise ItemUnseen(f"uid {os.geteuid()} may not read {sources.source}", AS_ROOT)
    edit = f"edit {sources.source}: docs/configuration.md has each key"
    return of_problems("configuration", found.problems, ok("configuration", ""), edit)


def keys(sources: Sources) -> DoctorFinding:
    """The keys and the policy, the folders in which they lie, and the owners of the state directory's files."""
    sources.only_with_keys()
    problems = [*files.keys(sources.config, sources.account), *files.open_folders(sources.config)]
    problems += files.policy(sources.config, sources.account)
    found, open_ones = list(_foreign(sources.state)), list(_open(sources.state))
    fine = ok(
        "keys", "keys, policy and state files are there, and closed to others", {"open_files": len(open_ones)}
    )
    if open_ones:
        named = ", ".join(map(_quoted, open_ones[:_NAMED]))
        said = f"others may read {named}{' …' if len(open_ones) > _NAMED else ''}"
        mend = f"`chmod -R go= {shlex.quote(str(sources.state))}`"
        fine = DoctorFinding("keys", DoctorVerdict.WARN, said, mend, fine.measured)
    return of_problems("keys", dict.fromkeys([*problems, *found]), fine)


def records(sources: Sources) -> DoctorFinding:
    """The journal, the people and the files beside them, as `smartclocker check` reads them."""
    sources.only_with_keys()
    here = installed.journal_path(sources.config).exists()
    said = "journal and people file are in order" if here else "no journal yet: the first start makes it"
    journal = (sources.status or {}).get("journal")
    told = journal if isinstance(journal, dict) else {}
    measured = {f"records_{name}": told[name] for name in ("head", "pending") if isinstance(told.get(name), int)}
    if pending := measured.get("records_pending"):
        said += f"; {counted(pending, 'record')} not receipted yet"
    found = state.problems(sources.config, sources.account)
    problems = [line for line in found if not line.startswith("storage.max_bytes")]  # the item disk says it
    return of_problems("records", problems, ok("records", said, measured))


def certificate(sources: Sources) -> DoctorFinding:
    """The files of the uplink, and how long the certificate is valid."""
    uplink = sources.config.uplink
    if uplink is None:
        return absent("certificate", "no [uplink]: this terminal has no centre")
    sources.only_with_keys()
    problems = list(files.uplink(sources.config, sources.account))
    if problems:
        return of_problems("certificate", problems, ok("certificate", ""))
    with files.reading(uplink.certificate, sources.account):
        found = certificates.read(Path(uplink.certificate))
    return judge_parts.certificate(found.name, found.begin, found.end, sources.now())


def _foreign(directory: Path) -> Iterator[str]:
    """Files that belong to somebody else than their directory: the service cannot open them."""
    try:
        owner = directory.stat().st_uid
        names = [path for path in sorted(directory.iterdir()) if path.lstat().st_uid != owner]
    except OSError:
        return  # the item disk says what is wrong with it
    for path in names[:_NAMED]:
        yield f"{_quoted(path)} does not belong to the owner of its directory; `chown -h {owner}: {_quoted(path)}`"


def _quoted(path: Path) -> str:
    """A path in quotation marks, as a shell takes it. A support bundle leaves quoted text out: somebody may have
    put a file into the directory, under any name.
    """
    return "'" + str(path).replace("'", "'\"'\"'") + "'"


def _open(directory: Path) -> list[Path]:
    try:
        found = [(path, path.lstat().st_mode) for path in sorted(directory.iterdir())]
    except OSError:
        return []
    return [path for path, mode in found if stat.S_ISREG(mode) and mode & _OTHERS]
