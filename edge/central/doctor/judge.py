"""Judgements on the parts of the centre: values in, finding out. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from edge.domain.doctor import DoctorFinding, DoctorVerdict, Measured, ok
from edge.domain.plural import counted

LITTLE_MB, LEAST_MB = 2_000, 200
"""Free space below which somebody should act, and below which the ledger may stop at any moment."""
GONE = timedelta(days=7)
"""Age of the newest backup from which there may as well be none."""
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


def backup(made: datetime | None, now: datetime, late: timedelta) -> DoctorFinding:
    """`made` is when the newest backup was made; None where none is noted. From the age `late` on it is late."""
    mend = "`systemctl status smartclocker-backup` says why there is none; docs/centre.md says how to make one"
    if made is None:
        said = "no backup was made here by `smartclocker central backup`"
        return DoctorFinding("backup", DoctorVerdict.WARN, said, mend, {"age_h": None})
    hours = round((now - made) / timedelta(hours=1))
    measured: Measured = {"age_h": hours}
    if made - now >= late:
        said = "the newest backup is of a day that is yet to come: the clock was wrong"
        return DoctorFinding("backup", DoctorVerdict.WARN, said, mend, measured)
    said = f"the newest backup is {counted(max(0, hours), 'hour')} old"
    if now - made < late:
        return ok("backup", said, measured)
    verdict = DoctorVerdict.FAIL if now - made >= GONE else DoctorVerdict.WARN
    return DoctorFinding("backup", verdict, said, mend, measured)


def _named(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_NAMED]) + (" …" if len(paths) > _NAMED else "")
