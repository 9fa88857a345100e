"""A door as the story sees it: the process of its terminal, who stands before it, and what its reader reads."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.config_schema import Config
from edge.domain.attendance.cues import CueName
from edge.errors import SmartClockerError
from tests.shift_change.faces import Face

ROOT = Path(__file__).resolve().parents[2]
Message = dict[str, Any]
"""A line of the door's process, with its number among them."""
START_S, STOP_S = 300.0, 60.0


class Door:
    """One terminal. The story's thread of this door uses it, and a thread of its own listens."""

    def __init__(self, name: str, config: Config, path: Path, reader: Path, drawn: Path, log: Path) -> None:
        """`path` is the terminal's config.toml, `reader` the FIFO of its reader, `drawn` the drawn vectors."""
        self.name, self.config = name, config
        self._arrived = threading.Condition()
        self._heard: list[Message] = []
        self._ended = False
        self._standing = ""
        self._reader = os.open(reader, os.O_RDWR | os.O_CLOEXEC)
        words = [sys.executable, "-m", "tests.shift_change.door_process", str(path), str(drawn)]
        self.log = log
        with log.open("wb") as said:
            self._process = subprocess.Popen(
                words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, bufsize=1
            )
        self._said = log.with_suffix(".jsonl").open("w", encoding="utf-8")
        """Every line of the process, for whoever wants to know why."""
        self._listener = threading.Thread(target=self._listen, name=f"hear {name}", daemon=True)
        self._listener.start()

    def wait_until_ready(self) -> None:
        """Until it attends. Raises SmartClockerError."""
        if self.wait(0, lambda one: one.get("begins") == CueName.IDLE, START_S) is None:
            raise SmartClockerError(f"{self.name} did not come up; {self.log} says why")

    def mark(self) -> int:
        """The number of messages so far."""
        with self._arrived:
            return len(self._heard)

    def wait(self, since: int, wanted: Callable[[Message], bool], within_s: float) -> Message | None:
        """The first message after `since` that is wanted; None when none came in time, or the process ended."""
        until = time.monotonic() + within_s
        looked = since
        with self._arrived:
            while True:
                for one in self._heard[looked:]:
                    if wanted(one):
                        return one
                looked = len(self._heard)
                left = until - time.monotonic()
                if left <= 0 or self._ended:
                    return None
                self._arrived.wait(left)

    def stand(self, who: str, face: Face | None) -> None:
        """Somebody steps before the camera, in the place of whoever was there; None for nobody."""
        if who == self._standing:
            return
        self._standing = who
        photo, widened = ("", False) if face is None else (str(face.photo), face.widened)
        self._tell({"stand": who, "photo": photo, "widened": widened})

    def read(self, line: str) -> int:
        """Its reader reads a badge or keys; the instant in ns of the monotonic clock."""
        now_ns = time.monotonic_ns()
        os.write(self._reader, line.encode() + b"\n")
        return now_ns

    def status(self) -> Message:
        """What the terminal says of itself. Raises SmartClockerError when it does not answer."""
        mark = self.mark()
        self._tell({"ask": "status"})
        found = self.wait(mark, lambda one: "status" in one, STOP_S)
        if found is None:
            raise SmartClockerError(f"{self.name} does not answer; {self.log} says why")
        status: Message = found["status"]
        return status

    def answers(self) -> list[Message]:
        """Every answer so far, to a face and to the reader."""
        with self._arrived:
            return [one for one in self._heard if "answer" in one]

    def stop(self) -> int:
        """End it as SIGTERM would, and kill it when it does not end; its exit code. Safe to call twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
            os.close(self._reader)
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._listener.join(STOP_S)

    def _tell(self, wish: Message) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the door has no standard input")
        try:
            self._process.stdin.write(json.dumps(wish) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise SmartClockerError(f"{self.name} has ended; {self.log} says why") from error

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._said.write(line)
            with self._arrived:
                self._heard.append({**json.loads(line), "number": len(self._heard)})
                self._arrived.notify_all()
        self._said.close()
        with self._arrived:
            self._ended = True
            self._arrived.notify_all()
