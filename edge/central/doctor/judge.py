"""Judgements on the parts of the centre: values in, finding out. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from edge.domain.doctor import DoctorFinding, DoctorVerdict, absent, ok
from edge.domain.plural import counted

LITTLE_MB, LEAST_MB = 2_000, 200
"""Free space below which somebody should act, and below which the ledger may stop at any moment."""
LATE, GONE = timedelta(hours=36), timedelta(days=7)
"""Age of the newest backup from which it is late, and from which there may as well be none."""
_NAMED = 3


def files(open_ones: Sequence[str], foreign: Sequence[str], count: int) -> DoctorFinding:
    """`open_ones` of `count` secret files may be read by others; `foreign` ones have another owner than DIR."""
    measured = {"secret_files": count, "open": len(open_ones), "foreign": len(foreign)}
    if open_ones:
        said = f"others may read {_named(open_ones)}"
        mend = "`chmod 600` them; if somebody may have read a key, replace it (docs/operations.md)"
        return DoctorFinding("files", DoctorVerdict.FAIL, said, mend, measured)
    if foreign:
        said = f"{_named(foreign)} belong to somebody else than DIR, so that the ledger may not open them"
        return DoctorFinding("files", DoctorVerdict.FAIL, said, "`chown -R --reference=DIR DIR`", measured)
    return ok("files", f"{counted(count, 'secret file')}, all closed to others", measured)


def disk(free_mb: int, *, read_only: bool) -> DoctorFinding:
    """The disk of DIR."""
    measured = {"free_mb": free_mb}
    if read_only:
        mend = "mount it writable; `dmesg` says whether the disk fails"
        return DoctorFinding("disk", DoctorVerdict.FAIL, "the disk of DIR is read-only", mend, measured)
    said = f"{free_mb:,} MB free on the disk of DIR"
    if free_mb >= LITTLE_MB:
        return ok("disk", said, measured)
    verdict = DoctorVerdict.FAIL if free_mb < LEAST_MB else DoctorVerdict.WARN
    mend = "free some space, or move DIR to a larger disk: a ledger that cannot store receipts nothing"
    return DoctorFinding("disk", verdict, said, mend, measured)


def terminals(kinds: Mapping[str, int], registered: int) -> DoctorFinding:
    """`kinds` are the problems of `central gaps`, counted by their kind."""
    measured = {"registered": registered, "problems": sum(kinds.values())}
    if not kinds:
        said = f"{counted(registered, 'terminal')}; nothing is missing, silent or contradictory"
        return ok("terminals", said, measured)
    said = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    return DoctorFinding(
        "terminals",
        DoctorVerdict.WARN,
        said,
        "`smartclocker central gaps DIR` says what to do about each",
        measured,
    )


def backup(newest: datetime | None, now: datetime, count: int) -> DoctorFinding:
    """`newest` is the newest backup; None where the folder of backups has none."""
    mend = "`systemctl list-timers smartclocker-backup.timer`; `journalctl -u smartclocker-backup` says why"
    if newest is None:
        said = "no backup is here"
        return DoctorFinding(
            "backup", DoctorVerdict.FAIL, said, "`smartclocker central backup --help`", {"backups": 0}
        )
    age = now - newest
    hours = round(age / timedelta(hours=1))
    measured = {"backups": count, "age_h": hours}
    said = f"{counted(count, 'backup')}, the newest is {hours} hours old"
    if age < LATE:
        return ok("backup", said, measured)
    return DoctorFinding("backup", DoctorVerdict.FAIL if age >= GONE else DoctorVerdict.WARN, said, mend, measured)


def no_backups(folder: str) -> DoctorFinding:
    """The finding where the folder of backups is not there: they may be kept elsewhere."""
    return absent("backup", f"no folder {folder}; name the folder of your backups with --backups")


def _named(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_NAMED]) + (" …" if len(paths) > _NAMED else "")
