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

from tests.bench.row import Row

RECORDS = 100_000
ROUNDS = 2
"""Each in turn, so that both meet the same machine; the medians count."""
_BOUND_S = 300.0
"""For any one process to say its next word."""


class BenchWorker:
    """A process of `tests.bench.workers.delivery`."""

    def __init__(self, role: str, *words: object) -> None:
        self._role = role
        self.process = process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.workers.delivery", role, *map(str, words)],
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
def _acting(role: str, *words: object) -> Iterator[BenchWorker]:
    actor = BenchWorker(role, *words)
    try:
        yield actor
        actor.finish()
        actor.process.wait(30)
    finally:
        actor.close()


def drain(directory: Path, records: int = RECORDS, rounds: int = ROUNDS) -> Iterator[Row]:
    """The product's rate against bare paho's, what each record costs in processor time, and the memory it takes.

    Both send the same bytes over the same broker with the same window. Bare paho ends with the broker's last word,
    the product with the ledger's last receipt, signatures checked and everything on the disk.
    """
    bare, ours = [], []
    for number in range(rounds):
        folder = directory / f"round-{number}"
        folder.mkdir()
        with _acting("broker", folder) as broker:
            port = broker.hear()["port"]
            with _acting("backlog", folder, records) as backlog:
                backlog.hear()
            bare.append(_bare(folder, port, records))
            ours.append(_ours(folder, port, records))

    def middle(runs: list[dict[str, Any]], figure: str) -> float:
        return statistics.median(float(run[figure]) for run in runs)

    rate, floor = records / middle(ours, "seconds"), records / middle(bare, "seconds")
    against = f"bare paho QoS 1, acknowledged: {floor:,.0f}/s"
    ratio = rate / floor
    name = f"{records:,} records drained to receipts"
    yield Row(name, round(rate), "/s", against, round(ratio, 2), "≥ 0.5 ×", ratio >= 0.5)
    for what, figure, other in (("publisher", "cpu_us", "sender"), ("ledger", "ledger_us", "counter")):
        cost, floor = middle(ours, figure), middle(bare, f"{other}_us")
        against = f"bare paho's {other}: {floor:.0f}"
        yield Row(f"processor time of the {what} a record", round(cost), "µs", against, round(cost / floor, 2))
    growth = max(float(run["growth_mb"]) for run in ours)
    yield Row("growth of the publisher's RSS meanwhile", round(growth, 1), "MB", aim="≤ 16", met=growth <= 16)


def _bare(folder: Path, port: int, records: int) -> dict[str, Any]:
    with _acting("bare-counter", folder, port, records) as counter:
        counter.hear()
        with _acting("bare-sender", folder, port) as sender:
            sent = sender.hear()
        counted = counter.hear()
    return {"seconds": sent["seconds"], "sender_us": sent["cpu_us"], "counter_us": counted["cpu_us"]}


def _ours(folder: Path, port: int, records: int) -> dict[str, Any]:
    with _acting("ledger", folder, port) as ledger:
        ledger.hear()
        with _acting("publisher", folder, port) as publisher:
            found = publisher.hear()
        ledger.finish()
        held = ledger.hear()
    if held["stored"] != records:
        raise RuntimeError(f"the ledger holds {held['stored']} of {records} records")
    return {**found, "ledger_us": held["cpu_us"]}
