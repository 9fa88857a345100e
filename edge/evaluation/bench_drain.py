"""How fast a backlog becomes receipts, against bare MQTT of the same bytes over the same broker.

Every part is a process of its own, as it would be: a terminal's publish loop, mosquitto with TLS, the ledger.
"""

import json
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.evaluation.bench import Row

RECORDS = 100_000
ROUNDS = 2
"""Each in turn, so that both meet the same machine; the medians count."""
_BOUND_S = 300.0
"""For any one process to say its next word."""


class Actor:
    """A process of `edge.cli.actors`."""

    def __init__(self, role: str, *words: object) -> None:
        self._role = role
        self.process = process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "edge.cli.actors", role, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a pipe was asked for")
        self._stdin, self._stdout = process.stdin, process.stdout

    def hear(self) -> dict[str, Any]:
        """Its next line. Raises TimeoutError when it ends or stays silent."""
        watch = threading.Timer(_BOUND_S, self.process.kill)
        watch.start()
        try:
            line = self._stdout.readline()
        finally:
            watch.cancel()
        if not line:
            raise TimeoutError(f"the benchmark's {self._role} ended without a word; its error is above")
        found: dict[str, Any] = json.loads(line)
        return found

    def finish(self) -> None:
        """Ask it to end by closing its input."""
        self._stdin.close()

    def close(self) -> None:
        """End it whatever it does."""
        self.process.kill()
        self.process.wait()
        self._stdin.close()
        self._stdout.close()


@contextmanager
def _acting(role: str, *words: object) -> Iterator[Actor]:
    actor = Actor(role, *words)
    try:
        yield actor
        actor.finish()
        actor.process.wait(30)
    finally:
        actor.close()


def drain(directory: Path, records: int = RECORDS, rounds: int = ROUNDS) -> Iterator[Row]:
    """The rate of the product and of bare paho, their ratio, and what the publisher's memory grew by."""
    ours, bare, growth = [], [], []
    for number in range(rounds):
        folder = directory / f"round-{number}"
        folder.mkdir()
        with _acting("broker", folder) as broker:
            port = broker.hear()["port"]
            with _acting("backlog", folder, records) as backlog:
                backlog.hear()
            bare.append(records / _bare(folder, port, records))
            found = _ours(folder, port, records)
            ours.append(records / found["seconds"])
            growth.append(found["growth_mb"])
    ratio = statistics.median(ours) / statistics.median(bare)
    against = f"bare paho QoS 1: {statistics.median(bare):,.0f}/s"
    name = f"{records:,} records drained to receipts"
    yield Row(name, round(statistics.median(ours)), "/s", against, round(ratio, 2), "≥ 0.8 ×", ratio >= 0.8)
    most = max(growth)
    yield Row("growth of the publisher's RSS meanwhile", round(most, 1), "MB", aim="≤ 16", met=most <= 16)


def _bare(folder: Path, port: int, records: int) -> float:
    with _acting("bare-counter", folder, port, records) as counter:
        counter.hear()
        with _acting("bare-sender", folder, port) as sender:
            seconds = float(sender.hear()["seconds"])
        counter.hear()
    return seconds


def _ours(folder: Path, port: int, records: int) -> dict[str, Any]:
    with _acting("ledger", folder, port) as ledger:
        ledger.hear()
        with _acting("publisher", folder, port) as publisher:
            found = publisher.hear()
        ledger.finish()
        stored = ledger.hear()["stored"]
    if stored != records:
        raise RuntimeError(f"the ledger holds {stored} of {records} records")
    return found
