"""The ledger's command to a terminal to send a range of its records again (docs/adr/0004-resend-commands.md).

A command is signed, names one terminal, expires, and is taken once. A record tells its outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from edge.domain.protocol.document import Document, judge_lifetime
from edge.domain.protocol.fields import Count, Epoch, Instant
from edge.domain.protocol.record import Origin
from edge.errors import RecordError

MAX_RANGE = 10_000
"""Records that one command may ask for."""
MAX_LIFETIME = timedelta(days=7)
"""From `issued` to `expires`: as long as the broker keeps a session, and shorter than a terminal remembers ids."""
RESEND = "resend"
"""The value of `command` in the document."""


@dataclass(frozen=True, slots=True)
class Resend(Document):
    """The command to send the records `first` to `last` of `epoch` again, both included, as far as they are still
    kept.
    """

    NOUN = "command"
    PAYLOAD_TYPE = "application/vnd.smartclocker.command+json"
    MAX_PAYLOAD = 2_048
    FAULTS: ClassVar[Mapping[str, str]] = {
        "issued": "command: issued or expires is missing or malformed",
        "expires": "command: issued or expires is missing or malformed",
    }

    id: Epoch
    """32 hex digits, random: a terminal takes each id once."""
    origin: Origin
    """The one terminal that it is for."""
    issued: Instant
    expires: Instant
    """`issued` and `expires` are RFC 3339 UTC with milliseconds and Z, by the ledger's clock."""
    epoch: Epoch
    first: Count
    last: Count

    def _judge(self) -> None:
        if self.last < self.first:
            raise RecordError("command: last comes before first")
        asked = self.last - self.first + 1
        if asked > MAX_RANGE:
            raise RecordError(f"command: asks for {asked} records; ask for {MAX_RANGE} at most, in parts")
        judge_lifetime(self.issued, self.expires, self.NOUN, MAX_LIFETIME)

    @classmethod
    def _prepared(cls, said: Mapping[str, Any]) -> Mapping[str, Any]:
        if said.get("command") != RESEND:
            raise RecordError("command: its kind is not known to this version; upgrade the terminal first")
        return said

    def _words(self) -> dict[str, Any]:
        words = super(Resend, self)._words()
        asked = {name: words.pop(name) for name in ("epoch", "first", "last")}
        return {**words, "command": RESEND, **asked}


def expired(command: Resend, utc: str) -> bool:
    """Whether the command has expired at `utc` (RFC 3339 UTC with milliseconds and Z)."""
    return utc >= command.expires  # both have one form, so the order of the texts is that of the instants
