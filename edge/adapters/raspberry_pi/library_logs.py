"""What libcamera and picamera2 write to the log, and when they do not.

Both write several lines each time a camera is opened. A camera that is lost is opened again every few seconds,
perhaps for a weekend. So the first opening is logged whole; further ones without a frame between them are not,
until a frame comes. Our own messages about the camera do not depend on it.

libcamera reads LIBCAMERA_LOG_LEVELS once, when it is loaded. Afterwards the levels are set by its Python module's
`log_set_level(category, level)`, which takes no `*`: so the categories that write while a camera is opened are
named here. If somebody has set LIBCAMERA_LOG_LEVELS, their levels stay. This was read in the sources of both
libraries, and not yet tried on a board.
"""

import logging
import os
import sys

_log = logging.getLogger(__name__)
VARIABLE, LEVELS = "LIBCAMERA_LOG_LEVELS", "*:WARN"
"""libcamera's own default is INFO: four to six lines at each opening."""
CATEGORIES = (
    "Camera",
    "CameraSensor",
    "CameraSensorProperties",
    "DelayedControls",
    "DeviceEnumerator",
    "DmaBufAllocator",
    "IPAManager",
    "IPAModule",
    "IPAProxy",
    "IPARPI",
    "MediaDevice",
    "Pipeline",
    "Python",
    "RPI",
    "RPISTREAM",
    "RPiAgc",
    "RPiSdn",
    "V4L2",
)
_USUAL, _QUIET = "WARN", "FATAL"
_NOTHING = logging.CRITICAL + 1


def choose_levels() -> None:
    """Choose the level of libcamera's messages, before it is loaded."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = LEVELS


class LibraryLogs:
    """The libraries' messages about one camera. One thread uses it."""

    def __init__(self) -> None:
        self._openings = 0
        """Openings since the last frame."""

    def opening(self) -> None:
        """Note that the camera is about to be opened; the libraries must be loaded."""
        self._openings += 1
        if self._openings == 2:
            _log.warning("libcamera and picamera2 are not logged until the camera gives frames again")
            _write(False)

    def filming(self) -> None:
        """Note that a frame came."""
        openings, self._openings = self._openings, 0
        if openings > 1:
            _write(True)
            _log.warning("the camera gives frames again, after %d openings: its libraries are logged", openings)


def _write(wanted: bool) -> None:
    logging.getLogger("picamera2").setLevel(logging.NOTSET if wanted else _NOTHING)
    set_level = getattr(sys.modules.get("libcamera"), "log_set_level", None)
    if set_level is None or os.environ.get(VARIABLE) != LEVELS:
        return
    for category in CATEGORIES:
        set_level(category, _USUAL if wanted else _QUIET)
