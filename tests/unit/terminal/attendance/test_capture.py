"""How fast the camera is read."""

import threading
import time

from edge.terminal.attendance.capture import CALM_S, Pace


def test_nobody_waits_at_first_and_while_somebody_is_there() -> None:
    pace = Pace()
    began = time.monotonic()
    for _ in range(1_000):
        pace.wait()
    assert time.monotonic() - began < 500 * CALM_S, "1,000 calm waits would have taken twice as long"


def test_an_empty_room_is_read_slowly_and_waking_ends_the_wait() -> None:
    pace = Pace()
    pace.calm(True)
    began = time.monotonic()
    pace.wait()
    assert time.monotonic() - began >= CALM_S * 0.9
    waiting = threading.Thread(target=lambda: [pace.wait() for _ in range(1_000)], daemon=True)
    waiting.start()
    pace.calm(False)
    waiting.join(60)
    assert not waiting.is_alive(), "1,000 calm waits would have taken minutes"
