"""The certificates of the uplink: whether they fit this terminal, and a warning before they end."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from edge.adapters.mqtt import certificate
from edge.adapters.mqtt.tls import UplinkSettings
from edge.domain.protocol.certificate_expiry import CertificateStanding, days, standing
from edge.errors import KeyFileError
from edge.terminal.runtime.alarms import Alarm

_log = logging.getLogger(__name__)
LOOK_EVERY_S = 600.0
LOOK_AGAIN_S = 60.0
"""Interval of the checks while a certificate ends, because it may be renewed at any moment."""


def problems(files: Iterable[tuple[str, Path]], name: str) -> Iterator[str]:
    """Reasons why the broker or the centre would refuse the certificates, each after its configuration key.

    `files` are some or all of `files_of`. `name` is the terminal's name, which its certificate must have.
    """
    now = datetime.now(UTC)
    for key, path in files:
        try:
            found = certificate.read(path)
        except KeyFileError as error:
            yield f"{key}: {error}"
            continue
        stands = standing(found.begin, found.end, now)
        if stands is CertificateStanding.ENDED:
            yield f"{key}: {path} ended on {found.end:%Y-%m-%d}; {_CURES[key]}"
        if stands is CertificateStanding.EARLY:
            yield f"{key}: {path} is valid only from {found.begin:%Y-%m-%d %H:%M} UTC on; set this machine's clock"
        if key == "uplink.certificate" and found.name != name:
            yield (
                f"{key}: {path} was issued to {found.name!r}, and terminal.name is {name!r}, so that the broker "
                f"refuses our records; copy this terminal's own (`smartclocker central issue DIR {name}`), or "
                "correct terminal.name"
            )


def notes(files: Iterable[tuple[str, Path]]) -> Iterator[str]:
    """A line for each certificate that ends soon."""
    now = datetime.now(UTC)
    for key, path in files:
        try:
            found = certificate.read(path)
        except KeyFileError:
            continue
        if standing(found.begin, found.end, now) is CertificateStanding.ENDING:
            yield f"{key}: {path} ends on {found.end:%Y-%m-%d}, {days(found.end, now)}; {_CURES[key]}"


class Watch:
    """Checks the certificates from time to time, when its alarm is asked for; any thread may ask."""

    def __init__(self, settings: Callable[[], UplinkSettings | None], now_s: Callable[[], float]) -> None:
        """`settings` returns the paths of the files; `now_s` is the monotonic clock in seconds."""
        self._settings, self._now_s = settings, now_s
        self._look_at = float("-inf")
        self._ending = False
        self._said: set[str] = set()

    @property
    def alarms(self) -> tuple[str, ...]:
        """Alarm.CERTIFICATE_ENDING while a certificate ends within 30 days, or has ended."""
        if self._now_s() >= self._look_at:
            self._look()
            self._look_at = self._now_s() + (LOOK_AGAIN_S if self._ending else LOOK_EVERY_S)
        return (Alarm.CERTIFICATE_ENDING,) * self._ending

    def counters(self) -> dict[str, int]:
        """Empty: there are no counters."""
        return {}

    def _look(self) -> None:
        found = self._settings()
        words = [] if found is None else list(_words(found))
        self._ending = bool(words)
        for word in words:
            if word not in self._said:
                self._said.add(word)
                _log.warning("%s", word)


def _words(settings: UplinkSettings) -> Iterator[str]:
    now = datetime.now(UTC)
    for key, path in files_of(settings):
        try:
            found = certificate.read(path)
        except KeyFileError:
            continue  # the connection reports it
        if standing(found.begin, found.end, now) in {CertificateStanding.ENDING, CertificateStanding.ENDED}:
            yield f"the certificate {path} ends on {found.end:%Y-%m-%d}; {_CURES[key]}"


def files_of(settings: UplinkSettings) -> tuple[tuple[str, Path], ...]:
    """The certificates that are checked, by their configuration key."""
    return (("uplink.ca", settings.ca), ("uplink.certificate", settings.certificate))


_CURES = {
    "uplink.ca": "renew it at the centre (`smartclocker central init DIR`) and copy ca.crt here",
    "uplink.certificate": "issue a new one at the centre (`smartclocker central issue`), copy it and its key here",
}
