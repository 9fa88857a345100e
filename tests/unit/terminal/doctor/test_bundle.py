"""A support bundle holds nothing personal: sentences are reduced, log lines replaced by the program's own texts."""

import json
from pathlib import Path

import pytest

from edge.config import load
from edge.domain.doctor import DoctorFinding, DoctorVerdict
from edge.terminal.doctor.bundle import log_shapes, reduction
from edge.terminal.doctor.bundle.log_shapes import LogShape, reduced, shapes
from edge.terminal.doctor.bundle.reduction import Reducer
from edge.terminal.doctor.readings import files
from edge.terminal.doctor.readings.sources import Sources

PERSON, OTHER = "abcdefghijklmnopqrstuvwx23", "zyxwvutsrqponmlkjihgfedc32"


def test_a_person_is_the_same_counter_throughout() -> None:
    reducer = Reducer(None)
    assert reducer.text(f"{PERSON} and {OTHER}") == "person-1 and person-2"
    assert reducer.text(f"again {OTHER}, {PERSON}x") == f"again person-2, {PERSON}x"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("at /home/anna/sc/journal.db", "at /home/<user>/sc/journal.db"),
        ("the key " + "0f" * 16, "the key <hex>"),
        ("order 0189b0c1-7b1e-7e3a-9a44-0123456789ab", "order <id>"),
        ("issued to 'anna-laptop', and the service's own", "issued to <quoted>, and the service's own"),
        ('camera.kind is "replay", name "Anna"', 'camera.kind is "replay", name <quoted>'),
        ("owned by uid 1000, uid:1000", "owned by uid <number>, uid <number>"),
        ("from 192.168.7.12:8883", "from <address>:8883"),
        ("from fe80::1:2ff:fe3a:99", "from <address>"),
        ("usb:C920, serial 4F3A, at 1-1", "usb:C920, serial <number> at 1-1"),
        ("secret " + "Zm9vYmFy" * 6 + "==", "secret <text>"),
        ("14.8 frames a second of 640x480", "14.8 frames a second of 640x480"),
    ],
)
def test_what_somebody_chose_is_marked(text: str, kept: str) -> None:
    assert Reducer(None).text(text) == kept


def test_what_the_configuration_names_is_named_by_its_key(site) -> None:
    reducer = Reducer(load(site.config))
    state = site.directory / "state"
    assert reducer.text(f"{state}/journal.db of demo/entrance-1") == (
        "<storage.state>/journal.db of <terminal.site>/<terminal.name>"
    )
    assert reducer.text("a demonstration of entrance-12") == "a demonstration of entrance-12"
    measured = {"name": "gate-9", "days_left": 3, "state": "idle", "alarms": "fork no-ledger", "version": "Anna!"}
    found = reducer.finding(DoctorFinding("x", DoctorVerdict.OK, "issued to gate-9", "issue gate-9", measured))
    assert found["measured"] == {"days_left": 3, "state": "idle", "alarms": "fork no-ledger"}
    assert (found["said"], found["mend"]) == ("issued to <name>", "issue <name>")


def test_of_the_configuration_only_numbers_switches_and_fixed_words_stay(site) -> None:
    loaded = load(site.config)
    rows = reduction.configuration(loaded.rows())
    assert rows["camera.kind"] == {"value": "replay", "source": "file"}
    assert rows["storage.volatile"]["value"] is True
    assert rows["signals.green"]["value"] == 17
    assert rows["terminal.name"]["value"] == rows["storage.state"]["value"] == "(set)"
    assert rows["recognition.shadow"]["value"] == "(not set)"
    words = {str(word) for words in reduction._fixed_words().values() for word in words}
    texts = {row["value"] for row in rows.values() if isinstance(row["value"], str)}
    assert texts <= words | {"(set)", "(not set)"}


def test_the_status_without_names() -> None:
    said = {
        "site": "hall", "terminal": "gate-9", "version": "1.2", "state": "idle", "models": ["a-1", PERSON, 3],
        "alarms": ["fork", "Änne"], "counters": {"punches": 3, "who": "Anna"},
        "journal": {"epoch": "ab" * 8, "head": 4},
        "text": "a sentence", "cue": "idle",
    }  # fmt: skip
    assert reduction.status(said) == {
        "state": "idle", "version": "1.2", "models": ["a-1"], "alarms": ["fork"],
        "counters": {"punches": 3}, "journal": {"head": 4},
    }  # fmt: skip
    assert reduction.status({"alarms": 3, "counters": None}) == {"counters": {}, "journal": {}}


def entry(message: object, **more: object) -> str:
    return json.dumps({"MESSAGE": message, "PRIORITY": "4", "__REALTIME_TIMESTAMP": "1700000000000000", **more})


@pytest.fixture(scope="module")
def known() -> list[LogShape]:
    return shapes()


def test_lines_of_the_log_are_counted_under_the_program_s_own_texts(known) -> None:
    name = "edge.terminal.attendance.gallery"
    lines = [
        entry(f"{name}: {PERSON} cannot be matched, because their data is damaged: see `smartclocker people list`"),
        entry(f"{name}: Anna cannot be matched, because their data is damaged: see `smartclocker people list`"),
        entry("edge.terminal.outbox: the wall clock moved by -3600 ms (synchronised: True)"),
        entry(f"edge.terminal.x: something that no text of ours is about {PERSON}"),
        entry("kernel: Anna"),
        entry([65, 66]),
        entry("edge: ", PRIORITY="x", __REALTIME_TIMESTAMP="then"),
        "no JSON",
        "[]",
    ]
    found = reduced(lines, known)
    assert [(row["text"], row["times"]) for row in found["lines"]] == [
        ("… cannot be matched, because their data is damaged: see `smartclocker people list`", 2),
        ("the wall clock moved by … ms (synchronised: …)", 1),
    ]
    assert found["lines"][0] | {"text": ""} == {
        "text": "",
        "times": 2,
        "priority": 4,
        "last": "2023-11-14T22:13:20Z",
    }
    assert found["other_lines"] == 2
    assert PERSON not in json.dumps(found)
    assert "Anna" not in json.dumps(found)


def test_the_texts_are_those_of_this_program(known) -> None:
    texts = {shape.text for shape in known}
    assert len(known) > 80
    assert "the strobe shows a difference again" in texts
    assert all(sum(map(len, shape.parts)) >= 8 for shape in known)


def test_a_text_fits_with_its_values_alone() -> None:
    shape = LogShape(("", " of ", " is lost: ", ""))
    assert shape.fits("one of two is lost: three")
    assert not shape.fits("one of two is found: three")
    assert LogShape(("a", "b", "c")).fits("abc")
    assert not LogShape(("ab", "bc")).fits("abc"), "no letter counts twice"
    assert not LogShape(("whole",)).fits("whole line")
    assert LogShape(("x" * 9, *["y"] * 50, "z")).fits("x" * 9 + "y" * 3_000 + "z")


def test_a_source_that_cannot_be_parsed_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def (")
    (tmp_path / "b.py").write_text(
        '_log.error("a text of %s", one)\n_log.info("%s", one)\n_log.info(text)\n_log.info()\n'
    )
    assert [shape.text for shape in log_shapes.shapes(tmp_path)] == ["a text of …"]


def test_the_login_that_owns_the_files_is_left_out(site) -> None:
    text = "storage.state: anna may not write into it; `chown -R anna: X`, hannah"
    assert Reducer(load(site.config), "anna").text(text) == (
        "storage.state: <user> may not write into it; `chown -R <user>: X`, hannah"
    )


@pytest.mark.parametrize("name", ["absent-anna.csv", "Anna's list.csv", 'of "Anna\'s" team\n.csv', "Anna''s'"])
def test_the_names_of_files_that_somebody_put_beside_the_journal_are_left_out(site, name: str) -> None:
    state = site.directory / "state"
    (state / name).touch(mode=0o644)
    (state / name).chmod(0o644)
    finding = files.keys(Sources(site.config))
    assert "others may read" in finding.said
    said = json.dumps(Reducer(load(site.config)).finding(finding))
    assert "nna" not in said.replace("<terminal.name>", ""), said
