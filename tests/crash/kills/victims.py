"""What is killed: the three programs as processes, each with what must be known of it."""

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import IO

from tests.crash.kills import lights
from tests.crash.kills.instants import LIGHT_BOUND_S, Instant, Mark
from tests.crash.kills.lights import Life
from tests.crash.kills.site import ROOT, Site, Terminal

END_BOUND_S = 300.0
"""A clean end takes three seconds at most, and a start little more; a loaded machine is given more."""
_LOOK_S = 0.2
_MARKS = {"ready": Mark.READY, "looking": Mark.LOOKING}


class Died(Exception):
    """A victim ended although nobody had killed it, or would not end."""


class Moments:
    """What the lights of all terminals show, for whoever waits to strike."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._counts: Counter[tuple[str | None, Mark]] = Counter()

    def tell(self, terminal: str, mark: Mark) -> None:
        """A mark was shown."""
        with self._changed:
            self._counts[terminal, mark] += 1
            self._counts[None, mark] += 1
            self._changed.notify_all()

    def count(self, terminal: str | None, mark: Mark) -> int:
        """How often so far, at one terminal or (None) at all."""
        with self._changed:
            return self._counts[terminal, mark]

    def wait(self, terminal: str | None, mark: Mark, number: int, timeout_s: float) -> bool:
        """Until the count has reached `number`; False when it has not in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._counts[terminal, mark] >= number, timeout_s)


class Program:
    """One program: launched, struck, launched again. What the three have in common."""

    def __init__(self, name: str, moments: Moments, terminal: str | None, clean_codes: frozenset[int]) -> None:
        """`terminal` None: the marks of any count. `clean_codes` are the exit codes of a clean end."""
        self.name, self.kills = name, 0
        self._moments, self._terminal, self._clean = moments, terminal, clean_codes
        self._process: subprocess.Popen[bytes] | None = None
        self._before: Counter[Mark] = Counter()

    def launch(self) -> None:
        """Begin a life."""
        self._before = Counter({mark: self._moments.count(self._terminal, mark) for mark in Mark})
        self._process = self._spawn()

    def strike(self, instant: Instant, stop: threading.Event) -> bool:
        """SIGKILL at that instant; False when `stop` came first, and then it lives. Raises Died."""
        if instant.mark is not Mark.START:
            self._await(instant, stop)
        if stop.wait(instant.delay_s):
            return False
        self._alive().kill()
        code = self._alive_or_dead().wait()
        if code != -9:
            raise Died(f"{self.name} ended by itself, code {code}")
        self._process = None
        self.kills += 1
        self._gone()
        return True

    def end(self) -> None:
        """SIGTERM, and a clean end. Raises Died."""
        process = self._alive()
        process.terminate()
        try:
            code = process.wait(END_BOUND_S)
        except subprocess.TimeoutExpired:
            raise Died(f"{self.name} does not end") from None
        self._process = None
        self._gone()
        if code not in self._clean:
            raise Died(f"{self.name} ended with code {code}")

    def abandon(self) -> None:
        """Whatever it does, it is gone afterwards."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self._gone()

    @property
    def alive(self) -> bool:
        """Whether it was launched and not struck since."""
        return self._process is not None

    def check(self) -> None:
        """Raises Died when it lives no more."""
        self._alive()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        raise NotImplementedError

    def _gone(self) -> None:
        """After its end."""

    def _alive_or_dead(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise Died(f"{self.name} was not started")
        return self._process

    def _alive(self) -> "subprocess.Popen[bytes]":
        process = self._alive_or_dead()
        if process.poll() is not None:
            raise Died(f"{self.name} ended by itself, code {process.returncode}")
        return process

    def _await(self, instant: Instant, stop: threading.Event, within_s: float = LIGHT_BOUND_S) -> bool:
        """Until the mark comes; False when it does not within `within_s`, or `stop` comes. Raises Died."""
        number = self._before[instant.mark] + instant.number
        deadline = time.monotonic() + within_s
        while not self._moments.wait(self._terminal, instant.mark, number, _LOOK_S):
            self._alive()
            if stop.is_set() or time.monotonic() > deadline:
                return False
        return True


class Daemon(Program):
    """`smartclocker run`, its console on a pipe: what it printed before the kill stays readable."""

    def __init__(self, terminal: Terminal, moments: Moments, module: str) -> None:
        """`module` is what `python -m` runs: the product, or the harness's sabotage of it."""
        super().__init__(terminal.name, moments, terminal.name, frozenset({0}))
        self.terminal, self.lives = terminal, list[Life]()
        self._module = module
        self._reader: threading.Thread | None = None

    def await_ready(self) -> None:
        """Until this life waits for people. Raises Died when it does not get there."""
        if not self._await(Instant(Mark.READY, 0.0), threading.Event(), END_BOUND_S):
            raise Died(f"{self.name} does not become ready")

    def tell_stacks(self) -> None:
        """Into its log."""
        self._alive().send_signal(signal.SIGUSR1)
        time.sleep(0.5)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        life = Life(self.name, boottime_ms())
        self.lives.append(life)
        command = [sys.executable, "-m", self._module, "run", "--config", str(self.terminal.config)]
        process = _spawn(command, self.terminal.log, subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, args=(process, life), name=f"console-{self.name}")
        self._reader.start()
        return process

    def _gone(self) -> None:
        if self._reader is not None:
            self._reader.join()
        self.lives[-1].ended_ms = boottime_ms()

    def _read(self, process: "subprocess.Popen[bytes]", life: Life) -> None:
        assert process.stdout is not None
        with process.stdout as console:
            for line in console:
                text = lights.text_of(line.decode())
                said = None if text is None else lights.accepted(text)
                if said is not None:
                    life.shown.append(said)
                    self._moments.tell(self.name, Mark.LIGHT)
                elif text in _MARKS:
                    self._moments.tell(self.name, _MARKS[text])


class LedgerProcess(Program):
    """`smartclocker central run`."""

    def __init__(self, site: Site, moments: Moments) -> None:
        super().__init__("ledger", moments, None, frozenset({0}))
        self._site = site

    def _spawn(self) -> "subprocess.Popen[bytes]":
        broker = self._site.broker
        where = ["--host", broker.host, "--port", str(broker.port)]
        command = [sys.executable, "-m", "edge", "central", "run", str(self._site.centre), *where]
        return _spawn(command, self._site.ledger_log, subprocess.DEVNULL)


class BrokerProcess(Program):
    """mosquitto."""

    def __init__(self, site: Site, moments: Moments) -> None:
        super().__init__("broker", moments, None, frozenset({0, -15}))
        self._site = site

    def _spawn(self) -> "subprocess.Popen[bytes]":
        return self._site.broker.launch()


def boottime_ms() -> int:
    """Milliseconds since the kernel's boot, as records carry them."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def _spawn(command: list[str], log: Path, stdout: int | IO[bytes]) -> "subprocess.Popen[bytes]":
    with log.open("ab") as said:
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout, stderr=said)
