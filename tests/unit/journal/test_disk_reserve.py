"""Space that is the journal's, whatever else fills the disk."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from edge.errors import JournalError
from edge.journal.disk_reserve import WAL_ROOM, Reserve

MB = 1_000_000


def held(journal: Path) -> int:
    return journal.with_suffix(".reserve").stat().st_blocks * 512


def test_it_is_really_there_and_shrinks_as_the_journal_grows(journal: Path) -> None:
    reserve = Reserve(journal, 20 * MB)
    assert reserve.fit()
    assert held(journal) >= 20 * MB + WAL_ROOM
    journal.write_bytes(b"x" * 12 * MB)
    assert reserve.fit()
    assert held(journal) <= 8 * MB + WAL_ROOM + 8_192
    journal.write_bytes(b"x" * 90 * MB)
    assert reserve.fit()
    assert held(journal) == 0


def test_it_is_given_back_in_steps_until_none_is_left(journal: Path) -> None:
    reserve = Reserve(journal, 8 * MB)
    reserve.fit()
    assert sum(iter(reserve.give, False)) == 16


def test_a_directory_that_is_closed_to_us_is_said(tmp_path: Path, as_nobody: None) -> None:
    with pytest.raises(JournalError, match="no space can be reserved"):
        Reserve(tmp_path / "closed" / "journal.db", 8 * MB).fit()


SCRIPT = """
import os, sys
from pathlib import Path
from nacl.signing import SigningKey
from edge.domain.protocol.record_kinds import Kind
from edge.domain.protocol.record import Origin
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal
from edge.terminal.attendance.punch_recorder import Recorder
from tests.support.clock import HandClock

place = Path(sys.argv[1])
fits = Reserve(place / "journal.db", 8_000_000).fit()
print("reserved", fits)
with open(place / "others", "wb") as file:          # everything else on this disk
    try:
        while True: file.write(b"x" * 65536); file.flush()
    except OSError as error:
        print("full", error.errno)
reserve = Reserve(place / "journal.db", 8_000_000)
ring = reserve.lend(lambda: Journal(place / "journal.db", Origin("hq", "door-1"), SigningKey(bytes(32))))
clock = HandClock()
recorder = Recorder(ring, reserve, clock, lambda: None)
stored = 0
for _ in range(int(sys.argv[2])):
    if recorder.append(Kind.BOOT, {"version": "x" * 190, "models": ["m" * 190] * 5}, clock.evidence()) is None:
        break
    stored += 1
print("stored", stored, "writable", recorder.writable, "bytes", ring.stats().bytes)
assert ring.head().seq == stored
(place / "others").unlink()
print("mended", recorder.mended())
ring.close()
"""


def on_a_small_disk(tmp_path: Path, megabytes: int, records: int) -> list[str]:
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "script.py").write_text(textwrap.dedent(SCRIPT))
    command = f"mount -t tmpfs -o size={megabytes}M none {disk} && exec {sys.executable} script.py {disk} {records}"
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", command],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_records_find_room_on_a_disk_that_others_have_filled(tmp_path: Path) -> None:
    lines = on_a_small_disk(tmp_path, 24, 3_000)
    assert lines[:2] == ["reserved True", "full 28"]
    assert lines[2].startswith("stored 3000 writable True")
    assert int(lines[2].split()[-1]) < 8 * MB, "what was promised was enough"


def test_when_even_the_reserve_is_used_up_it_says_no_and_loses_nothing(tmp_path: Path) -> None:
    lines = on_a_small_disk(tmp_path, 10, 20_000)
    assert lines[:2] == ["reserved False", "full 28"]
    stored = int(lines[2].split()[1])
    assert 500 < stored < 20_000
    assert "writable False" in lines[2]
    assert lines[3] == "mended True"
