"""The roster by its command lines: enrolled at one terminal, known at another, through a real broker."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from edge.adapters.linux import login_uid
from edge.central.broker import certificates
from edge.central.broker.mosquitto import EmbeddedBroker, render_acl
from edge.resources import photos_directory
from edge.sandbox import SandboxCentre, write_terminal
from tests.support.roster_lines import centre, kinds, punchers, run

__all__ = ["centre"]  # fixtures


def test_from_an_enrolment_to_the_broker_by_command_lines(tmp_path: Path, centre: Path) -> None:
    config = write_terminal(tmp_path / "terminal", photos_directory())
    loaded = config.read_text()
    site = re.search(r'^site = "(.+)"$', loaded, re.MULTILINE)[1]
    name = re.search(r'^name = "(.+)"$', loaded, re.MULTILINE)[1]
    photo = photos_directory() / "obama.jpg"
    enrolled = run(
        "enrol",
        "Planted Name",
        photo,
        "--witness",
        "W",
        "--consent",
        "--age-13-or-older",
        "--employer-agreed",
        "--config",
        config,
        "--json",
    )
    person = json.loads(enrolled)["person"]
    run("people", "number", person, "--config", config, typed="77001\n")
    file = tmp_path / "out.scp"
    run("people", "export", person, "--to", centre / "roster.pem", "--out", file, "--config", config)
    assert b"Planted Name" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    again = run(
        "people", "export", person, "--to", centre / "roster.pem", "--out", file, "--config", config, code=74
    )
    assert "exists" in again or "taken" in again

    (tmp_path / "public.pem").write_text(run("keys", "show", "--config", config))
    assert "no ledger here" in run("central", "roster", "add", centre, file, code=74)
    run("central", "register", centre, site, "elsewhere", _other_key(tmp_path))
    assert "there is no authority here" in run("central", "roster", "add", centre, file, code=78)
    run("central", "authority", "init", centre)
    assert "no enrolment of a registered terminal" in run("central", "roster", "add", centre, file, code=65)
    run("central", "register", centre, site, name, tmp_path / "public.pem")
    damaged = tmp_path / "damaged.scp"
    damaged.write_bytes(file.read_bytes()[:-40])
    refused = run("central", "roster", "add", centre, damaged, tmp_path / "nothing", file, code=65)
    assert "2 of 3 files were not taken" in refused
    assert f"{person} added" in refused
    assert "is there already" in run("central", "roster", "add", centre, file)
    listed = json.loads(run("central", "roster", "list", centre, "--names", "--json"))
    assert [(row["person"], row["name"], row["published"]) for row in listed] == [(person, "Planted Name", False)]
    assert listed[0]["staff_numbers"] == ["77001"], "which ties the id to payroll"
    bare = json.loads(run("central", "roster", "list", centre, "--json"))[0]
    assert (bare["name"], bare["staff_numbers"]) == (None, [])
    assert not any(b"Planted Name" in path.read_bytes() for path in centre.glob("roster*"))
    private = [path for path in centre.glob("roster*") if path.suffix != ".pem"]
    assert [path.name for path in private if path.stat().st_mode & 0o077] == []

    run("central", "roster", "publish", centre, code=69)  # no broker
    broker = EmbeddedBroker(tmp_path / "broker", sites=(site,))
    broker.directory.mkdir()
    (broker.directory / "pki").symlink_to(centre / "pki")
    broker.acl.write_text(render_acl((site,)))
    broker.acl.chmod(0o600)
    with broker:
        where = ("--host", "127.0.0.1", "--port", broker.port)
        assert "5 messages at the broker; 5 sent" in run("central", "roster", "publish", centre, *where)
        assert "0 sent (0 bytes), 0 emptied" in run("central", "roster", "publish", centre, *where)
        assert "key 2" in run("central", "roster", "rotate", centre, site, "--why", "each quarter")
        assert "5 sent" in run("central", "roster", "publish", centre, *where)
        run("central", "roster", "remove", centre, person, "--reason", "requested", "--why", "a letter of 2 March")
        assert "removed (requested)  not published yet" in run("central", "roster", "list", centre)
        assert "3 sent" in run("central", "roster", "publish", centre, *where)  # tombstone, page, manifest
        audit = json.loads(run("central", "audit", centre, "--json"))["entries"]
        told = [one for one in audit if one["act"].startswith("roster")]
        assert [one["act"] for one in told].count("roster-published") == 3, "what sent nothing is no act"
        assert {one["data"]["login"] for one in told} == {login_uid.uid()}
        acts = [(one["act"], one["person"], one["why"]) for one in told if one["act"] != "roster-published"]
        assert acts == [
            ("roster-added", person, "enrolled at a terminal"),
            ("roster-key", None, "each quarter"),
            ("roster-removed", person, "a letter of 2 March"),
        ]
        assert "under a new id" in run("central", "roster", "add", centre, file, code=65)


def _other_key(root: Path) -> Path:
    from nacl.signing import SigningKey

    from edge.crypto.key_files import public_pem

    path = root / "other.pem"
    path.write_text(public_pem(SigningKey.generate().verify_key))
    return path


def test_a_wrong_directory_gets_no_roster(tmp_path: Path) -> None:
    tmp_path.joinpath("empty").mkdir()
    for word in ("list", "publish"):
        assert "here" in run("central", "roster", word, tmp_path / "empty", code=74)
    assert list((tmp_path / "empty").iterdir()) == []


def test_who_was_enrolled_at_one_terminal_clocks_in_at_another(tmp_path: Path, centre: Path) -> None:
    first = write_terminal(tmp_path / "first", photos_directory(), site="main", name="hall-1")
    words = ("--witness", "W", "--consent", "--age-13-or-older", "--employer-agreed", "--config", first, "--json")
    photos = [photos_directory() / name for name in ("obama.jpg", "obama2.jpg")]
    person = json.loads(run("enrol", "Planted Name", *photos, *words))["person"]
    file = tmp_path / "out.scp"
    run("people", "export", person, "--to", centre / "roster.pem", "--out", file, "--config", first)
    run("central", "authority", "init", centre)
    run("central", "register", centre, "main", "hall-1", tmp_path / "first" / "identity.pem")
    run("central", "roster", "add", centre, file)

    broker = EmbeddedBroker(tmp_path / "broker", sites=("main",))
    broker.directory.mkdir()
    (broker.directory / "pki").symlink_to(centre / "pki")
    with broker:
        files = certificates.issue_client(broker.pki, "hall-2")
        place = SandboxCentre(
            "127.0.0.1", broker.port, files.ca, files.certificate, files.key, centre / "ledger.pem"
        )
        (tmp_path / "scene").mkdir()
        (tmp_path / "scene" / "a.jpg").symlink_to(photos_directory() / "obama3.jpg")
        second = write_terminal(tmp_path / "second", tmp_path / "scene", site="main", name="hall-2", centre=place)
        text = second.read_text().replace("[keys]\n", f'[keys]\nauthority = "{centre / "authority.pem"}"\n')
        second.write_text(text)
        run("central", "register", centre, "main", "hall-2", tmp_path / "second" / "identity.pem")
        run("central", "roster", "publish", centre, "--host", "127.0.0.1", "--port", broker.port)
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.program", "run", "--config", str(second)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            deadline = time.monotonic() + 300
            while person not in punchers(tmp_path / "second" / "state" / "journal.db"):
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline, run("people", "roster", "--config", second)
                time.sleep(0.2)
            here = json.loads(run("people", "roster", "--config", second, "--json"))
            assert here == {"version": 1, "held": 1, "kept_out": {}, "missing": []}
            run("central", "roster", "remove", centre, person, "--reason", "employment-ended", "--why", "left")
            run("central", "roster", "publish", centre, "--host", "127.0.0.1", "--port", broker.port)
            while "Planted Name" in run("people", "list", "--config", second):
                assert time.monotonic() < deadline + 30, "still here"
        finally:
            process.terminate()
            _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "Planted" not in said
    run("journal", "verify", "--config", second)
    assert kinds(tmp_path / "second" / "state" / "journal.db", person)[-1] == "erased"
