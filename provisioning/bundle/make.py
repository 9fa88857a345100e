"""Make a bundle: everything that a terminal's installation needs, in one file, so that it needs no network.

    python -m provisioning.bundle.make                      for Raspberry Pi (aarch64) and PC (x86_64)
    python -m provisioning.bundle.make --machine x86_64 --python 3.11
    python -m provisioning.bundle.make --wheels DIR         packages come from DIR instead of the package index

It writes build/smartclocker-VERSION-MACHINE.tar.gz and its hash beside it. Each package is the one that
provisioning/locks/terminal.txt pins, or central.txt for what only a centre needs, with its hash checked. The same
sources and locks make the same bytes.
"""

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import parse_wheel_filename

from edge import __version__
from edge.errors import SmartClockerError
from provisioning.bundle.lock import Pin, Target, pins

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.13")
DEBIAN = {"aarch64": "arm64", "x86_64": "amd64"}
FILES = (
    "LICENSE",
    "docs/centre.md",
    "docs/operations.md",
    "docs/configuration.md",
    "docs/wiring.md",
    "provisioning/config.example.toml",
)
LOCKS = ("terminal.txt", "central.txt")
FOLDERS = ("provisioning/lib", "provisioning/mosquitto", "systemd")
FROM_THE_SYSTEM = "python3 openssl"
FROM_THE_SYSTEM_ON_A_PI = "python3-picamera2 python3-lgpio python3-evdev"


class BundleError(SmartClockerError):
    """A bundle cannot be made; the text says what to do."""

    exit_code = 69


@dataclass(frozen=True)
class Request:
    """What is to be packed, and where its parts come from."""

    machine: str
    pythons: tuple[str, ...] = PYTHONS
    locks: Path = ROOT / "provisioning/locks"
    wheels: Path | None = None  # a folder in place of the package index
    own_wheel: Path | None = None  # a wheel of this program that exists already
    out: Path = ROOT / "build"


def main() -> int:
    """Makes the bundles that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", choices=sorted(DEBIAN), action="append", help="default: all of them")
    parser.add_argument("--python", choices=PYTHONS, action="append", help="default: all of them")
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help="a folder of wheels in place of the package index"
    )
    arguments = parser.parse_args()
    for machine in arguments.machine or sorted(DEBIAN):
        request = Request(machine, tuple(arguments.python or PYTHONS), wheels=arguments.wheels)
        try:
            made = make(request)
        except BundleError as error:
            print(f"{machine}: {error}", file=sys.stderr)
            return error.exit_code
        print(f"{made}  {made.stat().st_size / 1e6:.1f} MB")
    return 0


def make(request: Request) -> Path:
    """Makes one bundle, and returns its path. Raises BundleError."""
    name = f"smartclocker-{__version__}-{request.machine}"
    request.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bundle-") as scratch:
        tree = Path(scratch, name)
        _copy(tree, request.locks)
        wheels = tree / "wheels"
        wheels.mkdir()
        for python in request.pythons:
            for wheel in _download(Target(request.machine, python), request):
                shutil.copy(wheel, wheels)
        shutil.copy(request.own_wheel or _build(Path(scratch)), wheels)
        (tree / "bundle.txt").write_text(_manifest(request))
        (tree / "SHA256SUMS").write_text(_sums(tree))
        made = request.out / f"{name}.tar.gz"
        _pack(tree, made)
    made.with_name(made.name + ".sha256").write_text(f"{_sha256(made)}  {made.name}\n")
    return made


def _copy(tree: Path, locks: Path) -> None:
    """The installer, the units and the pages, at the places where they are in a checkout."""
    for file in FILES:
        (tree / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tree / file)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder)
    for script in (ROOT / "provisioning").glob("install*.sh"):
        shutil.copy(script, tree / "provisioning")
    shutil.copy(ROOT / "provisioning/bundle/install.sh", tree / "install.sh")
    (tree / "provisioning/locks").mkdir()
    for lock in LOCKS:
        shutil.copy(locks / lock, tree / "provisioning/locks")


def _wanted(target: Target, locks: Path) -> list[Pin]:
    """What a terminal needs, and what a centre needs beside that; the installer chooses in the same way."""
    found: dict[str, Pin] = {}
    for lock in LOCKS:
        known = set(found)
        found |= {pin.name: pin for pin in pins((locks / lock).read_text(), target) if pin.name not in known}
    return list(found.values())


def _download(target: Target, request: Request) -> list[Path]:
    """The wheels of a target; what an earlier run downloaded is used again. Raises BundleError."""
    wanted = _wanted(target, request.locks)
    folder = request.out / "bundle-wheels" / f"{target.machine}-{target.python}"
    folder.mkdir(parents=True, exist_ok=True)
    if _lacking(wanted, _held(wanted, folder)):
        lines = folder / "requirements.txt"
        lines.write_text("\n".join(pin.line for pin in wanted) + "\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += [
            "--only-binary",
            ":all:",
            "--require-hashes",
            "--requirement",
            str(lines),
            "--dest",
            str(folder),
        ]
        command += ["--implementation", "cp", "--python-version", target.python]
        command += [word for platform in target.platforms for word in ("--platform", platform)]
        if request.wheels is not None:
            command += ["--no-index", "--find-links", str(request.wheels)]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - our own pip
            raise BundleError(
                f"pip did not get every package for Python {target.python} on {target.machine}: mend what it says "
                "above. A package without a wheel for that machine cannot be in the lock"
            )
    held = _held(wanted, folder)
    if lacking := _lacking(wanted, held):
        raise BundleError(f"no wheel of {', '.join(lacking)} came: remove {folder}, then make the bundle again")
    return held


def _held(wanted: list[Pin], folder: Path) -> list[Path]:
    """The wheels of a folder that the lock allows; others are of an earlier lock."""
    allowed = {one for pin in wanted for one in pin.hashes}
    return [path for path in sorted(folder.glob("*.whl")) if _sha256(path) in allowed]


def _lacking(wanted: list[Pin], held: list[Path]) -> list[str]:
    have = {(name, str(version)) for name, version, *_ in (parse_wheel_filename(path.name) for path in held)}
    return [pin.name for pin in wanted if (pin.name, pin.version) not in have]


def _build(scratch: Path) -> Path:
    """Our own wheel, models included."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(scratch / "own")]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(_epoch())}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise BundleError(f"our own wheel cannot be built: {done.stderr.strip()}; make setup brings what it needs")
    return next((scratch / "own").glob("smartclocker_edge-*.whl"))


def _manifest(request: Request) -> str:
    """What the installer reads before it begins, and what an administrator may want to know."""
    return (
        f"name: smartclocker-edge\nversion: {__version__}\nmachine: {request.machine}\n"
        f"debian-architecture: {DEBIAN[request.machine]}\npython: {' '.join(request.pythons)}\n"
        f"from-the-system: {FROM_THE_SYSTEM}\nfrom-the-system-on-a-raspberry-pi: {FROM_THE_SYSTEM_ON_A_PI}\n"
    )


def _sums(tree: Path) -> str:
    """A line of `sha256sum` for each file."""
    files = sorted(path for path in tree.rglob("*") if path.is_file())
    return "".join(f"{_sha256(path)}  ./{path.relative_to(tree)}\n" for path in files)


def _pack(tree: Path, made: Path) -> None:
    """The archive, whole or not at all; the hashes stand first in it. Owners and times are always the same."""
    epoch = _epoch()

    def plain(about: tarfile.TarInfo) -> tarfile.TarInfo:
        about.uid = about.gid = 0
        about.uname = about.gname = "root"
        about.mtime = epoch
        about.mode = 0o755 if about.isdir() or about.mode & 0o100 else 0o644
        return about

    files = sorted(path for path in tree.rglob("*") if path.name != "SHA256SUMS")
    # The installer early, so that one which was cut off can say what is missing.
    files.sort(key=lambda path: path.relative_to(tree).parts[0] not in {"install.sh", "provisioning"})
    new = made.with_name(made.name + ".new")
    with (
        new.open("wb") as raw,
        # Wheels are compressed already; what gzip adds is a check that the whole file came.
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=0, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in (tree, tree / "SHA256SUMS", *files):
            archive.add(path, arcname=str(path.relative_to(tree.parent)), recursive=False, filter=plain)
    new.replace(made)


def _epoch() -> int:
    """When the last commit was made, in seconds since 1970; $SOURCE_DATE_EPOCH if it is set."""
    if said := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(said)
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    return int(done.stdout) if done.returncode == 0 and done.stdout.strip() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
