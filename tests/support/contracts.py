"""Which contract suite ran on what: marks on tests, and the table that a run prints of them.

A test of a port's contract carries a mark for each adapter that it tests, made by `contract`. The table has a row
for each mark that ran, with the number of tests that passed and failed. What a row says of an adapter is not taken
on trust: a suite's fixture holds the thing that it made to the mark (`holds`).
"""

import inspect
import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import edge.adapters
from edge import ports

PROPERTY = "contract"
PORTS: Mapping[str, type] = {
    name: found
    for name, found in vars(ports).items()
    if inspect.isclass(found) and found.__module__ == ports.__name__ and getattr(found, "_is_protocol", False)
}
"""Every port by its name."""


@dataclass(frozen=True)
class Hardware:
    """The real thing behind an adapter, and the files by which it is known to be on this machine."""

    what: str
    files: str


_LINE = Hardware("a line of a GPIO chip: a Pi's header, or PL061 in QEMU", "/dev/gpiochip*")
HARDWARE: Mapping[str, tuple[Hardware, ...]] = {
    "raspberry_pi.buttons.GpioButtons": (_LINE,),
    "raspberry_pi.signals.GpioSignals": (_LINE,),
    "raspberry_pi.strobe.GpioStrobe": (_LINE,),
    "raspberry_pi.camera.PiCamera": (Hardware("a camera of libcamera, a Pi's or a virtual one", "/dev/media*"),),
    "v4l2.camera.UsbCamera": (Hardware("a USB camera, or a loop device of V4L2", "/dev/video*"),),
    "linux.badge_reader.EvdevReader": (
        Hardware("a USB reader or keypad", "/dev/input/event*"),
        Hardware("a keyboard made by uinput", "/dev/uinput"),
    ),
    "linux.sd_notify.SystemdNotifier": (Hardware("systemd as the service manager", "/run/systemd/system"),),
}
"""Adapters that have hardware, or another program, behind them which the suites only imitate."""


def contract(port: type, adapter: type, on: str) -> pytest.MarkDecorator:
    """The mark of a test of `port`: it tests `adapter`, and the adapter runs on `on`."""
    return pytest.mark.contract(port.__name__, name_of(adapter), on)


def name_of(adapter: type) -> str:
    """The adapter's name in the table: its module, without edge.adapters, and its class."""
    return f"{adapter.__module__.removeprefix(edge.adapters.__name__ + '.')}.{adapter.__qualname__}"


def holds(request: pytest.FixtureRequest, made: object) -> None:
    """Hold what a fixture made to the mark of its test: it is that adapter."""
    named = {mark.args[1] for mark in request.node.iter_markers(PROPERTY)}
    assert named == {name_of(type(made))}, "the table would name another adapter than the one that is tested"


def adapters() -> dict[str, set[str]]:
    """Every class under edge/adapters that has all that a port has: its name in the table, and those ports."""
    found: dict[str, set[str]] = {}
    for module in pkgutil.walk_packages(edge.adapters.__path__, f"{edge.adapters.__name__}."):
        for one in vars(import_module(module.name)).values():
            if inspect.isclass(one) and one.__module__ == module.name and not one.__name__.startswith("_"):
                fits = ports_of(one)
                if fits:
                    found[name_of(one)] = fits
    return found


def ports_of(one: type) -> set[str]:
    """The ports that a class has all members of; none for a Protocol, and for a generic class."""
    if getattr(one, "_is_protocol", False) or getattr(one, "__parameters__", ()):
        return set()
    return {name for name, port in PORTS.items() if all(hasattr(one, member) for member in _members(port))}


def _members(port: type) -> list[str]:
    return [name for name in vars(port) if not name.startswith("_")]


def without_suite(found: Mapping[str, set[str]], rows: Iterable[Sequence[str]]) -> list[str]:
    """The adapters that no row names with a port that they have."""
    tested = {(row[0], row[1]) for row in rows}
    return sorted(name for name, fits in found.items() if not any((port, name) in tested for port in fits))


def note(items: Iterable[pytest.Item]) -> None:
    """Put the marks of tests on their reports, from where they come also from another process."""
    for item in items:
        rows = [list(mark.args) for mark in item.iter_markers(PROPERTY)]
        if rows:
            item.user_properties.append((PROPERTY, rows))


def table(stats: Mapping[str, Sequence[Any]]) -> list[str]:
    """The lines of the table, from the reports of a run by outcome; empty when no contract was tested."""
    counts = {word: _counted(stats.get(word, ())) for word in ("passed", "failed", "error", "skipped")}
    rows = sorted({row for counted in counts.values() for row in counted})
    if not rows:
        return []
    drawn = [("port", "adapter", "ran on", "passed", "failed", "not run")]
    for row in rows:
        failed = counts["failed"][row] + counts["error"][row]
        drawn.append((*row, str(counts["passed"][row]), str(failed), str(counts["skipped"][row])))
    real = [line for port, adapter in dict.fromkeys(row[:2] for row in rows) for line in _real(port, adapter)]
    return ["contract suites, and what they ran on", *_columns(drawn), *real]


def _counted(reports: Iterable[Any]) -> Counter[tuple[str, str, str]]:
    rows = (
        tuple(row)
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == PROPERTY and (report.when == "call" or not report.passed)
        for row in value
    )
    return Counter(rows)


def _real(port: str, adapter: str) -> Iterator[str]:
    for hardware in HARDWARE.get(adapter, ()):
        folder, _, pattern = hardware.files.rpartition("/")
        here = sorted(Path(folder).glob(pattern))
        said = (
            f"here ({here[0]}), and not used: what a test does must not depend on the machine"
            if here
            else f"not here: no {hardware.files}"
        )
        yield f"{port} {adapter} on {hardware.what}: {said}"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
