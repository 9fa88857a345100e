"""`smartclocker doctor` looks at everything whatever is broken, says what it cannot see, and bundles no secret."""

import contextlib
import json
import os
import resource
import socket
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.cli import main
from edge.config import load
from edge.crypto import key_files
from edge.domain.attendance.cues import CueName
from edge.domain.doctor import DoctorVerdict
from edge.people.people_store import People
from edge.sandbox import write_terminal
from edge.terminal import installed
from edge.terminal.doctor.bundle import contents
from edge.terminal.doctor.catalogue import READINGS, look_at
from edge.terminal.doctor.items import ITEMS
from edge.terminal.doctor.readings.sources import Sources
from tests.privacy.scan import Scanner, of_templates
from tests.support.checked import begun

OK, WARN, FAIL, NOT_HERE = DoctorVerdict
SEEN_BY_THE_SERVICE_ALONE = ("camera", "flush", "keys", "records")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
Doctor = Callable[..., dict[str, dict]]


@pytest.fixture
def quick(site):
    """A terminal without a camera: nothing of it takes seconds."""
    os.mkfifo(site.directory / "reader", 0o600)
    more = '\n[recognition]\nmode = "badge"\n[reader]\nkind = "script"\nscript = "reader"\n'
    site.config.write_text(site.config.read_text() + more)
    return site


@pytest.fixture
def doctor(capsys) -> Doctor:
    """Its findings by item; the exit code says whether one failed."""

    def run(config: Path, *more: str) -> dict[str, dict]:
        capsys.readouterr()
        code = main(["doctor", "--config", str(config), "--json", *more])
        shown = capsys.readouterr()
        assert code in {0, 1}, shown.err
        said = json.loads(shown.out)
        found = {one["item"]: one for one in said["items"]}
        assert [one["item"] for one in said["items"]] == [
            item.name for item in ITEMS if not ("--offline" in more and item.connects)
        ]
        fails = {name for name, one in found.items() if one["verdict"] == "fail"}
        assert code == (1 if fails else 0)
        assert said["verdict"] == ("fail" if fails else "warn" if "warn" in str(found) else "ok")
        assert all(one["mend"] for one in found.values() if one["verdict"] == "fail"), found
        assert all(one["mend"] for one in found.values() if one["verdict"] == "warn"), found
        return found

    return run


def verdicts(found: dict[str, dict], *names: str) -> set[str]:
    return {found[name]["verdict"] for name in names}


def test_a_terminal_in_order_with_its_figures(site, doctor, capsys) -> None:
    begun(site)
    before = {path: path.read_bytes() for path in (site.directory / "state").iterdir()}
    found = doctor(site.config)
    assert [name for name, one in found.items() if one["verdict"] == "fail"] == []
    assert found["look"]["measured"]["look_ms"] > 0
    assert found["flush"]["measured"]["flush_ms"] > 0
    assert found["camera"]["measured"]["size"] == "640x480"
    assert verdicts(found, "models", "keys", "records", "configuration", "software") == {"ok"}
    assert {path: path.read_bytes() for path in (site.directory / "state").iterdir()} == before


def test_the_same_for_people(quick, capsys) -> None:
    assert main(["doctor", "--config", str(quick.config), "--offline"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok        software       version ")
    assert any(line.startswith("not here  buttons        buttons.kind is") for line in lines)
    assert lines[-1].startswith(f"{len(ITEMS) - 1} items: ")


def test_without_a_configuration_and_with_a_broken_one(tmp_path, doctor, capsys) -> None:
    found = doctor(tmp_path / "none.toml")
    assert "no such file" in found["configuration"]["said"]
    assert verdicts(found, "software", "swap") == {"ok"}, "the machine is looked at all the same"
    broken = tmp_path / "config.toml"
    broken.write_text('[terminal]\nsite = 3\nname = "Anna"\n')
    found = doctor(broken)
    assert found["configuration"]["verdict"] == "fail"
    assert found["keys"]["said"] == "could not be looked at: the configuration cannot be used"
    assert main(["doctor", "--config", str(broken)]) == 1
    shown = capsys.readouterr().out
    assert shown.count("the configuration cannot be used") == 1, "said once, and not of each item"
    assert "camera, lights, buttons, readers" in shown
    broken.write_bytes(b"\xff\x00")
    assert doctor(broken)["configuration"]["verdict"] == "fail"
    assert doctor(tmp_path)["configuration"]["verdict"] == "fail", "a folder"


def test_without_a_state_directory(quick, doctor) -> None:
    (quick.directory / "state").rmdir()
    found = doctor(quick.config)
    assert "No such file" in found["disk"]["said"]
    assert verdicts(found, "disk", "flush", "records") == {"fail"}
    assert found["configuration"]["verdict"] == "ok"


@pytest.mark.parametrize("name", ["journal.db", "people.db"])
def test_a_damaged_database(quick, doctor, name: str) -> None:
    begun(quick)
    path = quick.directory / "state" / name
    path.write_bytes(path.read_bytes()[:100] + os.urandom(9_000))
    found = doctor(quick.config)
    assert name in found["records"]["said"]
    assert verdicts(found, "disk", "flush", "keys") <= {"ok", "warn"}


def test_a_database_that_another_process_has_locked(quick) -> None:
    begun(quick)
    with contextlib.closing(sqlite3.connect(quick.journal, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        found = look_at("records", Sources(quick.config))
        other.execute("ROLLBACK")
    assert found.verdict in {FAIL, OK}, "read beside the writer, or refused with the cure"
    assert found.verdict is OK or "another process" in found.said


def test_a_full_disk(quick, doctor) -> None:
    begun(quick)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        found = doctor(quick.config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert found["flush"]["verdict"] == "fail"
    assert "cannot be written and flushed" in found["flush"]["said"]
    assert found["records"]["verdict"] == "ok"


def test_a_service_that_hangs_is_asked_once(quick) -> None:
    path = installed.control_path(load(quick.config).config)
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(path))
        hanging.listen(8)
        sources = Sources(quick.config, answer_s=0.2)
        found = [look_at(item, sources) for item in ("service", "software", "records", "readers", "service")]
    assert found[0].verdict is WARN
    assert "did not answer within 0.2 s" in found[0].said
    assert found[4] == found[0]
    assert {found[1].verdict, found[3].verdict} == {OK}


@as_root
def test_an_ordinary_user_is_told_what_could_not_be_seen(reachable: Path, photos: Path, as_nobody) -> None:
    os.seteuid(0)
    config = write_terminal(reachable / "terminal", photos)
    for path in (config.parent, config):
        path.chmod(0o755)
    names = [item.name for item in ITEMS if item.name not in {"look", "models"}]
    for name in names:
        look_at(name, Sources(config))  # so that all modules are there, whoever may read the program's files
    os.seteuid(65534)
    sources = Sources(config)
    found = {name: look_at(name, sources) for name in names}
    assert {name for name, one in found.items() if one.verdict is FAIL} == set()
    for name in SEEN_BY_THE_SERVICE_ALONE:
        assert found[name].verdict is WARN, name
        assert "uid 65534 may not" in found[name].said
        assert "sudo smartclocker doctor" in found[name].mend
    os.seteuid(0)
    config.chmod(0o600)
    os.seteuid(65534)
    unread = look_at("configuration", Sources(config))
    assert (unread.verdict, "may not read" in unread.said) == (WARN, True)


def test_the_service_s_user_without_systemd_s_credentials_is_told_so(quick, monkeypatch) -> None:
    text = quick.config.read_text()
    quick.config.write_text(text.replace('identity = "identity"', 'identity = "credential:identity"'))
    owner = (quick.directory / "state").stat().st_uid or 65534
    monkeypatch.setattr(os, "geteuid", lambda: owner)
    os.chown(quick.directory / "state", owner, -1)
    for item in ("keys", "records"):
        found = look_at(item, Sources(quick.config))
        assert (found.verdict, "for root alone" in found.said) == (WARN, True), found


def test_a_file_of_somebody_else_and_one_that_is_open(quick, doctor) -> None:
    begun(quick)
    quick.journal.chmod(0o644)
    found = doctor(quick.config)["keys"]
    assert found["verdict"] == "warn"
    assert "others may read" in found["said"]
    if os.geteuid() == 0:
        os.chown(quick.journal, 65534, 65534)
        found = doctor(quick.config)["keys"]
        assert found["verdict"] == "fail"
        assert "does not belong to the owner" in found["said"]


@pytest.fixture
def shown(monkeypatch) -> list[CueName]:
    names: list[CueName] = []
    monkeypatch.setattr("edge.cli.terminal.cues.show_directly", lambda _config, some: names.extend(some))
    return names


@pytest.mark.parametrize(
    ("answers", "verdict", "said"),
    [
        ("y\ny\nYES\n", "warn", "drawn in the output"),
        ("y\nn\ny\n", "fail", "not seen or heard: too-far"),
        ("perhaps\n\ny\ny\ny\n", "warn", "drawn in the output"),
        ("y\n", "warn", "nobody answered"),
        ("what\nwhat\nwhat\n", "warn", "nobody answered"),
        ("", "warn", "nobody answered"),
    ],
)
def test_a_person_says_what_they_saw(quick, doctor, shown, monkeypatch, answers, verdict, said) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(answers))
    found = doctor(quick.config, "--ask", "--offline")["lights"]
    assert (found["verdict"], said in found["said"]) == (verdict, True), found
    assert shown == [CueName.IN, CueName.TOO_FAR, CueName.REFUSED][: len(shown)]


def test_cues_are_shown_beside_the_json_and_not_in_it(quick, doctor, monkeypatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert "nobody answered" in doctor(quick.config, "--ask", "--offline")["lights"]["said"]


def test_an_action_that_goes_on_already_is_no_failure_of_the_lights(quick, doctor, monkeypatch) -> None:
    from edge.errors import ControlRefused

    def busy(*_: object) -> None:
        raise ControlRefused("another action goes on; try again")

    monkeypatch.setattr("edge.cli.terminal.cues.show_directly", busy)
    found = doctor(quick.config, "--ask", "--offline")["lights"]
    assert (found["verdict"], "another action goes on" in found["said"]) == ("warn", True)
    quick.config.write_text("broken")
    assert "could not be looked at" in doctor(quick.config, "--ask", "--offline")["lights"]["said"]


def test_lights_that_cannot_be_driven_are_a_finding(quick, doctor, monkeypatch) -> None:
    from edge.errors import SignalsError

    def broken(*_: object) -> None:
        raise SignalsError("pin 17 is taken by another program; end it")

    monkeypatch.setattr("edge.cli.terminal.cues.show_directly", broken)
    found = doctor(quick.config, "--ask", "--offline")["lights"]
    assert (found["verdict"], found["mend"]) == ("fail", "end it")


def unpacked(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {one.name.rpartition("/")[2]: archive.extractfile(one).read() for one in archive.getmembers()}


def test_a_bundle_is_closed_whole_and_never_overwrites(quick, doctor, capsys, tmp_path) -> None:
    path = tmp_path / "bundle.tar.gz"
    found = doctor(quick.config, "--bundle", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    files = unpacked(path)
    assert set(files) == {
        "README.txt", "doctor.json", "configuration.json", "status.json", "log.json", "system.json"
    }  # fmt: skip
    assert [one["item"] for one in json.loads(files["doctor.json"])["items"]] == list(found)
    before = path.read_bytes()
    for refused in (path, tmp_path, tmp_path / "none/bundle", Path("/dev/null")):
        assert main(["doctor", "--config", str(quick.config), "--bundle", str(refused)]) == 74
        assert "Traceback" not in capsys.readouterr().err
    assert path.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir() if "bundle" in one.name) == ["bundle.tar.gz"]


def test_a_bundle_of_a_broken_configuration_quotes_nothing_of_it(tmp_path, doctor) -> None:
    broken = tmp_path / "config.toml"
    broken.write_text('[terminal]\nsite = "Anna Schmidt"\nname = "Annas-Terminal"\n')
    assert "Anna" in str(doctor(broken, "--bundle", str(tmp_path / "b.tar.gz")))
    files = unpacked(tmp_path / "b.tar.gz")
    assert b"Anna" not in b"".join(files.values())
    assert files["configuration.json"] == b"null"


NAME, BADGE, STAFF = "Josephine Baker-Bouillon", "00471199317", "8850417736"


def test_a_bundle_of_a_populated_terminal_holds_no_secret(site, smartclocker, enrol, monkeypatch, tmp_path) -> None:
    text = site.config.read_text().replace('"entrance-1"', '"geheime-pforte"').replace('"demo"', '"standort-nord"')
    site.config.write_text(text)
    person = enrol(site, "obama.jpg", "obama2.jpg")
    config = ("--config", site.config)
    added = smartclocker("people", "add", NAME, "--age-13-or-older", *config).stdout.split()[1].rstrip(":")
    for words, typed in (
        (("people", "badge", added, *config), BADGE),
        (("people", "number", added, *config), STAFF),
    ):
        done = smartclocker(*words, typed=typed + "\n")
        assert done.returncode == 0, done.stderr
    identity = key_files.load_identity(site.directory / "identity")
    storage = key_files.load_secret(site.directory / "storage")
    with People(site.directory / "state/people.db", storage) as people:
        gallery = people.gallery(
            installed.model_store(load(site.config).config).template.id,
            installed.policy(load(site.config).config),
            unreadable=[],
        )
    rows = np.asarray(gallery.matrix, np.float32)
    with contextlib.closing(sqlite3.connect(site.directory / "state/people.db")) as db:
        db.execute("UPDATE people SET wrapped = zeroblob(length(wrapped)) WHERE id = ?", (added,))
        db.commit()
    secrets = {
        "name": NAME.encode(), "badge": BADGE.encode(), "staff number": STAFF.encode(), "person": person.encode(),
        "other person": added.encode(), "identity": bytes(identity), "storage": storage,
        "public key": bytes(identity.verify_key), "terminal": b"geheime-pforte", "site": b"standort-nord",
        "place": os.fsencode(site.directory), **of_templates(rows),
    }  # fmt: skip
    gallery_log = "edge.terminal.attendance.gallery"
    told = [
        f"{gallery_log}: {added} cannot be matched, because their data is damaged: see `smartclocker people list`",
        f"edge.x: {NAME} with badge {BADGE}, number {STAFF}, key {storage.hex()} at {site.directory}",
    ]
    entries = "\n".join(json.dumps({"MESSAGE": line, "PRIORITY": "3"}) for line in told)
    monkeypatch.setattr(contents, "output_of", lambda *_: entries)
    sources = Sources(site.config)
    findings = [look_at(item, sources) for item in READINGS]
    scanner = Scanner(secrets)
    before = json.dumps([finding.as_json() for finding in findings]).encode() + entries.encode()
    assert {"name", "badge", "staff number", "storage", "other person", "place"} <= set(scanner.find(before))
    path = tmp_path / "bundle.tar.gz"
    path.write_bytes(contents.content(findings, sources))
    files = unpacked(path)
    assert scanner.find(path.read_bytes() + b"\n".join(files.values())) == []
    assert b"person-1" in files["doctor.json"], "the damaged one is named by a counter"
    assert b"cannot be matched, because their data is damaged" in files["log.json"]
