"""What a command line that is not understood gets: the usage of the verb that did not understand it."""

import pytest

from edge import cli


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "unknown"),
    [
        (("run",), ("more",)),
        (("journal", "show"), ("journal.db", "--config", "x.toml")),
        (("central", "roster", "add"), ("DIR", "a.scp", "--nobody-knows-this")),
    ],
)
def test_an_unknown_argument_gets_the_usage_of_its_own_verb(capsys, verb, unknown) -> None:
    said = refused(capsys, *verb, *unknown)
    name = " ".join(("smartclocker", *verb))
    assert said.startswith(f"usage: {name} [-h]")
    assert f"{name}: error: unrecognized arguments: --" in said or "unrecognized arguments: more" in said
    assert f"`{name} --help`" in said


def test_cues_names_cues_and_nothing_else(capsys) -> None:
    said = refused(capsys, "cues", "green")
    assert "already-in" in said.partition("choose from")[2]
    assert "[]" not in said.partition("choose from")[2]
    help_text = cli.build_parser("cues")
    with pytest.raises(SystemExit):
        help_text.parse_args(["cues", "--help"])
    assert "[]" not in capsys.readouterr().out
    assert help_text.parse_args(["cues"]).cues == []
    assert help_text.parse_args(["cues", "in", "out"]).cues == ["in", "out"]


def test_check_says_where_it_stopped(capsys, tmp_path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[camera]\nrotate = 45\ncrop = "50 0 60 100"\n')
    assert cli.main(["check", "--config", str(path)]) == 78
    said = capsys.readouterr().out
    assert "problem: camera.rotate" in said
    assert "note: keys, files, devices and the disk were not looked at yet" in said
