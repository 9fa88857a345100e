"""Every adapter has a contract suite, and the table of what ran on what says what ran."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge import ports
from edge.adapters.browser.reader import BrowserReader
from edge.adapters.reopening_devices import CaredSource
from edge.adapters.replay.badge_reader import ScriptReader
from tests.support import contracts
from tests.support.contracts import HARDWARE, PORTS, contract

ROOT = Path(__file__).resolve().parents[3]
LISTING = """
import json, os
def pytest_collection_finish(session):
    rows = [list(mark.args) for item in session.items for mark in item.iter_markers("contract")]
    with open(os.environ["CONTRACT_ROWS"], "w") as file:
        json.dump(rows, file)
"""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Every mark of a contract in this project, as pytest collects it in a process of its own."""
    place = tmp_path_factory.mktemp("listing")
    (place / "contract_listing.py").write_text(LISTING)
    path = os.pathsep.join([str(place), str(ROOT)])
    words = ["-m", "pytest", "--collect-only", "-q", "-p", "contract_listing", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, *words, f"--basetemp={place / 'pt'}", *folders_with_marks()],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": path, "CONTRACT_ROWS": str(place / "rows.json")},
        text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((place / "rows.json").read_text())


def folders_with_marks() -> list[str]:
    """Test files that use the mark; collecting all of the others as well takes long."""
    own = Path(__file__).resolve()
    files = (path for path in (ROOT / "tests").rglob("test_*.py") if path != own)
    return sorted(str(path) for path in files if "tests.support.contracts import" in path.read_text())


def test_every_adapter_has_a_suite(rows) -> None:
    found = contracts.adapters()
    assert len(found) >= 20, "the adapters are found at all"
    assert contracts.without_suite(found, rows) == [], (
        "mark its tests with tests.support.contracts.contract, and hold its fixture to the mark"
    )
    assert {row[0] for row in rows} == set(PORTS), "every port has a suite"


def test_an_adapter_without_a_suite_is_named(rows) -> None:
    found = contracts.adapters()
    reader = contracts.name_of(ScriptReader)
    kept = [row for row in rows if row[1] != reader]
    assert contracts.without_suite(found, kept) == [reader]
    assert contracts.without_suite(found, [*kept, ["Camera", reader, "another port's suite"]]) == [reader]


def test_a_class_is_an_adapter_by_what_it_has() -> None:
    assert set(PORTS) == {"Camera", "Signals", "Strobe", "Reader", "Buttons", "Clock", "Notifier", "Uplink"}
    assert contracts.ports_of(ScriptReader) == {"Reader", "Buttons"}, "which are alike by their names"
    assert contracts.ports_of(ports.Reader) == set()
    assert contracts.ports_of(CaredSource) == set(), "it is none of a port before it says of which"
    assert contracts.ports_of(Path) == set()


def test_whatever_stands_for_hardware_says_what_it_is_not(rows) -> None:
    named = {row[1] for row in rows}
    assert set(HARDWARE) <= named
    places = ("raspberry_pi.", "v4l2.", "linux.")
    alone = {"linux.clock.SystemClock", "linux.sd_notify.SilentNotifier"}  # the kernel itself, and nothing
    assert {name for name in named if name.startswith(places)} - alone == set(HARDWARE)


def report(outcome: str, when: str, *rows: list[str]) -> SimpleNamespace:
    found = [(contracts.PROPERTY, list(rows))] if rows else []
    return SimpleNamespace(when=when, passed=outcome == "passed", user_properties=found)


def test_the_table_counts_what_ran() -> None:
    pipe, page = ["Reader", "replay.A", "a FIFO"], ["Reader", "browser.B", "the page"]
    pins = ["Strobe", "raspberry_pi.strobe.GpioStrobe", "mock pins"]
    stats = {
        "passed": [report("passed", "call", pipe), report("passed", "call", pipe), report("passed", "call")],
        "": [report("passed", "setup", pipe), report("passed", "teardown", pipe)],
        "failed": [report("failed", "call", pipe, page)],
        "error": [report("failed", "setup", page)],
        "skipped": [report("skipped", "setup", pins)],
    }
    lines = contracts.table(stats)
    cells = [line.split("  ") for line in lines[2:5]]
    assert [[cell.strip() for cell in row if cell.strip()] for row in cells] == [
        ["Reader", "browser.B", "the page", "0", "2", "0"],
        ["Reader", "replay.A", "a FIFO", "2", "1", "0"],
        ["Strobe", "raspberry_pi.strobe.GpioStrobe", "mock pins", "0", "0", "1"],
    ]
    assert lines[5].startswith("Strobe raspberry_pi.strobe.GpioStrobe on a line of a GPIO chip")
    assert "here" in lines[5]
    assert contracts.table({"passed": [report("passed", "call")]}) == []


@pytest.mark.parametrize("there", [False, True])
def test_hardware_that_is_absent_or_not_used_is_said(monkeypatch, tmp_path: Path, there: bool) -> None:
    row = ["Camera", "v4l2.camera.UsbCamera", "a stand-in"]
    (tmp_path / "video0").touch()
    real = contracts.Hardware("a USB camera", str(tmp_path / ("video*" if there else "none*")))
    monkeypatch.setattr(contracts, "HARDWARE", {row[1]: (real,)})
    said = contracts.table({"passed": [report("passed", "call", row)]})[-1]
    assert said.startswith("Camera v4l2.camera.UsbCamera on a USB camera: ")
    assert said.endswith(
        f"here ({tmp_path}/video0), and not used: what a test does must not depend on the machine"
        if there
        else f"not here: no {tmp_path}/none*"
    )


def test_a_mark_that_names_another_adapter_fails() -> None:
    mark = contract(ports.Reader, BrowserReader, "the page's own calls").mark
    request = SimpleNamespace(node=SimpleNamespace(iter_markers=lambda name: [mark][: name == mark.name]))
    with pytest.raises(AssertionError, match="another adapter"):
        contracts.holds(request, ScriptReader(Path("none")))
    contracts.holds(request, BrowserReader())
