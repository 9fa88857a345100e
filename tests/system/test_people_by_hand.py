"""People by the command line: what is asked, what stands in lists of processes, what is told of each."""

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from edge import config
from tests.support.badge_terminal import running, wait_for

ROOT = Path(__file__).resolve().parents[2]
AGREED = ("--witness", "4711", "--consent", "--age-13-or-older", "--employer-agreed")
PERSIAN = "علی\u200cرضا مهدوی"


def rows(site, smartclocker) -> list[dict]:
    return json.loads(smartclocker("people", "list", "--config", site.config, "--json").stdout)


@pytest.mark.parametrize("lacking", ["--consent", "--age-13-or-older", "--employer-agreed"])
def test_nothing_is_assumed_and_nothing_is_written(site, smartclocker, photos: Path, lacking: str) -> None:
    words = [one for one in AGREED if one != lacking]
    done = smartclocker("enrol", "Ann", photos / "obama.jpg", "--config", site.config, *words, typed="")
    assert done.returncode == 65
    assert "no consent, no template: " in done.stderr
    assert lacking in done.stderr
    done = smartclocker("people", "agree", "a" * 26, "--config", site.config, *words, typed="")
    assert (done.returncode, lacking in done.stderr) == (65, True)
    assert not site.journal.exists()


@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("no", 65), ("", 65)])
def test_the_employers_agreement_is_asked_for_on_a_terminal(site, photos: Path, answer: str, code: int) -> None:
    ours, theirs = pty.openpty()
    words = [one for one in AGREED if one != "--employer-agreed"]
    command = [sys.executable, "-m", "edge", "enrol", "Ann", photos / "obama.jpg", "--config", site.config, *words]
    with subprocess.Popen(
        [*map(str, command)], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    ) as running:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        out, error = running.communicate(timeout=300)
    os.close(ours)
    assert running.returncode == code, error
    assert "has the employer agreed" in out + error
    assert ("enrolled" in out) is (code == 0)


@pytest.mark.parametrize(
    "wrong",
    [
        ("two\nlines", *AGREED),
        ("a\u200bb", *AGREED),
        ("", *AGREED),
        ("Ann", *AGREED, "--language", "English, please"),
        ("Ann", *AGREED, "--person", "a" * 26),
        ("Ann", "--witness", "", *AGREED[2:]),
    ],
    ids=["line break", "zero width", "empty", "language", "nobody", "witness"],
)
def test_what_is_wrong_is_found_before_a_photograph_is_opened(site, smartclocker, wrong) -> None:
    done = smartclocker("enrol", wrong[0], "no-such-photograph.jpg", "--config", site.config, *wrong[1:])
    assert done.returncode == 65
    assert "no-such-photograph" not in done.stderr
    assert "Traceback" not in done.stderr
    assert not site.journal.exists(), "no consent of nobody"


def test_a_name_comes_from_standard_input_and_keeps_its_joiners(site, smartclocker, photos: Path) -> None:
    done = smartclocker("enrol", "-", photos / "obama.jpg", "--config", site.config, *AGREED, typed=f"{PERSIAN}\n")
    assert done.returncode == 0, done.stderr
    added = smartclocker(
        "people", "add", "-", "--age-13-or-older", "--config", site.config, typed="山田\u3000太郎\n"
    )
    assert added.returncode == 0, added.stderr
    person = added.stdout.split()[1].rstrip(":")
    assert sorted(row["name"] for row in rows(site, smartclocker)) == sorted([PERSIAN, "山田 太郎"])
    assert PERSIAN in smartclocker("people", "list", "--config", site.config).stdout
    renamed = smartclocker("people", "rectify", person, "-", "--config", site.config, typed="--Taro\n")
    assert renamed.returncode == 0, renamed.stderr
    assert "--Taro" in {row["name"] for row in rows(site, smartclocker)}
    refused = smartclocker("people", "rectify", person, "-", "--config", site.config, typed="\n")
    assert (refused.returncode, "the name is empty" in refused.stderr) == (65, True)


def test_the_list_tells_who_has_what_and_who_has_nothing(site, smartclocker, enrol) -> None:
    ann = enrol(site, "obama.jpg")
    ids = []
    for name in ("Bare", "Badge", "Number"):
        done = smartclocker("people", "add", name, "--age-13-or-older", "--config", site.config)
        ids.append(done.stdout.split()[1].rstrip(":"))
    bare, badge, number = ids
    for verb, person, typed in (
        ("badge", badge, "0004711"),
        ("number", number, "77001"),
        ("pin", number, "271828"),
    ):
        done = smartclocker("people", verb, person, "--config", site.config, typed=typed)
        assert done.returncode == 0, done.stderr
    lines = {
        line[:26]: line for line in smartclocker("people", "list", "--config", site.config).stdout.splitlines()
    }
    assert "matching  [no badge, no PIN]" in lines[ann]
    assert "nothing else to clock in with: give them a badge" in lines[bare]
    assert "no face, badge or PIN alone  [badge]" in lines[badge]
    assert "no face, badge or PIN alone  [number PIN]" in lines[number]
    found = {row["person"]: (row["badges"], row["staff_numbers"], row["pin"]) for row in rows(site, smartclocker)}
    assert found == {ann: (0, 0, False), bare: (0, 0, False), badge: (1, 0, False), number: (0, 1, True)}


def test_a_supervisor_needs_badge_pin_and_a_number_and_the_list_says_who_is_one(site, smartclocker) -> None:
    done = smartclocker("people", "add", "Boss", "--age-13-or-older", "--config", site.config)
    boss = done.stdout.split()[1].rstrip(":")

    def appoint(*words: str):
        return smartclocker("people", "supervisor", boss, *words, "--config", site.config)

    for words, told in (
        (("on", "--staff-number", "4711"), "give them a badge and a PIN first"),
        (("on",), "`on` needs --staff-number"),
        (("off", "--staff-number", "4711"), "`off` takes no number"),
        (("on", "--staff-number", "Boss"), "records name a supervisor by a staff number"),
    ):
        refused = appoint(*words)
        assert (refused.returncode, told in refused.stderr) == (65, True), refused.stderr
    for verb, typed in (("badge", "0004711"), ("pin", "271828")):
        assert smartclocker("people", verb, boss, "--config", site.config, typed=typed).returncode == 0
    made = appoint("on", "--staff-number", "4711")
    assert made.returncode == 0, made.stderr
    assert "the record says so" in made.stdout
    assert "until then consent is typed" in made.stdout, "this terminal has neither reader nor buttons"
    assert "already" in appoint("on", "--staff-number", "4711").stdout
    assert [row["supervisor"] for row in rows(site, smartclocker)] == [True]
    assert "  supervisor" in smartclocker("people", "list", "--config", site.config).stdout
    assert appoint("off").returncode == 0
    assert [row["supervisor"] for row in rows(site, smartclocker)] == [False]


def test_a_line_break_at_the_end_of_the_policy_is_said_with_its_cure(site, smartclocker, enrol) -> None:
    ann = enrol(site, "obama.jpg")
    policy = Path(config.load(site.config).config.policy.text)
    before = policy.read_bytes()
    policy.write_bytes(before + b"\n")
    done = smartclocker("check", "--config", site.config)
    assert done.returncode == 78
    assert "1 person agreed to another text under the same version" in done.stdout
    assert "put exactly that text back" in done.stdout
    log = site.directory / "log"
    with running(site.config, log):
        give_up = time.monotonic() + 300
        while "agreed to another text under the same version" not in log.read_text():
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.05)
    policy.write_bytes(before)
    assert smartclocker("check", "--config", site.config).returncode == 0
    assert [row["person"] for row in rows(site, smartclocker) if row["matching"]] == [ann]


def test_a_correction_of_nobody_is_refused_unless_it_is_forced(site, smartclocker, enrol) -> None:
    ann = enrol(site, "obama.jpg")
    added = ("--change", "added", "--direction", "in", "--at", "2026-03-02T07:58+01:00", "--reason", "forgotten",
             "--worker", "asked", "--employer", "agrees", "--config", site.config)  # fmt: skip
    done = smartclocker("journal", "correct", "--person", "a" * 26, *added)
    assert (done.returncode, "nobody here has the id" in done.stderr) == (65, True)
    assert smartclocker("journal", "correct", "--person", ann, *added).returncode == 0
    assert smartclocker("journal", "correct", "--person", "a" * 26, *added, "--force").returncode == 0


@pytest.mark.parametrize("verb", [("enrol", "-", "x.jpg", *AGREED), ("people", "add", "-", "--age-13-or-older")])
def test_no_verb_that_holds_a_name_leaves_a_core(site, verb) -> None:
    """It waits for the name on its standard input, and is killed there as a crash would."""
    where = site.directory / "cores"
    where.mkdir()
    words = [sys.executable, "-m", "edge", *verb, "--config", str(site.config)]
    command = ["/bin/sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, cwd=where, env=environment, stderr=subprocess.DEVNULL
    ) as one:
        limits, give_up = Path(f"/proc/{one.pid}/limits"), time.monotonic() + 300
        while next(line for line in limits.read_text().splitlines() if "core" in line).split()[4:6] != ["0", "0"]:
            assert time.monotonic() < give_up, limits.read_text()
            time.sleep(0.02)
        one.send_signal(signal.SIGABRT)
    assert list(where.iterdir()) == []


@pytest.mark.parametrize("gone", [False, True])
def test_one_altered_consent_is_said_and_cured_and_keeps_nobody_else_out(
    site, smartclocker, enrol, photos: Path, gone: bool
) -> None:
    """Of somebody who is here, or who was erased long ago."""
    ann = enrol(site, "obama.jpg")
    spoilt = enrol(site, "biden.jpg")
    if gone:
        erased = smartclocker("people", "erase", spoilt, "--reason", "requested", "--config", site.config)
        assert erased.returncode == 0
    with closing(sqlite3.connect(site.directory / "state" / "people.db")) as db, db:
        db.executescript("DROP TRIGGER consents_are_final")
        db.execute("UPDATE consents SET witness = zeroblob(length(witness)) WHERE person = ?", (spoilt,))
        db.executescript(
            "CREATE TRIGGER consents_are_final BEFORE UPDATE ON consents "
            "BEGIN SELECT RAISE(ABORT, 'consent history stays'); END;"
        )
    with running(site.config, site.directory / "log") as terminal:
        wait_for(terminal, "  IN\n")  # Ann, from the folder of photographs
    assert "Traceback" not in (site.directory / "log").read_text()
    found = {row["person"]: row for row in rows(site, smartclocker)}
    assert (found[ann]["matching"], found[spoilt]["matching"]) == (True, False)
    checked = smartclocker("check", "--config", site.config)
    assert (spoilt in checked.stdout) is (not gone)
    assert checked.returncode == (0 if gone else 78)
    if not gone:
        assert "altered" in smartclocker("people", "list", "--config", site.config).stdout
        cure = smartclocker("people", "erase", spoilt, "--reason", "employer", "--config", site.config)
        assert cure.returncode == 0, cure.stderr
        assert smartclocker("check", "--config", site.config).returncode == 0
