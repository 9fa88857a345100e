"""The doctor's judgements: at which value a part is ok, to be looked at, or failing; and that each has its mend."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.domain.doctor import DoctorFinding, DoctorVerdict, of_problems, ok, parse, worst
from edge.terminal.doctor import judge_machine, judge_parts
from edge.terminal.doctor.judge_machine import ClockReading, SwapArea
from edge.terminal.doctor.judge_parts import CameraReading, DiskReading

OK, WARN, FAIL, NOT_HERE = DoctorVerdict
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def judged(finding: DoctorFinding, verdict: DoctorVerdict) -> DoctorFinding:
    assert finding.verdict is verdict, finding
    assert bool(finding.mend) == (verdict in {WARN, FAIL}), "what is wrong has a mend, and nothing else has"
    assert parse(finding.as_json()) == finding
    return finding


@pytest.mark.parametrize(
    ("degrees", "verdict"), [(None, NOT_HERE), (-5.0, OK), (74.9, OK), (75.0, WARN), (84.9, WARN), (85.0, FAIL)]
)
def test_temperature(degrees, verdict) -> None:
    judged(judge_machine.temperature(degrees), verdict)


@pytest.mark.parametrize(
    ("bits", "verdict"),
    [(None, NOT_HERE), (0, OK), (0x1, FAIL), (0x50005, FAIL), (0x10000, WARN), (0x80000, WARN), (0x4, WARN)],
)
def test_voltage(bits, verdict) -> None:
    judged(judge_machine.voltage(bits), verdict)


def test_the_kernel_without_a_memory_controller_is_to_be_mended_in_the_boot_line() -> None:
    found = judged(judge_machine.memory_limit({"cpuset", "cpu", "io", "pids"}), WARN)
    assert "cgroup_enable=memory" in found.mend
    judged(judge_machine.memory_limit({"cpu", "memory"}), OK)
    judged(judge_machine.memory_limit(None), NOT_HERE)


def test_swap_matters_where_the_unit_is_not_kept_out_of_it() -> None:
    disk, zram = SwapArea("/var/swap", 512_000), SwapArea("/dev/zram0", 900_000)
    judged(judge_machine.swap([], limited=False), OK)
    judged(judge_machine.swap([zram], limited=False), OK)
    judged(judge_machine.swap([zram, disk], limited=True), OK)
    assert judged(judge_machine.swap([zram, disk], limited=False), WARN).measured == {"swap_mb": 500}


@pytest.mark.parametrize(("limit", "verdict"), [(None, NOT_HERE), ("0", OK), ("unlimited", FAIL), ("1024", FAIL)])
def test_core_dumps(limit, verdict) -> None:
    judged(judge_machine.core_dumps(limit), verdict)


UNIT = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled"}


@pytest.mark.parametrize(
    ("state", "verdict", "said"),
    [
        (None, NOT_HERE, "systemd does not run"),
        (UNIT | {"NRestarts": "0"}, OK, "runs"),
        (UNIT | {"NRestarts": "3"}, WARN, "started again 3 times"),
        (UNIT | {"NRestarts": "-\x00odd"}, OK, "runs"),
        (UNIT | {"UnitFileState": "disabled"}, WARN, "does not start by itself"),
        (UNIT | {"ActiveState": "inactive"}, FAIL, "does not run (inactive)"),
        (UNIT | {"ActiveState": "failed", "ExecMainStatus": "74"}, FAIL, "failed, exit code 74"),
        (UNIT | {"ActiveState": "activating", "SubState": "auto-restart"}, FAIL, "again and again"),
        (UNIT | {"ActiveState": "activating", "SubState": "start"}, WARN, "starts"),
        ({"LoadState": "not-found", "ActiveState": "inactive"}, WARN, "not installed"),
        ({"LoadState": "masked", "ActiveState": "inactive"}, WARN, "masked"),
        ({}, FAIL, "unknown"),
    ],
)
def test_unit(state, verdict, said) -> None:
    assert said in judged(judge_machine.unit(state), verdict).said


def test_a_unit_that_failed_by_its_configuration_is_to_be_checked() -> None:
    found = judge_machine.unit(UNIT | {"ActiveState": "failed", "ExecMainStatus": "78"})
    assert "smartclocker check" in found.mend


def test_software_that_was_updated_and_not_restarted() -> None:
    judged(judge_machine.software("2", "3.13", None), OK)
    judged(judge_machine.software("2", "3.13", "2"), OK)
    assert "restart" in judged(judge_machine.software("2", "3.13", "1"), WARN).mend


def test_clock() -> None:
    assert "2.3 ms off" in judged(judge_machine.clock(ClockReading(True, 0.1, "ntp.lan", 0.0023)), OK).said
    assert "at most 0.1 s" in judged(judge_machine.clock(ClockReading(True, 0.1)), OK).said
    judged(judge_machine.clock(ClockReading(True, None, "ntp.lan", -2.0)), WARN)
    judged(judge_machine.clock(ClockReading(False)), WARN)
    judged(judge_machine.clock(ClockReading(None)), WARN)


def reading(**changes: object) -> CameraReading:
    usual: dict[str, object] = {"frames": 40, "rate": 14.8, "size": (640, 480), "light": 120.0, "wanted_rate": 7.5}
    return CameraReading(**{"by": "the doctor", **usual, **changes})


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({}, OK, "14.8 frames a second of 640x480, light 120 of 255"),
        ({"frames": 0, "rate": 0.0}, FAIL, "no frame came"),
        ({"light": 12.0}, WARN, "too dark"),
        ({"light": 251.0}, WARN, "too bright"),
        ({"light": None, "size": None}, OK, "14.8"),
        ({"rate": 3.0}, WARN, "7.5 a second are to be expected"),
        ({"replay": True}, WARN, "photographs are played"),
    ],
)
def test_camera(changes, verdict, said) -> None:
    assert said in judged(judge_parts.camera(reading(**changes)), verdict).said


def test_a_look_that_is_slow_says_what_it_means_for_a_punch() -> None:
    assert judged(judge_parts.look(120, 2, 3, lamp=False), OK).measured["punch_s"] == 0.5
    slow = judged(judge_parts.look(650, 2, 3, lamp=False), WARN)
    assert "a punch takes about 2.6 s: this machine is slow" in slow.said
    judged(judge_parts.look(1_000, 2, 3, lamp=False), WARN)
    assert "the alarm too-slow" in judged(judge_parts.look(1_001, 2, 3, lamp=False), FAIL).said
    judged(judge_parts.look(401, 2, 3, lamp=True), FAIL)
    judged(judge_parts.look(400, 2, 3, lamp=True), OK)


def test_disk() -> None:
    judged(judge_parts.disk(DiskReading("ext4", 20_000, 30_000, False)), OK)
    assert "read-only" in judged(judge_parts.disk(DiskReading("ext4", 20_000, 30_000, True)), FAIL).said
    noted = judged(
        judge_parts.disk(DiskReading("ext4", 20_000, 30_000, False), ["a; b; mend a", "c; mend c"]), WARN
    )
    assert noted.said.endswith("a; b; c")
    assert noted.mend == "mend a; mend c"


@pytest.mark.parametrize(("ms", "verdict"), [(0.02, OK), (99.0, OK), (100.0, WARN), (1_000.0, FAIL)])
def test_flush(ms, verdict) -> None:
    judged(judge_parts.flush(ms, ms * 2), verdict)


@pytest.mark.parametrize(
    ("step", "spare", "verdict", "said"),
    [
        (None, None, NOT_HERE, "does not tell"),
        (1, 1, OK, "0 to 10 %"),
        (8, None, OK, "70 to 80 %"),
        (9, 1, WARN, "80 to 90 %"),
        (2, 2, WARN, "10 to 20 %"),
        (11, 1, FAIL, "all of its expected life"),
        (1, 3, FAIL, "0 to 10 %"),
        (None, 3, FAIL, "state 3 of 3"),
    ],
)
def test_wear(step, spare, verdict, said) -> None:
    assert said in judged(judge_parts.wear(step, spare, "the eMMC"), verdict).said


@pytest.mark.parametrize(
    ("begin", "end", "verdict"), [(-10, 300, OK), (-10, 20, WARN), (-10, -1, FAIL), (1, 300, FAIL)]
)
def test_certificate(begin, end, verdict) -> None:
    days = [NOW + timedelta(days=number) for number in (begin, end)]
    judged(judge_parts.certificate("gate-1", *days, NOW), verdict)


def test_the_running_service() -> None:
    judged(judge_parts.service("idle", [], False), OK)
    assert "reader-away" in judged(judge_parts.service("idle", ["reader-away"], False), WARN).said
    judged(judge_parts.service("out-of-service", ["camera-stalled"], True), FAIL)


def test_problems_of_check_are_split_into_what_is_and_the_cure() -> None:
    fine = ok("keys", "all there")
    assert of_problems("keys", [], fine) is fine
    one = judged(of_problems("keys", ["keys.identity: a; b is missing; make it"], fine), FAIL)
    assert (one.said, one.mend) == ("keys.identity: a; b is missing", "make it")
    two = of_problems("keys", ["a is wrong; mend it", "b is wrong; mend it"], fine)
    assert (two.said, two.mend) == ("2 problems: a is wrong; b is wrong", "mend it")
    assert of_problems("keys", ["without a cure"], fine).said == "without a cure"


def test_the_worst_verdict() -> None:
    findings = [DoctorFinding("a", one, "") for one in (OK, NOT_HERE)]
    assert worst(findings) is OK
    assert worst([*findings, DoctorFinding("b", WARN, "")]) is WARN
    assert worst([DoctorFinding("b", WARN, ""), DoctorFinding("c", FAIL, "")]) is FAIL
    assert worst([]) is OK
