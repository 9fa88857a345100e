"""Evidence images on the running terminal: after the light, sealed, and nothing of a frame anywhere else (I7)."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from nacl.public import PrivateKey
from PIL import Image

from edge import config
from edge.adapters.linux.clock import SystemClock
from edge.cli import main
from edge.crypto.key_files import load_secret
from edge.domain.protocol.record import decode
from edge.errors import ExportRefused, KeyFileError
from edge.evidence_images import sealed_image
from edge.evidence_images.store import opened
from edge.journal.verify import read_payloads
from edge.terminal import installed
from edge.terminal.orders.image_orders import packed
from tests.support.lit_terminal import GREEN, lights, running

JPEG = (b"\xff\xd8\xff\xe0", b"JFIF")
"""What each of our JPEGs begins with."""


@pytest.fixture
def key(site, tmp_path: Path) -> PrivateKey:
    """The employer opts in."""
    assert main(["central", "evidence", "key", str(tmp_path / "evidence.key")]) == 0
    with site.config.open("a") as file:
        file.write(f'\n[evidence]\nkey = "{tmp_path}/evidence.key.pem"\n')
    return PrivateKey(load_secret(tmp_path / "evidence.key"))


def terminals_files(site) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in sorted(site.directory.rglob("*")) if file.is_file()}


def punches(site) -> list[str]:
    found = [decode(payload) for payload in read_payloads(site.journal, 0)]
    return [one.id for one in found if one.kind == "punch"]


def images(site) -> dict[str, bytes]:
    with opened(site.directory / "state" / "evidence.db", SystemClock().evidence()) as store:
        return {} if store is None else {one.record: store.sealed(one.record) for one in store.stills()}


def test_no_frame_is_ever_written_and_each_punch_has_one_sealed_image(site, enrol, key, tmp_path: Path) -> None:
    strace = shutil.which("strace")
    assert strace is not None, "strace is not installed; `make setup` installs it"
    person = enrol(site, "obama.jpg", "obama2.jpg")
    trace = tmp_path / "trace"
    options = ["-f", "-y", "-xx", "-s", "48", "-e", "trace=pwrite64,write", "-o", str(trace)]
    run = [sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)]
    with running(strace, *options, *run) as tracer:
        lights(tracer, 3)
        subprocess.run(["pkill", "-TERM", "-P", str(tracer.pid)], check=True)
        assert tracer.wait(300) == 0
    kept, made = images(site), punches(site)
    assert set(kept) <= set(made), "an image belongs to a punch"
    assert len(kept) >= 2
    assert len(made) - len(kept) <= 1, "at most the one that the end of the process overtook"
    for record, sealed in kept.items():
        found = sealed_image.open_sealed(sealed, key)
        assert (found.record, found.person) == (record, person)
        image = Image.open(io.BytesIO(found.jpeg))
        assert max(image.size) <= 320
        assert all(mark in found.jpeg[:32] for mark in JPEG), "the scan finds what it looks for"
    files = terminals_files(site)
    assert any(sealed[64:128] in content for content in files.values() for sealed in kept.values())
    assert [file for file, content in files.items() if any(mark in content for mark in JPEG)] == []
    text = trace.read_text(errors="replace")
    for mark in (r"\xff\xd8\xff\xe0", r"\x4a\x46\x49\x46"):
        assert mark not in text


def test_the_image_is_written_after_the_light_of_its_punch(site, enrol, key, tmp_path: Path) -> None:
    enrol(site, "obama.jpg", "obama2.jpg")
    trace = tmp_path / "trace"
    options = ["-f", "-y", "-s", "200", "-e", "trace=pwrite64,write", "-o", str(trace)]
    run = [sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)]
    with running(shutil.which("strace") or "strace", *options, *run) as tracer:
        lights(tracer, 2)
        subprocess.run(["pkill", "-TERM", "-P", str(tracer.pid)], check=True)
        assert tracer.wait(300) == 0
    lit = stored = 0
    for line in trace.read_text(errors="replace").splitlines():
        if " write(" in line and GREEN.search(line):
            lit += 1
        elif "pwrite64(" in line and "evidence.db-wal>" in line and not stored:
            stored = lit
    assert lit >= 2
    assert stored >= 1, "nothing of the store is written before the first light"


def test_without_the_employers_key_no_image_is_kept(site, enrol, smartclocker) -> None:
    enrol(site, "obama.jpg", "obama2.jpg")
    with running(sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)) as terminal:
        lights(terminal, 2)
        terminal.terminate()
        assert terminal.wait(300) == 0
    assert not list(site.directory.rglob("evidence*"))
    done = smartclocker("evidence", "list", "--json", "--config", site.config)
    assert json.loads(done.stdout) == {"taken": False, "images": []}


def test_a_store_that_takes_nothing_refuses_no_punch(site, enrol, key) -> None:
    enrol(site, "obama.jpg", "obama2.jpg")
    (site.directory / "state" / "evidence.db").mkdir()
    with running(sys.executable, "-m", "tests.support.program", "run", "--config", str(site.config)) as terminal:
        lights(terminal, 3)
        terminal.terminate()
        assert terminal.wait(300) == 0
    assert len(punches(site)) >= 3


def test_the_wrong_kind_of_key_is_a_configuration_error(site, smartclocker) -> None:
    with site.config.open("a") as file:
        file.write(f'\n[evidence]\nkey = "{site.public_key}"\n')
    done = smartclocker("check", "--config", site.config)
    assert done.returncode == 78
    assert "not an X25519 public key" in done.stdout


def test_the_centre_opens_what_was_released_and_says_so(site, key, tmp_path: Path, capsys) -> None:
    centre, into, person = tmp_path / "centre", tmp_path / "seen", "a" * 26
    assert main(["central", "authority", "init", str(centre), "--by", "Ada"]) == 0
    into.mkdir()
    state, now = site.directory / "state", SystemClock().evidence()
    record = f"entrance-1/{'e' * 32}/1"
    with opened(state / "evidence.db", now, make=True) as store:
        assert store is not None
        assert store.keep(
            record, person, now, sealed_image.seal(record, person, now.utc, b"JFIF", key.public_key), 10**6
        )
    content = packed(state, person, now)
    assert content is not None
    file = tmp_path / "x.stills"
    file.write_bytes(content)
    words = ["--into", str(into), "--by", "Ada", "--why", "the punch is disputed"]
    secret = ["--key", str(tmp_path / "evidence.key")]
    assert main(["central", "evidence", "open", str(centre), str(file), *secret, *words]) == 0
    assert [path.read_bytes() for path in into.iterdir()] == [b"JFIF"]
    assert main(["central", "audit", str(centre), "--json"]) == 0
    (entry,) = [
        e
        for e in json.loads(capsys.readouterr().out.split("settled\n")[1])["entries"]
        if e["act"] == "evidence-opened"
    ]
    assert (entry["by"], entry["person"], entry["data"]["records"]) == ("Ada", person, [record])
    other = tmp_path / "other.key"
    assert main(["central", "evidence", "key", str(other)]) == 0
    assert main(["central", "evidence", "key", str(other)]) == KeyFileError.exit_code, "never overwritten"
    rubbish = tmp_path / "rubbish.stills"
    for bad in (content[:-30], b"", content[:40]):
        rubbish.write_bytes(bad)
        assert main(["central", "evidence", "open", str(centre), str(rubbish), *secret, *words]) == 65
    with zipfile.ZipFile(rubbish, "w") as archive:
        archive.writestr("1.still", sealed_image.seal("../../x", person, now.utc, b"x", key.public_key))
    assert main(["central", "evidence", "open", str(centre), str(rubbish), *secret, *words]) == 65
    wrong = ["--key", str(other)]
    assert main(["central", "evidence", "open", str(centre), str(file), *wrong, *words]) == ExportRefused.exit_code
    assert len(list(into.iterdir())) == 1, "nothing is written then"


def test_the_verbs_at_the_terminal_list_and_delete(site, key, smartclocker) -> None:
    state, now = site.directory / "state", SystemClock().evidence()
    loaded = config.load(site.config).config
    installed.open_journal(loaded, installed.load_secrets(loaded)).close()  # images come after it
    for number, person in enumerate(("a" * 26, "b" * 26), 1):
        record = f"entrance-1/{'e' * 32}/{number}"
        with opened(state / "evidence.db", now, make=True) as store:
            assert store is not None
            assert store.keep(
                record, person, now, sealed_image.seal(record, person, now.utc, b"x", key.public_key), 10**6
            )
    done = smartclocker("evidence", "list", "--json", "--config", site.config)
    listed = json.loads(done.stdout)
    assert listed["taken"] is True
    assert [one["person"] for one in listed["images"]] == ["a" * 26, "b" * 26]
    done = smartclocker("evidence", "delete", "--person", "a" * 26, "--json", "--config", site.config)
    assert json.loads(done.stdout) == {"deleted": 1}
    assert smartclocker("evidence", "delete", "--config", site.config).returncode == 2, "whose is to be said"
    done = smartclocker("evidence", "delete", "--everybody", "--config", site.config)
    assert "1 image deleted" in done.stdout
    assert images(site) == {}
    results = [decode(p).data for p in read_payloads(site.journal, 0)]
    assert [str(one["detail"]) for one in results if one.get("command") == "delete-evidence"] == [
        "1 image deleted, by hand at the terminal"
    ] * 2


@pytest.mark.parametrize("verb", ["list", "delete"])
def test_the_images_of_nobody_are_no_fact_and_no_record(site, enrol, key, capsys, verb: str) -> None:
    person = enrol(site, "obama.jpg")
    assert main(["evidence", verb, "--config", str(site.config), "--person", "q" * 26]) == 65
    assert "nobody here has this id" in capsys.readouterr().err
    assert main(["evidence", verb, "--config", str(site.config), "--person", person]) == 0
