"""What pages are told: any thread tells, and each open page has a bounded queue.

A page that reads too slowly loses what it did not read, and gets the present state of every topic instead. So no
page, and no number of pages, makes the program keep more.
"""

import asyncio
import contextlib
import json
import threading
from collections import deque
from collections.abc import Mapping

MOST_PAGES = 8
"""Pages that are told at the same time; one more ends the oldest one's stream."""
MOST_WAITING = 200
"""Messages that wait for one page before they are replaced by the present state."""
_END = None


class PageListener:
    """The messages of one page, in order. Its methods are for the event loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._arrived = loop, asyncio.Event()
        self._waiting: deque[bytes | None] = deque()

    async def next(self, timeout_s: float) -> list[bytes | None]:
        """All that waits, in the form of the wire; empty when nothing came in time. None is the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        self._arrived.clear()
        found = []
        while self._waiting:
            found.append(self._waiting.popleft())
        return found

    def put(self, messages: list[bytes | None], present: list[bytes]) -> None:
        """Add messages; with too many of them, `present` takes their place. From any thread."""
        if len(self._waiting) + len(messages) > MOST_WAITING and _END not in messages:
            self._waiting.clear()
            messages = list(present)
        self._waiting.extend(messages)
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the page with it
            self._loop.call_soon_threadsafe(self._arrived.set)


class PageEvents:
    """The present state of every topic, and the pages that are told of each change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._present: dict[str, bytes] = {}
        self._listeners: list[PageListener] = []
        self._closed = False

    def tell(self, topic: str, message: Mapping[str, object], subject: str = "") -> None:
        """Tell every page; `message` is the present state of the topic about `subject`. From any thread."""
        data = json.dumps({"door": subject, **message} if subject else dict(message), separators=(",", ":"))
        wire = f"event: {topic}\ndata: {data}\n\n".encode()
        with self._lock:
            self._present[f"{topic}/{subject}"] = wire
            present = list(self._present.values())
            for one in self._listeners:
                one.put([wire], present)

    def listen(self) -> PageListener:
        """A new page, which begins with the present state. Call it on the event loop's thread."""
        listener = PageListener(asyncio.get_running_loop())
        with self._lock:
            listener.put(list(self._present.values()), [])
            if self._closed:
                listener.put([_END], [])
            self._listeners.append(listener)
            if len(self._listeners) > MOST_PAGES:
                self._listeners.pop(0).put([_END], [])
        return listener

    def leave(self, listener: PageListener) -> None:
        """The page was closed."""
        with self._lock, contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    @property
    def pages(self) -> int:
        """Number of open pages."""
        with self._lock:
            return len(self._listeners)

    def close(self) -> None:
        """End the stream of every page, now and later."""
        with self._lock:
            self._closed = True
            for one in self._listeners:
                one.put([_END], [])
