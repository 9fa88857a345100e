"""The disk that a power cut surprises, held to hand-made runs: what it may keep, and what it must."""

import itertools
from collections.abc import Callable, Sequence

import pytest

from tests.crash.powercut import cuts
from tests.crash.powercut.cuts import Cut
from tests.crash.powercut.disk import Disk, Naming, Operation, Resize, Write
from tests.crash.powercut.trace import Change, Event, Named, Said, Sync


class Pick:
    """These of each file's operations survive (by their place), and so many namings."""

    def __init__(self, *places: int, namings: int | None = None) -> None:
        self._places, self._namings = places, namings

    def operations(self, pending: Sequence[Operation]) -> Sequence[Operation]:
        return [pending[place] for place in self._places if place < len(pending)]

    def namings(self, pending: Sequence[Naming]) -> int:
        return len(pending) if self._namings is None else self._namings


ALL, NOTHING = Cut(0, "all").choice(), Cut(0, "nothing").choice()


@pytest.fixture
def disk() -> Disk:
    disk = Disk("/d")
    disk.preset("/d/a", b"old")
    return disk


def read(disk: Disk, choice: cuts.Choice, name: str = "a") -> bytes | None:
    """A file as it is after a cut, None when it has no name."""
    found = disk.cut(choice).files.get(name)
    return None if found is None else bytes(found.data).ljust(found.size, b"\0")


def test_what_is_not_synced_may_be_lost_and_what_is_synced_never(disk: Disk) -> None:
    disk.change("/d/a", Write(0, b"new"), returned=1)
    assert (read(disk, NOTHING), read(disk, ALL)) == (b"old", b"new")
    disk.synced("/d/a", began=2)
    assert read(disk, NOTHING) == b"new"


def test_a_cut_changes_nothing_on_the_disk_itself(disk: Disk) -> None:
    disk.change("/d/a", Write(0, b"new"), returned=1)
    assert read(disk, ALL) == b"new"
    assert read(disk, NOTHING) == b"old"


def test_a_sync_covers_only_what_had_returned_when_it_began(disk: Disk) -> None:
    disk.change("/d/a", Write(0, b"1"), returned=1)
    disk.change("/d/a", Write(1, b"2"), returned=3)  # returns while the sync is under way
    disk.synced("/d/a", began=2)
    assert (read(disk, NOTHING), read(disk, ALL)) == (b"1ld", b"12d")


def test_a_sync_of_one_file_does_nothing_for_another(disk: Disk) -> None:
    disk.preset("/d/b", b"old")
    disk.change("/d/a", Write(0, b"new"), returned=1)
    disk.synced("/d/b", began=2)
    assert read(disk, NOTHING) == b"old"


def test_any_of_the_unsynced_writes_may_survive_without_the_others(disk: Disk) -> None:
    for at in range(3):
        disk.change("/d/a", Write(at, b"X"), returned=at)
    seen = {read(disk, Pick(*places)) for n in range(4) for places in itertools.combinations(range(3), n)}
    assert len(seen) == 8


def test_a_lost_write_before_one_that_survives_leaves_zeros(disk: Disk) -> None:
    disk.change("/d/a", Write(3, b"lost"), returned=1)
    disk.change("/d/a", Write(7, b"kept"), returned=2)
    assert read(disk, Pick(1)) == b"old\0\0\0\0kept"


def test_lengths(disk: Disk) -> None:
    disk.change("/d/a", Resize(5), returned=1)
    assert read(disk, ALL) == b"old\0\0"
    disk.change("/d/a", Resize(2), returned=2)
    disk.change("/d/a", Resize(4, least=True), returned=3)
    assert (read(disk, ALL), read(disk, Pick(2))) == (b"ol\0\0", b"old\0")


def test_writes_are_torn_where_the_sectors_of_the_disk_begin() -> None:
    pieces = list(Write(500, bytes(1100)).sectors())
    assert [(piece.at, len(piece.data)) for piece in pieces] == [(500, 12), (512, 512), (1024, 512), (1536, 64)]
    assert list(Write(512, b"").sectors()) == []


def test_a_synced_file_has_no_durable_name_before_its_directory_is_synced(disk: Disk) -> None:
    disk.create("/d/b", returned=1)
    disk.change("/d/b", Write(0, b"data"), returned=2)
    disk.synced("/d/b", began=3)
    assert (read(disk, NOTHING, "b"), read(disk, ALL, "b")) == (None, b"data")
    disk.synced("/d", began=4)
    assert read(disk, NOTHING, "b") == b"data"


def test_a_durable_name_says_nothing_of_the_content(disk: Disk) -> None:
    disk.create("/d/b", returned=1)
    disk.change("/d/b", Write(0, b"data"), returned=2)
    disk.synced("/d", began=3)
    assert read(disk, NOTHING, "b") == b""


def test_namings_survive_in_their_order(disk: Disk) -> None:
    disk.link("/d/a", "/d/b", returned=1)
    disk.unlink("/d/a", returned=2)
    names = [set(disk.cut(Pick(namings=count)).files) for count in range(3)]
    assert names == [{"a"}, {"a", "b"}, {"b"}]


def test_a_rename_is_one_step_and_replaces(disk: Disk) -> None:
    disk.create("/d/b", returned=1)
    disk.change("/d/b", Write(0, b"new"), returned=2)
    disk.synced("/d/b", began=3)
    disk.synced("/d", began=3)
    disk.rename("/d/b", "/d/a", returned=4)
    before, after = (disk.cut(choice).files for choice in (NOTHING, ALL))
    assert {name: bytes(content.data) for name, content in before.items()} == {"a": b"old", "b": b"new"}
    assert {name: bytes(content.data) for name, content in after.items()} == {"a": b"new"}


def test_a_rename_between_directories_is_refused(disk: Disk) -> None:
    disk.mkdir("/d/sub", returned=1)
    with pytest.raises(ValueError, match="between directories"):
        disk.rename("/d/a", "/d/sub/a", returned=2)


def test_what_lies_in_a_directory_without_a_durable_name_is_gone(disk: Disk) -> None:
    disk.mkdir("/d/sub", returned=1)
    disk.link("/d/a", "/d/sub/a", returned=2)
    disk.synced("/d/sub", began=3)
    assert disk.cut(NOTHING).directories == []
    disk.synced("/d", began=4)
    image = disk.cut(NOTHING)
    assert (image.directories, set(image.files)) == (["sub"], {"a", "sub/a"})


def test_a_file_whose_name_is_gone_is_still_written_and_its_successor_is_another(disk: Disk) -> None:
    disk.unlink("/d/a", returned=1)
    disk.create("/d/a", returned=2)
    disk.change("/d/a", Write(0, b"into the old one"), returned=3, deleted=True)
    disk.change("/d/a", Write(0, b"new"), returned=4)
    assert read(disk, ALL) == b"new"
    assert read(disk, Pick(0, namings=0)) == b"into the old one"


def run_of_a_journal(records: int) -> list[Event]:
    """Each record two writes, a sync, a light; at the end a naming."""
    events: list[Event] = []
    for number in range(records):
        header, page = Write(32 + 4120 * number, bytes(24)), Write(56 + 4120 * number, bytes(4096))
        for operation in (header, page):
            events.append(Change("/d/j-wal", False, operation, len(events)))
        events += [Sync("/d/j-wal", False, len(events)), Said("light")]
    return [*events, Named("unlink", ("/d/j-wal",), len(events))]


def test_a_plan_has_as_many_different_cuts_as_wanted_and_is_the_same_every_time() -> None:
    events = run_of_a_journal(30)
    planned = cuts.plan(events, 500, seed=7)
    assert len(set(planned)) == len(planned) == 500
    assert planned == sorted(planned) == cuts.plan(events, 500, seed=7)
    assert planned != cuts.plan(events, 500, seed=8)


def test_a_plan_visits_the_extremes_at_every_point() -> None:
    events = run_of_a_journal(10)
    planned = cuts.plan(events, 400, seed=1)
    whole = {cut.at for cut in planned if cut.mode == "all"}
    # After the first write, the second, and once the light has followed the sync.
    assert whole == {0} | {4 * n + k for n in range(10) for k in (1, 2)} | {len(events)}
    empty = {cut.at for cut in planned if cut.mode == "nothing"}
    assert empty == {4 * n + 2 for n in range(10)} | {len(events)}
    assert sum(cut.mode == "mixed" for cut in planned) > 300


def test_a_plan_tears_every_header_that_a_sectors_end_divides() -> None:
    events = run_of_a_journal(64)
    divided = [n for n in range(64) if (32 + 4120 * n) % 512 > 512 - 24]
    assert divided
    torn = {(cut.at, cut.seed) for cut in cuts.plan(events, 800, seed=1) if cut.mode == "torn"}
    assert torn == {(4 * n + 2, half) for n in divided for half in (0, 1)}


def test_of_a_torn_header_one_half_survives_and_all_else() -> None:
    disk = Disk("/d")
    disk.preset("/d/a", b"")
    disk.change("/d/a", Write(0, b"1" * 504), returned=0)
    disk.change("/d/a", Write(504, b"2" * 16), returned=1)
    disk.change("/d/a", Write(520, b"3" * 700), returned=2)
    halves = [read(disk, Cut(0, "torn", half).choice()) for half in (0, 1, 2)]
    middles = [bytes(8) + b"2" * 8, b"2" * 8 + bytes(8), b"2" * 16]
    assert halves == [b"1" * 504 + middle + b"3" * 700 for middle in middles]


def test_a_cut_is_read_as_it_is_written() -> None:
    assert Cut.parse(str(Cut(17, "mixed", 123))) == Cut(17, "mixed", 123)
    with pytest.raises(ValueError, match="all, nothing, torn or mixed"):
        Cut.parse("17:half:1")


@pytest.mark.parametrize("fate", cuts._FATES)
def test_a_fate_never_invents_data(fate: Callable[..., Sequence[Operation]]) -> None:
    import random

    pending = [Write(at, bytes([number + 1]) * 700) for number, at in enumerate((0, 600, 1500))]
    written = {(w.at + k, byte) for w in pending for k, byte in enumerate(w.data)}
    rng = random.Random(3)
    for _ in range(50):
        for operation in fate(pending, rng):
            if isinstance(operation, Write):
                assert {(operation.at + k, byte) for k, byte in enumerate(operation.data)} <= written
            else:
                assert operation.least


def test_chance_loses_keeps_tears_and_reorders() -> None:
    disk = Disk("/d")
    disk.preset("/d/a", b"")
    for number in range(2):
        disk.change("/d/a", Write(1024 * number, bytes([number + 1]) * 1024), returned=number)
    seen = {read(disk, Cut(0, "mixed", seed).choice()) for seed in range(600)}
    one, two = b"\1" * 512, b"\2" * 512
    hole = bytes(512)
    assert {b"", one * 2 + two * 2, hole * 2 + two * 2, one * 2 + two, one + hole + two * 2, hole * 4} <= seen
