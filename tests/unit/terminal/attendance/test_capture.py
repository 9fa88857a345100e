"""How fast the camera is read, and what becomes of what buttons and motion sensor tell."""

import queue
import threading
import time

from edge.domain.attendance.presses import Contact, ContactChange
from edge.terminal.attendance.capture import AWAKE_S, CALM_S, CHANGES_WAITING, ButtonReading, Pace


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


class Switches:
    """Buttons that tell what they were given."""

    def __init__(self) -> None:
        self.told: list[ContactChange] = []
        self.away = False

    def open(self) -> None:
        pass

    def read(self, timeout_s: float) -> ContactChange | None:
        return self.told.pop(0) if self.told else None

    def close(self) -> None:
        pass


def test_motion_wakes_the_camera_for_a_while_and_goes_no_further() -> None:
    now, pace, switches = [0.0], Pace(lambda: now[0]), Switches()
    changes: queue.SimpleQueue[tuple[ContactChange, int]] = queue.SimpleQueue()
    reading = ButtonReading(switches, changes, pace, lambda: 0)
    pace.calm(True)
    switches.told = [ContactChange(Contact.MOTION, False)]
    reading.run_once()
    assert not pace._hurry.is_set(), "that nothing moves any more is no reason to look"
    switches.told = [ContactChange(Contact.MOTION, True)]
    reading.run_once()
    for now[0] in (0.0, AWAKE_S - 0.1):
        pace.calm(True)
        assert pace._hurry.is_set(), "although the room is empty"
    now[0] = AWAKE_S
    pace.calm(True)
    assert not pace._hurry.is_set()
    assert changes.empty()


def test_while_nobody_takes_them_changes_are_bounded_and_the_last_of_each_contact_comes() -> None:
    switches, now_ns = Switches(), [5_000_000]
    changes: queue.SimpleQueue[tuple[ContactChange, int]] = queue.SimpleQueue()
    reading = ButtonReading(switches, changes, Pace(), lambda: now_ns[0])
    switches.told = [ContactChange(Contact.IN, number % 2 == 0) for number in range(1_000)]
    switches.told += [ContactChange(Contact.TAMPER, True)]
    while switches.told:
        assert reading.run_once()
    assert changes.qsize() == CHANGES_WAITING
    assert changes.get() == (ContactChange(Contact.IN, True), 5)
    while not changes.empty():
        last = changes.get()
    assert last == (ContactChange(Contact.IN, False), 5)
    reading.run_once()
    assert [changes.get(), changes.get()] == [
        (ContactChange(Contact.IN, False), 5),
        (ContactChange(Contact.TAMPER, True), 5),
    ]
