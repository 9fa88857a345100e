"""The roster by its command lines: enrolled at one terminal, known at another, through a real broker."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.central.broker import EmbeddedBroker, render_acl
from edge.evaluation.sandbox import write_terminal
from edge.resources import photos_directory


def run(*words: object, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "edge", *map(str, words)], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    directory = tmp_path / "centre"
    run("central", "init", directory, "--host", "127.0.0.1", "--site", "main")
    return directory


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
        "--config",
        config,
        "--json",
    )
    person = json.loads(enrolled)["person"]
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
    assert json.loads(run("central", "roster", "list", centre, "--json"))[0]["name"] is None
    assert not any(b"Planted Name" in path.read_bytes() for path in centre.glob("roster*"))
    private = [path for path in centre.glob("roster*") if path.suffix != ".pem"]
    assert [path.name for path in private if path.stat().st_mode & 0o077] == []

    run("keys", "create", tmp_path / "authority")
    (tmp_path / "authority" / "identity").rename(centre / "authority.key")
    broker = EmbeddedBroker(tmp_path / "broker", sites=(site,))
    broker.directory.mkdir()
    (broker.directory / "pki").symlink_to(centre / "pki")
    broker.acl.write_text(render_acl((site,)))
    broker.acl.chmod(0o600)
    with broker:
        where = ("--host", "127.0.0.1", "--port", broker.port)
        assert "5 messages at the broker; 5 sent" in run("central", "roster", "publish", centre, *where)
        assert "0 sent (0 bytes), 0 emptied" in run("central", "roster", "publish", centre, *where)
        assert "key 2" in run("central", "roster", "rotate", centre, site)
        assert "5 sent" in run("central", "roster", "publish", centre, *where)
        run("central", "roster", "remove", centre, person, "--reason", "requested")
        assert "removed (requested)  not published yet" in run("central", "roster", "list", centre)
        assert "3 sent" in run("central", "roster", "publish", centre, *where)  # tombstone, page, manifest
        assert "under a new id" in run("central", "roster", "add", centre, file, code=65)


def _other_key(root: Path) -> Path:
    from nacl.signing import SigningKey

    from edge.journal.keys import public_pem

    path = root / "other.pem"
    path.write_text(public_pem(SigningKey.generate().verify_key))
    return path


def test_a_wrong_directory_gets_no_roster(tmp_path: Path) -> None:
    tmp_path.joinpath("empty").mkdir()
    for word in ("list", "publish"):
        assert "here" in run("central", "roster", word, tmp_path / "empty", code=74)
    assert list((tmp_path / "empty").iterdir()) == []
