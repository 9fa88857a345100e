"""Guided enrolments before the doors' cameras, through the control socket of each terminal.

Each belongs to the request of the page that began it. When the page is closed, the connection to the terminal is
closed, and the terminal cancels the enrolment and keeps nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from edge.adapters.linux.control_stream import ControlStream
from edge.domain.strict_json import dump
from edge.errors import ControlAway, ControlError, SmartClockerError
from edge.simulate.door import Door
from edge.simulate.enrolment.photographs import OPERATOR, Attested
from edge.simulate.enrolment.remains import Remains
from edge.simulate.site_roster import SiteRoster
from edge.terminal import adapters, installed

_log = logging.getLogger(__name__)
HEARTBEAT_S = 1.0
"""Seconds of silence after which an empty line is sent, so that a page that is gone is noticed."""
_AWAY = "the terminal is off: switch its power on, and try again"


@dataclass
class _Going:
    """An enrolment that goes on."""

    stream: ControlStream
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)


class GuidedEnrolments:
    """The guided enrolments of a site: at most one at each door, since its terminal has one camera."""

    def __init__(self) -> None:
        self._going: dict[str, _Going] = {}
        self._closed = False

    async def lines(self, door: Door, attested: Attested, roster: SiteRoster | None) -> AsyncIterator[bytes]:
        """Enrol whoever stands before the door's camera: the terminal's lines of docs/control.md as they come, with
        what the terminal's files hold of it at the end. Empty lines mean nothing.
        """
        remains = await asyncio.to_thread(Remains, door.config)
        request = {
            "do": "enrol", "name": attested.name, "witness": attested.witness, "language": "en", "consent": True,
            "age_attested": True, "employer_agreed": True, "by": OPERATOR,
        }  # fmt: skip
        try:
            stream = await ControlStream.ask(installed.control_path(door.config), request)
        except ControlAway:
            yield _line(end="refused", reason="away", text=_AWAY)
            return
        except SmartClockerError as error:
            yield _line(end="refused", reason="away", text=str(error))
            return
        going = _Going(stream)
        first = door.name not in self._going and not self._closed
        try:
            if first:
                self._going[door.name] = going
                door.tell("enrolment", {"going": True})
            async for line in self._told(door, stream, remains, roster):
                yield line
        finally:
            stream.close()
            if first and self._going.get(door.name) is going:
                del self._going[door.name]
                door.tell("enrolment", {"going": False})
            door.director.rest()

    def cancel(self, door: Door) -> bool:
        """Cancel the enrolment at a door, whichever page began it; False when none goes on."""
        going = self._going.get(door.name)
        if going is not None:
            going.stream.cancel()
        return going is not None

    def close(self) -> None:
        """Cancel all of them, at the end of the program. From any thread."""
        self._closed = True
        for going in list(self._going.values()):
            try:
                going.loop.call_soon_threadsafe(going.stream.cancel)
            except RuntimeError:
                _log.debug("the loop has ended, and the enrolment with it")

    async def _told(
        self, door: Door, stream: ControlStream, remains: "Remains", roster: SiteRoster | None
    ) -> AsyncIterator[bytes]:
        while True:
            try:
                said = await stream.next(HEARTBEAT_S)
            except ControlError as error:
                said = {"end": "refused", "reason": "lost", "text": f"nobody was enrolled: {error}"}
            if said is None:
                yield b"\n"
            elif said.get("end") == "done":
                # Begun before anything is sent: a page that is closed now does not stop it.
                sharing = asyncio.ensure_future(asyncio.to_thread(_shared, str(said.get("person")), door, roster))
                yield _line(progress="kept", text="kept, with the consent; now the other door is told")
                yield _line(**said, elsewhere=await asyncio.shield(sharing))
                return
            elif "end" in said:
                yield _line(**said, left=await asyncio.to_thread(remains.left))
                return
            else:
                yield _line(**said)
                shown = await asyncio.to_thread(door.director.follow, str(said.get("cue", "")))
                if shown is not None:
                    yield _line(progress="scene", **shown)


def _shared(person: str, door: Door, roster: SiteRoster | None) -> str:
    """Bring an enrolled person to the other doors; what came of it, in words."""
    if roster is None:
        return "there is no centre here, so that this door alone knows them"
    secrets = installed.own_secrets(door.config)
    try:
        with installed.open_people(door.config, secrets) as people:
            roster.take(person, door.config, secrets, people, adapters.clock())
    except SmartClockerError as error:
        _log.warning("%s: not brought to the other doors: %s", door.name, error)
        return f"this door alone knows them: {error}"
    return "the other doors know them, too"


def _line(**fields: Any) -> bytes:
    return dump(fields) + b"\n"
