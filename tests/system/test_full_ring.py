"""I5 on the whole program: a journal full of unreceipted records takes no more, says so, opens with a receipt."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge import config
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import Draft
from edge.domain.protocol.record_kinds import Kind
from edge.sandbox import write_terminal
from edge.terminal import adapters, installed

FULL = "RECORDS FULL"


@contextmanager
def running(path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.support.program", "run", "--config", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for_line(process: "subprocess.Popen[str]", *words: str, never: str = "\0") -> str:
    assert process.stdout is not None
    for line in process.stdout:
        assert never not in line
        if any(word in line for word in words):
            return line
    raise AssertionError("the terminal ended")


def receipt(journal: installed.Journal, upto: int) -> Receipt:
    return Receipt(journal.origin, journal.epoch, upto, journal.hash_at(upto) or "", "2026-03-01T08:00:01Z")


@pytest.fixture
def full_site(site, enrol):
    """A person, and a journal of 1,000 with 1,000 records that no receipt covers."""
    site.config.write_text(site.config.read_text().replace("[storage]\n", "[storage]\nmax_records = 1000\n"))
    enrol(site, "obama.jpg", "obama2.jpg")
    loaded = config.load(site.config).config
    with installed.open_journal(loaded, installed.load_secrets(loaded)) as journal:
        while journal.head().seq < 1_000:
            journal.append(Draft(Kind.BOOT, {"version": "1", "models": []}, adapters.clock().evidence()))
    return site, loaded


def test_a_full_ring_is_out_of_service_with_its_own_cue_and_opens_with_a_receipt(full_site) -> None:
    site, loaded = full_site
    secrets = installed.load_secrets(loaded)
    with running(site.config) as terminal:
        wait_for_line(terminal, FULL, never="  IN\n")
        with installed.open_journal(loaded, secrets) as journal:
            stored = [outgoing.kind for outgoing in journal.envelopes(1_000, 100)]
            assert journal.envelopes(0, 1)[0].seq == 1, "nothing was evicted"
            assert stored == ["boot"], "a face stands before it all the while, and nothing is punched"
            journal.acknowledge(receipt(journal, 900), b"{}")
        assert wait_for_line(terminal, "  IN\n")
    with installed.open_journal(loaded, secrets) as journal:
        assert journal.stats().records <= 1_000 + 5, "the receipted ones made room"
        assert "punch" in [outgoing.kind for outgoing in journal.envelopes(1_000, 100)]


def test_the_sandbox_reserves_its_space(site, photos: Path, tmp_path: Path, notify) -> None:
    other = write_terminal(tmp_path / "other", photos)
    with running(other):
        assert notify.wait_for("READY=1", 120)
    held = (tmp_path / "other" / "state" / "journal.reserve").stat()
    assert held.st_blocks * 512 >= 64_000_000
