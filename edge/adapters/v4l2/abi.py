"""The part of `<linux/videodev2.h>` that one camera needs: structures and numbers of the kernel's interface.

They never change: programs of 2005 still run on the kernel of today. A test holds their sizes and offsets to those
that a C compiler finds in the header.
"""

import ctypes
from ctypes import c_char, c_int32, c_long, c_uint8, c_uint32, c_uint64

CAPTURE = 1
"""V4L2_BUF_TYPE_VIDEO_CAPTURE."""
MMAP = 1
"""V4L2_MEMORY_MMAP."""
CAN_CAPTURE, CAN_STREAM, HAS_DEVICE_CAPS = 0x1, 0x0400_0000, 0x8000_0000
CAN_SET_RATE = 0x1000
"""V4L2_CAP_TIMEPERFRAME."""
BROKEN, MONOTONIC = 0x40, 0x2000
"""Flags of a buffer: its picture is damaged; its time is CLOCK_MONOTONIC."""
DISABLED = 0x1
"""Flag of a control that cannot be used."""
DISCRETE = 1
FULL_RANGE = 1
"""V4L2_QUANTIZATION_FULL_RANGE."""
FOCUS_AUTO = 0x9A090C
"""The control that switches automatic focus on."""


def fourcc(name: str) -> int:
    """The number of a pixel format."""
    return int.from_bytes(name.encode("ascii"), "little")


YUYV, MJPEG, JPEG = fourcc("YUYV"), fourcc("MJPG"), fourcc("JPEG")


class Capability(ctypes.Structure):
    """`struct v4l2_capability`: what a device is, and what it can do."""

    _fields_ = (
        ("driver", c_char * 16),
        ("card", c_char * 32),
        ("bus_info", c_char * 32),
        ("version", c_uint32),
        ("capabilities", c_uint32),
        ("device_caps", c_uint32),
        ("reserved", c_uint32 * 3),
    )


class FormatDescription(ctypes.Structure):
    """`struct v4l2_fmtdesc`: one pixel format of a device."""

    _fields_ = (
        ("index", c_uint32),
        ("type", c_uint32),
        ("flags", c_uint32),
        ("description", c_char * 32),
        ("pixelformat", c_uint32),
        ("reserved", c_uint32 * 4),
    )


class FrameSize(ctypes.Structure):
    """`struct v4l2_frmsizeenum`: one size, or a range of sizes, of a pixel format.

    `numbers`: width and height; in a range least width, most, step, least height, most, step.
    """

    _fields_ = (
        ("index", c_uint32),
        ("pixelformat", c_uint32),
        ("type", c_uint32),
        ("numbers", c_uint32 * 6),
        ("reserved", c_uint32 * 2),
    )


class FrameInterval(ctypes.Structure):
    """`struct v4l2_frmivalenum`: one time between two frames, or a range of times.

    `numbers`: a fraction of a second as two numbers; in a range the shortest, the longest and the step.
    """

    _fields_ = (
        ("index", c_uint32),
        ("pixelformat", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("type", c_uint32),
        ("numbers", c_uint32 * 6),
        ("reserved", c_uint32 * 2),
    )


class PixelFormat(ctypes.Structure):
    """`struct v4l2_format` of a camera, with its `struct v4l2_pix_format`."""

    _fields_ = (
        ("type", c_uint32),
        ("padding", c_uint32),
        ("width", c_uint32),
        ("height", c_uint32),
        ("pixelformat", c_uint32),
        ("field", c_uint32),
        ("bytesperline", c_uint32),
        ("sizeimage", c_uint32),
        ("colorspace", c_uint32),
        ("priv", c_uint32),
        ("flags", c_uint32),
        ("ycbcr_enc", c_uint32),
        ("quantization", c_uint32),
        ("xfer_func", c_uint32),
        ("rest", c_uint8 * 152),
    )


class StreamParameters(ctypes.Structure):
    """`struct v4l2_streamparm` of a camera: the time between two frames, as a fraction of a second."""

    _fields_ = (
        ("type", c_uint32),
        ("capability", c_uint32),
        ("capturemode", c_uint32),
        ("numerator", c_uint32),
        ("denominator", c_uint32),
        ("rest", c_uint8 * 184),
    )


class BufferRequest(ctypes.Structure):
    """`struct v4l2_requestbuffers`."""

    _fields_ = (
        ("count", c_uint32),
        ("type", c_uint32),
        ("memory", c_uint32),
        ("capabilities", c_uint32),
        ("flags", c_uint8),
        ("reserved", c_uint8 * 3),
    )


class Buffer(ctypes.Structure):
    """`struct v4l2_buffer`: one buffer, and the frame in it."""

    _fields_ = (
        ("index", c_uint32),
        ("type", c_uint32),
        ("bytesused", c_uint32),
        ("flags", c_uint32),
        ("field", c_uint32),
        ("seconds", c_long),
        ("microseconds", c_long),
        ("timecode", c_uint32 * 4),
        ("sequence", c_uint32),
        ("memory", c_uint32),
        ("offset", c_uint64 if ctypes.sizeof(c_long) == 8 else c_uint32),
        ("length", c_uint32),
        ("reserved", c_uint32),
        ("request_fd", c_int32),
    )


class ControlDescription(ctypes.Structure):
    """`struct v4l2_queryctrl`: one control of a device."""

    _fields_ = (
        ("id", c_uint32),
        ("type", c_uint32),
        ("name", c_char * 32),
        ("minimum", c_int32),
        ("maximum", c_int32),
        ("step", c_int32),
        ("default", c_int32),
        ("flags", c_uint32),
        ("reserved", c_uint32 * 2),
    )


class ControlValue(ctypes.Structure):
    """`struct v4l2_control`."""

    _fields_ = (("id", c_uint32), ("value", c_int32))


_WRITE, _READ = 1, 2


def _number(direction: int, number: int, structure: type[ctypes.Structure] | type[c_int32]) -> int:
    return direction << 30 | ctypes.sizeof(structure) << 16 | ord("V") << 8 | number


QUERYCAP = _number(_READ, 0, Capability)
ENUM_FMT = _number(_READ | _WRITE, 2, FormatDescription)
S_FMT = _number(_READ | _WRITE, 5, PixelFormat)
REQBUFS = _number(_READ | _WRITE, 8, BufferRequest)
QUERYBUF = _number(_READ | _WRITE, 9, Buffer)
QBUF = _number(_READ | _WRITE, 15, Buffer)
DQBUF = _number(_READ | _WRITE, 17, Buffer)
STREAMON = _number(_WRITE, 18, c_int32)
STREAMOFF = _number(_WRITE, 19, c_int32)
S_PARM = _number(_READ | _WRITE, 22, StreamParameters)
S_CTRL = _number(_READ | _WRITE, 28, ControlValue)
QUERYCTRL = _number(_READ | _WRITE, 36, ControlDescription)
ENUM_FRAMESIZES = _number(_READ | _WRITE, 74, FrameSize)
ENUM_FRAMEINTERVALS = _number(_READ | _WRITE, 75, FrameInterval)
