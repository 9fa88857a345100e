"""The centre's installer, with real files below a folder and stand-ins for the package manager, systemd and the
venv; and docs/centre.md followed to the letter, with the real program and the real mosquitto.
"""

import contextlib
import json
import os
import pwd
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.adapters.mqtt.client import MqttLink
from edge.adapters.mqtt.mailbox import Identity
from edge.adapters.mqtt.tls import UplinkSettings
from edge.central.broker.mosquitto import find_mosquitto
from edge.cli import build_parser
from edge.crypto.key_files import create_identity, public_pem
from edge.domain.protocol.record import Origin
from tests.support.installation import Neighbour, eventually
from tests.support.installer_machine import Machine
from tests.support.signed_punches import SignedPunches

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/centre.md").read_text()
UNITS = sorted(
    [*(ROOT / "systemd").glob("smartclocker-*.service"), *(ROOT / "systemd").glob("smartclocker-*.timer")]
)
TIMERS = [path for path in UNITS if path.suffix == ".timer"]
FIRST = ("--host", "clock.example.org", "--site", "main")
PROGRAM = "/opt/smartclocker/venv/bin/smartclocker"


class CentreMachine(Machine):
    """A machine whose installer is asked for a centre. With `real`, the program that it installs is this one."""

    def __init__(self, directory: Path, *, real: bool = False) -> None:
        super().__init__(directory)
        told = 'echo "systemctl $*" >> "$LOG"; [ "$*" != "${REFUSED:-}" ]'
        self.stand_in("systemctl", f'[ "$1" != is-active ] || exit 3; {told}')
        (self.bin / "id").unlink()
        self.stand_in("id", 'if [ "$1" = -u ]; then echo "${USER_ID:-0}"; else exit 1; fi')
        if real:
            body = f'cd "{ROOT}" && exec "{sys.executable}" -m edge "$@"'
            (self.kept / "program").write_text(f'#!/bin/sh\necho "smartclocker $*" >> "$LOG"\n{body}\n')

    def centre(self, *words: object, code: int = 0, **environment: str) -> str:
        return self.install("--centre", *map(str, words), code=code, **environment)

    def path(self, path: str) -> Path:
        return self.root / path.removeprefix("/")


@pytest.fixture
def machine(tmp_path: Path) -> CentreMachine:
    return CentreMachine(tmp_path)


# What is refused


@pytest.mark.parametrize("words", [(), ("--host", "a"), ("--site", "main"), ("--listen", "192.0.2.1")])
def test_the_first_time_a_host_and_a_site_are_needed_and_nothing_was_done(machine: CentreMachine, words) -> None:
    assert "give --host NAME" in machine.centre(*words, code=69)
    assert machine.done == []
    assert list(machine.root.iterdir()) == []


@pytest.mark.parametrize("option", ["--host", "--site", "--listen", "--port"])
@pytest.mark.parametrize("value", ["", "two words", "-x", "a;b", "$(id)", "*", "a\nb", "a'b"])
def test_a_value_that_is_no_name_is_refused(machine: CentreMachine, option: str, value: str) -> None:
    assert f"install: {option} " in machine.centre(*FIRST, option, value, code=64)
    assert machine.done == []


def test_an_option_without_its_value_or_an_unknown_one_is_refused(machine: CentreMachine) -> None:
    assert "needs a value" in machine.centre("--host", code=69)
    assert "--dry-run" in machine.centre("--frobnicate", code=64)
    assert "needs a directory of wheels" in machine.centre(*FIRST, "--wheelhouse", "/nowhere", code=69)
    assert "needs root" in machine.centre(*FIRST, code=69, USER_ID="1000")
    assert machine.done == []


# What is done


def test_all_is_done_in_its_order(machine: CentreMachine) -> None:
    machine.boot()
    said = machine.centre(*FIRST)
    root = machine.root
    release = root / "opt/smartclocker" / machine.link("venv")
    steps = [
        "apt-get update --quiet",
        "apt-get install --yes --no-install-recommends python3 openssl mosquitto python3-venv",
        f"systemd-sysusers --root={root} {root}/etc/sysusers.d/smartclocker.conf",
        "pip install --quiet --require-hashes -r provisioning/locks/terminal.txt index: links:",
        f"pip install --quiet --require-hashes --no-deps -r {release}/centre.txt index: links:",
        "pip install --quiet --no-deps . index: links:",
        "smartclocker --version",
        f"smartclocker central init {root}/var/lib/smartclocker-ledger --host clock.example.org --site main",
        f"smartclocker central authority init {root}/var/lib/smartclocker-ledger",
        f"smartclocker central backup-key {root}/etc/smartclocker/backup.key",
        f"smartclocker central broker {root}/var/lib/smartclocker-ledger {root}/etc/smartclocker/broker",
        "systemctl daemon-reload",
        "systemctl daemon-reload",
        "systemctl enable mosquitto.service",
        "systemctl restart mosquitto.service",
        "systemctl enable smartclocker-ledger.service",
        "systemctl restart smartclocker-ledger.service",
    ]
    assert machine.done[:-2] == steps
    assert machine.done[-1] == "systemctl start --no-block smartclocker-backup.service"
    enabled = machine.done[-2].removeprefix("systemctl enable --now ").split()
    assert sorted(enabled) == [path.name for path in TIMERS]
    units = machine.path("etc/systemd/system")
    assert sorted(path.name for path in units.glob("smartclocker-*")) == [path.name for path in UNITS]
    drop_in = units / "mosquitto.service.d/smartclocker.conf"
    assert "/etc/smartclocker/broker/mosquitto.conf" in drop_in.read_text()
    for words in (
        "The centre stands",
        "backup.key to a safe",
        "tcp dport 8883 accept",
        "ufw allow",
        "central terminal add",
        "systemctl start smartclocker-claims",
    ):
        assert words in said
    assert str(machine.path("usr/local/bin/smartclocker").readlink()) == PROGRAM
    for private in ("var/lib/smartclocker-ledger", "var/lib/smartclocker-backups"):
        assert machine.path(private).stat().st_mode & 0o777 == 0o700


def test_help_says_how(machine: CentreMachine) -> None:
    assert "--centre --help" in machine.install("--help")
    assert "--host NAME" in machine.centre("--help")
    assert machine.done == []


def test_an_address_of_the_network_is_named_in_the_certificate(machine: CentreMachine) -> None:
    machine.centre(*FIRST, "--listen", "192.0.2.1", "--port", "8884")
    (made,) = [line for line in machine.done if "central init" in line]
    assert made.endswith("--listen 192.0.2.1 --port 8884 --host 192.0.2.1")


@pytest.mark.parametrize("without", [(), ("systemctl", "systemd-sysusers")], ids=["a chroot", "no systemd at all"])
def test_where_systemd_does_not_run_it_goes_on_to_the_end(machine: CentreMachine, without: tuple[str, ...]) -> None:
    for name in without:
        (machine.bin / name).unlink()
    said = machine.centre(*FIRST)
    assert "left out, for systemd does not run here: systemctl daemon-reload" in said
    assert "after the boot: systemctl enable --now mosquitto.service" in said
    assert not any(line.startswith("systemctl") for line in machine.done)


def test_a_broker_that_does_not_start_is_said_and_may_be_tried_again(machine: CentreMachine) -> None:
    machine.boot()
    said = machine.centre(*FIRST, code=69, REFUSED="restart mosquitto.service")
    assert "mosquitto.service does not start; journalctl -u mosquitto.service" in said
    assert "The centre stands" in machine.centre(*FIRST)


def test_without_a_network_every_package_comes_from_the_wheelhouse(machine: CentreMachine, tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    machine.centre(*FIRST, "--wheelhouse", tmp_path / "wheels")
    pip = [line for line in machine.done if line.startswith("pip install")]
    assert len(pip) == 3
    assert all(line.endswith(f"index:1 links:{tmp_path}/wheels") for line in pip)


def test_killed_after_any_action_it_goes_on_from_there(tmp_path: Path) -> None:
    """Every fourth action; a kill test of each is the terminal's."""
    (tmp_path / "whole").mkdir()
    whole = CentreMachine(tmp_path / "whole")
    whole.boot()
    whole.centre(*FIRST)
    for action in range(1, 1_000, 4):
        (tmp_path / str(action)).mkdir()
        machine = CentreMachine(tmp_path / str(action))
        machine.boot()
        if not machine.killed_after(action, "--centre", *FIRST):
            break
        machine.centre(*FIRST)
        assert machine.tree() == whole.tree(), action
    assert action > 40


def test_where_the_ledger_finds_the_broker_may_be_yours(machine: CentreMachine) -> None:
    machine.centre(*FIRST)
    env = machine.path("etc/smartclocker/ledger.env")
    assert env.read_text().splitlines()[1:] == ["BROKER_HOST=localhost", "BROKER_PORT=8883"]
    env.write_text("BROKER_HOST=broker.example.org\n")
    assert "kept: /etc/smartclocker/ledger.env" in machine.centre(*FIRST)
    assert env.read_text() == "BROKER_HOST=broker.example.org\n"


def test_a_dry_run_changes_nothing_and_names_the_steps(machine: CentreMachine) -> None:
    machine.boot()
    said = machine.centre(*FIRST, "--dry-run", USER_ID="1000")
    assert (machine.done, sorted(path.name for path in machine.root.iterdir())) == ([], ["run"])
    for step in ("--require-hashes", "central init", "central broker", "systemctl enable --now", "ledger.env"):
        assert f"{step}" in said
    assert "Nothing was changed" in said


def test_removing_keeps_the_data(machine: CentreMachine) -> None:
    machine.boot()
    machine.centre(*FIRST)
    key = machine.path("var/lib/smartclocker-ledger/ledger.key")
    key.touch()
    machine.centre("--uninstall")
    left = [path for path in machine.path("etc/systemd/system").rglob("*") if path.is_file()]
    assert left == []
    for gone in ("usr/local/bin/smartclocker", "opt/smartclocker", "etc/sysusers.d/smartclocker.conf"):
        assert not os.path.lexists(machine.path(gone)), gone
    assert key.exists()
    assert any(line.startswith("systemctl disable --now smartclocker-orders.timer") for line in machine.done)
    assert "removed. Kept:" in machine.centre("--uninstall"), "given again"


def test_removing_leaves_a_terminal_its_program(machine: CentreMachine) -> None:
    machine.centre(*FIRST)
    machine.path("etc/systemd/system/smartclocker.service").touch()
    assert "smartclocker.service runs from there" in machine.centre("--uninstall")
    for kept in ("usr/local/bin/smartclocker", f"{PROGRAM}", "etc/sysusers.d/smartclocker.conf"):
        assert os.path.lexists(machine.path(kept)), kept


# The units


def commands(unit: Path) -> list[list[str]]:
    """What a unit starts, word by word."""
    lines = [line.partition("=")[2] for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize("timer", TIMERS, ids=lambda path: path.name)
def test_a_timer_is_clean_and_has_its_service(timer: Path, tmp_path: Path) -> None:
    for path in (timer, timer.with_suffix(".service")):
        (tmp_path / path.name).write_text(path.read_text().replace(PROGRAM, "/bin/true"))
    words = ["systemd-analyze", "--man=no", "verify", str(tmp_path / timer.name)]
    done = subprocess.run(words, text=True, capture_output=True, timeout=300, check=False)
    about_us = [line for line in (done.stdout + done.stderr).splitlines() if "smartclocker" in line]
    assert (done.returncode, about_us) == (0, [])
    assert "WantedBy=timers.target" in timer.read_text()


@pytest.mark.parametrize("unit", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name)
def test_a_unit_starts_a_command_line_that_the_program_takes(unit: Path) -> None:
    started = commands(unit)
    assert started
    for program, *words in started:
        if program != PROGRAM:
            assert [program, *words] == ["/usr/bin/systemctl", "reload", "mosquitto.service"]
            continue
        named = {"${BROKER_PORT}": "8883", "${CLAIMS_PORT}": "8884", "${BROKER_HOST}": "a", "${CLAIMS_LISTEN}": "a"}
        filled = [named.get(word, word) for word in words]
        build_parser("central").parse_args(filled)
    if unit.with_suffix(".timer").exists():
        assert "Type=oneshot" in unit.read_text()


def test_the_page_names_each_unit_and_what_the_timers_keep() -> None:
    table = PAGE[PAGE.index("## What runs") : PAGE.index("## Back up")]
    running = [path.name for path in UNITS if path.suffix == ".timer" or path.stem.endswith("ledger")]
    assert [name for name in running if f"`{name}`" not in table] == []
    assert "--keep 14" in (ROOT / "systemd/smartclocker-backup.service").read_text()
    assert "newest 14" in table


# The page, followed with the real program and the real mosquitto


class Followed:
    """A machine on which somebody gives the commands of the page; what runs of it ends with `stop`."""

    def __init__(self, directory: Path) -> None:
        self.machine = CentreMachine(directory, real=True)
        self.pem = directory / "gate-1.pem"
        self.held = socket.socket()  # bound and not listening: nobody else is given its port
        self.held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.held.bind(("127.0.0.1", 0))
        self.port = self.held.getsockname()[1]
        self.state, self.log = directory / "state", directory / "broker.log"
        self.broker: subprocess.Popen[bytes] | None = None
        self.ledger: subprocess.Popen[bytes] | None = None
        self.base = self.machine.path("var/lib/smartclocker-ledger")

    def word(self, word: str) -> str:
        """The same path below our root."""
        if word.startswith(("/etc/smartclocker", "/var/lib/smartclocker", "/media/")):
            return str(self.machine.path(word))
        return str(self.pem) if word == "gate-1.pem" else word

    def give(self, line: str, codes: tuple[int, ...] = (0,), typed: str = "") -> str:
        """One command of the page, or of a unit."""
        program, *words = shlex.split(line.removeprefix("sudo "))
        words = [self.word(word) for word in words]
        if program.endswith("install.sh"):
            more = ["--listen", "127.0.0.1", "--port", self.port] if "--host" in words else []
            return self.machine.install(*words, *map(str, more))
        if program in {"smartclocker", PROGRAM}:
            return self.smartclocker(*words, codes=codes, typed=typed)
        if program.endswith("systemctl"):
            return self.systemctl(*words)
        assert program in {"cp", "mv"}, line
        return subprocess.run([program, *words], check=True, text=True, capture_output=True).stdout

    def smartclocker(self, *words: str, codes: tuple[int, ...] = (0,), typed: str = "") -> str:
        command = [sys.executable, "-m", "edge", *words]
        done = subprocess.run(
            command, cwd=ROOT, text=True, capture_output=True, timeout=300, check=False, input=typed
        )
        assert done.returncode in codes, done.stdout + done.stderr
        return done.stdout

    def systemctl(self, act: str, *units: str) -> str:
        assert act in {"reload", "stop"}
        if act == "reload":
            assert self.broker is not None
            self.broker.send_signal(signal.SIGHUP)
        elif "smartclocker-ledger" in units:
            self.stop_ledger()
        return ""

    def start(self) -> None:
        """What systemd does: the broker by the drop-in, the ledger by its unit."""
        self.state.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            os.chown(self.state, pwd.getpwnam("mosquitto").pw_uid, -1)
        for conf in (self.base / "mosquitto.conf", self.machine.path("etc/smartclocker/broker/mosquitto.conf")):
            conf.write_text(conf.read_text().replace("/var/lib/mosquitto/", f"{self.state}/"))
        with self.log.open("ab") as log:
            conf = self.machine.path("etc/smartclocker/broker/mosquitto.conf")
            self.broker = subprocess.Popen([find_mosquitto(), "-c", conf], cwd="/", stdout=log, stderr=log)
        eventually(self.listens, f"the broker listens: {self.log.read_text()}")
        self.start_ledger()

    def listens(self) -> bool:
        assert self.broker is not None
        assert self.broker.poll() is None, self.log.read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 10).close()
        except OSError:
            return False
        return True

    def start_ledger(self) -> None:
        env = dict(
            line.split("=")
            for line in self.machine.path("etc/smartclocker/ledger.env").read_text().splitlines()
            if not line.startswith("#")
        )
        ((_, *words),) = commands(ROOT / "systemd/smartclocker-ledger.service")
        words = [re.sub(r"\$\{(\w+)\}", lambda found: env[found[1]], self.word(word)) for word in words]
        self.ledger = subprocess.Popen([sys.executable, "-m", "tests.support.program", *words], cwd=ROOT)

    def stop_ledger(self) -> None:
        if self.ledger is not None:
            ledger, self.ledger = self.ledger, None
            ledger.terminate()
            assert ledger.wait(120) in {0, -signal.SIGTERM}, "it may not have come to its own handler yet"

    def stop(self) -> None:
        self.held.close()
        if self.broker is not None:
            self.broker.terminate()
            self.broker.wait(60)
        self.stop_ledger()

    def records(self) -> int:
        """How many records the ledger has."""
        path = self.base / "ledger.db"
        try:
            with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
                return int(db.execute("SELECT count(*) FROM records").fetchone()[0])
        except sqlite3.OperationalError:  # not made yet
            return -1

    def unit(self, name: str, codes: tuple[int, ...] = (0,)) -> None:
        """What a timer starts."""
        unit = ROOT / f"systemd/smartclocker-{name}.service"
        given = re.search("^StandardInput=file:(.+)$", unit.read_text(), re.MULTILINE)
        typed = "" if given is None else self.machine.path(given[1]).read_text()
        for words in commands(unit):
            self.give(shlex.join(words), codes, typed)


@pytest.fixture
def followed(reachable: Path) -> Iterator[Followed]:
    made = Followed(reachable)
    yield made
    made.stop()


def page(heading: str, until: str) -> list[str]:
    part = PAGE[PAGE.index(f"## {heading}") : PAGE.index(f"## {until}")]
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", part, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines()]


def test_the_page_followed_to_the_letter_serves_terminals_and_comes_back_from_a_backup(followed: Followed) -> None:
    install, keep_key, issue, register, broker, reload, gaps = page("Install", "What runs")
    followed.machine.path("media/safe").mkdir(parents=True)
    assert f"port {followed.port}" in followed.give(install)
    followed.give(keep_key)
    followed.start()
    key = create_identity(followed.pem.with_suffix(".key"))
    followed.pem.write_text(public_pem(key.verify_key))
    eventually(lambda: followed.records() == 0, "the ledger has made its database")
    for line in (issue, register, broker, reload):
        followed.give(line)
    punches = SignedPunches(Origin("main", "gate-1"), key)
    with terminal(followed) as gate:
        for _ in range(3):
            message = punches.next()
            eventually(lambda: sent(followed, gate, message) == punches.count, "the ledger stores it")  # noqa: B023
        followed.give(gaps, codes=(0, 1))
        followed.unit("orders", codes=(0, 1))
        followed.unit("certificates")
        followed.unit("backup")
        by_hand, stop, move, restore = page("Back up and restore", "Other brokers")
        followed.give(by_hand)
        last = punches.next()
        eventually(lambda: sent(followed, gate, last) == 4, "the ledger goes on beside and after a backup")
    backups = sorted(path.name for path in followed.machine.path("var/lib/smartclocker-backups").iterdir())
    assert len(backups) == 2
    assert re.fullmatch(r"centre-\d{8}T\d{6}Z\.scb", backups[1])
    followed.give(stop)
    followed.give(move)
    said = followed.give(restore)
    assert "central verify" in said
    verified = json.loads(followed.smartclocker("central", "verify", str(followed.base), "--json"))
    assert (verified["chain"], verified["records"]) == ("ok", 3)
    steps = [line.split(maxsplit=2)[2] for line in said.splitlines() if line.startswith("next ")]
    assert any(step.startswith("smartclocker central broker") and "--take-over" in step for step in steps)
    into = followed.word("/etc/smartclocker/broker")
    followed.smartclocker("central", "broker", str(followed.base), into, "--take-over")
    followed.start_ledger()
    with terminal(followed) as gate:
        eventually(lambda: sent(followed, gate, last) == 4, "what came since the backup comes again")


@contextlib.contextmanager
def terminal(followed: Followed) -> Iterator[Neighbour]:
    """A connection with the certificate of gate-1."""
    pki = followed.base / "pki"
    files = (pki / "ca.crt", pki / "client-gate-1.crt", pki / "client-gate-1.key")
    gate = Neighbour(MqttLink(UplinkSettings("127.0.0.1", followed.port, *files), Identity("gate-1", ())))
    try:
        gate.connect()
        yield gate
    finally:
        gate.link.stop()


def sent(followed: Followed, gate: Neighbour, message: tuple[str, bytes]) -> int:
    """Sends a record, again while the ledger does not hear yet; how many records the ledger has then."""
    gate.publish(*message)
    time.sleep(0.05)
    return followed.records()


def test_given_again_it_keeps_keys_and_certificates_and_adds_a_site(followed: Followed) -> None:
    machine = followed.machine
    machine.centre(*FIRST, "--listen", "127.0.0.1")
    kept = [machine.path("etc/smartclocker/backup.key")]
    kept += [
        path for path in followed.base.rglob("*") if path.is_file() and path.suffix in {".key", ".crt", ".pem"}
    ]
    before = {path: path.read_bytes() for path in kept}
    said = machine.centre("--site", "depot")
    assert "kept: /etc/smartclocker/backup.key" in said
    assert {path: path.read_bytes() for path in kept} == before
    acl = machine.path("etc/smartclocker/broker/acl").read_text()
    assert "/main/" in acl
    assert "/depot/" in acl
    assert "listener 8883 127.0.0.1" in machine.path("etc/smartclocker/broker/mosquitto.conf").read_text()


def test_a_broker_on_one_address_is_found_there_by_the_ledger(followed: Followed) -> None:
    followed.machine.centre(*FIRST, "--listen", "192.0.2.1", "--port", "8884")
    env = followed.machine.path("etc/smartclocker/ledger.env").read_text()
    assert "BROKER_HOST=192.0.2.1\nBROKER_PORT=8884\n" in env
    said = subprocess.run(
        ["openssl", "x509", "-in", followed.base / "pki/server.crt", "-noout", "-ext", "subjectAltName"],
        text=True,
        capture_output=True,
        check=True,
    )
    assert "192.0.2.1" in said.stdout
