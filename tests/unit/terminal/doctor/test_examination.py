"""The examination goes on whatever its worker does: hang, end by a fault of memory, talk nonsense, or not begin."""

from pathlib import Path

import pytest

from edge.domain.doctor import DoctorVerdict
from edge.terminal.doctor.examination import findings
from edge.terminal.doctor.items import DoctorItem

OK, WARN, FAIL, _ = DoctorVerdict
WORKER = """
import json, os, signal, sys, time
for item in sys.argv[2:]:
    if item == "nonsense":
        print("no JSON"); break
    print(json.dumps({"begun": item}), flush=True)
    if item == "hangs":
        time.sleep(3600)
    if item == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
    if item == "ends":
        sys.exit(3)
    if item == "half":
        print('{"found": {"item"', end="", flush=True); sys.exit(0)
    if item == "odd":
        print(json.dumps({"found": {"item": item, "verdict": "splendid"}}), flush=True); time.sleep(3600)
    found = {"item": item, "verdict": "ok", "said": "well", "mend": "", "measured": {}}
    print(json.dumps({"found": found}), flush=True)
"""


def items(*names: str) -> list[DoctorItem]:
    return [DoctorItem(name, 0.5 if name == "hangs" else 300) for name in names]


def examined(*names: str) -> list[tuple[str, DoctorVerdict, str]]:
    found = findings(Path("config.toml"), items(*names), ("-c", WORKER))
    return [(one.item, one.verdict, one.said) for one in found]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("hangs", "no answer within 0 s, it hangs"),
        ("crashes", "the process that looked at it ended by signal 11"),
        ("ends", "ended with exit code 3"),
        ("half", "ended with exit code 0"),
        ("odd", "its answer cannot be read"),
    ],
)
def test_the_other_items_are_looked_at(broken: str, said: str) -> None:
    first, second, third = examined("one", broken, "two")
    assert (first, third) == (("one", OK, "well"), ("two", OK, "well"))
    assert second[:2] == (broken, FAIL)
    assert said in second[2]


def test_two_that_hang_one_after_the_other() -> None:
    assert [found[1] for found in examined("hangs", "hangs", "two")] == [FAIL, FAIL, OK]


@pytest.mark.parametrize("worker", [("-c", "raise SystemExit(9)"), ("-m", "no_such_module_here")])
def test_a_worker_that_does_not_begin_is_not_tried_for_each_item(worker) -> None:
    found = list(findings(Path("config.toml"), items("one", "two", "three"), worker))
    assert [one.item for one in found] == ["one", "two", "three"]
    assert {one.verdict for one in found} == {WARN}
    assert "cannot be started" in found[0].said


def test_a_worker_that_talks_nonsense_before_it_begins() -> None:
    found = examined("nonsense", "two")
    assert [one[1] for one in found] == [WARN, WARN]
