"""What a process ends with is what docs/cli.md says: somebody, or systemd, decides by it."""

import resource
import subprocess
import sys
from pathlib import Path

from edge.central.store.records import Store
from edge.cli import main
from edge.crypto import key_files
from edge.domain.protocol.record import Origin

ROOT = Path(__file__).resolve().parents[2]


def anew(path: Path, make) -> None:
    path.unlink()
    make(path)


def test_keys_of_another_terminal_are_mended_by_a_person_and_not_by_another_start(
    site, smartclocker, enrol
) -> None:
    enrol(site, "obama.jpg")
    whole = (site.directory / "storage").read_bytes()
    anew(site.directory / "storage", key_files.create_secret)
    listed = smartclocker("people", "list", "--config", site.config)
    assert (listed.returncode, "the storage key does not open" in listed.stderr) == (78, True)
    (site.directory / "storage").write_bytes(whole)
    anew(site.directory / "identity", key_files.create_identity)
    ran = smartclocker("run", "--config", site.config)
    assert (ran.returncode, "bring back that identity" in ran.stderr) == (78, True)


def test_a_disk_without_room_is_the_disks_fault(site, enrol) -> None:
    """A limit on the size of files stands for the full disk: the kernel refuses the same writes."""
    enrol(site, "obama.jpg")

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    words = ["people", "add", "Somebody", "--age-13-or-older", "--config", str(site.config)]
    done = subprocess.run(
        [sys.executable, "-m", "edge", *words],
        cwd=ROOT,
        text=True,
        capture_output=True,
        preexec_fn=full,
        check=False,
    )
    assert done.returncode == 74, done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_ledger_refuses_is_the_datas_fault(tmp_path: Path, capsys) -> None:
    first = key_files.create_identity(tmp_path / "first").verify_key
    (tmp_path / "first.pem").write_text(key_files.public_pem(first))
    with Store(tmp_path / "ledger.db") as store:
        store.register(Origin("main", "t-1"), first)
    for words, said in [
        (["register", tmp_path, "main", "t-2", tmp_path / "first.pem"], "make a new identity"),
        (["revoke", tmp_path, "0" * 32], "no active identity"),
        (["punches", tmp_path, "--terminal", "nosuch"], "nosuch"),
    ]:
        assert main(["central", *map(str, words)]) == 65, said
        assert said in capsys.readouterr().err
