"""The demo is the product's promise in a minute; its numbers and its kept files are held to it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.journal.verify import read_payloads

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """One demo for all tests here: (its result, what it kept)."""
    kept = tmp_path_factory.mktemp("demo") / "kept"
    command = [sys.executable, "-m", "tests.support.program", "demo", "--json", "--keep", str(kept)]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=800, check=False), kept


def test_every_number_agrees(told) -> None:
    done, _ = told
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["punches"] == last["ledger"] == last["receipted"] > 3
    assert last["chain"] == "ok"
    assert last["unexpected"] == []
    assert 0 < last["frame_to_cue_ms"]["p50"] <= last["frame_to_cue_ms"]["p95"]


def test_the_story_draws_every_cue_it_promises(told) -> None:
    done, _ = told
    for words in ["IN\n", "ALREADY IN", "OUT\n", "not recognised", "hold still", "light is wrong", "offline:"]:
        assert words in done.stderr, words


def test_the_kept_files_verify_at_both_ends(told, smartclocker) -> None:
    _, kept = told
    journal = smartclocker("journal", "verify", "--config", kept / "terminal/config.toml", "--json")
    assert (journal.returncode, json.loads(journal.stdout)["chain"]) == (0, "ok")
    ledger = smartclocker("central", "verify", kept / "centre", "--json")
    assert (ledger.returncode, json.loads(ledger.stdout)["chain"]) == (0, "ok")


@pytest.mark.parametrize("number", [1, 4, 8])
def test_one_altered_byte_names_the_first_bad_record(told, smartclocker, tmp_path: Path, number: int) -> None:
    _, kept = told
    source = kept / "terminal/state/journal.db"
    payload = list(read_payloads(source, 0))[number - 1]
    copy = tmp_path / "journal.db"
    shutil.copy(source, copy)
    content = bytearray(copy.read_bytes())
    at = content.find(payload) + payload.index(b'"data"') + 20
    content[at] ^= 1
    copy.write_bytes(content)
    done = smartclocker("journal", "verify", copy, "--key", kept / "terminal/identity.pem")
    assert done.returncode == 65
    assert f"bad record {number}:" in done.stdout


def test_no_name_and_no_key_is_in_what_is_kept_in_the_clear(told) -> None:
    _, kept = told
    seen = b"".join(
        path.read_bytes() for path in kept.rglob("*") if path.is_file() and path.suffix in {".db", ".log"}
    )
    assert b"smartclocker.punch" in seen
    for secret in [b"Barack", b"demo witness", (kept / "terminal/storage").read_bytes().strip()]:
        assert secret not in seen


def test_a_directory_in_use_is_refused(smartclocker, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("keep me")
    done = smartclocker("demo", "--keep", tmp_path)
    assert done.returncode != 0
    assert "not empty" in done.stderr
    assert (tmp_path / "mine").read_text() == "keep me"
