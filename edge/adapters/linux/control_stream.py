"""The asking side of the control socket for an event loop: one request, and its lines as they come.

A connection that is closed before its last line cancels the action, so whoever ends the stream ends the action.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge.adapters.linux.control_client import MOST_ANSWER, connected, parsed
from edge.domain.strict_json import dump
from edge.errors import ControlError


class ControlStream:
    """One request on a connection of its own. Everything but `ask` is for the event loop that made it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def ask(cls, path: Path, request: Mapping[str, Any]) -> "ControlStream":
        """Make a request at the socket `path`. Raises ControlAway, ControlError, and RecordError for a request that
        JSON cannot say.
        """
        line = dump({"v": 1, **request}) + b"\n"
        # It waits for its turn while the service is busy, and the loop must go on meanwhile.
        link = await asyncio.to_thread(connected, path)
        link.setblocking(False)
        made = cls(*await asyncio.open_unix_connection(sock=link, limit=MOST_ANSWER))
        made._writer.write(line)
        return made

    async def next(self, within_s: float) -> dict[str, Any] | None:
        """The next line; None when none came within `within_s`. Raises ControlError."""
        try:
            async with asyncio.timeout(within_s):
                line = await self._reader.readline()
        except TimeoutError:
            return None
        except (OSError, ValueError) as error:  # ValueError: a line that is too long
            raise ControlError("the service ended the connection; see its log, and try again") from error
        if not line.endswith(b"\n"):
            raise ControlError("the service ended the connection; see its log, and try again")
        return parsed(line.rstrip(b"\n"))

    def cancel(self) -> None:
        """Cancel the action; its last line says what came of it."""
        with contextlib.suppress(OSError):
            self._writer.write(dump({"v": 1, "do": "cancel"}) + b"\n")

    def close(self) -> None:
        """End the connection, and with it the action; safe to call twice."""
        self._writer.close()
