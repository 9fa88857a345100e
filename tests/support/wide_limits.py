"""Wide limits for an enrolment by the camera: a busy machine sees few frames a second, and none for seconds."""

from collections.abc import Callable
from types import ModuleType

from edge.domain.recognition import guided_enrolment
from edge.terminal.attendance import service_health
from edge.terminal.control import loans

WIDE_MS = 600_000


def widen(replace: Callable[[ModuleType, str, int], None]) -> None:
    """Replace the limits by `replace`, as monkeypatch.setattr or setattr do.

    LEFT_MS stays: it counts from one frame to another, and a face that is shown is found in each.
    """
    for module, limit in (
        (guided_enrolment, "SPAN_MS"),
        (guided_enrolment, "LIFELESS_MS"),
        (loans, "ENROL_MS"),
        (loans, "NO_FRAME_MS"),
        (service_health, "STALLED_MS"),
    ):
        replace(module, limit, WIDE_MS)
