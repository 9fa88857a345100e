"""Limits of this process that protect its memory, and return unused memory."""

import ctypes
import os
import resource

_PR_SET_DUMPABLE = 4  # linux/prctl.h
_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE = 1 << 20
"""Bytes. Frames stay below it and are reused; decoded photographs and models lie above."""
_LIBC = ctypes.CDLL(None, use_errno=True)


def harden_process() -> None:
    """Protect what is in memory: no core dump, no ptrace or /proc/PID/mem by our own user, private new files.

    A core of this process would hold templates, keys and a face. Call it first: it takes microseconds.

    Raises:
        OSError: the kernel refused, which no supported kernel does.
    """
    os.umask(0o077)
    leave_no_core()


def leave_no_core() -> None:
    """No core dump of this process, neither as a file nor piped to a collector: it would hold keys and names.

    Raises:
        OSError: the kernel refused, which no supported kernel does.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if (
        _LIBC.prctl(_PR_SET_DUMPABLE, ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
        != 0
    ):
        code = ctypes.get_errno()
        raise OSError(code, f"prctl(PR_SET_DUMPABLE) failed: {os.strerror(code)}; update the kernel")


def give_back_large_buffers() -> None:
    """Make malloc return every buffer of 1 MiB or more to the system as soon as it is freed.

    Without this, glibc keeps buffers of up to 32 MiB once one such was freed: 20 MB of a terminal's peak, measured.
    A C library without mallopt, or one that ignores this call, works as before.
    """
    mallopt = getattr(_LIBC, "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
