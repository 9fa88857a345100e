"""Problems for certificates of this centre that end soon or have ended."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from edge.central.broker import certificates, issued_certificates, revocation_list
from edge.central.store.findings import Problem, ProblemKind
from edge.central.store.model import RegisteredTerminal
from edge.domain.protocol.certificate_expiry import WARN_BEFORE, CertificateStanding, days, standing
from edge.domain.protocol.record import Origin

CA_BEFORE = timedelta(days=180)
"""Time before the end of the CA's certificate at which it is reported. It is long, because every terminal needs a
copy of the renewed file.
"""


def found(directory: Path, terminals: Sequence[RegisteredTerminal], now: datetime) -> Iterator[Problem]:
    """A problem for each certificate that ends soon: the CA's in `directory` (the centre's `pki`), the broker's,
    those of the centre's programs, and the newest one of each terminal.

    Raises KeyFileError.
    """
    authority = directory / "ca.crt"
    if not authority.exists():
        return
    ca = certificates.read_certificate(authority)
    yield from _finding(
        None, "the CA's certificate", ca.not_valid_before_utc, ca.not_valid_after_utc, now,
        "`smartclocker central init DIR` renews it; then copy DIR/pki/ca.crt to every terminal", CA_BEFORE,
    )  # fmt: skip
    gone = revocation_list.revoked(directory)
    origins = {one.origin.terminal: one.origin for one in terminals if one.revoked is None}
    for one in issued_certificates.latest(directory).values():
        if one.serial not in gone:
            origin = origins.get(one.name) if one.stem != issued_certificates.SERVER else None
            what, cure = _words(one)
            yield from _finding(origin, what, one.begin, one.end, now, cure, WARN_BEFORE)


def _words(one: issued_certificates.Issued) -> tuple[str, str]:
    if one.stem == issued_certificates.SERVER:
        return "the broker's certificate", "`smartclocker central init DIR` renews it, `central broker` installs it"
    if one.name in {certificates.LEDGER, certificates.AUTHORITY} or one.name.startswith(f"{certificates.LEDGER}."):
        return f"the certificate of the centre's own {one.name}", "`smartclocker central init DIR` renews it"
    return (
        f"the certificate of {one.name}",
        f"`smartclocker central issue DIR {one.name}` renews it, copy it there; or `central revoke DIR {one.name}`",
    )


def _finding(
    origin: Origin | None, what: str, begin: datetime, end: datetime, now: datetime, cure: str, before: timedelta
) -> Iterator[Problem]:
    stands = standing(begin, end, now, before)
    if stands is CertificateStanding.ENDED:
        yield Problem(origin, ProblemKind.CERTIFICATE, f"{what} ended on {end:%Y-%m-%d}; {cure}")
    elif stands is CertificateStanding.ENDING:
        yield Problem(origin, ProblemKind.CERTIFICATE, f"{what} ends on {end:%Y-%m-%d}, {days(end, now)}; {cure}")
