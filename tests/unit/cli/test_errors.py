"""What nobody foresaw has an exit code of its own and leaves its traceback in the log."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge import cli


def test_an_error_that_nobody_foresaw_is_70_with_its_traceback(monkeypatch, caplog, capsys) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("somewhere deep")

    monkeypatch.setattr("edge.cli.central.directory.open_ledger", fail)
    monkeypatch.setattr("edge.cli.central.gaps.open_ledger", fail)
    assert cli.main(["central", "gaps", "nowhere"]) == 70
    said = capsys.readouterr().err
    assert "an error that nobody foresaw; report it" in said
    assert "ZeroDivisionError: somewhere deep" in said


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_on_purpose_is_none(monkeypatch, end) -> None:
    def fail(*_: object) -> None:
        raise end

    monkeypatch.setattr("edge.cli.central.gaps.open_ledger", fail)
    if end is SystemExit:
        with pytest.raises(SystemExit):
            cli.main(["central", "gaps", "nowhere"])
    else:
        assert cli.main(["central", "gaps", "nowhere"]) == 130


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_lead_nowhere(closed: str) -> None:
    command = ["bash", "-c", f'exec "$@" {closed}', "x", sys.executable, "-m", "edge", "models"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=600)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("name", ["identity", "storage"])
def test_an_empty_file_in_a_key_s_place_is_not_kept_as_a_key(tmp_path: Path, capsys, name: str) -> None:
    (tmp_path / name).touch(mode=0o600)
    assert cli.main(["keys", "create", str(tmp_path)]) == 78
    assert "empty, and no key; remove it" in capsys.readouterr().err
