"""The lines of a lock file that hold for another machine: its Python version and processor.

pip evaluates the markers of a lock (`; python_full_version < '3.12'`) for the machine on which it runs, even when
it downloads for another one. So they are evaluated here.
"""

from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@dataclass(frozen=True)
class Target:
    """A machine that a bundle is for."""

    machine: str  # as `uname -m` says: aarch64, x86_64
    python: str  # "3.11"

    @property
    def markers(self) -> dict[str, str]:
        """What the markers of a lock ask about."""
        return {
            "implementation_name": "cpython",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }

    @property
    def platforms(self) -> list[str]:
        """The tags of wheels that run there: Debian 12 has glibc 2.36, and later systems have later ones."""
        newest_first = [f"manylinux_2_{minor}_{self.machine}" for minor in range(36, 16, -1)]
        return [*newest_first, f"manylinux2014_{self.machine}"]


@dataclass(frozen=True)
class Pin:
    """One pinned package of a lock, with the hashes of all its files."""

    name: str
    version: str
    hashes: tuple[str, ...]

    @property
    def line(self) -> str:
        """The pin as a line of a requirements file."""
        return " ".join([f"{self.name}=={self.version}", *(f"--hash=sha256:{one}" for one in self.hashes)])


def pins(lock: str, target: Target) -> list[Pin]:
    """The pins of a lock that hold for a target. Raises ValueError for a line that pins nothing or has no hash."""
    found = []
    for line in lock.replace("\\\n", " ").splitlines():
        words, *hashes = line.split("#")[0].split("--hash=sha256:")
        if not words.strip():
            continue
        wanted = Requirement(words.strip())
        version = str(wanted.specifier).removeprefix("==")
        if not hashes or not str(wanted.specifier).startswith("==") or "," in version:
            raise ValueError(f"{wanted.name}: the lock must pin one version with hashes; make lock")
        if wanted.marker is None or wanted.marker.evaluate(target.markers):
            found.append(Pin(canonicalize_name(wanted.name), version, tuple(one.strip() for one in hashes)))
    return found
