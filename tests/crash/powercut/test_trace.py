"""What strace writes, read as events: hand-made lines, and refusals instead of guesses."""

import pytest

from tests.crash.powercut import trace
from tests.crash.powercut.disk import Disk, Resize, Write
from tests.crash.powercut.trace import Change, Event, Named, Said, Sync


def quoted(text: str) -> str:
    """As strace -xx prints it."""
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def events(*lines: str) -> list[Event]:
    r"""Of lines in which `{text}` stands for the hexadecimal form of `text`."""
    written = []
    for line in lines:
        parts = line.replace("}", "{").split("{")
        written.append("".join(quoted(part) if number % 2 else part for number, part in enumerate(parts)) + "\n")
    disk = Disk("/d")
    disk.preset("/d/a", b"")
    return trace.read(written, disk)


def test_a_write_and_a_sync_on_one_thread() -> None:
    assert events('7 pwrite64(3<{/d/a}>, "{hello}", 5, 10) = 5', "7 fdatasync(3<{/d/a}>)   = 0") == [
        Change("/d/a", False, Write(10, b"hello"), 0),
        Sync("/d/a", False, 1),
    ]


def test_an_interrupted_write_counts_from_its_start_a_sync_from_its_end() -> None:
    found = events(
        "7 fsync(3<{/d/a}> <unfinished ...>",
        '8 pwrite64(4<{/d/a}>, "{x}", 1, 0 <unfinished ...>',
        '9 write(1<{pipe:[5]}>, "{light\n}", 6) = 6',
        "7 <... fsync resumed>)  = 0",
        "8 <... pwrite64 resumed>) = 1",
    )
    assert found == [Change("/d/a", False, Write(0, b"x"), 4), Said("light"), Sync("/d/a", False, 0)]


def test_a_failed_call_did_nothing_and_a_short_write_wrote_what_it_says() -> None:
    assert events(
        "7 fsync(3<{/d/a}>) = -1 EIO (Input/output error)",
        '7 unlink("{/d/none}") = -1 ENOENT (No such file or directory)',
        '7 pwrite64(3<{/d/a}>, "{hello}", 5, 0) = 2',
    ) == [Change("/d/a", False, Write(0, b"he"), 2)]


def test_names() -> None:
    assert events(
        '7 openat(AT_FDCWD<{/x}>, "{/d/b}", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 5<{/d/b}>',
        '7 link("{/d/b}", "{/d/c}") = 0',
        '7 linkat(AT_FDCWD<{/d}>, "{b}", AT_FDCWD<{/x}>, "{/d/e}", 0) = 0',
        '7 rename("{/d/c}", "{/d/f}") = 0',
        '7 unlink("{/d/b}") = 0',
        '7 mkdir("{/d/sub}", 0700)       = 0',
        '7 rmdir("{/d/sub}") = 0',
    ) == [
        Named("create", ("/d/b",), 0),
        Named("link", ("/d/b", "/d/c"), 1),
        Named("link", ("/d/b", "/d/e"), 2),
        Named("rename", ("/d/c", "/d/f"), 3),
        Named("unlink", ("/d/b",), 4),
        Named("mkdir", ("/d/sub",), 5),
        Named("unlink", ("/d/sub",), 6),
    ]


def test_writes_without_an_offset_go_where_the_descriptor_stands() -> None:
    found = events(
        '7 openat(AT_FDCWD<{/x}>, "{/d/a}", O_WRONLY|O_CREAT|O_TRUNC, 0600) = 5<{/d/a}>',
        '7 write(5<{/d/a}>, "{ab}", 2) = 2',
        '7 write(5<{/d/a}>, "{c}", 1) = 1',
        "7 lseek(5<{/d/a}>, 1, SEEK_SET) = 1",
        '7 write(5<{/d/a}>, "{B}", 1) = 1',
    )
    assert found[0] == Named("empty", ("/d/a",), 0)
    assert [event.operation for event in found if isinstance(event, Change)] == [
        Write(0, b"ab"),
        Write(2, b"c"),
        Write(1, b"B"),
    ]


def test_lengths_and_a_file_without_a_name() -> None:
    assert events(
        "7 ftruncate(5<{/d/a}>, 7) = 0",
        "7 fallocate(5<{/d/a}>, 0, 10, 20) = 0",
        "7 fallocate(5<{/d/a}>, FALLOC_FL_KEEP_SIZE, 10, 20) = -1 EOPNOTSUPP (Operation not supported)",
        '7 pwrite64(5<{/d/a}>(deleted), "{x}", 1, 0) = 1',
    ) == [
        Change("/d/a", False, Resize(7), 0),
        Change("/d/a", False, Resize(30, least=True), 1),
        Change("/d/a", True, Write(0, b"x"), 3),
    ]


def test_other_directories_and_the_shared_index_are_left_out() -> None:
    assert (
        events(
            '7 pwrite64(3<{/dd/a}>, "{x}", 1, 0) = 1',
            '7 openat(AT_FDCWD<{/x}>, "{/d/a-shm}", O_RDWR|O_CREAT, 0600) = 5<{/d/a-shm}>',
            "7 ftruncate(5<{/d/a-shm}>, 32768) = 0",
            '7 write(2<{/dev/null}>, "{a word of error}", 15) = 15',
            "7 --- SIGCHLD {si_signo=SIGCHLD} ---",
            "7 +++ exited with 0 +++",
        )
        == []
    )


def test_a_line_said_in_pieces_counts_when_it_is_whole() -> None:
    found = events('7 write(1<{/p}>, "{li}", 2) = 2', '7 write(1<{/p}>, "{ght\nnext\n}", 9) = 9')
    assert found == [Said("light"), Said("next")]


@pytest.mark.parametrize(
    "line",
    [
        '7 mkdir("{sub}", 0700) = 0',
        '7 writev(3<{/d/a}>, [{{iov_base="{x}", iov_len=1}}], 1) = 1'.replace("{{", "[").replace("}}", "]"),
        "7 copy_file_range(3<{/d/a}>, NULL, 4<{/x}>, NULL, 10, 0) = 10",
        "7 fallocate(3<{/d/a}>, FALLOC_FL_PUNCH_HOLE, 0, 10) = 0",
        '7 link("{/d/a}", "{/elsewhere}") = 0',
        '7 symlink("{/d/a}", "{/d/b}") = 0',
        "7 <... fsync resumed>) = 0",
        "7 fsync(3<{/d/a}>",
    ],
)
def test_what_cannot_be_followed_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        events(line)


def test_appending_is_refused_rather_than_guessed() -> None:
    with pytest.raises(ValueError, match="O_APPEND"):
        events(
            '7 openat(AT_FDCWD<{/x}>, "{/d/a}", O_WRONLY|O_APPEND) = 5<{/d/a}>',
            '7 write(5<{/d/a}>, "{ab}", 2) = 2',
        )
