"""A disk that a power cut can surprise: what was synced, what was only written, and every state between the two.

The rules, harsher than those of the file systems that we run on:

- What an fsync or fdatasync *that has returned* covered is durable: every operation on that file that had returned
  when the sync began. One in flight is no barrier.
- Of the other operations on a file any subset survives, of each file independently: they are lost, or reordered
  between barriers. A write may be torn at 512 bytes, any of its sectors surviving; one that is lost may still leave
  the file longer, by zeros.
- A name becomes durable with an fsync of its directory alone, never with the file's. Of the namings that were not
  synced a prefix survives in each directory, in the order in which they were made: every journalling file system
  orders its metadata. A rename is one step. One between two directories is refused: nothing here does that.
- What has no name in the directories that survive is gone.

Pure: no I/O, no clock, no chance. What survives is the caller's choice, a `Choice`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

SECTOR = 512
"""Bytes that a disk writes as one."""
_SOCKET = "control"
"""Name of the control socket in a state directory."""
_TOP = 0
"""The inode of the directory that everything is in."""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at an offset."""

    at: int
    data: bytes

    @property
    def end(self) -> int:
        return self.at + len(self.data)

    def sectors(self) -> Iterator["Write"]:
        """Its pieces, cut where the disk's sectors begin."""
        begin = 0
        while begin < len(self.data):
            end = min(len(self.data), begin + SECTOR - (self.at + begin) % SECTOR)
            yield Write(self.at + begin, self.data[begin:end])
            begin = end


@dataclass(frozen=True, slots=True)
class Resize:
    """The file is so many bytes long from now on; with `least`, unless it was longer (fallocate)."""

    size: int
    least: bool = False


Operation = Write | Resize


@dataclass(frozen=True, slots=True)
class Naming:
    """Entries of one directory that change as one: (name, its inode or None when the name goes)."""

    changes: tuple[tuple[str, int | None], ...]

    def apply(self, entries: dict[str, int]) -> None:
        for name, inode in self.changes:
            if inode is None:
                entries.pop(name, None)
            else:
                entries[name] = inode


@dataclass(slots=True)
class Content:
    """What a file holds: `size` bytes, zeros beyond `data`."""

    data: bytearray = field(default_factory=bytearray)
    size: int = 0

    def apply(self, operation: Operation) -> None:
        if isinstance(operation, Resize):
            self.size = max(self.size, operation.size) if operation.least else operation.size
            del self.data[self.size :]
            return
        if len(self.data) < operation.at:
            self.data.extend(bytes(operation.at - len(self.data)))
        self.data[operation.at : operation.end] = operation.data
        self.size = max(self.size, operation.end)

    def copy(self) -> "Content":
        return Content(bytearray(self.data), self.size)


class Choice(Protocol):
    """What of the unsynced survives."""

    def operations(self, pending: Sequence[Operation]) -> Sequence[Operation]:
        """Of one file, oldest first: any subset, writes cut down to some of their sectors."""

    def namings(self, pending: Sequence[Naming]) -> int:
        """Of one directory: how many, from the oldest."""


@dataclass(slots=True)
class Image:
    """What a power cut left, by path from the top."""

    files: dict[str, Content] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)
    """Parents first."""


class Disk:
    """Files and directories by absolute path, as a program changes them."""

    def __init__(self, top: str) -> None:
        """An empty directory `top`, durable."""
        self._top = PurePosixPath(top)
        self._durable: dict[int, Content] = {}
        self._pending: dict[int, list[tuple[Operation, int]]] = {}
        self._entries: dict[int, dict[str, int]] = {_TOP: {}}
        self._namings: dict[int, list[tuple[Naming, int]]] = {_TOP: []}
        self._now: dict[int, dict[str, int]] = {_TOP: {}}
        self._gone: dict[str, int] = {}
        self._next = _TOP + 1

    def holds(self, path: str) -> bool:
        """Whether a path is the top or within it."""
        return PurePosixPath(path).is_relative_to(self._top)

    def preset(self, path: str, data: bytes) -> None:
        """A file that was there, and durable, before anything happened."""
        parent, name = self._parent(path)
        inode = self._new_file()
        self._durable[inode] = Content(bytearray(data.rstrip(b"\0")), len(data))
        self._now[parent][name] = self._entries[parent][name] = inode

    def preset_directory(self, path: str) -> None:
        """A directory that was there."""
        parent, name = self._parent(path)
        self._now[parent][name] = self._entries[parent][name] = self._new_directory()

    def change(self, path: str, operation: Operation, returned: int, *, deleted: bool = False) -> None:
        """An operation on a file; `returned` is the moment of its return. `deleted`: the name that it last had."""
        self._pending[self._inode(path, deleted)].append((operation, returned))

    def create(self, path: str, returned: int, *, truncate: bool = False) -> None:
        """Open a file that need not exist (O_CREAT), or empty one that does (O_TRUNC)."""
        parent, name = self._parent(path)
        inode = self._now[parent].get(name)
        if inode is None:
            self._name(parent, Naming(((name, self._new_file()),)), returned)
        elif truncate:
            self._pending[inode].append((Resize(0), returned))

    def mkdir(self, path: str, returned: int) -> None:
        parent, name = self._parent(path)
        self._name(parent, Naming(((name, self._new_directory()),)), returned)

    def link(self, old: str, new: str, returned: int) -> None:
        parent, name = self._parent(new)
        self._name(parent, Naming(((name, self._inode(old)),)), returned)

    def rename(self, old: str, new: str, returned: int) -> None:
        """Within one directory. Raises ValueError for another rename."""
        (parent, before), (target, after), inode = self._parent(old), self._parent(new), self._inode(old)
        if parent != target:
            raise ValueError(f"the model knows no rename between directories: {old} to {new}")
        replaced = self._now[parent].get(after)
        if replaced == inode:
            return  # rename(2): two names of one file, nothing happens
        if replaced is not None:
            self._gone[new] = replaced
        self._name(parent, Naming(((before, None), (after, inode))), returned)

    def unlink(self, path: str, returned: int) -> None:
        """A file or a directory loses this name."""
        parent, name = self._parent(path)
        if name == _SOCKET and name not in self._now[parent]:
            return  # made by bind(2), which is not followed: a socket keeps nothing
        self._gone[path] = self._inode(path)
        self._name(parent, Naming(((name, None),)), returned)

    def synced(self, path: str, began: int, *, deleted: bool = False) -> None:
        """A sync of a file or a directory that began at this moment has returned."""
        inode = self._inode(path, deleted)
        if inode in self._now:
            kept = []
            for naming, returned in self._namings[inode]:
                if returned < began:
                    naming.apply(self._entries[inode])
                else:
                    kept.append((naming, returned))
            self._namings[inode] = kept
            return
        content, rest = self._durable[inode], []
        for operation, returned in self._pending[inode]:
            if returned < began:
                content.apply(operation)
            else:
                rest.append((operation, returned))
        self._pending[inode] = rest

    def unsynced(self) -> int:
        """How many operations and namings are at stake."""
        return sum(map(len, self._pending.values())) + sum(map(len, self._namings.values()))

    def cut(self, choice: Choice) -> Image:
        """What is left when the power goes now; the disk itself goes on unchanged."""
        entries = {directory: dict(names) for directory, names in self._entries.items()}
        for directory, pending in self._namings.items():
            namings = [naming for naming, _ in pending]
            for naming in namings[: choice.namings(namings)]:
                naming.apply(entries[directory])
        image, contents = Image(), dict[int, Content]()
        for path, inode in self._walk(entries):
            if inode in self._now:
                image.directories.append(path)
                continue
            if inode not in contents:
                contents[inode] = self._surviving_content(inode, choice)
            image.files[path] = contents[inode]
        return image

    def _surviving_content(self, inode: int, choice: Choice) -> Content:
        pending = self._pending[inode]
        if not pending:
            return self._durable[inode]
        content = self._durable[inode].copy()
        for operation in choice.operations([operation for operation, _ in pending]):
            content.apply(operation)
        return content

    def _walk(
        self, entries: dict[int, dict[str, int]], directory: int = _TOP, prefix: str = ""
    ) -> Iterator[tuple[str, int]]:
        for name, inode in entries[directory].items():
            yield prefix + name, inode
            if inode in self._now:
                yield from self._walk(entries, inode, f"{prefix}{name}/")

    def _name(self, directory: int, naming: Naming, returned: int) -> None:
        naming.apply(self._now[directory])
        self._namings[directory].append((naming, returned))

    def _inode(self, path: str, deleted: bool = False) -> int:
        if deleted:
            return self._gone[path]
        inode = _TOP
        for part in PurePosixPath(path).relative_to(self._top).parts:
            inode = self._now[inode][part]
        return inode

    def _parent(self, path: str) -> tuple[int, str]:
        pure = PurePosixPath(path)
        return self._inode(str(pure.parent)), pure.name

    def _new_file(self) -> int:
        inode = self._next
        self._next += 1
        self._durable[inode], self._pending[inode] = Content(), []
        return inode

    def _new_directory(self) -> int:
        inode = self._next
        self._next += 1
        self._now[inode], self._entries[inode], self._namings[inode] = {}, {}, []
        return inode
