"""A file written by `durable_file`, cut off at any of its writes: the old content or the new, and nothing else."""

from pathlib import Path

import pytest

from tests.crash.powercut import cuts
from tests.crash.powercut.record import Recording, python, record
from tests.crash.powercut.trace import Said

OLD, NEW = b"old", bytes(range(256)) * 9
WORK = """
import sys
from pathlib import Path
from edge.errors import TransferError
from edge.storage import durable_file
if sys.argv[3] == "unsynced":
    durable_file.os.fsync = lambda descriptor: None
content = bytes(range(256)) * 9
path = Path(sys.argv[1]) / "file"
if sys.argv[2] == "replace":
    durable_file.replace(path, content, TransferError)
elif sys.argv[2] == "create":
    durable_file.create(path, content, TransferError)
else:
    if sys.argv[2] == "stick":
        def refused(*words, **more):
            raise PermissionError(1, "Operation not permitted")
        durable_file.os.link = refused
    with durable_file.NewFile(path, TransferError, replacing=sys.argv[2] == "renew") as file:
        for at in range(0, len(content), 1000):
            file.write(content[at : at + 1000])
print("done", flush=True)
"""


def recorded(directory: Path, how: str, synced: str = "synced") -> Recording:
    state = directory / "terminal" / "state"
    state.mkdir(parents=True)
    if how in {"replace", "renew"}:
        (state / "file").write_bytes(OLD)
    return record(directory, how, python("-c", WORK, state, how, synced))


def left(recording: Recording, states: int = 400) -> tuple[set[bytes | None], set[bytes | None]]:
    """What `file` may hold after a cut, None for no file: before its writer was done, and after."""
    during, afterwards = set[bytes | None](), set[bytes | None]()
    done = next(at for at, event in enumerate(recording.events) if isinstance(event, Said))
    disk, at = recording.disk(), 0
    for cut in cuts.plan(recording.events, states, seed=1):
        for event in recording.events[at : cut.at]:
            event.apply(disk)
        at = cut.at
        found = disk.cut(cut.choice()).files.get("file")
        content = None if found is None else bytes(found.data).ljust(found.size, b"\0")
        (afterwards if cut.at > done else during).add(content)
    return during, afterwards


@pytest.mark.parametrize(
    ("how", "before"),
    [("replace", {OLD}), ("renew", {OLD}), ("create", {None}), ("new", {None}), ("stick", {None, b""})],
)
def test_a_cut_leaves_all_of_it_or_what_was_there(tmp_path: Path, how: str, before: set[bytes | None]) -> None:
    """On a stick without links an empty file has the name for a moment."""
    during, afterwards = left(recorded(tmp_path / how, how))
    assert during == before | {NEW}
    assert afterwards == {NEW}


@pytest.mark.parametrize("how", ["replace", "create"])
def test_a_writer_that_does_not_sync_is_found(tmp_path: Path, how: str) -> None:
    during, afterwards = left(recorded(tmp_path / how, how, "unsynced"))
    assert (during | afterwards) - {OLD, NEW, None}, "a part of it"
    assert afterwards - {NEW}, "and it was lost after all"
