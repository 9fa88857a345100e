"""The roster by its command lines for who gives no face: added once, at every terminal by badge; and back again."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from edge.central.broker import certificates
from edge.central.broker.mosquitto import EmbeddedBroker
from edge.resources import photos_directory
from edge.sandbox import SandboxCentre, write_terminal
from tests.support.roster_lines import centre, punchers, records, run
from tests.support.roster_lines import kinds as kinds_of

__all__ = ["centre"]  # the fixture
BADGE = "0PLANTED4711993"


def test_who_gives_no_face_is_added_once_and_clocks_in_by_badge_at_another_terminal(
    tmp_path: Path, centre: Path
) -> None:
    first = write_terminal(tmp_path / "first", photos_directory(), site="main", name="hall-1")
    person = run("people", "add", "Fay Planted-Name", "--age-13-or-older", "--config", first).split()[1].rstrip(":")
    file = tmp_path / "out.scp"
    export = ("people", "export", person, "--to", centre / "roster.pem", "--out", file, "--config", first)
    assert "neither a face nor a badge" in run(*export, code=65)
    run("people", "badge", person, "--config", first, typed=BADGE)
    run(*export)
    assert b"Planted" not in file.read_bytes()
    run("central", "authority", "init", centre)
    run("central", "register", centre, "main", "hall-1", tmp_path / "first" / "identity.pem")
    assert f"{person} added" in run("central", "roster", "add", centre, file)
    assert "has no face" in run("central", "roster", "withdraw", centre, person, "--why", "a letter")

    broker = EmbeddedBroker(tmp_path / "broker", sites=("main",))
    broker.directory.mkdir()
    (broker.directory / "pki").symlink_to(centre / "pki")
    with broker:
        where = ("--host", "127.0.0.1", "--port", broker.port)
        files = certificates.issue_client(broker.pki, "hall-2")
        place = SandboxCentre(
            "127.0.0.1", broker.port, files.ca, files.certificate, files.key, centre / "ledger.pem"
        )
        (tmp_path / "scene").mkdir()
        (tmp_path / "scene" / "a.jpg").symlink_to(photos_directory() / "obama3.jpg")
        second = write_terminal(tmp_path / "second", tmp_path / "scene", site="main", name="hall-2", centre=place)
        reader = tmp_path / "reader"
        os.mkfifo(reader)
        text = second.read_text().replace("[keys]\n", f'[keys]\nauthority = "{centre / "authority.pem"}"\n')
        second.write_text(f'{text}\n[reader]\nkind = "script"\nscript = "{reader}"\n')
        run("central", "register", centre, "main", "hall-2", tmp_path / "second" / "identity.pem")
        run("central", "roster", "publish", centre, *where)
        command = [sys.executable, "-m", "tests.support.program", "run", "--config", str(second)]
        journal = tmp_path / "second" / "state" / "journal.db"
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + 300
            while "Fay Planted-Name" not in (listed := run("people", "list", "--config", second)):
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline, run("people", "roster", "--config", second)
                time.sleep(0.2)
            assert "0 templates  not matching: no face, badge or PIN alone" in listed
            with reader.open("w") as fifo:
                fifo.write(f"badge {BADGE}\n")
            while person not in punchers(journal):
                assert time.monotonic() < deadline, "no punch"
                time.sleep(0.2)
            run("central", "roster", "remove", centre, person, "--reason", "employment-ended", "--why", "left")
            run("central", "roster", "publish", centre, *where)
            while "Planted-Name" in run("people", "list", "--config", second):
                assert time.monotonic() < deadline + 30, "still here"
        finally:
            process.terminate()
            _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "Planted" not in said
    assert BADGE not in said
    assert [one.data.get("method") for one in records(journal) if one.kind == "punch"] == ["badge"]
    assert kinds_of(journal, person)[-1] == "erased"
    assert [one.data["templates"] for one in records(journal) if one.kind == "erased"] == [0]


def test_a_face_is_withdrawn_from_the_roster_and_comes_back_by_a_new_consent(tmp_path: Path, centre: Path) -> None:
    config = write_terminal(tmp_path / "terminal", photos_directory(), site="main", name="hall-1")
    photo = photos_directory() / "obama.jpg"
    agreed = ("--witness", "W", "--consent", "--age-13-or-older", "--employer-agreed", "--config", config, "--json")

    def export(name: str, code: int = 0) -> str:
        target = ("--to", centre / "roster.pem", "--out", tmp_path / name)
        return run("people", "export", person, *target, "--config", config, code=code)

    person = json.loads(run("enrol", "Fay Planted-Name", photo, *agreed))["person"]
    run("people", "badge", person, "--config", config, typed=BADGE)
    export("a.scp")
    run("central", "authority", "init", centre)
    run("central", "register", centre, "main", "hall-1", tmp_path / "terminal" / "identity.pem")
    run("central", "roster", "add", centre, tmp_path / "a.scp")
    withdrawn = run("central", "roster", "withdraw", centre, person, "--why", "a letter of 2 March")
    assert f"the face of {person} from main; badge and PIN stay" in withdrawn
    assert "withdrawn here" in run("central", "roster", "add", centre, tmp_path / "a.scp", code=65)
    acts = [one["act"] for one in json.loads(run("central", "audit", centre, "--json"))["entries"]]
    assert acts[-2:] == ["roster-added", "roster-withdrawn"]

    run("people", "withdraw", person, "--config", config)
    assert "central roster withdraw" in export("b.scp", code=65), "the name went, and the centre has it"
    again = json.loads(run("enrol", "Fay Planted-Name", photo, "--person", person, *agreed))
    assert again["person"] == person, "who agrees to their face again keeps their id"
    export("b.scp")
    back = run("central", "roster", "add", centre, tmp_path / "b.scp")
    assert f"{person} changed by main/hall-1: face, consent" in back
    journal = tmp_path / "terminal" / "state" / "journal.db"
    kinds = [kind for kind in kinds_of(journal, person) if kind != "command-result"]  # badges and exports
    assert kinds == ["consent", "enrolled", "consent", "consent", "enrolled"]
    assert all(one.data["by"] for one in records(journal)[-2:]), "who did it by hand is on record, too"
    assert "has a face here" in run("enrol", "Fay", photo, "--person", person, *agreed, code=65)
    run("people", "erase", person, "--reason", "requested", "--config", config)
    for gone in (person, "z" * 26):
        assert "nobody here has this id" in run("enrol", "Fay", photo, "--person", gone, *agreed, code=65)
