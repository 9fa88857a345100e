"""One journal under several processes, and under processes that die: what was said to be durable is there."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from nacl.signing import SigningKey

from edge.domain.protocol.record import Origin
from edge.journal.journal import Journal
from edge.journal.verify import ChainReport

Start = Callable[[str, int], "subprocess.Popen[str]"]
Verify = Callable[[], ChainReport]


def begin(*writers: "subprocess.Popen[str]") -> None:
    """Let them go, together."""
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()


def authors(path: Path, key: SigningKey) -> Counter[str]:
    """How many records each writer has in the journal; each writer's are in its own order."""
    with Journal(path, Origin("hq", "door-1"), key) as journal:
        rows = [
            json.loads(row[0])["data"] for row in journal._db.execute("SELECT payload FROM records ORDER BY seq")
        ]
    for name in {row["version"] for row in rows}:
        own = [int(row["models"][0]) for row in rows if row["version"] == name]
        assert own == sorted(own)
    return Counter(row["version"] for row in rows)


def test_two_processes_never_fork_the_chain(
    start: Start, verify: Verify, tmp_path: Path, identity: SigningKey
) -> None:
    writers = [start(name, 150) for name in ("daemon", "enrolment")]
    begin(*writers)
    said = [int(line) for writer in writers for line in writer.communicate(timeout=600)[0].split()]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert sorted(said) == list(range(1, 301))
    report = verify()
    assert (report.problem, report.records) == (None, 300)
    assert authors(tmp_path / "journal.db", identity) == {"daemon": 150, "enrolment": 150}


def test_two_processes_may_create_it_at_once(start: Start, verify: Verify, tmp_path: Path) -> None:
    assert not (tmp_path / "journal.db").exists()
    writers = [start(name, 5) for name in "ab"]
    begin(*writers)
    for writer in writers:
        writer.communicate(timeout=600)
    assert verify().records == 10


def test_killed_again_and_again_it_keeps_what_it_said(
    start: Start, verify: Verify, tmp_path: Path, identity: SigningKey
) -> None:
    said = 0
    for round_ in range(12):
        writer = start("w", 0)
        begin(writer)
        assert writer.stdout is not None
        for _ in range(7 * round_ + 1):  # another moment each time, the file's growth and checkpoints included
            said = int(writer.stdout.readline())
        writer.kill()
        # not `communicate`, which passes over what `readline` has read ahead
        rest = writer.stdout.read().split("\n")[:-1]  # what is behind the last newline was cut by the kill
        said = int(rest[-1]) if rest else said
        report = verify()
        assert report.problem is None
        assert report.last_seq in {said, said + 1}  # one may be committed and not yet said
    with Journal(tmp_path / "journal.db", Origin("hq", "door-1"), identity) as journal:
        assert not journal.torn
        assert journal.head().seq == report.last_seq


def test_one_process_dies_and_the_other_goes_on(start: Start, verify: Verify) -> None:
    doomed, other = start("doomed", 0), start("other", 200)
    begin(doomed, other)
    assert doomed.stdout is not None
    for _ in range(40):
        doomed.stdout.readline()
    doomed.kill()
    doomed.communicate()
    lines = other.communicate(timeout=600)[0].split()
    assert other.returncode == 0
    assert len(lines) == 200
    report = verify()
    assert report.problem is None
    assert report.records >= 240
