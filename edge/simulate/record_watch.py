"""What the pages are told of each door's journal: the last records, which of them are receipted, and alarms."""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.crypto import dsse
from edge.domain.protocol.record import Record, decode
from edge.errors import SmartClockerError
from edge.journal.journal import Journal
from edge.people.people_store import People
from edge.simulate.door import Door
from edge.terminal import installed

_log = logging.getLogger(__name__)
LOOK_S = 0.4
"""Seconds between two looks."""
SHOWN = 12
"""Number of records that a page shows of a door."""
_DETAILS = (
    "direction",
    "direction_source",
    "activity",
    "method",
    "state",
    "reason",
    "change",
    "command",
    "follows",
)
"""Fields of a record that a page shows, where the record has them."""


@dataclass
class _Files:
    journal: Journal
    people: People
    told: tuple[object, ...] = ()

    def close(self) -> None:
        self.journal.close()
        self.people.close()


class RecordWatch:
    """Looks at the doors' files on a thread of its own, which `start` begins and `stop` ends."""

    def __init__(self, doors: Sequence[Door]) -> None:
        self._doors = doors
        self._files: dict[str, _Files] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="records")

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End, and close the files."""
        self._ending.set()
        self._thread.join()

    def _watch(self) -> None:
        try:
            while not self._ending.wait(LOOK_S):
                for door in self._doors:
                    self._look(door)
        finally:
            for files in self._files.values():
                files.close()

    def _look(self, door: Door) -> None:
        """Tell what is new at a door. A file that is locked or not there yet is looked at again."""
        try:
            if door.name not in self._files:
                if not door.ready.is_set():
                    return  # it makes its files
                secrets = installed.own_secrets(door.config)
                journal = installed.open_journal(door.config, secrets)
                self._files[door.name] = _Files(journal, installed.open_people(door.config, secrets))
            files = self._files[door.name]
            stats, enrolled = files.journal.stats(), files.people.list()
            names = {person.id: person.name for person in enrolled if person.name}
            alarms = _alarms(door)
            faces = tuple(sorted(person.name for person in enrolled if person.name and person.templates))
            now = (stats.head, stats.watermark, tuple(sorted(names)), faces, alarms, online(door))
            if now == files.told:
                return
            rows = [
                row_message(decode(dsse.parse(one.wire).payload), names, stats.watermark)
                for one in files.journal.envelopes(max(stats.head - SHOWN, 0), SHOWN)
            ]
        except SmartClockerError as error:
            _log.debug("%s: not looked at: %s", door.name, error)
            return
        files.told = now
        door.tell("records", {
            "records": rows, "pending": stats.pending, "receipted": stats.watermark, "online": online(door),
            "alarms": list(alarms), "people": faces,
            "known": sorted(names.values()),
        })  # fmt: skip


def row_message(record: Record, names: Mapping[str, str], receipted: int) -> dict[str, object]:
    """One record for a page; a person who is known here by their name."""
    person = record.data.get("person")
    seq = record.position.seq
    return {
        "seq": seq,
        "kind": record.kind,
        "utc": record.time.utc,
        "person": names.get(person, person) if isinstance(person, str) else None,
        "details": {name: record.data[name] for name in _DETAILS if record.data.get(name) is not None},
        "receipted": seq <= receipted,
    }


def online(door: Door) -> bool:
    """Whether the door's terminal is connected to the broker."""
    terminal = door.terminal
    publisher = None if terminal is None or terminal.centre is None else terminal.centre.publisher
    return publisher is not None and publisher.connected


def _alarms(door: Door) -> tuple[str, ...]:
    terminal = door.terminal
    return () if terminal is None else tuple(sorted(map(str, terminal.status.alarms)))
