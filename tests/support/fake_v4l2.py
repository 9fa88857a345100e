"""A stand-in for the kernel's V4L2 driver, at the level of its system calls: open, ioctl and mmap.

It reads and writes the bytes of each request at the offsets of <linux/videodev2.h>, and knows nothing of the
adapter's own structures. The descriptor is a real one, so that poll is the real one; the buffers are shared
memory, which the adapter maps. A frame is made as soon as a buffer is queued: it is as fast as its
reader.
"""

import errno
import mmap
import os
import socket
import struct
import time
from dataclasses import dataclass, field

import numpy as np

from edge.adapters.v4l2.device import SystemCalls
from tests.support.camera_bytes import RED, jpeg, yuyv

YUYV, MJPG, H264 = (int.from_bytes(name, "little") for name in (b"YUYV", b"MJPG", b"H264"))
DEVICE = "/dev/null"
"""A character device that is everywhere: the adapter looks at what lies there before it opens it."""


def refused(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@dataclass
class Opened:
    """One open descriptor of the device."""

    peer: socket.socket
    format: tuple[int, int, int] = (0, 0, 0)
    memory: list = field(default_factory=list)
    queued: list[int] = field(default_factory=list)
    filled: list[tuple[int, int, int]] = field(default_factory=list)
    """(buffer, length of its content, time in µs)."""
    streaming: bool = False


class FakeV4l2(SystemCalls):
    """One USB camera; its attributes are what the bench has plugged in."""

    def __init__(self) -> None:
        self.driver, self.card, self.bus = b"uvcvideo", b"HD Pro Webcam C920", b"usb-0000:01:00.0-1.3"
        self.capabilities = 0x84A0_0001 | 0x0400_0000
        self.device_caps = 0x0420_0001
        self.offers = {YUYV: {(640, 480): (30, 15, 5)}, MJPG: {(640, 480): (30, 15), (1280, 720): (30, 15)}}
        self.plugged_in = True
        self.errors: dict[int, int] = {}
        """By the number of a request: the error with which it fails."""
        self.stalled = self.frozen = False
        self.quantization = 0
        self.broken_frames = 0
        """So many of the next frames are cut in the middle."""
        self.flags = 0x2000
        self.stamp_us: int | None = None
        """The time that the driver gives each frame; None for the right one."""
        self.controls: dict[int, int] = {0x9A090C: 0}
        self.settles_on: tuple[int, int, int] | None = None
        self.rate: tuple[int, int] | None = None
        self.requests: list[int] = []
        self.opened: dict[int, Opened] = {}
        self._noise = np.random.default_rng(1)
        self._picture: bytes | None = None

    # --- the system calls ---

    def open(self, path: str) -> int:
        if not self.plugged_in:
            raise refused(errno.ENOENT)
        if 0 in self.errors:
            raise refused(self.errors[0])
        ours, peer = socket.socketpair()
        descriptor = ours.detach()
        if (earlier := self.opened.pop(descriptor, None)) is not None:
            self._let_go(earlier)  # that one was closed: its number is free again
        self.opened[descriptor] = Opened(peer)
        return descriptor

    def ioctl(self, descriptor: int, number: int, structure: memoryview) -> None:
        if not self.plugged_in:
            raise refused(errno.ENODEV)
        self.requests.append(number)
        assert len(structure) == number >> 16 & 0x3FFF, "the size in the number is that of the structure"
        if number in self.errors:
            raise refused(self.errors[number])
        answer = _REQUESTS.get(number)
        if answer is None:
            raise refused(errno.ENOTTY)
        answer(self, self.opened[descriptor], structure)

    def map(self, descriptor: int, length: int, offset: int):
        return mmap.mmap(self.opened[descriptor].memory[offset // 4096][1], length, prot=mmap.PROT_READ)

    # --- the bench ---

    def stall(self, stalled: bool) -> None:
        self.stalled = stalled
        for descriptor, one in self.opened.items():
            if stalled and one.filled:
                os.read(descriptor, len(one.filled))
                one.queued += [index for index, _, _ in one.filled]
                one.filled.clear()
            self._fill(one)

    def unplug(self) -> None:
        self.plugged_in = False
        for one in self.opened.values():
            one.peer.close()

    def close_all(self) -> None:
        for one in self.opened.values():
            self._let_go(one)

    def _let_go(self, one: Opened) -> None:
        one.peer.close()
        for shared, descriptor in one.memory:
            shared.close()
            os.close(descriptor)

    # --- the requests ---

    def _capability(self, one: Opened, out: memoryview) -> None:
        struct.pack_into(
            "16s32s32sIII", out, 0, self.driver, self.card, self.bus, 0x60600, self.capabilities, self.device_caps
        )

    def _format(self, one: Opened, out: memoryview) -> None:
        (index,) = struct.unpack_from("I", out, 0)
        formats = list(self.offers)
        if index >= len(formats):
            raise refused(errno.EINVAL)
        struct.pack_into("I", out, 44, formats[index])

    def _size(self, one: Opened, out: memoryview) -> None:
        index, pixelformat = struct.unpack_from("II", out, 0)
        sizes = list(self.offers.get(pixelformat, {}))
        if index >= len(sizes):
            raise refused(errno.EINVAL)
        struct.pack_into("III", out, 8, 1, *sizes[index])

    def _interval(self, one: Opened, out: memoryview) -> None:
        index, pixelformat, width, height = struct.unpack_from("IIII", out, 0)
        rates = self.offers.get(pixelformat, {}).get((width, height), ())
        if index >= len(rates):
            raise refused(errno.EINVAL)
        struct.pack_into("III", out, 16, 1, 1, rates[index])

    def _set_format(self, one: Opened, out: memoryview) -> None:
        assert struct.unpack_from("I", out, 0) == (1,)
        width, height, pixelformat = self.settles_on or struct.unpack_from("III", out, 8)
        one.format = (width, height, pixelformat)
        stride = width * 2 if pixelformat == YUYV else 0
        struct.pack_into("IIIIII", out, 8, width, height, pixelformat, 1, stride, width * height * 2)
        struct.pack_into("I", out, 48, self.quantization)

    def _set_rate(self, one: Opened, out: memoryview) -> None:
        if self.rate is not None:
            struct.pack_into("II", out, 12, *self.rate)

    def _request(self, one: Opened, out: memoryview) -> None:
        count, kind, memory = struct.unpack_from("III", out, 0)
        assert (kind, memory) == (1, 1)
        for _ in range(count):
            descriptor = os.memfd_create("v4l2")
            os.ftruncate(descriptor, one.format[0] * one.format[1] * 2)
            one.memory.append((mmap.mmap(descriptor, 0), descriptor))

    def _query(self, one: Opened, out: memoryview) -> None:
        (index,) = struct.unpack_from("I", out, 0)
        struct.pack_into("Q", out, 64, index * 4096)
        struct.pack_into("I", out, 72, one.format[0] * one.format[1] * 2)

    def _queue(self, one: Opened, out: memoryview) -> None:
        (index,) = struct.unpack_from("I", out, 0)
        assert index not in one.queued, "a buffer that the driver has already"
        one.queued.append(index)
        self._fill(one)

    def _dequeue(self, one: Opened, out: memoryview) -> None:
        if not one.filled:
            raise refused(errno.EAGAIN)
        index, length, taken_us = one.filled.pop(0)
        os.read(next(fd for fd, other in self.opened.items() if other is one), 1)
        struct.pack_into("IIII", out, 0, index, 1, length, self.flags)
        struct.pack_into("qq", out, 24, taken_us // 1_000_000, taken_us % 1_000_000)

    def _on(self, one: Opened, out: memoryview) -> None:
        one.streaming = True
        self._fill(one)

    def _off(self, one: Opened, out: memoryview) -> None:
        one.streaming = False

    def _describe(self, one: Opened, out: memoryview) -> None:
        if struct.unpack_from("I", out, 0)[0] not in self.controls:
            raise refused(errno.EINVAL)

    def _set(self, one: Opened, out: memoryview) -> None:
        number, value = struct.unpack_from("Ii", out, 0)
        self.controls[number] = value

    def _fill(self, one: Opened) -> None:
        while one.streaming and not self.stalled and one.queued:
            index = one.queued.pop(0)
            content = self._content(*one.format)
            one.memory[index][0][: len(content)] = content
            taken_us = time.monotonic_ns() // 1000 if self.stamp_us is None else self.stamp_us
            one.filled.append((index, len(content), taken_us))
            one.peer.send(b".")

    def _content(self, width: int, height: int, pixelformat: int) -> bytes:
        if self.frozen and self._picture is not None:
            return self._picture
        noise = self._noise.integers(0, 3, (height, width, 1), dtype=np.int16)
        rgb = np.clip(np.full((height, width, 3), RED, np.int16) + noise, 0, 255).astype(np.uint8)
        content = yuyv(rgb, full=self.quantization == 1) if pixelformat == YUYV else jpeg(rgb)
        self._picture = content
        if self.broken_frames:
            self.broken_frames -= 1
            return content[: len(content) // 2]
        return content


_REQUESTS = {
    0x80685600: FakeV4l2._capability,
    0xC0405602: FakeV4l2._format,
    0xC02C564A: FakeV4l2._size,
    0xC034564B: FakeV4l2._interval,
    0xC0D05605: FakeV4l2._set_format,
    0xC0CC5616: FakeV4l2._set_rate,
    0xC0145608: FakeV4l2._request,
    0xC0585609: FakeV4l2._query,
    0xC058560F: FakeV4l2._queue,
    0xC0585611: FakeV4l2._dequeue,
    0x40045612: FakeV4l2._on,
    0x40045613: FakeV4l2._off,
    0xC0445624: FakeV4l2._describe,
    0xC008561C: FakeV4l2._set,
}
"""The numbers of <linux/videodev2.h> on 64-bit Linux, as a C compiler prints them."""
