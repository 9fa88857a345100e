"""The machine that the installer sees: real files below a folder, stand-ins for packages, systemd and program."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

_READS = """
    awk cat chmod cmp cp cut dirname echo
    env find flock grep id mkdir mountpoint printf readlink sed sh sha256sum sort stat xargs
"""
_CHANGES = ["install", "ln", "mv", "rm", "shred", "touch"]

# What a stand-in did is kept below $KEPT, and told in $LOG. It counts changes, and kills everything at $KILL_AT.
_COUNT = """
count=$(cat "$KEPT/count" 2>/dev/null || echo 0); count=$((count + 1)); echo "$count" > "$KEPT/count"
[ "$count" != "${KILL_AT:-}" ] || kill -9 0
"""
_PIP = """
[ -z "${PIP:-}" ] || { echo 'no such package' >&2; exit "$PIP"; }
case $* in *terminal.txt*) part=lock ;; *centre.txt*) part=centre ;; *) part=program ;; esac
echo half > "${0%/bin/*}/$part"
COUNT
echo whole > "${0%/bin/*}/$part"
echo "pip $* index:${PIP_NO_INDEX:-} links:${PIP_FIND_LINKS:-}" >> "$LOG"
"""
_PROGRAM = """
echo "smartclocker $*" >> "$LOG"
case $1 in
check) [ "${CHECK:-0}" = 0 ] || { echo 'problem: the policy is empty'; exit "$CHECK"; } ;;
keys) for key in identity storage; do [ -s "$3/$key" ] || echo secret > "$3/$key"; done ;;
esac
"""
_PYTHON3 = """
if [ "$1" = -c ]; then echo 3.11; exit; fi
for last; do :; done
mkdir -p "$last/bin"
cp "$KEPT/pip" "$last/bin/pip"; cp "$KEPT/pip" "$last/bin/python"; cp "$KEPT/program" "$last/bin/smartclocker"
"""
_STAND_INS = {
    "apt-get": """echo "apt-get $*" >> "$LOG"; [ "${APT:-0}" = 0 ] || exit "$APT"
        case $* in *install*) touch "$KEPT/packages" ;; esac""",
    "apt-cache": 'case " ${LACKS:-} " in *" $2 "*) echo "Candidate: (none)" ;; *) echo "Candidate: 1" ;; esac',
    "dpkg": '[ "$1" != --print-architecture ] || { echo "${MACHINE:-amd64}"; exit; }',
    "dpkg-query": '[ ! -e "$KEPT/packages" ] || echo installed',
    "getent": 'grep -qs "^$2$" "$KEPT/accounts"',
    "python3": _PYTHON3,
    "sync": ":",
    "systemctl": """
        if [ "$1" = is-active ]; then exit "${ACTIVE:-3}"; fi
        [ "$1" != "${REFUSED:-}" ] || exit 1
        echo "systemctl $*" >> "$LOG"; exit "${SYSTEMCTL:-0}" """,
    "systemd-sysusers": """echo "systemd-sysusers $*" >> "$LOG"
        printf '%s\\n' smartclocker smartclocker-ledger gpio input video \\
            smartclocker-operators > "$KEPT/accounts" """,
}
_COUNTED = ("apt-get", "python3", "sync", "systemd-sysusers")


class Machine:
    """A checkout, a root below which it is installed, and what was done."""

    def __init__(self, directory: Path) -> None:
        self.root, self.log, self.bin = directory / "root", directory / "log", directory / "bin"
        self.kept, self.source = directory / "kept", directory / "source"
        for folder in (self.root, self.bin, self.kept, self.source):
            folder.mkdir()
        self._checkout()
        for name in _READS.split():
            (self.bin / name).symlink_to(_real(name))
        for name in _CHANGES:
            self.stand_in(name, f'{_real(name)} "$@" || exit\n{_COUNT}')
        for name, body in _STAND_INS.items():
            self.stand_in(name, body + ("\n" + _COUNT if name in _COUNTED else ""))
        (self.bin / "id").unlink()
        self.stand_in("id", 'if [ "$1" = -u ]; then echo 0; else exit 1; fi')
        for name, body in (("pip", _PIP.replace("COUNT", _COUNT) + _COUNT), ("program", _PROGRAM + _COUNT)):
            _script(self.kept / name, body)

    def _checkout(self) -> None:
        """The scripts and units as they are, and a program of three files."""
        for part in ("provisioning", "systemd"):
            shutil.copytree(REPOSITORY / part, self.source / part)
        for part in ("edge", "models", "tests/photos"):
            (self.source / part).mkdir(parents=True)
        (self.source / "pyproject.toml").write_text("[project]\n")
        self.version("0.1.0")

    def stand_in(self, name: str, body: str) -> None:
        """Puts a script in place of a program."""
        _script(self.bin / name, body)

    def version(self, version: str) -> None:
        """Makes the checkout another release, with another unit."""
        (self.source / "edge/__init__.py").write_text(f'__version__ = "{version}"\n')
        with (self.source / "systemd/smartclocker.service").open("a") as unit:
            unit.write(f"# {version}\n")

    def boot(self) -> None:
        """systemd runs here."""
        (self.root / "run/systemd/system").mkdir(parents=True)

    def is_a_pi(self) -> None:
        (self.root / "proc/device-tree").mkdir(parents=True)
        (self.root / "proc/device-tree/model").write_text("Raspberry Pi 4 Model B Rev 1.5\0")

    def install(self, *words: str, code: int = 0, typed: str = "", **environment: str) -> str:
        """Runs the installer to its end, and returns what it said."""
        done = self._run(words, typed, environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def killed_after(self, action: int, *words: str, **environment: str) -> bool:
        """Runs the installer, and ends it by SIGKILL after so many actions. False: it came to its end before."""
        (self.kept / "count").unlink(missing_ok=True)
        done = self._run(words, "", {**environment, "KILL_AT": str(action)})
        assert done.returncode in {0, -9}, done.stdout + done.stderr
        return done.returncode == -9

    def _run(
        self, words: tuple[str, ...], typed: str, environment: dict[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        told = {
            "PATH": str(self.bin),
            "INSTALL_ROOT": str(self.root),
            "LOG": str(self.log),
            "KEPT": str(self.kept),
            **environment,
        }
        return subprocess.run(
            ["/bin/sh", str(self.source / "provisioning/install.sh"), *words],
            env=told,
            input=typed,
            text=True,
            capture_output=True,
            timeout=300,
            check=False,
            start_new_session=True,  # `kill -9 0` ends the installer and what it started, and not this process
        )

    @property
    def done(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []

    def link(self, name: str) -> str:
        """Where a link of the program's directory leads."""
        return str((self.root / "opt/smartclocker" / name).readlink())

    def there(self, path: str) -> bool:
        return os.path.lexists(self.root / path)

    def tree(self, *, times: bool = False) -> dict[str, tuple[object, ...]]:
        """Everything below the root: kind and mode, content, and with `times` when it was changed."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            about = path.lstat()
            content = (
                str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else "a folder"
            )
            found[str(path.relative_to(self.root))] = (
                stat.filemode(about.st_mode),
                content,
                about.st_mtime_ns if times else 0,
            )
        return found


def _real(name: str) -> Path:
    return next(path for path in (Path("/usr/bin", name), Path("/bin", name)) if path.exists())


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
