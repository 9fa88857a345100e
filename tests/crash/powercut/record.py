"""A run on record: the terminal's files before it, every change of them, and what was said."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.crash.powercut import trace
from tests.crash.powercut.disk import Disk

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Recording:
    """In its own directory: `terminal/` with configuration and keys, `base/` the state before, and the trace."""

    directory: Path
    variant: str
    events: list[trace.Event]

    @property
    def terminal(self) -> Path:
        return self.directory / "terminal"

    @property
    def config(self) -> Path:
        return self.terminal / "config.toml"

    @property
    def base(self) -> Path:
        return self.directory / "base"

    def disk(self) -> Disk:
        """As it was before the run."""
        top = self.terminal / "state"
        disk = Disk(str(top))
        for path in sorted(self.base.rglob("*")):
            there = str(top / path.relative_to(self.base))
            if path.is_dir():
                disk.preset_directory(there)
            elif not path.name.endswith("-shm"):
                disk.preset(there, path.read_bytes())
        return disk


def record(directory: Path, variant: str, command: list[str]) -> Recording:
    """Run `command` under strace to its end, on the terminal that lies in `directory`. Raises RuntimeError."""
    with begin(directory, variant, command) as process:
        said, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{variant}: the recorded run ended with {process.returncode}:\n{said[-2000:]}")
    return load(directory)


def begin(directory: Path, variant: str, command: list[str]) -> "subprocess.Popen[str]":
    """Start `command` under strace; `load` reads the recording when it has ended. Raises RuntimeError."""
    strace = shutil.which("strace")
    if strace is None:
        raise RuntimeError("strace is not installed; `make setup` installs it")
    shutil.copytree(directory / "terminal" / "state", directory / "base")
    about = {"variant": variant, "state": str((directory / "terminal" / "state").absolute())}
    (directory / "about.json").write_text(json.dumps(about), encoding="utf-8")
    options = [strace, *trace.OPTIONS, "-o", str(directory / "trace")]
    return subprocess.Popen([*options, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def load(directory: Path) -> Recording:
    """Read a recording. Raises ValueError when its trace cannot be followed."""
    about = json.loads((directory / "about.json").read_text(encoding="utf-8"))
    if Path(about["state"]) != (directory / "terminal" / "state").absolute():
        raise ValueError(f"{directory}: was moved; its trace names {about['state']}")
    recording = Recording(directory.absolute(), about["variant"], [])
    with (directory / "trace").open(encoding="ascii", errors="replace") as lines:
        recording.events.extend(trace.read(lines, recording.disk()))
    return recording


def python(*words: object) -> list[str]:
    """A command line of this interpreter."""
    return [sys.executable, *map(str, words)]
