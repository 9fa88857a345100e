"""The command line beside the running terminal, through its control socket: a real terminal, a replayed person."""

import contextlib
import grp
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.adapters.linux import control_socket, peer_credentials
from edge.adapters.linux.control_client import ask
from edge.adapters.linux.control_socket import short_name
from edge.adapters.linux.peer_credentials import Peer
from edge.config import load
from edge.domain.attendance.states import State
from edge.domain.recognition.guided_enrolment import GuidedEnrolment
from edge.errors import ControlAway, ControlError, ControlRefused
from edge.journal.verify import read_payloads
from edge.terminal import installed
from edge.terminal.control import loans, service
from edge.terminal.runtime.alarms import Alarm
from edge.vision.antispoof import AntiSpoof
from tests.support.actor import Actor
from tests.support.failing_terminal import Gate, Life, gate, live
from tests.support.wide_limits import widen

__all__ = ["gate", "live"]  # fixtures
ROOT = Path(__file__).resolve().parents[2]
ANSWERS = ("--witness", "a test", "--consent", "--age-13-or-older", "--employer-agreed")
REQUEST = {
    "do": "enrol",
    "name": "Barack",
    "witness": "a test",
    "language": "en",
    "consent": True,
    "age_attested": True,
    "employer_agreed": True,
    "by": "uid:0",
}


class Bench:
    """A running terminal with its socket, its person and what it keeps."""

    def __init__(self, gate: Gate, life: Life, actor: Actor) -> None:
        self.gate, self.life, self.actor = gate, life, actor
        self.enrolments: list[GuidedEnrolment] = []
        self.path = installed.control_path(load(gate.path).config)
        life.wait(lambda: self.lending.situation is not None, "it attends")
        life.wait(lambda: self.lending.situation.state is not State.STARTING, "it is ready")
        life.wait(self.path.exists, "the socket")

    @property
    def lending(self):
        return self.life.terminal.control._lending

    def ask(self, request: dict[str, object], told: Callable[[dict], None] = lambda _: None) -> dict:
        return ask(self.path, request, told, within_s=200)

    def obeys(self, said: dict) -> None:
        if "text" in said:
            self.actor.follow(said["text"])

    def cli(self, *words: object) -> list[str]:
        return [sys.executable, "-m", "edge", *map(str, words), "--config", str(self.gate.path)]

    def vectors(self) -> int:
        """Templates and frames that an enrolment still holds, once the camera was given back."""
        self.life.wait(lambda: self.lending._loan is None, "it was given back")
        assert self.enrolments
        return sum(len(one._probes) + len(one._good) for one in self.enrolments)

    def kept(self) -> tuple[list[object], list[str]]:
        """Everything in the people file about people, and the kinds of all records."""
        loaded = load(self.gate.path).config
        with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
            rows = [
                sorted(map(repr, people._db.execute(f"SELECT * FROM {table}")))
                for (table,) in people._db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
            ]
        records = [json.loads(one) for one in read_payloads(self.gate.directory / "state/journal.db", 0)]
        return rows, [one["type"].split(".")[-2] for one in records]


@pytest.fixture
def bench(gate, live, monkeypatch) -> Bench:
    actor = Actor()
    bench = Bench(gate, live(gate, camera=actor.camera), actor)

    class Noted(GuidedEnrolment):
        def __init__(self, *given: object, **rules: object) -> None:
            super().__init__(*given, **rules)
            bench.enrolments.append(self)

    monkeypatch.setattr(loans, "GuidedEnrolment", Noted)
    return bench


def test_status_says_how_the_terminal_is(bench) -> None:
    done = subprocess.run(bench.cli("status", "--json"), cwd=ROOT, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert said["state"] in {"idle", "looking"}
    assert said["journal"]["head"] >= 1
    assert said["counters"]["punches"] == 0
    assert said["models"]
    assert set(said["alarms"]) <= bench.life.alarms | {"clock-unsynchronised"}
    text = subprocess.run(bench.cli("status"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert text.startswith(f"{said['site']}/{said['terminal']}: ")


def test_a_cue_is_shown_on_the_real_lights_and_is_no_green_one(bench) -> None:
    done = subprocess.run(bench.cli("cues", "in", "uncover"), cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "in: IN\nuncover: uncover your face: mask, hand, scarf\n"
    drawn = [line for line in bench.life.drawn.getvalue().splitlines() if line.endswith("  IN")]
    assert len(drawn) == 1
    assert "G A" in drawn[0]
    assert bench.life.terminal.attend.tally.punches == 0
    bench.life.wait(lambda: bench.lending.situation.state is State.IDLE, "it is as before")


def test_the_camera_is_tested_beside_the_service(bench) -> None:
    bench.actor.stand()
    done = subprocess.run(
        bench.cli("check", "--camera", "--json"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    said = json.loads(done.stdout)
    assert said["camera"]["size"] == [640, 480]
    assert said["camera"]["with_face"] > 0
    assert said["camera"]["luminance_of_face"] > 0


def test_a_cooperating_person_is_enrolled_in_half_a_minute_beside_the_running_service(bench) -> None:
    before = bench.kept()
    bench.actor.stand()
    command = bench.cli("enrol", "-", "--here", *ANSWERS, "--json")
    begun = time.monotonic()
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write("Barack\n")
        process.stdin.close()
        for line in process.stderr:
            bench.actor.follow(line)
        made = json.loads(process.stdout.read())
    took_s = time.monotonic() - begun
    assert made["templates"] == 5
    assert made["liveness_tested"] is True
    assert took_s < 30 or os.getloadavg()[0] > 2, f"{took_s:.0f} s"
    told = "".join(bench.actor.told)
    assert "to your left" in told
    assert "to your right" in told
    rows, kinds = bench.kept()
    assert rows != before[0]
    assert kinds[len(before[1]) :][:2] == ["consent", "enrolled"]
    drawn = bench.life.drawn.getvalue()
    assert "turn your head to your left, and back" in drawn
    assert bench.vectors() == 0
    # They came to be enrolled: they clock in when they come again.
    tally = bench.life.terminal.attend.tally
    assert tally.punches == 0
    bench.actor.leave()
    bench.life.wait(lambda: not bench.lending.filming, "they left")
    bench.actor.stand()
    bench.life.wait(lambda: tally.punches == 1, "they are recognised")


def test_a_photograph_that_is_only_held_up_is_never_enrolled(bench, monkeypatch) -> None:
    monkeypatch.setattr(loans, "ENROL_MS", 12_000)
    before = bench.kept()
    bench.actor.stand()
    with pytest.raises(ControlRefused, match="nothing was kept") as refused:
        bench.ask(REQUEST)
    assert refused.value.said["reason"] == "time"
    assert bench.kept() == before
    assert bench.vectors() == 0


def test_what_the_liveness_layers_refuse_is_not_enrolled(bench, monkeypatch) -> None:
    before = bench.kept()
    monkeypatch.setattr(AntiSpoof, "liveness", lambda *_: 0.05)
    bench.actor.stand()
    with pytest.raises(ControlRefused, match="no living face") as refused:
        bench.ask(REQUEST, bench.obeys)
    assert refused.value.said["reason"] == "not-live"
    assert bench.kept() == before
    assert bench.vectors() == 0


def test_a_change_of_person_ends_it(bench) -> None:
    before = bench.kept()
    bench.actor.stand()

    def told(said: dict) -> None:
        if said.get("taken"):
            bench.actor.stand("biden.jpg")

    with pytest.raises(ControlRefused, match="another person") as refused:
        bench.ask(REQUEST, told)
    assert refused.value.said["reason"] == "another-person"
    assert bench.kept() == before
    assert bench.vectors() == 0


def test_leaving_ends_it(bench) -> None:
    before = bench.kept()
    bench.actor.stand()

    def told(said: dict) -> None:
        if said.get("taken"):
            bench.actor.leave()

    with pytest.raises(ControlRefused, match="left") as refused:
        bench.ask(REQUEST, told)
    assert refused.value.said["reason"] == "left"
    assert bench.kept() == before
    assert bench.vectors() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_a_command_that_is_interrupted_leaves_nothing_behind(bench, number, monkeypatch) -> None:
    widen(monkeypatch.setattr)  # it must not end by itself before it is interrupted
    before = bench.kept()
    bench.actor.stand()
    # A run in the background of a shell ignores Ctrl-C, and its children would, too.
    command = ["env", "--default-signal=INT", *bench.cli("enrol", "Barack", "--here", *ANSWERS)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "1 of 5" in line:
                process.send_signal(number)
                break
        else:
            raise AssertionError("the enrolment ended before its first template")
        rest = process.stderr.read()
        code = process.wait()
    if number is signal.SIGINT:
        assert code == 130, rest
        assert "nothing was kept" in rest
    bench.life.wait(lambda: bench.life.terminal.control._running is None, "it is over")
    bench.life.wait(lambda: not bench.lending.lent, "it was given back")
    assert bench.kept() == before
    assert bench.vectors() == 0
    bench.life.punches()


def test_another_command_can_cancel_it(bench) -> None:
    bench.actor.stand()
    answers: list[dict] = []

    def told(said: dict) -> None:
        if said.get("taken") and not answers:
            answers.append(bench.ask({"do": "cancel"}))

    with pytest.raises(ControlRefused, match="cancelled"):
        bench.ask(REQUEST, told)
    assert answers[0]["cancelled"] is True
    assert bench.ask({"do": "cancel"})["cancelled"] is False


def test_while_somebody_is_enrolled_badges_count_and_a_second_action_waits(bench) -> None:
    bench.actor.stand()
    seen: list[object] = []

    def told(said: dict) -> None:
        if said.get("taken") and not seen:
            with pytest.raises(ControlRefused, match="another action goes on"):
                bench.ask({"do": "cues", "cues": ["in"]})
            seen.append(bench.ask({"do": "status"})["state"])
            bench.life.punches()
            bench.ask({"do": "cancel"})

    with pytest.raises(ControlRefused, match="cancelled"):
        bench.ask(REQUEST, told)
    assert seen == ["lent"]


def test_the_terminal_stops_in_the_middle_of_an_enrolment(bench) -> None:
    before = bench.kept()
    bench.actor.stand()

    def told(said: dict) -> None:
        if said.get("taken"):
            bench.life.terminal.stop.set("test")

    with pytest.raises((ControlRefused, ControlError)):
        bench.ask(REQUEST, told)
    bench.life.thread.join(120)
    assert bench.life.code == 0
    assert bench.kept() == before
    assert not bench.path.exists()


def test_the_next_card_at_the_reader_becomes_the_badge_and_no_punch(bench) -> None:
    person = bench.kept()
    added = subprocess.run(
        bench.cli("people", "add", "Bea", "--age-13-or-older"), cwd=ROOT, capture_output=True, text=True, check=True
    )
    person = added.stdout.split()[1].rstrip(":")
    for words, expected in ((("card", "--next", person), "the record says so"), (("card",), f"badge of {person}")):
        with subprocess.Popen(bench.cli("people", *words), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            bench.life.wait(lambda: bench.lending.lent and bench.lending._loan is not None, "it waits for a card")
            _show_card(bench.gate, "0009999001")
            assert expected in process.stdout.read()
        bench.life.wait(lambda: not bench.lending.lent, "it was given back")
    assert bench.life.terminal.attend.tally.punches == 0
    assert bench.life.terminal.attend.tally.badges_refused == 0


def test_a_flood_and_rubbish_stop_neither_punches_nor_commands(bench) -> None:
    stop = threading.Event()
    rubbish = [
        b"\n",
        b"{",
        b"\xff" * 10_000,
        b'{"v":1,"do":"status"}',
        b'{"v":1,"do":"nothing"}\n',
        b"A" * 5_000 + b"\n",
    ]

    def flood() -> None:
        while not stop.is_set():
            links = []
            for line in rubbish:
                with contextlib.suppress(OSError):
                    link = socket.socket(socket.AF_UNIX)
                    links.append(link)
                    with short_name(bench.path) as name:
                        link.connect(name)
                    link.sendall(line)
            time.sleep(0.005)
            for link in links:
                link.close()

    floods = [threading.Thread(target=flood) for _ in range(3)]
    for one in floods:
        one.start()
    try:
        bench.life.punches()
        bench.life.punches()
    finally:
        stop.set()
        for one in floods:
            one.join()
    bench.life.wait(lambda: _answers(bench), "it answers again")
    assert not bench.life.terminal.control.failing


def test_what_a_client_sends_after_its_answer_begins_nothing(bench, monkeypatch) -> None:
    begun: list[object] = []
    real = bench.lending.offer
    monkeypatch.setattr(bench.lending, "offer", lambda loan: begun.append(loan) or real(loan))
    asked = bench.life.terminal.control.counters()["control_requests"]
    with _connected(bench) as link:
        link.sendall(b'{"v":1,"do":"status"}\n{"v":1,"do":"cues","cues":["in"]}\n')
        link.settimeout(60)
        answer = b"".join(iter(lambda: link.recv(65_536), b""))
    assert json.loads(answer)["end"] == "done"
    assert bench.ask({"do": "status"})["end"] == "done"
    assert begun == []
    assert bench.life.terminal.control.counters()["control_requests"] == asked + 2


def test_when_the_socket_goes_in_the_middle_of_an_action_nobody_is_told_that_the_terminal_stops(bench) -> None:
    def told(said: dict) -> None:
        bench.path.unlink(missing_ok=True)

    with pytest.raises(ControlRefused, match="the action failed, and nothing was kept") as refused:
        bench.ask({"do": "cues", "cues": ["looking", "looking", "looking"]}, told)
    assert refused.value.said["reason"] == "failed"
    bench.life.wait(lambda: not bench.lending.lent, "it was given back")
    bench.life.punches()


def test_a_client_that_never_reads_and_one_that_never_ends_its_line_are_dropped(bench, monkeypatch) -> None:
    monkeypatch.setattr(control_socket, "REQUEST_WITHIN_S", 0.3)
    silent, half = (socket.socket(socket.AF_UNIX) for _ in range(2))
    with silent, half, short_name(bench.path) as name:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        silent.connect(name)
        half.connect(name)
        half.sendall(b'{"v":1,')
        for _ in range(50):
            with contextlib.suppress(OSError):
                silent.sendall(b'{"v":1,"do":"status"}\n')
        half.settimeout(60)
        assert b"no whole request" in half.recv(4_096)
        assert half.recv(4_096) == b""
        bench.life.wait(lambda: not bench.life.terminal.control._socket._clients, "both are gone")
    assert _answers(bench)


def test_another_user_is_refused_and_told_why(bench, monkeypatch) -> None:
    real = peer_credentials.peer_of_socket
    bench.life.terminal.control._socket._peer_of = lambda link: Peer(real(link).pid, 65_534, frozenset({65_534}))
    for _ in range(50):
        with pytest.raises(ControlRefused, match=r"uid 65534 may not use this terminal.*sudo"):
            bench.ask({"do": "status"})
    bench.life.terminal.control._socket._peer_of = real
    assert bench.life.terminal.control.counters()["control_refused"] >= 50
    assert _answers(bench)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_the_kernel_says_who_connects(gate, live, reachable) -> None:
    group = grp.getgrgid(1).gr_name
    gate.write(f'[control]\nsocket = "{reachable / "control"}"\ngroup = "{group}"\n')
    bench = Bench(gate, live(gate, camera=Actor().camera), Actor())
    program = (
        "import json, os, socket, sys\n"
        "os.setgroups(json.loads(sys.argv[3]))\n"
        "os.setgid(65534)\n"
        "os.setuid(65534)\n"
        "link = socket.socket(socket.AF_UNIX)\n"
        "link.connect(sys.argv[1])\n"
        "try:\n"
        "    link.sendall(sys.argv[2].encode())\n"
        "except OSError:\n"
        "    pass  # it was refused already\n"
        "print(link.makefile().readline())\n"
    )

    def other(request: str, *groups: int) -> dict:
        words = [str(bench.path), request + "\n", json.dumps(groups)]
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
        return json.loads(done.stdout.splitlines()[0])

    status = '{"v":1,"do":"status"}'
    assert other(status)["reason"] == "not-allowed"
    assert other(status, 1)["end"] == "done"
    refusal = other('{"v":1,"do":"card-next","by":"uid:0"}', 1)
    assert "records name your own login, uid:65534" in refusal["text"]


def test_without_its_socket_the_terminal_punches_and_says_so(gate, live, monkeypatch) -> None:
    monkeypatch.setattr(service, "RETRY_S", 0.2)
    folder = gate.directory / "no/such"
    gate.write(f'[control]\nsocket = "{folder}/control"\n')
    life = live(gate)
    life.wait(lambda: Alarm.CONTROL_FAILING in life.alarms, "the alarm")
    life.punches()
    with pytest.raises(ControlAway, match="no terminal runs here"):
        ask(folder / "control", {"do": "status"})
    folder.mkdir(parents=True)
    life.wait(lambda: Alarm.CONTROL_FAILING not in life.alarms, "it is there again")
    assert ask(folder / "control", {"do": "status"})["v"] == 1


def test_a_socket_that_is_removed_is_made_again(bench, monkeypatch) -> None:
    monkeypatch.setattr(service, "RETRY_S", 0.2)
    monkeypatch.setattr(control_socket, "_LOOK_S", 0.1)
    bench.path.unlink()
    bench.life.wait(lambda: bench.path.exists() and _answers(bench), "it is made again")


def test_an_error_that_nobody_foresaw_fails_alone(bench, monkeypatch, caplog) -> None:
    monkeypatch.setattr(service, "RETRY_S", 0.2)

    def broken(*_: object) -> dict:
        raise KeyError("nobody foresaw")

    monkeypatch.setattr(bench.life.terminal.control, "_status", broken)
    with pytest.raises((ControlError, ControlRefused)):
        bench.ask({"do": "status"})
    bench.life.wait(lambda: Alarm.CONTROL_FAILING in bench.life.alarms or _open(bench), "it failed")
    bench.life.punches()
    assert "nobody foresaw" in caplog.text


def test_without_a_terminal_the_command_line_says_how_to_start_it(gate, smartclocker) -> None:
    done = smartclocker("status", "--config", gate.path)
    assert done.returncode == 69
    assert "systemctl start smartclocker" in done.stderr
    done = smartclocker("enrol", "Barack", "--here", *ANSWERS, "--config", gate.path)
    assert (done.returncode, "no terminal runs here" in done.stderr) == (69, True)
    done = smartclocker("cues", "in", "--config", gate.path)
    assert (done.returncode, "in: IN" in done.stdout) == (0, True)


def _answers(bench: Bench) -> bool:
    try:
        return bench.ask({"do": "status"})["end"] == "done"
    except (ControlError, ControlRefused):
        return False


def _connected(bench: Bench) -> socket.socket:
    link = socket.socket(socket.AF_UNIX)
    with short_name(bench.path) as name:
        link.connect(name)
    return link


def _open(bench: Bench) -> bool:
    return bench.life.terminal.control._socket.is_open


def _show_card(gate: Gate, number: str) -> None:
    descriptor = os.open(gate.directory / "reader", os.O_RDWR | os.O_NONBLOCK)
    os.write(descriptor, f"badge {number}\n".encode())
    os.close(descriptor)
