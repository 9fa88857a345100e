"""One examination: every item is looked at in a worker process, which is ended and replaced when an item hangs."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import edge
from edge.domain.doctor import DoctorFinding, DoctorVerdict, parse, unseen
from edge.terminal.doctor.items import DoctorItem

START_S = 60.0
"""How long a worker may take to begin: a slow card has to give it the whole program first."""
WORKER = ("-P", "-m", "edge.terminal.doctor.worker")
"""Arguments of the interpreter. -P: nothing in the current directory is run, because root may be the caller."""
_MOST = 1 << 20
_END_S = 2.0


@dataclass(frozen=True, slots=True)
class _Left:
    """Why a worker looked at no further item."""

    said: str
    mend: str


def findings(source: Path, items: Sequence[DoctorItem], worker: Sequence[str] = WORKER) -> Iterator[DoctorFinding]:
    """The finding of each item, in order, as it is made. Raises nothing because of an item.

    `source` is the configuration; `worker` the interpreter's arguments.
    """
    left = list(items)
    while left:
        with _Worker(source, left, worker) as process:
            ended: _Left | None = None
            while left and ended is None:
                found = process.finding(left[0])
                if isinstance(found, DoctorFinding):
                    left.pop(0)
                    yield found
                else:
                    ended = found
        if ended is None:
            continue
        verdict = DoctorVerdict.FAIL if process.began else DoctorVerdict.WARN
        for item in [left.pop(0)] if process.began else _all_of(left):
            yield unseen(item.name, ended.said, ended.mend, verdict=verdict)


def _all_of(left: list[DoctorItem]) -> list[DoctorItem]:
    """Every item that is left; then none is: a worker that never begins will not begin the next time either."""
    taken = list(left)
    left.clear()
    return taken


class _Worker:
    """A worker process and its lines."""

    def __init__(self, source: Path, items: Sequence[DoctorItem], worker: Sequence[str]) -> None:
        names = [item.name for item in items]
        home = str(Path(edge.__file__).parent.parent)
        path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH", ""))))
        self.began = False
        """Whether it began with an item."""
        self._rest = b""
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and our own module
            [sys.executable, *worker, os.path.abspath(source), *names],  # noqa: PTH100 - links are not followed
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )

    def finding(self, item: DoctorItem) -> DoctorFinding | _Left:
        """The finding of the next item, or why there is none."""
        for within_s in (START_S if not self.began else item.limit_s, item.limit_s):
            line = self._line(time.monotonic() + within_s)
            if isinstance(line, _Left):
                return line
            try:
                said = json.loads(line)
                if "begun" in said:
                    self.began = True
                    continue
                return parse(said["found"])
            except (ValueError, KeyError, TypeError):
                break
        return _Left("its answer cannot be read", "report it, with the version")

    def _line(self, deadline: float) -> bytes | _Left:
        assert self._process.stdout is not None  # noqa: S101 - for the type alone
        pipe = self._process.stdout.fileno()
        began = time.monotonic()
        while b"\n" not in self._rest and len(self._rest) < _MOST:
            wait_s = deadline - time.monotonic()
            if wait_s <= 0 or not select.select([pipe], [], [], wait_s)[0]:
                said = f"no answer within {deadline - began:.0f} s, it hangs"
                return _Left(said, "unplug and plug in what it is about, or restart the machine")
            chunk = os.read(pipe, 65_536)
            if not chunk:
                return self._why()
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _why(self) -> _Left:
        """Why it ended."""
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            code = 0
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        if self.began:
            return _Left(f"the process that looked at it ended {how}", "report it, with the version")
        return _Left(f"the process that looks at it cannot be started (it ended {how})", "run it as root")

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        """End it. One that hangs in the kernel cannot be ended, and is left."""
        self._process.kill()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()
