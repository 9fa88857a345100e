"""The terminal itself, as a process: recorded while it attends, and started on what a power cut left."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.crash.powercut import record
from tests.crash.powercut.record import ROOT, Recording, python
from tests.crash.powercut.variants import PHOTOS, Variant, lay_out
from tests.support.sd_listener import NotifyListener

_READY_S, _STOP_S = 300.0, 300.0
_PERSON = ("obama.jpg", "obama2.jpg")


def record_daemon(directory: Path, name: str, variant: Variant, punches: int) -> Recording:
    """Enrol somebody, then record the daemon until so many punches were shown. Raises RuntimeError."""
    replay = directory.with_name(f"{directory.name}-replay")
    replay.mkdir(parents=True)
    shutil.copy(PHOTOS / "obama3.jpg", replay)
    config = lay_out(directory, variant, replay.absolute())
    photos = [PHOTOS / photo for photo in _PERSON]
    words = ["--config", config, "--witness", "a test", "--consent", "--age-13-or-older", "--employer-agreed"]
    _enrol(python("-m", "edge", "enrol", "Somebody", *photos, *words))
    with record.begin(directory, name, python("-m", "tests.support.program", "run", "--config", config)) as tracer:
        try:
            _attend(tracer, punches)
            os.kill(_child(tracer.pid), signal.SIGTERM)
            status = tracer.wait(_STOP_S)
        finally:
            tracer.kill()
    if status != 0:
        raise RuntimeError(f"the recorded daemon ended with {status}")
    return record.load(directory)


def starts(config: Path) -> str | None:
    """Start the daemon until it is READY, stop it again; what went wrong, or None."""
    with tempfile.TemporaryDirectory() as directory:
        socket = Path(directory, "notify")
        environment: Mapping[str, str] = {**os.environ, "NOTIFY_SOCKET": str(socket)}
        command = python("-m", "tests.support.program", "run", "--config", config)
        with (
            NotifyListener(socket) as listener,
            subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            ) as process,
        ):
            try:
                ready = listener.wait_for("READY=1", _READY_S)
                process.terminate()
                _, errors = process.communicate(timeout=_STOP_S)
            finally:
                process.kill()
    if ready and process.returncode == 0:
        return None
    return f"the daemon {'was' if ready else 'was not'} ready, and ended with {process.returncode}: {errors[-500:]}"


def _enrol(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=120, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"enrolment failed: {done.stderr[-500:]}")


def _attend(tracer: "subprocess.Popen[str]", punches: int) -> None:
    if tracer.stdout is None:
        raise RuntimeError("its standard output is not read")
    for line in tracer.stdout:
        punches -= line.endswith(("  IN\n", "  OUT\n"))
        if punches == 0:
            return
    raise RuntimeError("the recorded daemon ended before it had shown every punch")


def _child(pid: int) -> int:
    """The process that strace runs."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()[0])
