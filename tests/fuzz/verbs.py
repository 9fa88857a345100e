"""Every verb of the command line on hostile arguments and files: what a case is, and how one is judged.

Each verb of the argparse tree begins from words that are in order; then one word at a time is exchanged for each
hostile one of its kind. A verb may refuse, and then it says so in a line and with a code of docs/cli.md.
"""

import argparse
import contextlib
import io
import itertools
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from edge.cli import build_parser, main
from edge.cli.output.outcome import UNFORESEEN
from edge.sandbox import write_terminal

ROOT = Path(__file__).resolve().parents[2]
CODES = {int(code) for code in re.findall(r"^\| (\d+) \|", (ROOT / "docs/cli.md").read_text(), re.MULTILINE)}
PERSON = "a" * 26
SLOW = {"run", "demo", "doctor", "evaluate", "evaluate-pad", "central run", "central claims", "simulate"}
"""With words that are in order they work for long, or for ever: here they only get what is not."""
PATIENCE_S = 30
TEXTS = [
    "",
    " ",
    "x" * 100_000,
    "a\nb",
    "\x1b[2J",
    "\udcff",
    "-1",
    "--x",
    "é\u202e",
    "\x00",
    "a/b",
    "*",
    "../..",
    "0",
]
NUMBERS = ["-1", "0", "9" * 30, "x", "", "1.5", "٣", "\udcff"]


class Hung(BaseException):
    """The verb did not end in time."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of one case."""

    words: tuple[str, ...]
    code: int
    said: str
    problem: str | None


class World:
    """A terminal, a centre and hostile files, made anew on request."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.terminal, self.centre, self.files = directory / "terminal", directory / "centre", directory / "files"

    def make(self) -> None:
        """Everything as in order."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.files.mkdir(parents=True)
        shutil.copytree(
            ROOT / "tests/photos", self.files / "photos", ignore=shutil.ignore_patterns("*.png", "o*3.jpg")
        )
        write_terminal(self.terminal, self.files / "photos")
        quiet("central", "init", self.centre, "--host", "localhost", "--site", "demo")
        quiet("central", "authority", "init", self.centre, "--why", "a test")
        quiet("central", "register", self.centre, "demo", "entrance-1", self.terminal / "identity.pem")
        quiet("people", "add", "Somebody", "--age-13-or-older", "--config", self.terminal / "config.toml")
        quiet("central", "rights", "key", self.files / "rights.key")
        self.hostile()

    def tidy(self) -> None:
        """What a verb made of the hostile files is not the next one's beginning."""
        for path in self.files.iterdir():
            if path.name in {"photos", "rights.key"}:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        self.hostile()

    def hostile(self) -> list[Path]:
        """Files that are not what a verb hopes for."""
        made = [
            self.files / name for name in ("missing", "empty", "binary", "folder", "fifo", "half.db", "text.toml")
        ]
        made += [Path(os.fsdecode(os.fsencode(self.files) + b"/\xff\xfe")), self.files / ("n" * 300)]
        made += [Path("/dev/null"), Path("/dev/full"), Path("/proc/self/mem"), self.files / "loop", Path("a\x00b")]
        _, empty, binary, folder, fifo, half, text, bytes_, *_ = made
        empty.touch()
        binary.write_bytes(bytes(range(256)) * 64)
        folder.mkdir(exist_ok=True)
        bytes_.mkdir(exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(fifo)
            (self.files / "loop").symlink_to("loop")
        journal = self.terminal / "state/journal.db"
        half.write_bytes(journal.read_bytes()[:5000] if journal.exists() else b"SQLite format 3\x00" + bytes(600))
        text.write_text("[terminal]\nsite = 3\n")
        return made

    def person(self) -> str:
        """Somebody who is there."""
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
            main(["people", "list", "--config", str(self.terminal / "config.toml")])
        return out.getvalue().split()[0] if out.getvalue()[:26].isalnum() else PERSON

    def usual(self, verb: str, action: argparse.Action) -> list[str]:
        """A value that is in order, for what a verb must be given."""
        name = action.dest
        if action.choices is not None:
            return [str(next(iter(action.choices)))]
        known = {
            "directory": self.terminal if verb == "keys create" else self.centre,
            "key": self.files / "rights.key" if verb.endswith(("read", "open")) else self.terminal / "identity.pem",
            "files": self.files / "binary", "file": self.files / "binary",
            "photographs": self.files / "photos/obama.jpg",
            "journal": self.terminal / "state/journal.db", "target": self.files / "folder", "to": self.files,
            "into": self.files / "new", "damaged": self.files / "folder", "config": self.terminal / "config.toml",
            "person": PERSON, "where": "demo/entrance-1", "origin": "demo/entrance-1", "site": "demo",
            "terminal": "demo/gate-9" if "central terminal " in verb else "entrance-1",
            "request": "1", "why": "a test", "name": "Somebody", "witness": "W",
            "ground": "law", "epoch": "0" * 32, "wait": "1s", "host": "127.0.0.1", "port": "1", "keyid": "0" * 32,
            "identity": self.terminal / "identity", "overlap": "1d",
        }  # fmt: skip
        return [str(known.get(name, "x"))]

    def worse(self, action: argparse.Action) -> list[str]:
        """Every hostile value of this argument's kind."""
        kind = getattr(action.type, "__name__", "")
        if kind == "Path":
            return [str(path) for path in self.hostile()] + ["", "\udcff/x"]
        if kind in {"int", "_seq", "_natural", "_positive", "_fps"}:
            return NUMBERS
        return TEXTS


def quiet(*words: object) -> None:
    """A verb of the preparation; it must succeed."""
    with contextlib.redirect_stdout(io.StringIO()):
        code = main([str(word) for word in words])
    if code != 0:
        raise RuntimeError(f"{words}: {code}")


def verbs() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every verb and its own parser."""

    def walk(parser: argparse.ArgumentParser, path: str) -> Iterator[tuple[str, argparse.ArgumentParser]]:
        below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not below:
            yield path, parser
        for action in below:
            for name, sub in action.choices.items():
                yield from walk(sub, f"{path} {name}".strip())

    yield from walk(build_parser(), "")


def cases(world: World, verb: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, ...]]:
    """The words of each case of a verb."""
    actions = [
        one for one in parser._actions if one.dest not in {"help", "version"} or one.option_strings == ["--version"]
    ]
    # Without a cue `cues` shows them all, which takes minutes; only Python 3.11 calls that argument required.
    needed = {"directory", "host", "site"} if verb == "central init" else {"config", "wait", "host", "port", "cues"}
    always = [one for one in actions if one.required or one.dest in needed]
    if verb not in SLOW:
        yield _words(world, verb, always, None, None)
        yield tuple(verb.split())
    for action in actions:
        if action.dest in {"every", "camera"} or (verb in SLOW and action.dest not in {"directory", "config"}):
            continue  # beside words that are in order it would do its work
        for value in world.worse(action) if action.nargs != 0 else [None]:
            yield _words(world, verb, always, action, value)


def _words(
    world: World, verb: str, always: list[argparse.Action], changed: argparse.Action | None, value: str | None
) -> tuple[str, ...]:
    """All that is needed, in order but for one."""
    found: list[str] = []
    for one in [*always, *([changed] if changed is not None and changed not in always else [])]:
        values = [value] if one is changed and value is not None else world.usual(verb, one)
        found += [*one.option_strings[-1:], *(values if one.nargs != 0 else [])]
    return (*verb.split(), *found)


def judge(words: tuple[str, ...]) -> Ended:
    """Run one case in this process."""
    out, err = io.StringIO(), io.StringIO()
    stdin, sys.stdin = sys.stdin, io.StringIO("")
    problem, code = None, -1
    before = signal.signal(signal.SIGALRM, _hung)
    signal.alarm(PATIENCE_S)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(words))
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except Hung:
        problem = f"did not end within {PATIENCE_S} s"
    except BaseException as error:  # noqa: BLE001 - that is what is looked for
        problem = f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        sys.stdin = stdin
    said = err.getvalue()
    if problem is None and code == UNFORESEEN:
        problem = said[-2000:]
    elif problem is None and code not in CODES:
        problem = f"exit code {code} is not in docs/cli.md"
    elif problem is None and "Traceback" in said + out.getvalue():
        problem = "a traceback"
    elif problem is None and code not in {0, 1} and not said and not out.getvalue():
        problem = f"exit code {code} without a word"
    return Ended(words, code, said, problem)


def _hung(_number: int, _frame: FrameType | None) -> None:
    raise Hung


def main_fuzz() -> int:
    """Every case of every verb; 1 when one ended as none may."""
    bad = total = 0
    with tempfile.TemporaryDirectory() as directory:
        for ended in run(World(Path(directory, "world"))):
            total += 1
            if ended.problem is not None:
                bad += 1
                print(ascii(ended.words), ascii(ended.problem))
    print(f"{total} cases, {bad} ended as none may")
    return 1 if bad else 0


def run(
    world: World,
    stride: int = 1,
    chosen: str = "",
    around: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
) -> Iterator[Ended]:
    """Each `stride`-th case of the verbs whose name begins with `chosen`, in a folder of its own.

    Each is done within what `around` makes: without rights, or on a disk that takes nothing.
    """
    standing = Path.cwd()
    world.make()
    try:
        os.chdir(world.files)
        for verb, parser in verbs():
            if not verb.startswith(chosen):
                continue
            world.tidy()
            for words in itertools.islice(cases(world, verb, parser), 0, None, stride):
                with around():
                    ended = judge(words)
                yield ended
    finally:
        os.chdir(standing)


if __name__ == "__main__":
    sys.exit(main_fuzz())
