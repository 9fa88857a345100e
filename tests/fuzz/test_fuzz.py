"""No mutant crashes a reader or changes what it holds (I4, I12); and a reader that lets one through is found."""

import json
import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from edge.crypto import dsse
from edge.errors import RecordError
from tests.fuzz import run
from tests.fuzz.__main__ import RSS_LIMIT_MB
from tests.fuzz.run import READERS, Fuzzer

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(1800)
def test_five_thousand_mutants_change_nothing(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.fuzz",
        "--cases",
        "5000",
        "--seed",
        "7",
        "--kept",
        str(tmp_path / "kept"),
    ]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    report = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stderr
    assert (report["cases"], report["crashes"], report["changed"]) == (5000, 0, 0)
    assert report["rss_growth_mb"] < RSS_LIMIT_MB


def fuzz(monkeypatch: pytest.MonkeyPatch, kept: Path, name: str, cases: int = 1_000) -> run.Findings:
    """One reader alone, in this process."""
    monkeypatch.setattr(run, "READERS", {name: READERS[name]})
    return Fuzzer(cases, 1, kept).run()


@pytest.mark.parametrize("name", READERS)
def test_every_reader_is_really_asked(monkeypatch, tmp_path, name) -> None:
    found = fuzz(monkeypatch, tmp_path / "kept", name, 500)
    assert (found.cases, found.crashes, found.changed, found.by_reader) == (500, 0, 0, {name: 500})


def unverified(sealed: dsse.Envelope, payload_type: str, _keys: object) -> bytes:
    """A reader that believes what it reads."""
    return sealed.payload


@pytest.mark.parametrize("name", ["records", "receipts", "commands", "exports", "rosters"])
def test_a_reader_that_verifies_nothing_is_found(monkeypatch, tmp_path, name) -> None:
    monkeypatch.setattr(dsse, "verify", unverified)
    assert fuzz(monkeypatch, tmp_path / "kept", name).changed > 0
    assert list((tmp_path / "kept").iterdir())


@pytest.mark.parametrize("error", [IndexError, ValueError, MemoryError, RecursionError])
def test_an_exception_that_is_not_documented_is_found(monkeypatch, tmp_path, error) -> None:
    parse = dsse.parse

    def careless(raw: bytes) -> dsse.Envelope:
        try:
            return parse(raw)
        except RecordError:
            raise error from None

    monkeypatch.setattr(dsse, "parse", careless)
    found = fuzz(monkeypatch, tmp_path / "kept", "receipts")
    assert found.crashes > 0


def test_a_reader_that_remembers_everything_is_found(monkeypatch, tmp_path) -> None:
    kept: list[mmap.mmap] = []
    parse = dsse.parse

    def remembering(raw: bytes) -> dsse.Envelope:
        pages = mmap.mmap(-1, 50_000)  # fresh pages: what an earlier test freed would be taken again, and not grow
        pages.write(b"\1" * 50_000)
        kept.append(pages)
        return parse(raw)

    monkeypatch.setattr(dsse, "parse", remembering)
    monkeypatch.setattr(run, "EXAMPLES", 2)
    assert fuzz(monkeypatch, tmp_path / "kept", "receipts", 3_000).rss_growth_mb > RSS_LIMIT_MB
