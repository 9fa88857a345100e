"""What the files of a door's terminal hold of an enrolment that was not made: nothing, and the page shows it."""

from edge.config_schema import Config
from edge.crypto import dsse
from edge.domain.protocol.record import decode
from edge.domain.protocol.record_kinds import Kind
from edge.errors import SmartClockerError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.terminal import installed

_KINDS = {Kind.CONSENT, Kind.ENROLLED}
_MOST = 500
"""Records that are looked at; an enrolment lasts two minutes at most."""


class Remains:
    """Compares the files with what they were when it was made."""

    def __init__(self, config: Config) -> None:
        """Look at the files now. One that cannot be read makes `left` say so."""
        self._config = config
        self._problem: str | None = None
        self._people: frozenset[str] = frozenset()
        self._head = 0
        try:
            secrets = installed.own_secrets(config)
            with (
                installed.open_people(config, secrets) as people,
                installed.open_journal(config, secrets) as journal,
            ):
                self._people, self._head = _known(people), journal.stats().head
        except SmartClockerError as error:
            self._problem = str(error)

    def left(self) -> dict[str, object]:
        """How many people are new in the files, their templates, and the new records of a consent or an enrolment.

        Somebody who was enrolled meanwhile in another way is in all three.
        """
        if self._problem is not None:
            return {"problem": self._problem}
        try:
            secrets = installed.own_secrets(self._config)
            with (
                installed.open_people(self._config, secrets) as people,
                installed.open_journal(self._config, secrets) as journal,
            ):
                new = [one for one in people.list() if one.id not in self._people]
                records = _records(journal, self._head)
        except SmartClockerError as error:
            return {"problem": str(error)}
        return {"people": len(new), "templates": sum(one.templates for one in new), "records": records}


def _known(people: People) -> frozenset[str]:
    return frozenset(one.id for one in people.list())


def _records(journal: Journal, after: int) -> int:
    """The records of consents and enrolments after one of the journal."""
    found = (decode(dsse.parse(one.wire).payload) for one in journal.envelopes(after, _MOST))
    return sum(record.kind in _KINDS for record in found)
