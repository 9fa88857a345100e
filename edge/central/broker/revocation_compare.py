"""Compares the broker's copy of the revocation list with the centre's own list, to see which one is behind.

If DIR was restored from an older backup, it no longer knows what was revoked since. The broker's copy still does,
and our own CA signed it. So it is never replaced by an older list.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from edge.central.broker import certificates, issued_certificates, revocation_list
from edge.central.store.findings import Problem, ProblemKind
from edge.central.store.model import RegisteredTerminal
from edge.domain.plural import command

_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between the broker's list and ours."""

    ours: int
    theirs: int
    """The numbers of the two lists; each new list has a higher number."""
    forgotten: Mapping[int, datetime]
    """The serial numbers that only the broker's list names, each with the instant of its revocation."""
    not_installed: frozenset[int]
    """The serial numbers that only our list names."""

    @property
    def behind(self) -> bool:
        """Whether our list is the older one."""
        return bool(self.forgotten) or self.theirs > self.ours


def compare(directory: Path, into: Path) -> Difference | None:
    """Compares the lists. `directory` is the centre's `pki`. None if `into` has no readable list of our CA.

    Raises KeyFileError if a file in `directory` is damaged.
    """
    theirs = _installed(directory, into)
    if theirs is None:
        return None
    mine = revocation_list.read(directory)
    here = {one.serial_number for one in mine or ()} | issued_certificates.revoked(directory).keys()
    there = {one.serial_number: one.revocation_date_utc for one in theirs}
    forgotten = {serial: at for serial, at in there.items() if serial not in here}
    return Difference(
        revocation_list.number(mine), revocation_list.number(theirs), forgotten, frozenset(here - there.keys())
    )


def told(directory: Path, difference: Difference) -> str:
    """The text that says by what the broker's list is ahead of ours. Raises KeyFileError."""
    text = f"is number {difference.theirs}, that of DIR {difference.ours}"
    if not difference.forgotten:
        return text
    names = {one.serial: one.name for one in issued_certificates.everything(directory)}
    known = sorted({names[one] for one in difference.forgotten if one in names})
    of = (
        f" (of {', '.join(known[:_MOST_NAMES])}{' and others' if len(known) > _MOST_NAMES else ''})"
        if known
        else ""
    )
    return f"{text}, and it names {_certificates(len(difference.forgotten))}{of} that DIR does not call revoked"


def found(directory: Path, into: Path, terminals: Sequence[RegisteredTerminal]) -> Iterator[Problem]:
    """The problems of the revocation lists, and of terminals whose certificate is revoked. Raises KeyFileError."""
    if not (directory / "ca.crt").exists():
        return
    difference = compare(directory, into)
    if difference is not None and difference.behind:
        yield Problem(
            None, ProblemKind.CERTIFICATE,
            f"the broker's list of revoked certificates {told(directory, difference)}: DIR came from an older "
            "backup; docs/operations.md, *DIR came from a backup*",
        )  # fmt: skip
    if difference is not None and difference.not_installed:
        yield Problem(
            None, ProblemKind.CERTIFICATE,
            f"{_certificates(len(difference.not_installed))} revoked in DIR, and the broker does not know it; "
            f"`{command('central', 'broker', 'DIR', into)}`, then restart mosquitto",
        )  # fmt: skip
    gone, last = revocation_list.revoked(directory), issued_certificates.latest(directory)
    for one in terminals:
        certificate = last.get(f"client-{one.origin.terminal}")
        if one.revoked is None and certificate is not None and certificate.serial in gone:
            yield Problem(
                one.origin, ProblemKind.CERTIFICATE,
                f"its certificate is revoked and its identity {one.keyid} is not: `smartclocker central revoke DIR "
                f"{one.keyid}`, or `smartclocker central issue DIR {one.origin.terminal}` if it is to go on",
            )  # fmt: skip


def _installed(directory: Path, into: Path) -> x509.CertificateRevocationList | None:
    try:
        theirs = x509.load_pem_x509_crl((into / revocation_list.NAME).read_bytes())
    # missing, not readable for us, or damaged; mosquitto does not start with a damaged one
    except (OSError, ValueError):
        return None
    key = certificates.load_authority(directory)[0].public_key()
    return theirs if theirs.is_signature_valid(key) else None  # type: ignore[arg-type]


def _certificates(count: int) -> str:
    return "1 certificate" if count == 1 else f"{count} certificates"
