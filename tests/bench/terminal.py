"""The terminal's process: how soon it is ready, what memory it takes, what it costs before an empty room."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.resources import photos_directory
from edge.sandbox import write_terminal
from tests.bench.row import Row
from tests.support.sd_listener import NotifyListener

_IDLE_S = 20.0
_IDLE_AIM = 3.0
"""Per cent of a core."""


def terminal_rows(directory: Path) -> Iterator[Row]:
    """From exec to READY, memory after five seconds of frames with faces, and what an empty room costs."""
    began = time.monotonic()
    with _terminal(directory / "busy", ["-m", "edge", "run", "--config"]) as (process, _):
        ready_s = time.monotonic() - began
        time.sleep(5)  # the measurement itself: memory after a while of work
        peak_mb = _peak_rss_mb(process.pid)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        stop_s = time.monotonic() - began
    with _terminal(directory / "idle", ["-m", "tests.bench.workers.delivery", "empty-room"]) as (process, manager):
        _listen(manager, 3.0)  # until what a start leaves behind is done
        began, before = time.monotonic(), _processor_s(process.pid)
        _listen(manager, _IDLE_S)
        idle = 100 * (_processor_s(process.pid) - before) / (time.monotonic() - began)
    yield Row("start to READY", round(ready_s, 2), "s", aim="≤ 2", met=ready_s <= 2)
    yield Row("peak RSS of the terminal", round(peak_mb, 1), "MB", aim="≤ 200", met=peak_mb <= 200)
    yield Row("SIGTERM to exit", round(stop_s, 2), "s", aim="≤ 3", met=stop_s <= 3)
    yield Row("the terminal before an empty room", round(idle, 2), "% of a core", aim="≤ 3", met=idle <= _IDLE_AIM)


@contextmanager
def _terminal(directory: Path, words: Sequence[str]) -> Iterator[tuple["subprocess.Popen[bytes]", NotifyListener]]:
    """A terminal's process, from READY on, and its service manager; killed at the end."""
    directory.mkdir()
    config = write_terminal(directory / "terminal", photos_directory())
    with NotifyListener(directory / "notify") as listener:
        process = subprocess.Popen(
            [sys.executable, *words, str(config)],
            env={**os.environ, "NOTIFY_SOCKET": str(directory / "notify")},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            if not listener.wait_for("READY=1", 30):
                raise TimeoutError("the terminal did not become ready in 30 s; run it by hand to see why")
            yield process, listener
        finally:
            process.kill()
            process.wait()


def _listen(manager: NotifyListener, seconds: float) -> None:
    """Take what it is told, as systemd does: a socket that nobody reads fills up, and the terminal waits for it."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        manager.next(left)


def _peak_rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6


def _processor_s(pid: int) -> float:
    """User and system time of all its threads so far."""
    after_name = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
