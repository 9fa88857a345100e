"""What a verb prints to be given next is a whole command: a shell and our parser take it, and it has the port."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge.central import broker_address
from edge.central.store.records import Store
from edge.cli import build_parser, main
from edge.cli.central.rights.next_orders import ORDERED
from edge.crypto.key_files import public_pem
from edge.domain.privacy.subject_requests import ANSWERS, Right
from edge.domain.protocol.record import Origin
from edge.resources import photos_directory
from edge.sandbox import write_terminal
from tests.support.ledger_gate import HOUR, Gate, since_boot
from tests.support.people import ANN

WHY = ("--by", "Pat", "--why", "asked by letter")
AWAY = ("--port", "8999", "--wait", "1s")
FILLED = {"TERMINAL": "gate-9", "N": "1"}
"""What stands for a name or number until somebody fills it in."""


def commands(printed: str) -> Iterator[list[str]]:
    """The words of each command in what was printed, once our own parser took them."""
    for text in re.findall(r"(?:sudo )?smartclocker [^`\n]*", printed):
        words = shlex.split(text, comments=True)
        words = words[words.index("smartclocker") + 1 :]
        build_parser(words[0]).parse_args([FILLED.get(word, word) for word in words])
        yield words


def next_of(capsys, *argv: object, code: int = 0) -> list[list[str]]:
    capsys.readouterr()
    assert main([str(word) for word in argv]) == code
    printed = capsys.readouterr()
    return list(commands(printed.out + printed.err))


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    """In a directory with a blank in its name, with a broker on another port than ours."""
    base = tmp_path / "the centre"
    assert main(["central", "init", str(base), "--host", "localhost", "--site", "main", "--port", "8884"]) == 0
    assert main(["central", "authority", "init", str(base), "--by", "Pat"]) == 0
    return base


@pytest.fixture
def gate(centre: Path) -> Gate:
    with Store(centre / "ledger.db") as store:
        made = Gate(store, Origin("main", "gate-1"), 1)
        made.punch(since_boot(HOUR))
    return made


def test_a_request_can_be_opened_for_every_right() -> None:
    assert list(ORDERED) == list(Right)


@pytest.mark.parametrize("right", Right)
def test_what_answers_a_request_can_be_pasted_and_is_an_order_for_it(centre, gate, capsys, monkeypatch, right):
    monkeypatch.chdir(centre)
    printed = next_of(capsys, "central", "rights", "open", centre, ANN, right, *WHY)
    order = printed[-1]
    assert order[:5] == ["central", "order", str(centre), "main/*", ORDERED[right][0]]
    assert order[5] == ANN
    assert order[-2:] == ["--port", "8884"]
    assert ORDERED[right][0] in ANSWERS[right]
    for words in printed:
        if "--name" in words:
            words[words.index("--name") + 1] = "Ann"  # asked for, where it is `-`
        options = ["--wait", "1s"] if "order" in words else []
        assert main([*words, *options]) == (1 if options else 0), "kept; no broker is here to send it to"
    assert main(["central", "rights", "list", str(centre)]) == 0
    assert f"main/gate-1  {ORDERED[right][0]}  owed" in capsys.readouterr().out


def test_of_somebody_whom_nothing_names_it_goes_to_every_site_and_says_so(centre, gate, capsys):
    printed = next_of(capsys, "central", "rights", "open", centre, "b" * 26, "erasure", "--force", *WHY)
    assert "--force" in printed[0]
    assert main([*printed[0], "--wait", "1s"]) == 1


def test_every_verb_of_the_centre_names_the_way_to_the_broker(centre, gate, capsys):
    there = ["--port", "8884"]
    pem = centre.parent / "another gate.pem"
    pem.write_text(public_pem(SigningKey.generate().verify_key))
    register = ("central", "register", centre, "main", "gate-2", pem, *WHY)
    broker = ["central", "broker", str(centre), "/etc/smartclocker/broker"]
    assert next_of(capsys, *register) == [broker], "the site's second terminal; there is no roster to know yet"
    (centre / "roster.db").touch()
    assert next_of(capsys, *register) == [["central", "roster", "publish", str(centre), *there]]
    (centre / "roster.db").unlink()
    send = ["central", "orders", str(centre), "--send"]
    order = ("central", "order", centre, "main/gate-1", "restrict", ANN, *WHY, "--wait", "1s")
    assert next_of(capsys, *order, code=1) == [[*send, *there]]
    assert next_of(capsys, *order, "--port", "8999", code=1) == [[*send, "--port", "8999"]], "as it was given"
    assert next_of(capsys, "central", "authority", "rotate", centre, *WHY) == [[*send, *there]]


def test_what_init_issue_and_revoke_print_can_be_pasted(centre, gate, capsys):
    base = str(centre)
    broker = ["central", "broker", base, "/etc/smartclocker/broker"]
    assert next_of(capsys, "central", "init", centre, "--site", "depot") == [broker]
    fresh = centre.parent / "another centre"
    first = next_of(capsys, "central", "init", fresh, "--host", "localhost", "--site", "main")
    assert [words[1] for words in first] == ["broker", "terminal"]
    assert next_of(capsys, "central", "issue", centre, "gate-1", *WHY) == []
    assert next_of(capsys, "central", "issue", centre, "gate-1", *WHY) == [["central", "revoke", base, "gate-1"]]
    assert next_of(capsys, "central", "revoke", centre, "gate-1", *WHY) == [broker]
    assert ["central", "issue", base, "gate-1"] in next_of(capsys, "central", "gaps", centre, code=1)
    key = next_of(capsys, "central", "rights", "key", centre.parent / "a key")
    assert key[0][:2] == ["central", "order"]


@pytest.mark.parametrize(
    ("lines", "way"),
    [
        (None, ("localhost", 8883)),
        ("listener 8884 0.0.0.0", ("localhost", 8884)),
        ("listener 8884", ("localhost", 8884)),
        ("listener 8883 ::", ("localhost", 8883)),
        ("listener 8885 127.0.0.1", ("localhost", 8885)),
        ("listener 8885 192.0.2.7", ("clock.example", 8885)),
        ("# nothing of ours", ("localhost", 8883)),
    ],
)
def test_the_way_to_the_broker_is_that_of_its_configuration(tmp_path, lines, way):
    assert main(["central", "init", str(tmp_path), "--host", "clock.example", "--site", "main"]) == 0
    if lines is None:
        (tmp_path / "mosquitto.conf").unlink()
    else:
        (tmp_path / "mosquitto.conf").write_text(lines + "\n")
    assert broker_address.reached(tmp_path) == way


@pytest.mark.parametrize(
    ("given", "port"), [((), 8884), (("--port", "8999"), 8999), (("--host", "localhost"), 8884)]
)
def test_a_verb_calls_the_broker_of_the_centres_configuration(centre, gate, capsys, given, port):
    """What is printed as the next step and what the verb itself does go the same way."""
    order = ["central", "order", str(centre), "main/gate-1", "restrict", ANN, *WHY, "--wait", "1s"]
    assert main([*order, *given]) == 1
    assert f"connection refused by localhost:{port}" in capsys.readouterr().out


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Of a terminal in a directory with a blank in its name, whose centre has an authority."""
    made = write_terminal(tmp_path / "the terminal", photos_directory())
    pem = tmp_path / "authority.pem"
    pem.write_text(public_pem(SigningKey.generate().verify_key))
    text = made.read_text()
    made.write_text(text.replace("[keys]\n", f'[keys]\nauthority = "{pem}"\n', 1))
    assert "authority" in made.read_text()
    return made


def test_whoever_changes_somebody_at_a_terminal_is_told_to_export_them_again(config, capsys, monkeypatch):
    own = ["--config", str(config)]

    def given(*words: str, typed: str = "") -> list[list[str]]:
        monkeypatch.setattr("edge.cli.people.credentials._secret", lambda _prompt: typed)
        return next_of(capsys, "people", *words, *own)

    badge, export, erase = given("add", "Ann", "--age-13-or-older")
    person = badge[2]
    again = ["people", "export", person, "--to", "roster.pem", *own]
    assert badge == ["people", "badge", person, *own]
    assert export == again
    assert erase == ["people", "erase", person, "--reason", "employer", *own]
    assert given("badge", person, typed="04A1B2C3") == [again]
    assert given("badge", person, typed="04A1B2C3") == [], "nothing was changed"
    assert given("number", person, typed="4711") == [again]
    assert given("pin", person, "--generate") == [again]
    assert given("rectify", person, "Anne") == [again]
    assert given("badge", person, "--take") == [again]
    assert given("pin", person, "--take") == [again]


def test_without_a_centre_there_is_nowhere_to_export_to(tmp_path, capsys):
    made = write_terminal(tmp_path, photos_directory())
    printed = next_of(capsys, "people", "add", "Ann", "--age-13-or-older", "--config", made)
    assert [words[1] for words in printed] == ["badge", "erase"]


def test_after_sudo_the_next_command_has_it_too(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SUDO_COMMAND", "/usr/bin/smartclocker people add")
    made = write_terminal(tmp_path, photos_directory())
    capsys.readouterr()
    assert main(["people", "add", "Ann", "--age-13-or-older", "--config", str(made)]) == 0
    assert "next: sudo smartclocker people badge " in capsys.readouterr().out


def test_what_goes_to_the_centre_on_a_stick_is_named(config, tmp_path, capsys):
    assert main(["people", "add", "Ann", "--age-13-or-older", "--config", str(config)]) == 0
    path = tmp_path / "of the gate.scx"
    printed = next_of(capsys, "journal", "export", path, "--all", "--config", config)
    assert printed == [["central", "import", "DIR", "of the gate.scx"]]


def test_what_changes_the_roster_says_how_it_is_published(config, centre, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("edge.cli.people.credentials._secret", lambda _prompt: "04A1B2C3")
    own = ["--config", str(config)]
    person = next_of(capsys, "people", "add", "Ann", "--age-13-or-older", *own)[0][2]
    assert main(["people", "badge", person, *own]) == 0
    file, register = tmp_path / "Ann's file.scp", ("central", "register", centre, "demo", "entrance-1")
    exported = next_of(capsys, "people", "export", person, "--to", centre / "roster.pem", "--out", file, *own)
    assert exported == [["central", "roster", "add", "DIR", file.name]]
    assert next_of(capsys, *register, config.parent / "identity.pem", *WHY) == []
    publish = ["central", "roster", "publish", str(centre), "--port", "8884"]
    roster = ("central", "roster")
    assert next_of(capsys, *roster, "add", centre, tmp_path / "nothing", file, *WHY, code=65) == [publish]
    assert next_of(capsys, *roster, "rotate", centre, "demo", *WHY) == [publish]
    remove = ("remove", centre, person, "--reason", "requested", *WHY)
    assert next_of(capsys, *roster, *remove) == [publish]
    assert next_of(capsys, *roster, "add", centre, tmp_path / "nothing", *WHY, code=65) == []
