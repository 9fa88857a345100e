"""The killing, and the peace after it: each victim has a thread of its own, in step with the others."""

import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.crash.kills import instants
from tests.crash.kills.instants import Instant
from tests.crash.kills.site import Site
from tests.crash.kills.victims import BrokerProcess, Daemon, Died, LedgerProcess, Moments, Program

STEP = 8
"""How many kills one may be ahead of the rarest: all three are to die together until the end."""
ROUND = 120
"""Kills between two truces, at which everything must become receipted while people go on punching."""
SETTLE_S = 120.0
"""Until everything is receipted once nobody is killed: a peer may have been given up for a minute."""
_TELL_S = 10.0
PRODUCT, SABOTAGED = "tests.support.program", "tests.crash.kills.sabotaged"

Plan = Callable[[random.Random], Instant]


class NotSettled(Exception):
    """Records remained without a receipt."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Who of a group is to be killed how often."""

    kind: str
    victims: Sequence[Program]
    plan: Plan
    kills: int

    @property
    def done(self) -> int:
        """Kills so far."""
        return sum(victim.kills for victim in self.victims)

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1; a group with nothing to do is done."""
        return self.done / self.kills if self.kills else 1.0


class Campaign:
    """One run over a site."""

    def __init__(self, site: Site, kills: int, seed: int, *, sabotage: bool) -> None:
        self._site = site
        moments = Moments()
        module = SABOTAGED if sabotage else PRODUCT
        self.daemons = [Daemon(terminal, moments, module) for terminal in site.terminals]
        self._broker, self._ledger = BrokerProcess(site, moments), LedgerProcess(site, moments)
        third = kills // 3
        self.quotas = (
            Quota("daemon", self.daemons, instants.of_daemon, kills - 2 * third),
            Quota("broker", [self._broker], instants.of_broker, third),
            Quota("ledger", [self._ledger], instants.of_ledger, third),
        )
        self._rounds = max(1, round(kills / ROUND))
        self._claims = threading.Lock()
        self._begun = dict.fromkeys((quota.kind for quota in self.quotas), 0)
        self._generators = {victim.name: random.Random(f"{seed}/{victim.name}") for victim in self.victims}
        self._stop = threading.Event()
        self._error: Exception | None = None

    @property
    def victims(self) -> list[Program]:
        """All of them, in the order in which they are to start."""
        return [self._broker, self._ledger, *self.daemons]

    def run(self) -> None:
        """Kill until every quota is met, with a truce after each round. Raises Died, NotSettled."""
        for number in range(1, self._rounds + 1):
            self._kill_until(number / self._rounds)
            self._await_receipts()

    def settle(self) -> None:
        """No more people, no more kills: wait until each record is receipted, then end everything in order.

        Raises Died, NotSettled.
        """
        for daemon in self.daemons:
            daemon.await_ready()
            daemon.end()
            daemon.terminal.show_nobody()
            daemon.launch()
        for daemon in self.daemons:
            daemon.await_ready()
        self._await_receipts()
        for victim in reversed(self.victims):
            victim.end()

    def abandon(self) -> None:
        """Leave no process behind."""
        self._stop.set()
        for victim in self.victims:
            victim.abandon()

    def _kill_until(self, share: float) -> None:
        threads = [
            threading.Thread(target=self._hunt, args=(quota, victim, share), name=victim.name)
            for quota in self.quotas
            for victim in quota.victims
        ]
        for thread in threads:
            thread.start()
        try:
            self._watch(threads)
        except BaseException:
            self._stop.set()
            raise
        finally:
            for thread in threads:
                thread.join()
        if self._error is not None:
            raise self._error

    def _hunt(self, quota: Quota, victim: Program, share: float) -> None:
        """Strike and launch again until this share of the quota is met; the victim is alive then."""
        rng = self._generators[victim.name]
        try:
            while not self._stop.is_set():
                if not victim.alive:
                    if isinstance(victim, Daemon):
                        victim.terminal.show_people(rng)
                    victim.launch()
                if not self._claim(quota, share) or not victim.strike(quota.plan(rng), self._stop):
                    return
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the campaign: run() raises it
            self._error = self._error or error
            self._stop.set()

    def _claim(self, quota: Quota, share: float) -> bool:
        """Leave to kill one of this group, once the others have kept up; False when enough have died for now."""
        with self._claims:
            if self._begun[quota.kind] >= round(share * quota.kills):
                return False
            self._begun[quota.kind] += 1
        while not self._stop.is_set():
            rarest = min(other.share for other in self.quotas)
            if quota.done <= rarest * quota.kills + STEP:
                break
            self._stop.wait(0.02)
        return True

    def _await_receipts(self) -> None:
        """Until each terminal has had a moment with nothing unreceipted. Raises Died, NotSettled."""
        waiting = list(self.daemons)
        deadline = time.monotonic() + SETTLE_S
        for daemon in waiting:
            daemon.await_ready()
        while waiting := [daemon for daemon in waiting if daemon.terminal.pending()]:
            for victim in self.victims:
                victim.check()
            if time.monotonic() > deadline:
                for daemon in self.daemons:
                    daemon.tell_stacks()
                pending = sum(daemon.terminal.pending() for daemon in waiting)
                raise NotSettled(f"{pending} records have no receipt after {SETTLE_S:g} s without a kill")
            time.sleep(0.1)

    def _watch(self, threads: Sequence[threading.Thread]) -> None:
        next_word = time.monotonic() + _TELL_S
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.05)
            if time.monotonic() >= next_word:
                next_word += _TELL_S
                self._tell()
        self._tell()

    def _tell(self) -> None:
        kills = ", ".join(f"{quota.kind} {quota.done}/{quota.kills}" for quota in self.quotas)
        shown = sum(len(life.shown) for daemon in self.daemons for life in daemon.lives)
        print(f"kills: {kills}; lights: {shown}", file=sys.stderr, flush=True)


__all__ = ["Campaign", "Died", "NotSettled", "Quota"]
