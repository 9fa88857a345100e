"""One examination of the centre: every item is looked at, whatever is wrong with the others."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.adapters.mqtt.tls import UplinkSettings
from edge.central import broker_address
from edge.central.backup import last_backup
from edge.central.broker import certificates, reach, revocation_compare
from edge.central.doctor import judge
from edge.central.gaps import certificate_expiry
from edge.central.gaps.delivery_gaps import find
from edge.central.ledger import pulse
from edge.central.store.findings import Problem, ProblemKind
from edge.central.store.model import RegisteredTerminal
from edge.central.store.records import Store
from edge.domain.doctor import DoctorFinding, DoctorVerdict, ItemUnseen, absent, of_problems, ok, unseen
from edge.errors import SmartClockerError

_MB = 1_000_000
_SECRET = ("*.key", "*.db", "pki/*.key", "pki/*/*.key")
_SILENT = timedelta(hours=24)
_DAYS = timedelta(days=1)
_ENDED = " ended on "
"""What `central gaps` says of a certificate that has ended; of others it says that they end."""


@dataclass(frozen=True, slots=True)
class CentreSources:
    """What the items read."""

    directory: Path
    """DIR: everything of the centre."""
    installed: Path
    """Where `central broker` put what the broker reads."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The ledger's database. Raises ItemUnseen, LedgerError."""
        path = self.directory / "ledger.db"
        if not path.exists():
            raise ItemUnseen(
                f"there is no {path}", "name the directory that `central init` made, and start the ledger"
            )
        if not os.access(path, os.R_OK | os.W_OK, effective_ids=True):
            raise ItemUnseen(f"uid {os.geteuid()} may not open {path}", "give the command as its owner, or as root")
        with Store(path) as store:
            yield store


def findings(sources: CentreSources) -> Iterator[DoctorFinding]:
    """The finding of each item, in order. Raises nothing because of an item."""
    for item, reading in READINGS.items():
        yield _looked_at(item, reading, sources)


def _looked_at(
    item: str, reading: Callable[[CentreSources], DoctorFinding], sources: CentreSources
) -> DoctorFinding:
    try:
        return reading(sources)
    except ItemUnseen as error:
        return unseen(item, error.why, error.mend)
    except SmartClockerError as error:
        return of_problems(item, [str(error)], ok(item, ""))
    except OSError as error:
        said = f"{os.fsdecode(error.filename or '')}: {error.strerror or type(error).__name__}"
        return unseen(item, said, "correct DIR, or give the command as root")
    except Exception as error:  # noqa: BLE001 - one broken item must not hide the others
        return unseen(item, f"{type(error).__name__}, which nobody foresaw", "report it, with the version")


def _files(sources: CentreSources) -> DoctorFinding:
    owner = sources.directory.stat().st_uid
    found = sorted({path for pattern in _SECRET for path in sources.directory.glob(pattern)})
    modes = [(str(path), path.lstat()) for path in found]
    return judge.files(
        [name for name, status in modes if status.st_mode & 0o077],
        [name for name, status in modes if status.st_uid != owner],
        len(found),
    )


def _disk(sources: CentreSources) -> DoctorFinding:
    found = os.statvfs(sources.directory)
    return judge.disk(found.f_bavail * found.f_frsize // _MB, read_only=bool(found.f_flag & os.ST_RDONLY))


def _certificates(sources: CentreSources) -> DoctorFinding:
    """The CA's, the broker's, and the newest one of each program and terminal; and the list of revoked ones."""
    pki, now = sources.directory / "pki", sources.now()
    if not (pki / "ca.crt").exists():
        raise ItemUnseen(f"there is no {pki / 'ca.crt'}", "name the directory that `central init` made")
    authority = certificates.read_certificate(pki / "ca.crt")
    known: list[RegisteredTerminal] = []
    if (sources.directory / "ledger.db").exists():
        with sources.store() as store:
            known = list(store.terminals())
    ending = [one.text for one in certificate_expiry.found(pki, known, now)]
    lists = [one.text for one in revocation_compare.found(pki, sources.installed, known)]
    left = (authority.not_valid_after_utc - now) // _DAYS
    fine = ok("certificates", f"the CA's is valid for {left} days; none ends soon", {"ca_days_left": left})
    found = of_problems("certificates", [*ending, *lists], fine)
    only_soon = bool(ending) and not lists and not any(_ENDED in text for text in ending)
    return replace(found, verdict=DoctorVerdict.WARN) if only_soon else found


def _ledger(sources: CentreSources) -> DoctorFinding:
    with sources.store() as store:
        faults = list(pulse.faults(store, sources.now()))
        beats = list(store.select("SELECT beat FROM services"))
    if not beats:
        return absent("ledger", "no ledger ever ran on this database")
    age_s = max(0, round(min((sources.now() - datetime.fromisoformat(beat)).total_seconds() for (beat,) in beats)))
    fine = ok("ledger", f"the ledger runs; its last sign of life is {age_s} s old", {"beat_age_s": age_s})
    mend = "`systemctl status smartclocker-ledger`, and its log"
    return of_problems("ledger", [f"{one.text}; {mend}" for one in faults], fine)


def _broker(sources: CentreSources) -> DoctorFinding:
    """Connection and TLS handshake, with the ledger's own certificate."""
    host, port = broker_address.reached(sources.directory)
    pki = sources.directory / "pki"
    mine = (pki / "ca.crt", pki / f"client-{certificates.LEDGER}.crt", pki / f"client-{certificates.LEDGER}.key")
    took_ms = reach.handshake_s(UplinkSettings(host, port, *mine)) * 1000
    said = f"{host}:{port} answers in {took_ms:.0f} ms, with a certificate that fits"
    return ok("broker", said, {"handshake_ms": round(took_ms)})


def _terminals(sources: CentreSources) -> DoctorFinding:
    with sources.store() as store:
        found: list[Problem] = find(store, _SILENT, sources.now())
        registered = sum(one.revoked is None for one in store.terminals())
    kinds = Counter(str(one.kind) for one in found if one.kind is not ProblemKind.LEDGER)  # the item ledger says it
    return judge.terminals(kinds, registered)


def _backup(sources: CentreSources) -> DoctorFinding:
    return judge.backup(last_backup.newest(sources.directory), sources.now(), last_backup.LATE)


READINGS: Mapping[str, Callable[[CentreSources], DoctorFinding]] = {
    "files": _files,
    "disk": _disk,
    "certificates": _certificates,
    "ledger": _ledger,
    "broker": _broker,
    "terminals": _terminals,
    "backup": _backup,
}
"""The reading of each item, in the order in which they are looked at. docs/doctor.md has a row for each."""
