"""What strace(1) wrote, read as the events of a disk: changes and namings when they begin, syncs when they return.

It refuses what it cannot follow instead of guessing: a call that changes a file in another way, a relative name.
The shared index (`-shm`) is mapped memory and no part of what must survive: it is left out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tests.crash.powercut.disk import Disk, Operation, Resize, Write

CALLS = (
    "openat,creat,write,pwrite64,writev,pwritev,pwritev2,truncate,ftruncate,fallocate,lseek,copy_file_range,sendfile,"
    "splice,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync"
)
OPTIONS = ("-f", "--seccomp-bpf", "-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}")
"""How strace must be called."""
_LINE = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?: resumed>|\()(.*)", re.DOTALL)
_DONE = re.compile(r"(.*)\) += (-?\d+|\?)(.*)", re.DOTALL)
_UNFINISHED = " <unfinished ...>"
_FD = re.compile(r"(AT_FDCWD|\d+)<([^>]*)>(\(deleted\))?")
_TEXT = re.compile(r'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Change:
    """Of a file's content or length."""

    path: str
    deleted: bool
    operation: Operation
    returned: int

    def apply(self, disk: Disk) -> None:
        disk.change(self.path, self.operation, self.returned, deleted=self.deleted)


@dataclass(frozen=True, slots=True)
class Named:
    """A call that changes names: create, empty, mkdir, link, rename or unlink."""

    what: str
    paths: tuple[str, ...]
    returned: int

    def apply(self, disk: Disk) -> None:
        if self.what in {"create", "empty"}:
            disk.create(*self.paths, self.returned, truncate=self.what == "empty")
        else:
            getattr(disk, self.what)(*self.paths, self.returned)


@dataclass(frozen=True, slots=True)
class Sync:
    """An fsync or fdatasync that has returned."""

    path: str
    deleted: bool
    began: int

    def apply(self, disk: Disk) -> None:
        disk.synced(self.path, self.began, deleted=self.deleted)


@dataclass(frozen=True, slots=True)
class Said:
    """A line on standard output; it counts from the beginning of the write that ends it."""

    text: str

    def apply(self, disk: Disk) -> None:
        """A word does nothing to a disk."""


Event = Change | Named | Sync | Said


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    arguments: str
    result: int
    began: int
    returned: int


def read(lines: Iterable[str], disk: Disk) -> list[Event]:
    """The events within `disk`'s top, and what was said, in order. Raises ValueError for what it cannot follow."""
    reader = _Reader(disk)
    placed: list[tuple[int, Event]] = []
    for call in sorted(_calls(lines), key=lambda call: call.began):
        placed += [(_place(event, call), event) for event in reader.events(call)]
    return [event for _, event in sorted(placed, key=lambda at: at[0])]


def _place(event: Event, call: _Call) -> int:
    """A change may be on the disk as soon as it begins; a sync has done nothing before it returns."""
    return call.returned if isinstance(event, Sync) else call.began


def _calls(lines: Iterable[str]) -> Iterator[_Call]:
    """Every call that returned."""
    begun: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines):
        found = _LINE.fullmatch(line.rstrip("\n"))
        if found is None:
            continue  # a signal, an exit
        thread, name, rest = found.groups()
        start = number
        if " resumed>" in line[:60]:
            if thread not in begun:
                raise ValueError(f"line {number + 1}: a call that was never begun is resumed")
            head, start = begun.pop(thread)
            rest = head + rest
        if rest.endswith(_UNFINISHED):
            begun[thread] = (rest.removesuffix(_UNFINISHED), start)
            continue
        done = _DONE.fullmatch(rest)
        if done is None:
            raise ValueError(f"line {number + 1}: not a line of strace: {line[:80]!r}")
        if done[2] != "?":
            yield _Call(name, done[1], int(done[2]), start, number)


class _Reader:
    """Remembers where each descriptor stands, for the writes that do not say."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._offsets: dict[str, int | None] = {}
        self._said = b""

    def events(self, call: _Call) -> Iterator[Event]:
        if call.result < 0:
            return
        if call.name in {"openat", "creat"}:
            yield from self._opened(call)
        elif call.name in _NAMING:
            yield from self._named(call)
        else:
            yield from self._on_descriptor(call)

    def _opened(self, call: _Call) -> Iterator[Event]:
        (path,) = _paths(call)
        if not self._ours(path):
            return
        self._offsets[str(call.result)] = None if "O_APPEND" in call.arguments else 0
        if call.name == "creat" or "O_TRUNC" in call.arguments:
            yield Named("empty", (path,), call.returned)
        elif "O_CREAT" in call.arguments:
            yield Named("create", (path,), call.returned)

    def _named(self, call: _Call) -> Iterator[Event]:
        paths = _paths(call)
        ours = [self._ours(path) for path in paths]
        if call.name.startswith("symlink") or (any(ours) and not all(ours)):
            raise ValueError(f"{call.name} of {paths}: the model does not follow that")
        if all(ours):
            yield Named(_NAMING[call.name], paths, call.returned)

    def _on_descriptor(self, call: _Call) -> Iterator[Event]:
        found = _FD.match(call.arguments)
        if found is None:
            raise ValueError(f"{call.name}({call.arguments[:80]}: no descriptor")
        number, path, deleted = found[1], _unhex(found[2]).decode(), found[3] is not None
        if call.name == "write" and number == "1":
            yield from self._spoken(_data(call))
        elif self._ours(path):
            operation = self._operation(call, number, path)
            if call.name in {"fsync", "fdatasync"}:
                yield Sync(path, deleted, call.began)
            elif operation is not None:
                yield Change(path, deleted, operation, call.returned)

    def _operation(self, call: _Call, number: str, path: str) -> Operation | None:
        words = call.arguments.rsplit(", ", 2)
        if call.name == "pwrite64":
            return Write(int(words[-1]), _data(call))
        if call.name == "write":
            at = self._offsets[number]
            if at is None:
                raise ValueError(f"{path}: written at its end (O_APPEND); the model does not follow that")
            self._offsets[number] = at + call.result
            return Write(at, _data(call))
        if call.name == "ftruncate":
            return Resize(int(words[-1]))
        if call.name == "fallocate" and call.arguments.split(", ")[1] == "0":
            return Resize(int(words[-2]) + int(words[-1]), least=True)
        if call.name == "lseek":
            self._offsets[number] = call.result
        elif call.name not in {"fsync", "fdatasync"}:
            raise ValueError(f"{path}: changed by {call.name}; the model does not follow that")
        return None

    def _spoken(self, data: bytes) -> Iterator[Said]:
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            yield Said(line.decode())

    def _ours(self, path: str) -> bool:
        return self._disk.holds(path) and not path.endswith("-shm")


_NAMING = {
    "rename": "rename",
    "renameat": "rename",
    "renameat2": "rename",
    "link": "link",
    "linkat": "link",
    "symlink": "symlink",
    "symlinkat": "symlink",
    "unlink": "unlink",
    "unlinkat": "unlink",
    "rmdir": "unlink",
    "mkdir": "mkdir",
    "mkdirat": "mkdir",
}


def _paths(call: _Call) -> tuple[str, ...]:
    """The names in the arguments, each made absolute by the descriptor before it."""
    names = [_unhex(text).decode() for text in _TEXT.findall(call.arguments)]
    bases = [_unhex(base).decode() for _, base, _ in _FD.findall(call.arguments)]
    if len(bases) == len(names):
        names = [str(PurePosixPath(base, name)) for base, name in zip(bases, names, strict=True)]
    for name in names:
        if not name.startswith("/"):
            raise ValueError(f"{call.name} of {name}: a relative name; the model does not follow that")
    return tuple(names)


def _data(call: _Call) -> bytes:
    """What was really written of what was given."""
    text = _TEXT.search(call.arguments)
    if text is None:
        raise ValueError(f"{call.name}: no data in {call.arguments[:80]}")
    return _unhex(text[1])[: call.result]


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
