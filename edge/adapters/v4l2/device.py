"""One V4L2 device: what it is, what it offers, and its stream of buffers.

Nothing here waits for longer than it is told: the device is opened non-blocking, and `poll` waits for a frame. A
blocking VIDIOC_DQBUF would wait for ever when a camera stops.
"""

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from edge.adapters.v4l2 import abi

Answered = TypeVar("Answered")
MOST_OFFERS = 64
"""Most sizes, formats and rates that are asked for: a broken driver may never say that there are no more."""
_BUFFERS = 4
"""Buffers in the driver. The camera fills one while another is copied."""


class Memory(Protocol):
    """A mapped buffer."""

    def __getitem__(self, part: slice, /) -> bytes:
        """Copy a part of it."""

    def close(self) -> None:
        """Unmap it."""


class SystemCalls:
    """The system calls that reach a camera; a test puts others in their place."""

    def open(self, path: str) -> int:
        """The descriptor of a device. Raises OSError."""
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)

    def ioctl(self, descriptor: int, number: int, structure: memoryview) -> None:
        """One request; the kernel writes its answer into `structure`. Raises OSError."""
        fcntl.ioctl(descriptor, number, structure, True)

    def map(self, descriptor: int, length: int, offset: int) -> Memory:
        """The memory of a buffer. Raises OSError."""
        return mmap.mmap(descriptor, length, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ, offset=offset)


@dataclass(frozen=True, slots=True)
class Offer:
    """One pixel format and size that a device gives, with its rates in frames a second."""

    pixelformat: int
    size: tuple[int, int]
    rates: tuple[float, ...]
    """Fastest first; empty when the device tells none, or takes any."""


@dataclass(frozen=True, slots=True)
class RawFrame:
    """The bytes of a frame as the camera sent them; its time on the monotonic clock, None where it tells none."""

    content: bytes
    taken_ns: int | None


class VideoDevice:
    """An open device. One thread uses it. Every method raises OSError for what the kernel refuses."""

    def __init__(self, path: str, calls: SystemCalls) -> None:
        """Open it. Raises OSError."""
        self._calls = calls
        self._descriptor = calls.open(path)
        self._memory: list[Memory] = []
        self._streaming = False

    def capability(self) -> abi.Capability:
        """What it is."""
        found = abi.Capability()
        self._ask(abi.QUERYCAP, found)
        return found

    def formats(self) -> list[int]:
        """The numbers of its pixel formats."""

        def one(index: int) -> int:
            asked = abi.FormatDescription(index=index, type=abi.CAPTURE)
            self._ask(abi.ENUM_FMT, asked)
            return int(asked.pixelformat)

        return list(_until_refused(one))

    def offer(self, pixelformat: int, size: tuple[int, int]) -> Offer | None:
        """The offer of this format and size; None when the device lists its sizes, and this is not among them."""
        sizes = list(self._sizes(pixelformat))
        if sizes and not any(_holds(one, size) for one in sizes):
            return None
        return Offer(pixelformat, size, self._rates(pixelformat, size))

    def sizes(self, pixelformat: int) -> list[tuple[int, int]]:
        """The sizes of a format, smallest first; of a range its least and its most."""
        found: set[tuple[int, int]] = set()
        for one in self._sizes(pixelformat):
            low = one.numbers
            found |= {(low[0], low[1])} if one.type == abi.DISCRETE else {(low[0], low[3]), (low[1], low[4])}
        return sorted(found)

    def configure(self, offer: Offer, fps: float) -> tuple[abi.PixelFormat, float]:
        """Set format, size and rate; returns the format and the rate that the driver settled on."""
        wanted = abi.PixelFormat(
            type=abi.CAPTURE, width=offer.size[0], height=offer.size[1], pixelformat=offer.pixelformat, field=0
        )
        self._ask(abi.S_FMT, wanted)
        rate = abi.StreamParameters(type=abi.CAPTURE, numerator=1000, denominator=round(fps * 1000))
        try:
            self._ask(abi.S_PARM, rate)
        except OSError as error:
            if error.errno not in {errno.ENOTTY, errno.EINVAL}:
                raise
            return wanted, fps  # it has one rate, and no way to ask for it
        settled = rate.denominator / rate.numerator if rate.numerator and rate.denominator else fps
        return wanted, settled

    def control(self, number: int, value: int) -> bool:
        """Set a control; whether the device has it."""
        asked = abi.ControlDescription(id=number)
        try:
            self._ask(abi.QUERYCTRL, asked)
            if asked.flags & abi.DISABLED:
                return False
            self._ask(abi.S_CTRL, abi.ControlValue(number, value))
        except OSError:
            return False
        return True

    def start(self) -> None:
        """Take buffers, give all to the driver, and start the stream."""
        asked = abi.BufferRequest(count=_BUFFERS, type=abi.CAPTURE, memory=abi.MMAP)
        self._ask(abi.REQBUFS, asked)
        if not asked.count:
            raise OSError(errno.ENOMEM, "the driver gives no buffer")
        for index in range(min(asked.count, MOST_OFFERS)):
            buffer = abi.Buffer(index=index, type=abi.CAPTURE, memory=abi.MMAP)
            self._ask(abi.QUERYBUF, buffer)
            self._memory.append(self._calls.map(self._descriptor, buffer.length, buffer.offset))
            self._ask(abi.QBUF, buffer)
        self._ask(abi.STREAMON, ctypes.c_int32(abi.CAPTURE))
        self._streaming = True

    def frame(self, timeout_s: float) -> RawFrame | None:
        """The newest frame; None when none comes in time. A damaged one is left out."""
        deadline, left_s = time.monotonic() + timeout_s, timeout_s
        while self._ready(left_s):
            newest = self._newest()
            left_s = deadline - time.monotonic()
            if newest is not None or left_s <= 0:  # damaged frames alone must not keep the caller here
                return newest
        return None

    def close(self) -> None:
        """Stop the stream and let the device go; safe to call twice, and when it is gone."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        if self._streaming:
            with contextlib.suppress(OSError):
                self._calls.ioctl(descriptor, abi.STREAMOFF, _memory(ctypes.c_int32(abi.CAPTURE)))
        for memory in self._memory:
            memory.close()
        self._memory = []
        os.close(descriptor)

    def _newest(self) -> RawFrame | None:
        """The newest of the waiting frames, the others given back; None when there is none that is whole."""
        newest = None
        for _ in self._memory:  # no more can wait: an endless stream must not keep the caller here
            raw = self._dequeued()
            if raw is not None and raw.content:
                newest = raw
            if raw is None or not self._ready(0.0):
                break
        return newest

    def _ready(self, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        for _, events in poll.poll(timeout_s * 1000):
            if events & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
            return True
        return False

    def _dequeued(self) -> RawFrame | None:
        """The oldest frame, copied, its buffer given back; None when there is none."""
        buffer = abi.Buffer(type=abi.CAPTURE, memory=abi.MMAP)
        try:
            self._ask(abi.DQBUF, buffer)
        except BlockingIOError:
            return None
        if buffer.index >= len(self._memory):
            raise OSError(errno.EIO, "the driver names a buffer that it does not have")
        damaged = bool(buffer.flags & abi.BROKEN)
        content = b"" if damaged else self._memory[buffer.index][: buffer.bytesused]
        taken_ns = None
        if buffer.flags & abi.MONOTONIC and (buffer.seconds or buffer.microseconds):
            taken_ns = buffer.seconds * 1_000_000_000 + buffer.microseconds * 1_000
        self._ask(abi.QBUF, buffer)
        return RawFrame(content, taken_ns)

    def _sizes(self, pixelformat: int) -> Iterator[abi.FrameSize]:
        def one(index: int) -> abi.FrameSize:
            asked = abi.FrameSize(index=index, pixelformat=pixelformat)
            self._ask(abi.ENUM_FRAMESIZES, asked)
            return asked

        return _until_refused(one)

    def _rates(self, pixelformat: int, size: tuple[int, int]) -> tuple[float, ...]:
        """The rates of a size, fastest first; empty where the device tells none, or gives any."""

        def one(index: int) -> abi.FrameInterval:
            asked = abi.FrameInterval(index=index, pixelformat=pixelformat, width=size[0], height=size[1])
            self._ask(abi.ENUM_FRAMEINTERVALS, asked)
            return asked

        found = list(_until_refused(one))
        if any(interval.type != abi.DISCRETE for interval in found):
            return ()
        return tuple(sorted({i.numbers[1] / i.numbers[0] for i in found if i.numbers[0]}, reverse=True))

    def _ask(self, number: int, structure: ctypes.Structure | ctypes.c_int32) -> None:
        while True:
            try:
                self._calls.ioctl(self._descriptor, number, _memory(structure))
            except InterruptedError:
                continue
            return


def _memory(structure: ctypes.Structure | ctypes.c_int32) -> memoryview:
    return memoryview(structure).cast("B")


def _until_refused(ask: Callable[[int], Answered]) -> Iterator[Answered]:
    """What the device answers for 0, 1, 2 …, until it refuses; at most MOST_OFFERS answers."""
    for index in range(MOST_OFFERS):
        try:
            yield ask(index)
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.ENOTTY}:
                raise
            return


def _holds(offered: abi.FrameSize, size: tuple[int, int]) -> bool:
    numbers = offered.numbers
    if offered.type == abi.DISCRETE:
        return (numbers[0], numbers[1]) == size
    return all(
        least <= side <= most and not (side - least) % max(step, 1)
        for side, (least, most, step) in zip(size, (numbers[0:3], numbers[3:6]), strict=True)
    )
