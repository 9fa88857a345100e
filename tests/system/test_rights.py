"""A person's rights at the terminal, by its command line alone: what changes, is on record, or is refused."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from edge import config
from edge.cli import main
from edge.config_schema import Config
from edge.crypto import dsse
from edge.domain.people.consent import Policy
from edge.domain.protocol.record import decode
from edge.domain.protocol.record_kinds import Kind
from edge.errors import JournalError
from edge.journal.journal import Journal
from edge.people.person import new_person_id
from edge.terminal import adapters, installed
from edge.terminal.operator.actions import restrict
from edge.terminal.outbox.flush import flush
from tests.support.people import consent

TEXT = "The second policy.\n"


@pytest.fixture
def loaded(site) -> Config:
    return config.load(site.config).config


@pytest.fixture
def people(loaded):
    with installed.open_people(loaded, installed.load_secrets(loaded)) as opened:
        yield opened


@pytest.fixture
def journal(loaded):
    with installed.open_journal(loaded, installed.load_secrets(loaded)) as opened:
        yield opened


@pytest.fixture
def person(loaded, people) -> str:
    policy = installed.policy(loaded)
    made = new_person_id()
    people.enrol(made, "Ann Example", consent(policy), policy, np.eye(3, 192, dtype=np.float32), "m")
    return made


def matched(loaded, people) -> int:
    return people.gallery("m", installed.policy(loaded)).size


def records(journal: Journal, kind: Kind) -> list[dict]:
    found = [decode(dsse.parse(one.wire).payload) for one in journal.envelopes(0, 100)]
    return [dict(record.data) for record in found if record.kind == kind]


def run(site, verb: str, *words: object) -> int:
    return main(["people", verb, *map(str, words), "--config", str(site.config)])


def test_a_restriction_and_an_objection_come_and_go_on_record(site, loaded, people, journal, person, capsys):
    before = matched(loaded, people)
    assert before > 0
    assert run(site, "restrict", person) == 0
    assert matched(loaded, people) == 0
    assert run(site, "list") == 0
    assert "not matching: restricted" in capsys.readouterr().out
    assert run(site, "restrict", person) == 0
    assert run(site, "unrestrict", person, "--by-person") == 65, "there is no objection"
    assert run(site, "unrestrict", person) == 0
    assert run(site, "unrestrict", person) == 0
    assert matched(loaded, people) == before
    assert run(site, "restrict", person, "--objection") == 0
    assert run(site, "unrestrict", person) == 65
    assert "--by-person" in capsys.readouterr().err
    assert matched(loaded, people) == 0
    assert run(site, "unrestrict", person, "--by-person") == 0
    states = [data["state"] for data in records(journal, Kind.RESTRICTED)]
    assert states == ["restricted", "lifted", "objected", "lifted"]


def test_a_name_is_rectified_and_everything_handed_out(site, people, journal, person, tmp_path: Path, capsys):
    assert run(site, "rectify", person, "Ann Right") == 0
    target = tmp_path / "for-ann"
    assert run(site, "access", person, "--to", target) == 0
    found = json.loads((target / "data.json").read_text())
    assert (found["name"], found["consents"][0]["witness"]) == ("Ann Right", "Wanda Witness")
    assert "Ann Right" in (target / "page.html").read_text()
    assert (target / "data.json").stat().st_mode & 0o777 == 0o600
    assert [data["command"] for data in records(journal, Kind.COMMAND_RESULT)] == ["rectify", "access"]
    assert b"Ann Right" not in b"".join(
        path.read_bytes() for path in (site.directory / "state").rglob("*") if path.is_file()
    )
    assert run(site, "access", person, "--to", target) == 74, "never over another"
    assert "name a new folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["restrict"], ["unrestrict"], ["rectify", "Name"], ["access", "--to", "/nonexistent/there"]]
)
def test_nobody_of_this_id_and_nothing_changes(site, journal, words: list[str], capsys):
    verb, *rest = words
    assert run(site, verb, "z" * 26, *rest) == 65
    assert "smartclocker people list" in capsys.readouterr().err
    assert journal.head().seq == 0


def test_a_name_that_is_none_is_refused_without_being_repeated(site, people, person, capsys):
    assert run(site, "rectify", person, "Unmistakable\nName") == 65
    assert "Unmistakable" not in capsys.readouterr().err
    assert people.list()[0].name == "Ann Example"


def test_a_record_that_could_not_be_made_is_made_later(loaded, people, journal, person):
    from edge.domain.protocol.record_kinds import Restriction

    journal._db.execute("PRAGMA query_only = ON")
    with pytest.raises(JournalError):
        restrict(person, Restriction.OBJECTED, people=people, journal=journal, clock=adapters.clock(), by="uid:7")
    assert matched(loaded, people) == 0, "matching stopped first"
    journal._db.execute("PRAGMA query_only = OFF")
    assert flush(people, journal, adapters.clock(), interrupted=True) == 1
    assert [(data["state"], data["by"]) for data in records(journal, Kind.RESTRICTED)] == [("objected", "uid:7")]


def test_the_policy_in_force_is_what_is_printed_and_consented_to(site, loaded, people, person, capsys):
    assert run(site, "policy") == 0
    configured = installed.policy(loaded)
    printed = capsys.readouterr()
    assert hashlib.sha256(printed.out.encode()).hexdigest() == configured.sha256
    second = Policy("2", hashlib.sha256(TEXT.encode()).hexdigest())
    people.put_in_force(second, TEXT, consent_again=True, configured=configured)
    assert matched(loaded, people) == 0
    assert run(site, "policy") == 0
    printed = capsys.readouterr()
    assert (printed.out, second.sha256 in printed.err) == (TEXT, True)


def test_who_is_enrolled_now_consents_to_the_policy_in_force(site, loaded, people, enrol):
    second = Policy("2", hashlib.sha256(TEXT.encode()).hexdigest())
    people.put_in_force(second, TEXT, consent_again=True, configured=installed.policy(loaded))
    made = enrol(site, "obama.jpg")
    (listed,) = people.list()
    assert (listed.id, listed.consent.policy_version, listed.consent.policy_sha256) == (made, "2", second.sha256)


def test_who_is_enrolled_agrees_to_a_changed_policy_and_is_matched_again(
    site, loaded, people, journal, person, capsys
):
    second = Policy("2", hashlib.sha256(TEXT.encode()).hexdigest())
    people.put_in_force(second, TEXT, consent_again=True, configured=installed.policy(loaded))
    assert matched(loaded, people) == 0
    words = ("--witness", "Wanda Witness", "--consent", "--age-13-or-older", "--employer-agreed")
    assert run(site, "agree", person, *words[:-1]) == 65
    assert run(site, "agree", "z" * 26, *words) == 65
    assert "smartclocker people list" in capsys.readouterr().err
    assert (journal.head().seq, matched(loaded, people)) == (0, 0)
    assert run(site, "agree", person, *words) == 0
    assert matched(loaded, people) > 0
    (said,) = records(journal, Kind.CONSENT)
    assert (said["person"], said["state"], said["policy_sha256"]) == (person, "given", second.sha256)
    assert "witness" not in said
    assert run(site, "withdraw", person) == 0
    assert run(site, "agree", person, *words) == 65, "their templates are gone: they enrol again"
