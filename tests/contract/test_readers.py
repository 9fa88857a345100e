"""One suite over every Reader adapter: the script on a FIFO and on a file, evdev on a keyboard of pipes, and the
widgets of a browser.
"""

import errno
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from evdev import InputEvent, ecodes

from edge.adapters.browser.reader import BrowserReader
from edge.adapters.linux import badge_reader
from edge.adapters.linux.badge_reader import EvdevReader
from edge.adapters.replay.badge_reader import ScriptReader
from edge.adapters.replay.script_lines import PAUSE_S
from edge.domain.people.credentials import Read, Token
from edge.errors import ReaderError
from edge.ports import Reader
from tests.support.contracts import contract, holds


class PipeDevice:
    """What EvdevReader uses of evdev's InputDevice, with evdev's own events, over a pipe that wakes a select."""

    def __init__(self) -> None:
        self._end, self._other = os.pipe2(os.O_NONBLOCK)
        self._events: deque[InputEvent] = deque()
        self.grabbed = self.gone = False

    def type(self, text: str) -> None:
        for letter in text:
            code = ecodes.KEY_ENTER if letter == "\n" else ecodes.ecodes[f"KEY_{letter}"]
            self._events += (
                InputEvent(0, 0, ecodes.EV_MSC, ecodes.MSC_SCAN, 1),
                InputEvent(0, 0, ecodes.EV_KEY, code, 1),
                InputEvent(0, 0, ecodes.EV_KEY, code, 2),
                InputEvent(0, 0, ecodes.EV_KEY, code, 0),
            )
        os.write(self._other, b"x")

    def unplug(self) -> None:
        self.gone = True
        os.write(self._other, b"x")

    def grab(self) -> None:
        self.grabbed = True

    def fileno(self) -> int:
        return self._end

    def read(self) -> Iterator[InputEvent]:
        os.read(self._end, 100)
        if self.gone:
            raise OSError(19, "No such device")
        while self._events:
            yield self._events.popleft()

    def close(self) -> None:
        os.close(self._end)
        os.close(self._other)


@dataclass
class Stand:
    """A reader, and somebody in front of it."""

    reader: Reader
    badge: Callable[[str], None]
    keys: Callable[[str], None]


def on_a_pipe(path: Path) -> Stand:
    os.mkfifo(path)
    writer = os.open(path, os.O_RDWR)
    return Stand(
        ScriptReader(path),
        lambda text: os.write(writer, f"badge {text}\n".encode()) and None,
        lambda text: os.write(writer, f"keys {text}\n".encode()) and None,
    )


def on_a_file(path: Path) -> Stand:
    path.touch()

    def write(word: str, text: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{word} {text}\n")

    return Stand(ScriptReader(path), lambda text: write("badge", text), lambda text: write("keys", text))


def on_evdev(path: Path) -> Stand:
    devices = {"/dev/b": PipeDevice(), "/dev/k": PipeDevice()}
    reader = EvdevReader(Path("/dev/b"), Path("/dev/k"), open_device=devices.__getitem__)
    return Stand(
        reader, lambda text: devices["/dev/b"].type(text + "\n"), lambda text: devices["/dev/k"].type(text + "\n")
    )


def in_a_browser(_path: Path) -> Stand:
    reader = BrowserReader()
    return Stand(
        reader,
        lambda text: reader.offer(Read(Token.BADGE, text)) and None,
        lambda text: reader.offer(Read(Token.NUMBER, text)) and None,
    )


@pytest.fixture(
    params=[
        pytest.param(on_a_pipe, id="fifo", marks=contract(Reader, ScriptReader, "a FIFO")),
        pytest.param(on_a_file, id="file", marks=contract(Reader, ScriptReader, "a file that grows")),
        pytest.param(on_evdev, id="evdev", marks=contract(Reader, EvdevReader, "evdev's events over a pipe")),
        pytest.param(in_a_browser, id="browser", marks=contract(Reader, BrowserReader, "the page's own calls")),
    ]
)
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    made: Stand = request.param(tmp_path / "reader")
    holds(request, made.reader)
    yield made
    made.reader.close()


def test_what_is_read_comes_once_with_its_source(stand: Stand) -> None:
    stand.reader.open()
    stand.badge("00047119")
    assert stand.reader.read(60) == Read(Token.BADGE, "00047119")
    stand.keys("271828")
    assert stand.reader.read(60) == Read(Token.NUMBER, "271828")
    assert stand.reader.read(0.05) is None


def test_several_come_in_their_order(stand: Stand) -> None:
    stand.reader.open()
    for number in ("111111", "222222", "333333"):
        stand.badge(number)
    assert [stand.reader.read(60) for _ in range(3)] == [
        Read(Token.BADGE, number) for number in ("111111", "222222", "333333")
    ]


def test_a_reader_without_a_badge_waits_its_time_and_returns_none(stand: Stand) -> None:
    stand.reader.open()
    began = time.monotonic()
    assert stand.reader.read(0.2) is None
    assert time.monotonic() - began > 0.15


def test_it_may_be_closed_twice_and_without_open(stand: Stand) -> None:
    stand.reader.close()
    stand.reader.close()


def test_letters_are_read_too(stand: Stand) -> None:
    stand.reader.open()
    stand.badge("04A21BFF")
    assert stand.reader.read(60) == Read(Token.BADGE, "04A21BFF")


@pytest.mark.parametrize("garbage", [b"\xff\xfe\x00", b"badge", b"badge   ", b"open sesame", b"", b"x" * 9_000])
def test_a_script_skips_what_is_no_badge(tmp_path: Path, garbage: bytes) -> None:
    path = tmp_path / "lines"
    path.touch()
    reader = ScriptReader(path)
    reader.open()
    path.write_bytes(garbage + b"\nbadge 4711\n")
    assert reader.read(1) == Read(Token.BADGE, "4711")
    reader.close()


def test_what_stands_in_a_file_at_the_start_is_not_read_again(tmp_path: Path) -> None:
    """A restart booked everybody of the file once more, as leaving."""
    path = tmp_path / "lines"
    path.write_text("badge 4711\nbadge 4712\n")
    reader = ScriptReader(path)
    reader.open()
    assert reader.read(0.2) is None
    with path.open("a") as file:
        file.write("badge 4713\n")
    assert reader.read(5) == Read(Token.BADGE, "4713")
    reader.close()


def test_a_file_that_was_emptied_or_replaced_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_text("badge 4711\n" * 5)
    reader = ScriptReader(path)
    reader.open()
    path.write_text("badge 4712\n")
    assert reader.read(5) == Read(Token.BADGE, "4712")
    assert reader.read(0.1) is None
    path.rename(tmp_path / "lines.1")
    assert reader.read(0.7) is None, "no file for a moment"
    with (tmp_path / "lines.1").open("a") as file:
        file.write("badge 4713\n")
    path.write_text("badge 4714\n")
    assert [reader.read(5), reader.read(5)] == [Read(Token.BADGE, "4713"), Read(Token.BADGE, "4714")]
    with path.open("a") as file:
        file.write("badge 4715\n")
    assert reader.read(5) == Read(Token.BADGE, "4715")
    reader.close()


@pytest.mark.parametrize("make", [os.mkfifo, Path.touch], ids=["fifo", "file"])
def test_half_a_line_of_a_script_is_dropped_after_a_pause(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path, clock = tmp_path / "lines", [0.0]
    make(path)
    reader = ScriptReader(path, now_s=lambda: clock[0])
    reader.open()
    writer = os.open(path, os.O_RDWR | os.O_APPEND)
    os.write(writer, b"badge 47")
    assert reader.read(0.2) is None
    clock[0] = PAUSE_S + 1
    os.write(writer, b"badge 12\n")
    assert reader.read(5) == Read(Token.BADGE, "12")
    os.write(writer, b"badge 4")
    assert reader.read(0.2) is None
    clock[0] += 1
    os.write(writer, b"713\n")
    assert reader.read(5) == Read(Token.BADGE, "4713"), "within it, it is the same line"
    os.close(writer)
    reader.close()


def test_a_script_that_is_not_there_names_the_cure(tmp_path: Path) -> None:
    with pytest.raises(ReaderError, match="mkfifo"):
        ScriptReader(tmp_path / "none").open()


def test_a_device_is_grabbed_and_one_that_is_plugged_in_later_is_found(caplog: pytest.LogCaptureFixture) -> None:
    here: dict[str, PipeDevice] = {}

    def open_device(path: str) -> PipeDevice:
        if path not in here:
            raise FileNotFoundError(2, "No such file or directory")
        return here[path]

    clock = [0.0]
    reader = EvdevReader(Path("/dev/b"), None, open_device=open_device, now_s=lambda: clock[0])
    reader.open()
    assert "plugged in" in caplog.text
    here["/dev/b"] = PipeDevice()
    clock[0] = 2.0
    here["/dev/b"].type("4711\n")
    assert reader.read(1) == Read(Token.BADGE, "4711")
    assert here["/dev/b"].grabbed
    gone = here.pop("/dev/b")
    gone.unplug()
    clock[0] = 3.5

    def tick() -> float:
        clock[0] += 0.3
        return clock[0]

    reader._now_s = tick
    assert reader.read(1) is None
    here["/dev/b"] = PipeDevice()
    here["/dev/b"].type("4712\n")
    assert reader.read(5) == Read(Token.BADGE, "4712")
    assert "is gone" in caplog.text
    assert "is back" in caplog.text
    assert "4711" not in caplog.text
    reader.close()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EBUSY, errno.ENODEV, errno.ENOTTY, errno.EIO])
@pytest.mark.parametrize("at", ["open", "grab"])
def test_a_device_that_may_not_be_used_leaves_the_other_in_use_until_it_may(number, at, caplog) -> None:
    """At a start, too: a keypad that another program holds is no reason to read no badges."""
    badge, keypad, clock, free = PipeDevice(), PipeDevice(), [0.0], []

    def refuse(*_: object) -> PipeDevice:
        if free:
            return keypad
        raise OSError(number, os.strerror(number))

    def open_device(path: str) -> PipeDevice:
        if path == "/dev/b":
            return badge
        return refuse() if at == "open" else keypad

    if at == "grab":
        keypad.grab = refuse  # type: ignore[method-assign, assignment]
        keypad.close = lambda: None  # type: ignore[method-assign]
    reader = EvdevReader(Path("/dev/b"), Path("/dev/k"), open_device=open_device, now_s=lambda: clock[0])
    reader.open()
    assert reader.away
    assert "/dev/k: cannot be used" in caplog.text
    assert "group input" in caplog.text
    badge.type("4711\n")
    assert reader.read(5) == Read(Token.BADGE, "4711")
    free.append(True)
    clock[0] += 2
    badge.type("4712\n")
    keypad.type("77001\n")
    assert {reader.read(5), reader.read(5)} == {Read(Token.BADGE, "4712"), Read(Token.NUMBER, "77001")}
    assert not reader.away
    assert caplog.text.count("cannot be used") == 1
    reader.close()


def test_half_a_line_is_forgotten_and_mistyped_keys_are_taken_back() -> None:
    device, clock = PipeDevice(), [0.0]
    reader = EvdevReader(None, Path("/dev/k"), open_device=lambda path: device, now_s=lambda: clock[0])
    reader.open()
    device.type("77")
    line = reader._lines[0]
    assert line.take(0.0) == []
    device.type("1234\n")
    assert line.take(badge_reader.PAUSE_S + 0.1) == [Read(Token.NUMBER, "1234")]
    device._events += [
        InputEvent(0, 0, ecodes.EV_KEY, code, 1)
        for code in (
            *(ecodes.KEY_1, ecodes.KEY_2, ecodes.KEY_BACKSPACE, ecodes.KEY_KP3, ecodes.KEY_ESC),
            *(ecodes.KEY_KP4, ecodes.KEY_5, ecodes.KEY_6, ecodes.KEY_LEFTSHIFT, ecodes.KEY_KPENTER),
        )
    ]
    device.type("")
    assert line.take(11.0) == [Read(Token.NUMBER, "456")]
    reader.close()


def test_the_key_codes_are_evdevs() -> None:
    names = {code: name for code, name in ecodes.KEY.items() if isinstance(name, str)}
    for code, character in badge_reader._CHARACTERS.items():
        assert names[code] in {f"KEY_{character}", f"KEY_KP{character}", f"KEY_NUMERIC_{character}"}
    assert {ecodes.KEY_ENTER, ecodes.KEY_KPENTER, ecodes.KEY_TAB, ecodes.KEY_LINEFEED} == badge_reader._ENTER
    assert ecodes.KEY_NUMERIC_POUND == badge_reader._POUND
    assert {ecodes.KEY_NUMERIC_STAR, ecodes.KEY_KPASTERISK} == badge_reader._STARS
    assert {ecodes.KEY_LEFTSHIFT, ecodes.KEY_RIGHTSHIFT} == badge_reader._SHIFT
    assert (ecodes.KEY_3, ecodes.KEY_8) == (badge_reader._KEY_3, badge_reader._KEY_8)
    silent = {names[code].removeprefix("KEY_") for code in badge_reader._SILENT if code in names}
    assert silent >= {
        "SPACE",
        "MINUS",
        "COMMA",
        "DOT",
        "SLASH",
        "SEMICOLON",
        "EQUAL",
        "KPCOMMA",
        "NUMLOCK",
        "CAPSLOCK",
    }
    assert {ecodes.KEY_ESC, ecodes.KEY_DELETE} == badge_reader._CLEAR
    assert ecodes.KEY_BACKSPACE == badge_reader._BACKSPACE
    assert ecodes.EV_KEY == badge_reader._EV_KEY


def keyboard(source: Token, clock: list[float]) -> tuple[EvdevReader, PipeDevice]:
    device = PipeDevice()
    paths = (Path("/dev/b"), None) if source is Token.BADGE else (None, Path("/dev/k"))
    reader = EvdevReader(*paths, open_device=lambda path: device, now_s=lambda: clock[0])
    reader.open()
    return reader, device


def press(device: PipeDevice, *codes: int) -> None:
    """Negative: with Shift."""
    for code in codes:
        around = [InputEvent(0, 0, ecodes.EV_KEY, ecodes.KEY_LEFTSHIFT, value) for value in (1, 0)]
        keys = [InputEvent(0, 0, ecodes.EV_KEY, abs(code), value) for value in (1, 0)]
        device._events += [around[0], *keys, around[1]] if code < 0 else keys
    device.type("")


DIGITS = [ecodes.KEY_4, ecodes.KEY_7, ecodes.KEY_1, ecodes.KEY_1]


@pytest.mark.parametrize("end", [ecodes.KEY_TAB, ecodes.KEY_LINEFEED, ecodes.KEY_KPENTER])
def test_a_badge_may_end_with_tab(end: int) -> None:
    reader, device = keyboard(Token.BADGE, [0.0])
    press(device, *DIGITS, end)
    assert reader._lines[0].take(0.0) == [Read(Token.BADGE, "4711")]
    reader.close()


def test_a_badge_may_end_with_nothing_and_a_typed_number_does_not() -> None:
    for source in Token:
        clock = [0.0]
        reader, device = keyboard(source, clock)
        press(device, *DIGITS)
        line = reader._lines[0]
        assert line.take(0.0) == []
        assert line.fell_silent(badge_reader.BADGE_ENDS_S - 0.01) == []
        silent = line.fell_silent(badge_reader.BADGE_ENDS_S)
        assert silent == ([Read(Token.BADGE, "4711")] if source is Token.BADGE else [])
        reader.close()


def test_a_badge_without_an_end_comes_out_of_read_by_itself() -> None:
    device = PipeDevice()
    reader = EvdevReader(Path("/dev/b"), None, open_device=lambda path: device)
    reader.open()
    press(device, *DIGITS)
    assert reader.read(10) == Read(Token.BADGE, "4711")
    assert reader.read(0.05) is None
    reader.close()


def test_a_door_keypad_with_pound_and_star() -> None:
    numeric = [ecodes.KEY_NUMERIC_0 + digit for digit in (9, 9, 9)]
    reader, device = keyboard(Token.NUMBER, [0.0])
    press(device, *numeric, ecodes.KEY_NUMERIC_STAR, *[ecodes.KEY_NUMERIC_0 + digit for digit in (7, 7, 0, 0, 1)])
    press(device, ecodes.KEY_NUMERIC_POUND, *DIGITS, -ecodes.KEY_8, *DIGITS[:3], -ecodes.KEY_3)
    assert reader._lines[0].take(0.0) == [Read(Token.NUMBER, "77001"), Read(Token.NUMBER, "471")]
    reader.close()


def test_a_sign_before_a_badges_number_is_no_digit_of_it() -> None:
    reader, device = keyboard(Token.BADGE, [0.0])
    press(device, -ecodes.KEY_5, *DIGITS, ecodes.KEY_SLASH, -ecodes.KEY_B, ecodes.KEY_ENTER)
    assert reader._lines[0].take(0.0) == [Read(Token.BADGE, "4711B")]
    reader.close()


def test_a_device_that_nobody_understands_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    reader, device = keyboard(Token.BADGE, [0.0])
    for _ in range(3):
        press(device, ecodes.KEY_F13, ecodes.KEY_F14, ecodes.KEY_F15, ecodes.KEY_ENTER)
        assert reader._lines[0].take(0.0) == []
    assert caplog.text.count("sends keys that are no digits") == 1
    assert str(ecodes.KEY_F13) in caplog.text
    reader.close()
