"""docs/doctor.md has a row for each item of the doctor, with the limits at which it warns and fails."""

import re
from pathlib import Path

from edge.central.backup.last_backup import LATE
from edge.central.doctor import judge
from edge.central.doctor.examination import READINGS
from edge.domain.doctor import DoctorVerdict
from edge.domain.pad.strobe_timing import LONGEST_MS
from edge.domain.protocol.certificate_expiry import WARN_BEFORE
from edge.domain.recognition.look_pace import TOO_SLOW_MS
from edge.terminal.doctor import judge_machine, judge_parts
from edge.terminal.doctor.items import ITEMS
from edge.terminal.doctor.readings.disk import FLUSHES

PAGE = (Path(__file__).resolve().parents[2] / "docs/doctor.md").read_text()
ROWS = {
    name: {"what": what, "warn": warn, "fail": fail, "limit": limit}
    for name, what, warn, fail, limit in re.findall(
        r"^\| `([a-z-]+)` \|([^|]+)\|([^|]*)\|([^|]*)\| (\d+) s \|$", PAGE, re.MULTILINE
    )
}


def test_each_item_has_its_row_in_the_order_in_which_it_is_looked_at() -> None:
    assert [(name, float(row["limit"])) for name, row in ROWS.items()] == [
        (item.name, item.limit_s) for item in ITEMS
    ]


def test_each_item_of_the_centre_has_its_row_with_its_limits() -> None:
    rows = dict(re.findall(r"^\| `([a-z]+)` \| ([^\n]+) \|$", PAGE[PAGE.index("## The centre") :], re.MULTILINE))
    assert list(rows) == list(READINGS)
    for figure in (f"{judge.LITTLE_MB:,} MB", f"{judge.LEAST_MB} MB"):
        assert figure in rows["disk"]
    assert f"{LATE.days} days" in rows["backup"]
    assert f"{judge.GONE.days} days" in rows["backup"]


def test_each_verdict_is_explained() -> None:
    assert re.findall(r"^\| `([a-z ]+)` \| [^|]+ \|$", PAGE, re.MULTILINE) == [str(one) for one in DoctorVerdict]


def test_the_limits_are_those_of_the_code() -> None:
    figures = (
        ("temperature", "warn", judge_machine.WARM_C),
        ("temperature", "fail", judge_machine.HOT_C),
        ("look", "warn", judge_parts.SLOW_LOOK_MS),
        ("look", "fail", TOO_SLOW_MS),
        ("look", "fail", LONGEST_MS),
        ("flush", "warn", judge_parts.SLOW_FLUSH_MS),
        ("flush", "fail", judge_parts.SLOWEST_FLUSH_MS),
        ("camera", "warn", judge_parts.DARK),
        ("camera", "warn", judge_parts.BRIGHT),
        ("certificate", "warn", WARN_BEFORE.days),
        ("clock", "warn", judge_machine.FAR_S),
    )
    for name, column, figure in figures:
        assert re.search(rf"(?<![\d,]){figure:,.0f}(?![\d,])", ROWS[name][column]), (name, column, figure)
    assert FLUSHES == 9, "in words: nine times"


def test_the_page_is_where_people_look_first() -> None:
    operations = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()
    first = operations[operations.index("\n## ") :]
    assert first.startswith("\n## When something is wrong\n")
    assert "smartclocker doctor" in first[: first.index("\n## Alarms")]
