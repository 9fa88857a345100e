"""The machine's time zone: its rules, and its name only where that is the name of these rules."""

import os
import struct
import zoneinfo
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UNKNOWN = "unknown"
"""The zone name for rules without a name; no name of the IANA's."""
_MOST = 65_536
"""Most bytes of a file of rules; the longest has 3,600."""
_NO_RULES = (ZoneInfoNotFoundError, ValueError, OSError, EOFError, IndexError, OverflowError, struct.error)
"""Errors of zoneinfo for a wrong name, and for a file without rules."""
Zone = tuple[str, ZoneInfo | None]


class LocalZone:
    """$TZ, else /etc/localtime, else /etc/timezone; looked up each time, since it may change while we run.

    A link into the zone data base names what it links to. A file that was copied or mounted there has rules and no
    name: /etc/timezone's, if that zone has the very same rules, else UNKNOWN. A system that says nothing has UTC.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        """`root` is where /etc and /proc lie; tests use a directory of their own."""
        self._localtime, self._timezone = str(root / "etc/localtime"), root / "etc/timezone"
        self._mounts = root / "proc/self/mountinfo"
        self._asked: Zone = ("", None)
        self._seen: object = None
        self._local: Zone = ("UTC", None)

    def now(self) -> Zone:
        """Name and rules; None for rules means UTC. Never raises, because a punch does not wait for a zone."""
        asked = os.environ.get("TZ", "").removeprefix(":")
        if asked:
            if asked == self._asked[0]:
                return self._asked
            if (zone := _named(asked)) is not None:
                self._asked = asked, zone
                return self._asked
        seen = self._look()
        if seen != self._seen:
            self._seen, self._local = seen, self._find()
        return self._local

    def _look(self) -> object:
        """A value that changes when another zone is set; takes some microseconds."""
        link, file, name = "", None, None
        with suppress(OSError):
            link = os.readlink(self._localtime)  # noqa: PTH115 - half the time, each time
        with suppress(OSError):
            file = os.stat(self._localtime)  # noqa: PTH116 - as above
        if not link:
            with suppress(OSError):
                name = os.stat(self._timezone)  # noqa: PTH116 - as above
        return link, *((one.st_dev, one.st_ino, one.st_mtime_ns, one.st_size) for one in (file, name) if one)

    def _find(self) -> Zone:
        link = ""
        with suppress(OSError):
            link = os.readlink(self._localtime).partition("/zoneinfo/")[2]  # noqa: PTH115 - as above
        if link and not self._mounted() and (zone := _named(link)) is not None:
            return link, zone
        name = self._written()
        rules = _content(Path(self._localtime))
        if rules is not None:
            with suppress(*_NO_RULES):
                found = ZoneInfo.from_file(BytesIO(rules))
                return (name if name and _rules(name) == rules else UNKNOWN), found
        return ("UTC", None) if (zone := _named(name)) is None else (name, zone)

    def _written(self) -> str:
        """The name in /etc/timezone."""
        content = _content(self._timezone)
        with suppress(UnicodeDecodeError):
            return "" if content is None else content.decode("ascii").strip()
        return ""

    def _mounted(self) -> bool:
        """Whether something is mounted over the linked file: a container gets the host's zone in this way."""
        target = os.path.realpath(self._localtime)
        content = _content(self._mounts, most=1 << 20) or b""
        points = (line.split(b" ")[4] for line in content.splitlines() if line.count(b" ") > 4)
        return any(point.decode("unicode_escape", "replace") == target for point in points)


def _named(name: str) -> ZoneInfo | None:
    try:
        # ValueError: an absolute path, or one that leaves the data base.
        return ZoneInfo.no_cache(name) if name else None  # the data base may be renewed while this runs
    except _NO_RULES:
        return None


def _rules(name: str) -> bytes | None:
    """The data base's file of that name."""
    if _named(name) is None:
        return None
    found = (_content(Path(folder) / name) for folder in zoneinfo.TZPATH)
    return next((content for content in found if content is not None), None)


def _content(path: Path, most: int = _MOST) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a punch must not wait at a FIFO
        with os.fdopen(descriptor, "rb") as file:
            return file.read(most)
    except OSError:
        return None
