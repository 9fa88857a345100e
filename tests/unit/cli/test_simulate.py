"""What `simulate` refuses before anything is started."""

from pathlib import Path

import pytest

from edge.cli import main


@pytest.mark.parametrize("place", ["file", "file/below", "full", "n" * 300])
def test_a_place_that_is_no_new_directory_is_refused_in_words(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/own").write_text("kept")
    assert main(["simulate", "--no-browser", "--keep", str(tmp_path / place)]) == 70
    said = capsys.readouterr().err
    assert "name a new directory" in said
    assert "Traceback" not in said
    assert (tmp_path / "full/own").read_text() == "kept"
