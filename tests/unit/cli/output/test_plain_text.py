"""What the centre prints is text: no terminal, file or person adds a line to it, or has a screen obey."""

import csv
import io
import json
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central.authority import authority_key
from edge.central.authority.register import Actor, OrderRegister
from edge.central.store.records import Store
from edge.cli import _Priorities, main
from edge.cli.output.plain_text import plain_output, say, shown
from edge.domain.protocol.order import Word
from edge.domain.protocol.record import Draft, Origin
from edge.domain.protocol.record_kinds import Kind
from edge.journal.journal import Journal
from tests.support.ledger_gate import HOUR, Gate, since_boot
from tests.support.people import ANN

ESCAPES = "\x1b[2J\x1b]0;owned\x07"
TURNED = "\u202etxet\u2066"
FORGED = f"\n    7  2026-11-27T00:00:00.000Z  Pat  order  {'b' * 26}  order=erase\n1 entries verify"


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    authority_key.init(tmp_path, Actor("Pat", "set up"))
    return tmp_path


@pytest.fixture
def gate(centre: Path):
    with Store(centre / "ledger.db") as store:
        yield Gate(store, Origin("main", "gate-1"), 1)


def printed(capsys, *words: object) -> str:
    """What a verb prints, both streams, held to being text."""
    main([str(word) for word in words])
    out, err = capsys.readouterr()
    for text in (out, err):
        assert not set(text) & set("\x1b\x07\r\x9b\u202e\u2066\u2028"), "what a screen would obey"
    assert not any(line.lstrip().startswith("7  2026-11-27") for line in out.splitlines()), (
        "a line of somebody else's"
    )
    return out + err


@pytest.mark.parametrize("value", ["Zoë Müller", "علي", "می\u200cخواهم", "全角\u3000空白", None, 12])
def test_people_s_names_and_numbers_stay(value):
    assert shown(value) == str(value)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (ESCAPES, "\\x1b[2J\\x1b]0;owned\\x07"),
        (TURNED, "\\u202etxet\\u2066"),
        ("a\nb\r\x85\u2028", "a\\x0ab\\x0d\\x85\\u2028"),
        ("\udcff\ue000\U000e0041", "\\udcff\\ue000\\U000e0041"),
        ("\x9b31m", "\\x9b31m"),
    ],
)
def test_what_a_screen_would_obey_is_told_by_its_number(value, told):
    assert shown(value) == told


def test_nothing_but_text_passes_the_door(capsys):
    say(f"one{FORGED}")
    assert capsys.readouterr().out.count("\n") == 1
    with plain_output():
        print(f"{ESCAPES}two\nlines{TURNED}", flush=True)
    assert capsys.readouterr().out == "\\x1b[2J\\x1b]0;owned\\x07two\nlines\\u202etxet\\u2066\n"


def test_fields_that_nobody_knows_stand_in_no_audit(centre, gate, capsys):
    data = {"x": ESCAPES, f"y{FORGED}": FORGED}
    gate.correct(since_boot(HOUR), "added", None, at="2026-03-02T08:00:00.000Z", direction="in", **data)
    out = printed(capsys, "central", "audit", centre, "--terminals")
    assert "change=added" in out
    assert "owned" not in out
    said = json.loads(printed(capsys, "central", "audit", centre, "--terminals", "--json"))
    assert set(said["records"][0]["data"]) == {
        "change",
        "corrects",
        "direction",
        "at",
        "reason",
        "worker",
        "employer",
    }


def test_an_entry_by_somebody_with_a_strange_name(centre, gate, capsys):
    printed(capsys, "central", "audit", centre, "--enter", "note", "--by", TURNED, "--why", f"x{TURNED}")
    assert "\\u202etxet" in printed(capsys, "central", "audit", centre)


def test_what_a_terminal_says_of_an_order_a_gap_a_policy_and_its_zone(centre, gate, capsys):
    with OrderRegister(centre / authority_key.DB) as registry:
        order = registry.issue(
            authority_key.load(centre), Actor("Pat", "asked"), "main", ["gate-1"], Word.RESTRICT, {"person": ANN},
            valid=timedelta(days=1),
        )  # fmt: skip
    result = {"command_id": order.id, "command": "restrict", "outcome": "refused", "detail": f"no{TURNED}"}
    gate.write(Kind.COMMAND_RESULT, result, since_boot(HOUR))
    policy = {"person": ANN, "state": "given", "policy_version": TURNED, "policy_sha256": "c" * 64}
    gate.write(Kind.CONSENT, policy, since_boot(HOUR))
    gate.punch(since_boot(HOUR, zone=f"@{TURNED}"))
    gap = {"previous_epoch": "d" * 32, "previous_head": 9, "receipted": 0, "cause": "missing", "quarantine": TURNED}
    gate.write(Kind.GAP, gap, since_boot(HOUR))
    assert "refused: no\\u202e" in printed(capsys, "central", "orders", centre, "--all")
    assert "\\u202e" in printed(capsys, "central", "audit", centre, "--terminals")
    assert "\\u202e" in printed(capsys, "central", "rights", "policy", centre)
    assert "as \\u202e" in printed(capsys, "central", "gaps", centre)
    printed(capsys, "central", "punches", centre)
    (row,) = csv.DictReader(io.StringIO(printed(capsys, "central", "punches", centre, "--csv")))
    assert row["zone"] == "'@\\u202etxet\\u2066"


def test_the_name_of_a_file_on_a_stick(centre, tmp_path, gate, capsys):
    (centre / "ledger.key").write_bytes(b"")
    main(["central", "init", str(tmp_path / "other"), "--host", "localhost", "--site", "main"])
    stick = tmp_path / f"a{FORGED.replace('/', '-')}{ESCAPES}"
    stick.write_text("no export")
    capsys.readouterr()
    out = printed(capsys, "central", "import", tmp_path / "other", stick)
    assert "\\x0a" in out
    printed(capsys, "central", "roster", "add", tmp_path / "other", stick)


def test_errors_and_the_log_keep_their_lines_and_nothing_else(centre, gate, capsys):
    printed(
        capsys, "central", "order", centre, f"main/{ESCAPES}", "erase", ANN, "--reason", "requested", "--why", "x"
    )
    record = logging.LogRecord("x", logging.INFO, "", 0, "the broker says %s\nand more", (ESCAPES,), None)
    assert _Priorities("%(message)s").format(record) == "the broker says \\x1b[2J\\x1b]0;owned\\x07\nand more"


def test_a_journal_is_shown_as_signed_to_a_program_and_as_text_on_a_screen(tmp_path, capsys, monkeypatch):
    path = tmp_path / "journal.db"
    with Journal(path, Origin("main", "gate-1"), SigningKey(bytes(32))) as journal:
        journal.append(Draft(Kind.BOOT, {"version": f"1{TURNED}", "models": []}, since_boot(HOUR)))
        signed = journal._db.execute("SELECT payload FROM records").fetchone()[0].decode()
    assert main(["journal", "show", str(path)]) == 0
    assert capsys.readouterr().out == f"{signed}\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["journal", "show", str(path)]) == 0
    assert capsys.readouterr().out == f"{shown(signed)}\n"
