"""The control worker: it takes requests from the socket, answers them, and carries out one long action at a time.

It fails alone: whatever happens here is an alarm and is tried again, and punching goes on. It reaches the attending
thread through `Lending` only, which waits a bounded time.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

from edge.adapters.linux.control_socket import ClientLine, ControlClient, ControlSocket
from edge.adapters.linux.peer_credentials import Peer
from edge.domain.attendance.cues import CueName
from edge.domain.attendance.states import State
from edge.domain.strict_json import dump
from edge.errors import ControlRefused, RecordError, SmartClockerError
from edge.terminal.control.actions import Action, ControlParts, action_of
from edge.terminal.control.admission import Admission
from edge.terminal.control.loans import CueLoan, EnrolLoan
from edge.terminal.control.requests import (
    CancelRequest,
    CardRequest,
    ControlRequest,
    EnrolRequest,
    StatusRequest,
    done,
    parse,
    refused,
)
from edge.terminal.control.wall import WallEnrolment
from edge.terminal.operator.probes import ENDS
from edge.terminal.runtime.lending import Lending

RETRY_S = 10.0
"""Between two attempts to make the socket."""
OPENED_WITHIN_MS = 5_000
"""An enrolment that was opened at the terminal so long ago is not begun any more: its people have gone."""
SHOWN_WITHIN_S = 1.0
"""Longest wait until the lights tell how an enrolment ended; a terminal that stops has less than three seconds."""
_BUSY_S = 0.1
"""Longest turn while an action goes on: its progress is told so soon."""
_log = logging.getLogger(__name__)
_FAULTS: Mapping[str, str] = {
    "too-long": "the request is longer than 4,096 bytes; send one line of JSON",
    "too-slow": "no whole request came in time; send one line of JSON, and end it",
}
_ENDS: Mapping[str, str] = {
    "cancelled": "cancelled; nothing was kept",
    "stopping": "the terminal stops; nothing was kept. Try again when it runs",
    "time": "the time is over, and nothing was kept; try again",
    "out-of-service": "the terminal is out of service; `smartclocker status` says why",
    "not-taken": "the terminal is busy; try again",
    "failed": "the action failed, and nothing was kept; the log says why: journalctl -u smartclocker",
    "camera": "the camera gave no frames that count, and nothing was kept; `smartclocker status` says more",
    **{end: f"nobody was enrolled: {cure}" for end, cure in ENDS.items()},
    "not-confirmed": "nobody was enrolled: it was not confirmed",
}
"""By the reason of an action's end, what to do about it."""


@dataclass(slots=True)
class _Running:
    action: Action
    client: ControlClient | None
    """None for an enrolment that was opened at the terminal."""


class ControlService:
    """The body of the control worker. Any thread may read `failing`, `alarms` and `counters`."""

    def __init__(
        self,
        path: Path,
        admission: Admission,
        lending: Lending,
        parts: ControlParts,
        status: Callable[[], dict[str, Any]],
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`path` is the socket's file. `status` makes the answer to `status`, on this thread; it raises
        SmartClockerError. `now_s` is the monotonic clock.
        """
        self.failing = False
        """Whether the socket cannot be used."""
        self._socket = ControlSocket(path, self._refusal, now_s=now_s)
        self._admission, self._lending = admission, lending
        self._parts, self._status, self._now_s = parts, status, now_s
        self._running: _Running | None = None
        self._try_at, self._said = float("-inf"), ""
        self._requests = self._refused = self._opened_here = 0
        self._stopping = False

    def counters(self) -> dict[str, int]:
        """Counters for the status, about nobody."""
        return {
            "control_requests": self._requests,
            "control_refused": self._refused,
            "enrolments_opened": self._opened_here,
        }

    @property
    def alarms(self) -> tuple[str, ...]:
        """Empty: `failing` is a condition of the daemon's alarms."""
        return ()

    def run_once(self, timeout_s: float) -> None:
        """Wait for something at most `timeout_s`, and do it; never raises."""
        try:
            if self._opened(timeout_s):
                for came in self._socket.poll(_BUSY_S if self._running is not None else timeout_s):
                    self._take(came)
            self._open_here()
            self._go_on()
        except (SmartClockerError, OSError) as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, punching goes on
            _log.error("an error that nobody foresaw", exc_info=error)
            self._fail(error)

    def close(self) -> None:
        """End the action, the connections and the socket; safe to call twice."""
        self._stopping = True
        self._end_running("stopping")
        self._socket.close()

    def _end_running(self, why: str) -> None:
        running, self._running = self._running, None
        if running is not None:
            loan = running.action.loan
            loan.end(why)
            self._end(running.client, why, _ENDS[why])
            if loan.why is None:  # it was done, and nobody will finish it
                loan.forget()

    def _opened(self, timeout_s: float) -> bool:
        if self._socket.is_open:
            return True
        if self._now_s() < self._try_at:
            time.sleep(min(timeout_s, 0.5))
            return False
        self._try_at = self._now_s() + RETRY_S
        self._socket.open()
        if self.failing:
            _log.warning("the control socket is there again")
        self.failing, self._said = False, ""
        return True

    def _fail(self, error: Exception) -> None:
        # each cause once until it works
        if str(error) != self._said:
            self._said = str(error)
            _log.error("the command line cannot reach this terminal, punching goes on: %s", error)
        self.failing, self._try_at = True, self._now_s() + RETRY_S
        if self._running is not None and self._running.client is not None:
            self._end_running("failed")  # an enrolment that was opened at the terminal needs no socket
        self._socket.close()

    def _take(self, came: ClientLine) -> None:
        client, running = came.client, self._running
        if came.line is None:
            if running is not None and running.client is client:
                running.action.loan.end("cancelled")
            return
        if not self._socket.may_ask(client):
            return  # it sent more than its request, and has had its answer
        self._requests += 1
        if came.fault is not None:
            self._end(client, "malformed", _FAULTS[came.fault])
        else:
            try:
                self._answer(client, parse(came.line))
            except RecordError as error:
                self._end(client, "malformed", str(error))
            except SmartClockerError as error:
                self._end(client, "refused", str(error))

    def _refusal(self, peer: Peer) -> bytes | None:
        text = self._admission.refusal(peer)
        if text is None:
            return None
        self._refused += 1
        return refused("not-allowed", text)

    def _answer(self, client: ControlClient, request: ControlRequest) -> None:
        running = self._running
        if isinstance(request, CancelRequest):
            if running is not None:
                running.action.loan.end("cancelled")
            if running is None or running.client is not client:
                self._socket.send(client, done(cancelled=running is not None), last=True)
        elif running is not None and running.client is client:
            running.action.loan.end("cancelled")  # a client that asks for two things at once is confused
        elif isinstance(request, StatusRequest):
            self._socket.send(client, done(**self._status()), last=True)
        else:
            self._begin(client, request)

    def _begin(self, client: ControlClient, request: ControlRequest) -> None:
        if self._running is not None:
            text = f"another action goes on ({self._running.action.name}); wait, or end it with a cancel"
            self._end(client, "busy", text)
            return
        if isinstance(request, CardRequest | EnrolRequest):
            problem = self._admission.operator_problem(client.peer, request.by)
            if problem is not None:
                raise ControlRefused(problem)
        situation = self._lending.situation
        if situation is None or situation.state in {State.STARTING, State.OUT_OF_SERVICE}:
            self._end(client, "out-of-service", _ENDS["out-of-service"])
            return
        action = action_of(request, self._parts)
        if not self._lending.offer(action.loan):
            self._end(client, "not-taken", _ENDS["not-taken"])
            return
        self._running = _Running(action, client)

    def _go_on(self) -> None:
        """Tell the progress of the action, and finish it when its loan is over."""
        running = self._running
        if running is None:
            return
        loan = running.action.loan
        over = loan.over.is_set()  # asked before the messages: none comes after it
        while True:
            try:
                said = loan.told.get_nowait()
            except Empty:
                break
            if running.client is not None:
                self._socket.send(running.client, dump({"v": 1, **said}))
        if running.client is not None and not self._socket.is_connected(running.client):
            loan.end("cancelled")  # it went without a word, or did not read
        if over:
            self._running = None
            self._finish(running)

    def _open_here(self) -> None:
        """Begin an enrolment that was opened at the terminal; when that fails, the lights say so."""
        opening = self._lending.opening()
        if opening is None or self._parts.clock.monotonic_ns() // 1_000_000 - opening.at_ms >= OPENED_WITHIN_MS:
            return
        self._opened_here += 1
        if self._running is not None:  # it began a moment ago; its cues are shown
            _log.warning("the terminal is busy, and takes no enrolment of %s", opening.person)
            return
        try:
            action = WallEnrolment(opening, self._parts)
            if self._lending.offer(action.loan):
                _log.info("an enrolment was opened at the terminal for %s", opening.person)
                self._running = _Running(action, None)
                return
            _log.warning("the terminal takes no enrolment of %s; it is busy", opening.person)
        except SmartClockerError as error:
            _log.warning("no enrolment was opened at the terminal: %s", error)
        self._show(CueName.NOT_ENROLLED)

    def _finish(self, running: _Running) -> None:
        action, client = running.action, running.client
        loan, kept = action.loan, False
        try:
            if loan.why is not None:
                self._end(client, loan.why, _ENDS.get(loan.why, _ENDS["failed"]))
                if isinstance(action, WallEnrolment):
                    action.ended(loan.why)
            elif client is not None and not self._socket.is_connected(client):
                _log.info("%s: the command went before the end, and nothing was kept", action.name)
            else:
                said, kept = action.finish(), True
                if client is not None:
                    self._socket.send(client, said, last=True)
        except SmartClockerError as error:
            self._end(client, "refused", str(error))
        finally:
            if loan.why is None:
                loan.forget()
            if isinstance(loan, EnrolLoan):
                self._show(CueName.ENROLLED if kept else CueName.NOT_ENROLLED)

    def _show(self, cue: CueName) -> None:
        """Show how an enrolment ended. The lights alone tell it where there is no screen."""
        if not self._stopping:
            self._lending.offer(CueLoan([cue]), SHOWN_WITHIN_S)

    def _end(self, client: ControlClient | None, reason: str, text: str) -> None:
        self._refused += 1
        if client is None:
            _log.warning("an enrolment at the terminal ended (%s): %s", reason, text)
        else:
            self._socket.send(client, refused(reason, text), last=True)
