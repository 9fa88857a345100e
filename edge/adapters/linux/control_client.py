"""The asking side of the control socket: one request, its progress, and its end."""

import contextlib
import json
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge.adapters.linux.control_socket import refuse_open_folder, short_name
from edge.domain.strict_json import dump, is_version, parse_object
from edge.errors import ControlAway, ControlError, ControlRefused, RecordError

ANSWER_S = 10.0
"""Longest silence of a service before it counts as hanging, where no longer action runs."""
MOST_ANSWER = 65_536
"""Most bytes of a line of an answer."""
_TIMEVAL = struct.Struct("ll")
_CANCEL_S = 5.0
"""How long the last line is awaited after a cancel: it says whether anything was kept."""


def is_served(path: Path) -> bool:
    """Whether a running terminal answers at this socket."""
    try:
        connected(path).close()
    except ControlError:
        return False
    return True


def ask(
    path: Path,
    request: Mapping[str, Any],
    told: Callable[[dict[str, Any]], None] = lambda _: None,
    *,
    within_s: float = ANSWER_S,
) -> dict[str, Any]:
    """Make a request; returns the last line when it says that it was done. `told` gets each line of progress.

    `within_s` is the longest silence. When the user interrupts, the action is cancelled, and KeyboardInterrupt is
    raised after the service has said what came of it. Raises ControlAway, ControlRefused, ControlError.
    """
    link = connected(path)
    with contextlib.closing(link):
        lines = _Lines(link)
        _send(link, {"v": 1, **request})
        try:
            return _until_end(lines, told, within_s)
        except KeyboardInterrupt:
            ended = _cancelled(link, lines)
            if ended is not None:
                told(ended)
            raise


def _until_end(lines: "_Lines", told: Callable[[dict[str, Any]], None], within_s: float) -> dict[str, Any]:
    while True:
        said = lines.next(within_s)
        if said.get("end") == "done":
            return said
        if "end" in said:
            raise ControlRefused(str(said.get("text") or "the service refused; see its log"), said)
        told(said)


def _cancelled(link: socket.socket, lines: "_Lines") -> dict[str, Any] | None:
    """Cancel the action, and return its last line; None when none came."""
    with contextlib.suppress(ControlError, ControlRefused, KeyboardInterrupt):
        _send(link, {"v": 1, "do": "cancel"})
        give_up = time.monotonic() + _CANCEL_S
        while time.monotonic() < give_up:
            said = lines.next(_CANCEL_S)
            if "end" in said:
                return said
    return None


class _Lines:
    """The lines that a service sends."""

    def __init__(self, link: socket.socket) -> None:
        self._link, self._rest = link, b""

    def next(self, within_s: float) -> dict[str, Any]:
        """The next line. Raises ControlError."""
        self._link.settimeout(within_s)
        while b"\n" not in self._rest:
            if len(self._rest) > MOST_ANSWER:
                raise ControlError("the answer of the service is too long; is it a terminal of this version?")
            try:
                chunk = self._link.recv(65_536)
            except TimeoutError:
                raise ControlError(
                    f"the service did not answer within {within_s:g} s; see its log: journalctl -u smartclocker"
                ) from None
            except OSError as error:
                raise ControlError(f"the service ended the connection ({error.strerror}); try again") from error
            if not chunk:
                raise ControlError("the service ended the connection; see its log, and try again")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return parsed(line)


def parsed(line: bytes) -> dict[str, Any]:
    """What a line of an answer says. Raises ControlError."""
    try:
        said = parse_object(line, MOST_ANSWER)
    except RecordError as error:
        raise ControlError(f"the answer of the service cannot be read ({error}); update both") from error
    if not is_version(said):
        raise ControlError("the service is of another version; restart it: systemctl restart smartclocker")
    return said


def _send(link: socket.socket, request: Mapping[str, Any]) -> None:
    try:
        link.sendall(dump(request) + b"\n")
    except OSError:
        return  # an answer may be there all the same: a refusal, for instance
    except (RecordError, json.JSONDecodeError) as error:
        raise ControlError(f"the request cannot be sent: {error}") from error


def connected(path: Path) -> socket.socket:
    """A connection to the running terminal. Raises ControlAway, ControlError."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Python's own time limit makes the socket non-blocking, and such a socket is turned away while others wait for
    # the terminal. The kernel's limit lets it wait for its turn.
    link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(int(ANSWER_S), 0))
    try:
        with short_name(path) as name:
            refuse_open_folder(path)
            link.connect(name)
    except ControlError:
        link.close()
        raise
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        link.close()
        raise ControlAway(
            f"no terminal runs here ({path}); start it: systemctl start smartclocker, or name its configuration "
            "with --config"
        ) from None
    except PermissionError:
        link.close()
        raise ControlAway(
            f"{path}: uid {os.geteuid()} may not reach the terminal; run it as root or as the service's user, or "
            "add the user to the group of control.group"
        ) from None
    except OSError as error:
        link.close()
        raise ControlError(
            f"{path}: the terminal cannot be reached ({error.strerror or error}); try again"
        ) from error
    link.settimeout(ANSWER_S)
    return link
