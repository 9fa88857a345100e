"""No verb ends in a traceback, or with a code that docs/cli.md does not have, whatever it is given."""

import contextlib
import importlib
import os
import pkgutil
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge
from edge.adapters.linux.service_account import Account, acting_as
from edge.cli import main
from tests.fuzz.verbs import CODES, World, judge, run, verbs

STRIDE = 7
"""`make fuzz` takes every case."""
GROUPS = sorted({verb.split()[0] for verb, _ in verbs()})


@pytest.mark.timeout(600)
@pytest.mark.parametrize("group", GROUPS)
def test_hostile_words_and_files_are_refused_in_words(tmp_path: Path, group: str) -> None:
    found = [(one.words, one.problem) for one in run(World(tmp_path / "world"), STRIDE, group) if one.problem]
    assert found == []


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """The kernel lets no file grow."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.timeout(600)
def test_on_a_full_disk(tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    assert [(one.words, one.problem) for one in run(world, 3 * STRIDE, around=full_disk) if one.problem] == []


@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody with fewer rights")
def test_a_verb_without_rights_ends_with_a_sentence() -> None:
    """Whoever calls it may enter the folder and read little in it; all modules are there by then."""
    for module in pkgutil.walk_packages(edge.__path__, "edge."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)
    nobody = Account("nobody", 65534, 65534)
    with tempfile.TemporaryDirectory(prefix="smartclocker-") as directory:
        Path(directory).chmod(0o755)
        world = World(Path(directory, "world"))
        found = [one for one in run(world, 3 * STRIDE, around=lambda: acting_as(nobody)) if one.problem]
    assert [(one.words, one.problem) for one in found] == []


def test_every_verb_is_asked() -> None:
    assert len({verb for verb, _ in verbs()}) > 60
    assert {0, 1, 2, 65, 69, 70, 74, 78, 130, 141} <= CODES


def test_the_judge_of_verbs_finds_a_traceback(monkeypatch) -> None:
    from edge.cli.terminal import models

    for error, said in ((KeyError("x"), "nobody foresaw"), (SystemExit(99), "99 is not in docs")):

        def raises(_arguments, error=error) -> int:
            raise error

        monkeypatch.setattr(models, "run", raises)
        assert said in str(judge(("models",)).problem)


def at(words: list[str], **environment: str) -> "subprocess.CompletedProcess[bytes]":
    told = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-m", "edge", *words], capture_output=True, env=told, check=False)


def test_a_locale_that_cannot_print_a_name_prints_it_by_numbers(site) -> None:
    config = ["--config", str(site.config)]
    plain = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    assert main(["people", "add", "Łukasz", "--age-13-or-older", *config]) == 0
    shown = at(["people", "list", *config], **plain)
    assert (shown.returncode, b"\\u0141ukasz" in shown.stdout) == (0, True), shown.stderr


def test_a_folder_whose_name_is_no_text_is_a_folder(site, enrol, tmp_path: Path) -> None:
    """What was exported is there, and the exit code says so."""
    enrol(site, "obama.jpg")
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe"))
    folder.mkdir()
    for environment in ({}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}):
        before = len(list(folder.iterdir()))
        done = at(["journal", "export", str(folder), "--config", str(site.config), "--all"], **environment)
        assert done.returncode == 0, done.stderr
        assert b"Traceback" not in done.stderr
        after = list(folder.iterdir())
        assert len(after) == before + 1
        for path in after:
            path.unlink()


def test_an_output_that_takes_nothing_is_told_by_the_exit_code(site) -> None:
    with Path("/dev/full").open("wb") as full:
        words = [sys.executable, "-m", "edge", "config", "show", "--config", str(site.config)]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 74
    assert b"Traceback" not in done.stderr
    assert b"No space left" in done.stderr
