"""The sources that the items read: files below a root, programs of the system, the clock, and the running service.

Tests give trees of files and answers of their own.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from shutil import which
from typing import Any, TypeVar

from edge import config
from edge.adapters.linux.clock import kernel_synchronised, kernel_worst_error_s
from edge.adapters.linux.control_client import ANSWER_S, ask
from edge.adapters.linux.service_account import Account
from edge.config import Loaded
from edge.config_schema import CREDENTIAL, Config
from edge.domain.doctor import AS_ROOT, UNUSABLE, ItemUnseen
from edge.errors import ConfigError, ControlAway, ControlError, ControlRefused
from edge.storage.bounded_read import read_at_most
from edge.terminal import installed
from edge.terminal.checks import offline

T = TypeVar("T")
_PROGRAMS = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs of the system lie; what $PATH of the caller adds is not run, because root may be the caller."""
_PROGRAM_S = 5.0
_MOST = 65_536
_UNIT = "smartclocker.service"
_PROPERTIES = (
    "LoadState,ActiveState,SubState,UnitFileState,NRestarts,MainPID,Result,ExecMainStatus,MemorySwapMax,LimitCORE"
)


def output_of(words: Sequence[str], most: int = _MOST) -> str | None:
    """What a program of the system prints, `most` bytes at most; None when it is not installed, fails, or takes
    more than 5 seconds.
    """
    program = which(words[0], path=_PROGRAMS)
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and a program of the system
            [program, *words[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROGRAM_S,
            check=True,
            env={"PATH": _PROGRAMS, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout[:most].decode("utf-8", "replace")


def text_of(path: Path) -> str | None:
    """The first 64 KiB of a file as text; None when it cannot be read."""
    try:
        return read_at_most(path, _MOST).decode("utf-8", "replace").strip()
    except OSError:
        return None


def device_of(path: Path) -> tuple[int, int]:
    """Major and minor number of the device on which a file lies. Raises OSError."""
    number = path.stat().st_dev
    return os.major(number), os.minor(number)


@dataclass
class Sources:
    """What every item may read. Its cached values are read once for all items of one process."""

    source: Path
    """The configuration's file."""
    root: Path = Path("/")
    run: Callable[[Sequence[str]], str | None] = output_of
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    synchronised: Callable[[], bool | None] = kernel_synchronised
    worst_error_s: Callable[[], float | None] = kernel_worst_error_s
    device: Callable[[Path], tuple[int, int]] = device_of
    answer_s: float = ANSWER_S
    """Longest silence of the running service, in seconds."""

    @cached_property
    def read(self) -> Loaded | ConfigError:
        """The configuration, or its problems."""
        try:
            return config.load(self.source)
        except ConfigError as error:
            return error

    @property
    def loaded(self) -> Loaded:
        """The configuration. Raises ItemUnseen when it cannot be used."""
        if isinstance(self.read, ConfigError):
            raise ItemUnseen(UNUSABLE, "mend the item configuration first")
        return self.read

    @property
    def config(self) -> Config:
        """The same, without its source. Raises ItemUnseen."""
        return self.loaded.config

    @property
    def state(self) -> Path:
        """The state directory. Raises ItemUnseen."""
        return Path(self.config.storage.state)

    @property
    def account(self) -> Account | None:
        """The account of the service, as `smartclocker check` finds it. Raises ItemUnseen."""
        return offline.account(self.loaded)

    def only_for_the_service(self) -> None:
        """Raise ItemUnseen unless the caller is root or the service's user, whom alone the files let in."""
        if os.geteuid() == 0:
            return
        try:
            owner = self.state.stat().st_uid
        except PermissionError:
            owner = 0
        except OSError:
            return  # the item says what is wrong with the directory
        if owner != os.geteuid():
            raise ItemUnseen(f"uid {os.geteuid()} may not read the service's files", AS_ROOT)

    def only_with_keys(self) -> None:
        """Raise ItemUnseen unless the caller can read the keys; systemd hands some to the service alone."""
        self.only_for_the_service()
        if os.geteuid() == 0 or "CREDENTIALS_DIRECTORY" in os.environ:
            return
        named = [self.config.keys.identity, self.config.keys.storage]
        named += [] if self.config.uplink is None else [self.config.uplink.key]
        if any(path.startswith(CREDENTIAL) for path in named):
            raise ItemUnseen("keys that systemd hands to the service are for root alone", AS_ROOT)

    @property
    def status(self) -> dict[str, Any] | None:
        """The running service's answer to `status`; None when none runs. Raises ItemUnseen."""
        return _found(self._status)

    @cached_property
    def _status(self) -> dict[str, Any] | ItemUnseen | None:
        """The same, asked once: a service that hangs takes ten seconds to be given up."""
        try:
            path = installed.control_path(self.config)
            return ask(path, {"do": "status"}, within_s=self.answer_s)
        except ItemUnseen as error:
            return error
        except ControlAway as error:
            if isinstance(error.__context__, PermissionError):
                return ItemUnseen(f"uid {os.geteuid()} may not ask the running service", AS_ROOT)
            return None
        except ControlRefused as error:
            return ItemUnseen(f"the running service refuses: {error}", AS_ROOT)
        except ControlError as error:
            return ItemUnseen(str(error), "`sudo systemctl restart smartclocker`")

    @property
    def alarms(self) -> frozenset[str]:
        """The running service's alarms; none when it cannot be asked."""
        try:
            said = (self.status or {}).get("alarms")
        except ItemUnseen:
            return frozenset()
        return frozenset(filter(lambda one: isinstance(one, str), said)) if isinstance(said, list) else frozenset()

    @property
    def unit(self) -> dict[str, str] | None:
        """Properties of the service's unit; None where systemd does not run. Raises ItemUnseen."""
        return _found(self._unit)

    @cached_property
    def _unit(self) -> dict[str, str] | ItemUnseen | None:
        if not (self.root / "run/systemd/system").is_dir():
            return None
        said = self.run(("systemctl", "show", _UNIT, f"--property={_PROPERTIES}"))
        if said is None:
            return ItemUnseen("systemctl gives no answer", "`systemctl status smartclocker` says why")
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    @cached_property
    def controllers(self) -> frozenset[str] | None:
        """The controllers of the control groups; None without control groups of version 2."""
        said = text_of(self.root / "sys/fs/cgroup/cgroup.controllers")
        return None if said is None else frozenset(said.split())


def _found(found: T | ItemUnseen) -> T:
    if isinstance(found, ItemUnseen):
        raise found
    return found
