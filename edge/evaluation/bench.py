"""Speed and memory, each against an aim or a floor of the same run. Figures, not verdicts: no test is here."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edge.adapters.sd_listen import NotifyListener
from edge.adapters.system import SystemClock
from edge.domain.kinds import Kind
from edge.domain.quality import QualityLimits
from edge.domain.records import Draft, Origin
from edge.domain.types import Frame, Pixels
from edge.evaluation import bench_drain, bench_ingest, bench_roster
from edge.evaluation.sandbox import write_terminal
from edge.journal import keys
from edge.journal.ring import Ring
from edge.resources import models_directory, photos_directory
from edge.vision.models import ModelStore
from edge.vision.photo import load_photo
from edge.vision.pipeline import Pipeline

_APPENDS = 300
_LOOKS = 60


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    name: str
    value: float
    unit: str
    against: str | None = None
    """What `ratio` compares it with, measured in the same run."""
    ratio: float | None = None
    aim: str | None = None
    met: bool | None = None


def terminal_start(directory: Path) -> Iterator[Row]:
    """The real process, from exec to READY, and its memory after five seconds of frames."""
    config = write_terminal(directory / "terminal", photos_directory())
    with NotifyListener(directory / "notify") as listener:
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "edge", "run", "--config", str(config)],
            env={**os.environ, "NOTIFY_SOCKET": str(directory / "notify")},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            if not listener.wait_for("READY=1", 30):
                raise TimeoutError("the terminal did not become ready in 30 s; run it by hand to see why")
            ready_s = time.monotonic() - began
            time.sleep(5)  # the measurement itself: memory after a while of work
            peak_mb = _peak_rss_mb(process.pid)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            stop_s = time.monotonic() - began
        finally:
            process.kill()
            process.wait()
    yield Row("start to READY", round(ready_s, 2), "s", aim="≤ 2", met=ready_s <= 2)
    yield Row("peak RSS of the terminal", round(peak_mb, 1), "MB", aim="≤ 200", met=peak_mb <= 200)
    yield Row("SIGTERM to exit", round(stop_s, 2), "s", aim="≤ 3", met=stop_s <= 3)


def journal_append(directory: Path) -> Iterator[Row]:
    """A signed, chained, durable append against one write and fdatasync of the same bytes beside it."""
    clock = SystemClock()
    punch = {
        "person": "a" * 26,
        "direction": "in",
        "direction_source": "alternated",
        "method": "face",
        "quality": "high",
        "liveness": "high",
        "models": ["a", "b", "c", "d"],
    }
    ring = Ring(directory / "journal.db", Origin("bench", "bench"), keys.create_identity(directory / "key"))
    size = len(ring.append(Draft(Kind.PUNCH, punch, clock.evidence())).payload)
    block = b"x" * size
    descriptor = os.open(directory / "floor", os.O_CREAT | os.O_WRONLY, 0o600)

    def write() -> None:
        os.write(descriptor, block)
        os.fdatasync(descriptor)

    def append() -> None:
        ring.append(Draft(Kind.PUNCH, punch, clock.evidence()))

    try:
        ours, floor = _interleaved(append, write, _APPENDS)
    finally:
        os.close(descriptor)
        ring.close()
    ratio = ours / floor
    yield Row(
        "journal append, p50", round(ours, 3), "ms", "write + fdatasync", round(ratio, 2), "≤ 1.5 ×", ratio <= 1.5
    )
    # Signing, JSON and SQLite cost the same on any disk: where a sync takes longer, the ratio is nearer to 1.
    yield Row("journal append beyond its floor, p50", round(ours - floor, 3), "ms of processor")


def frame_to_probe() -> Iterator[Row]:
    """One whole look at a frame with a face: detection to embedding, on one thread."""
    pipeline = Pipeline(ModelStore(models_directory()), QualityLimits(), threads=1)
    frame = Frame(_scaled(load_photo(photos_directory() / "obama.jpg")), 0)
    if pipeline.look(frame).probe is None:
        raise RuntimeError("the benchmark's photograph gives no probe")
    empty = Frame(np.full((480, 640, 3), 128, np.uint8), 0)
    yield Row("frame → probe, p50", round(_median_ms(lambda: pipeline.look(frame), _LOOKS), 2), "ms, 1 thread")
    yield Row("frame → nobody, p50", round(_median_ms(lambda: pipeline.look(empty), _LOOKS), 2), "ms, 1 thread")


def run(progress: Callable[[str], None]) -> list[Row]:
    """Every benchmark; `progress` hears what is being measured."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="smartclocker-bench-") as name:
        benchmarks: list[tuple[str, Callable[[], Iterator[Row]]]] = [
            ("the terminal's start and memory", lambda: terminal_start(_folder(name, "terminal"))),
            ("the journal's append", lambda: journal_append(_folder(name, "journal"))),
            ("a frame's way", frame_to_probe),
            ("the ledger's intake (a minute)", lambda: bench_ingest.ledger_ingest(_folder(name, "ingest"))),
            ("a backlog's way to receipts (some minutes)", lambda: bench_drain.drain(_folder(name, "drain"))),
            ("a company's roster (a minute)", lambda: bench_roster.roster_sync(_folder(name, "roster"))),
        ]
        for title, measure in benchmarks:
            progress(title)
            rows += measure()
    return rows


def write(rows: list[Row], path: Path) -> None:
    """`build/bench.json`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _folder(base: str, name: str) -> Path:
    path = Path(base, name)
    path.mkdir()
    return path


def _peak_rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6


def _interleaved(ours: Callable[[], object], floor: Callable[[], object], count: int) -> tuple[float, float]:
    """Medians in ms of two acts done in turn, so that both meet the same disk."""
    pairs = [(_timed_ms(ours), _timed_ms(floor)) for _ in range(count)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def _median_ms(act: Callable[[], object], count: int) -> float:
    act()
    return statistics.median(_timed_ms(act) for _ in range(count))


def _timed_ms(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def _scaled(photo: Pixels) -> Pixels:
    """A portrait as the camera would see it: 640×480, the face about 180 px tall."""
    image = Image.fromarray(photo)
    image = image.resize((round(image.width * 740 / image.height), 740))
    canvas = Image.new("RGB", (640, 480), (128, 128, 128))
    canvas.paste(image, ((640 - image.width) // 2, 0))
    return np.asarray(canvas)
