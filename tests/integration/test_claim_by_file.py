"""A claim by files, for networks that are apart."""

import json
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge import config
from tests.support.claims import ClaimCentre, NewTerminal, certified_key, encoded, tls_key_of


@pytest.fixture
def centre(tmp_path: Path) -> ClaimCentre:
    return ClaimCentre(tmp_path)


@pytest.fixture
def terminal(tmp_path: Path) -> NewTerminal:
    return NewTerminal(tmp_path / "terminal")


def asked(terminal: NewTerminal, request: Path, capsys, *words: object) -> str:
    """Writes a request; returns the key id that was printed."""
    assert terminal.by_file("--request", request, "--json", *words) == 0
    return json.loads(capsys.readouterr().out)["keyid"]


def test_request_and_answer_bring_what_the_network_would(centre, terminal, tmp_path, capsys) -> None:
    request, answer = tmp_path / "request", tmp_path / "answer"
    keyid = asked(terminal, request, capsys)
    code, said = centre.central("terminal add", "main/gate-1", "--request", request, "--answer", answer)
    assert code == 0
    assert f"main/gate-1 with key {keyid}  (the terminal printed the same)" in said
    assert terminal.by_file("--answer", answer) == 0
    files = terminal.files()
    assert "keys/claim-begun" not in files
    assert tls_key_of(terminal.directory) == certified_key(files["tls/terminal.pem"])
    assert config.load(terminal.config).config.terminal.name == "gate-1"
    assert centre.identities() == {f"main/gate-1 {keyid}": None}
    assert centre.acts()[-2:] == ["identity-registered", "certificate-issued"]
    for file in (request, answer):
        text = file.read_text()
        assert "PRIVATE" not in text
        assert (file.stat().st_mode & 0o777) == 0o600


def test_an_answer_that_was_lost_is_made_again_and_only_for_the_same_terminal(
    centre, terminal, tmp_path, capsys
) -> None:
    request, first, second = (tmp_path / name for name in ("request", "first", "second"))
    asked(terminal, request, capsys)
    words = ("main/gate-1", "--request", request, "--answer")
    assert centre.central("terminal add", *words, first)[0] == 0
    assert centre.central("terminal add", *words, first)[0] == 65
    assert "exists already" in capsys.readouterr().err
    assert centre.central("terminal add", *words, second)[0] == 0
    other, theirs = NewTerminal(tmp_path / "other"), tmp_path / "theirs"
    asked(other, theirs, capsys)
    assert centre.central("terminal add", "main/gate-1", "--request", theirs, "--answer", tmp_path / "x")[0] == 65
    assert not (tmp_path / "x").exists()
    assert other.by_file("--answer", first) == 65
    assert "not of this terminal's key" in capsys.readouterr().err
    assert terminal.by_file("--answer", second) == 0
    assert terminal.by_file("--answer", second) == 65
    assert "waits for an answer" in capsys.readouterr().err


def test_an_answer_without_a_request_is_refused(centre, terminal, tmp_path, capsys) -> None:
    (tmp_path / "answer").write_text("{}")
    before = terminal.files()
    assert terminal.by_file("--answer", tmp_path / "answer") == 65
    assert "--request FILE" in capsys.readouterr().err
    assert terminal.files() == before


CHANGES = {
    "another identity": lambda said: said | {"identity": encoded(bytes(SigningKey.generate().verify_key))},
    "another request": lambda said: said | {"csr": said["csr"].replace("A", "B", 1)},
    "no signature": lambda said: said | {"signature": encoded(bytes(64))},
    "nothing": lambda _: {},
    "more": lambda said: said | {"csr": said["csr"] * 2},
    "huge": lambda said: said | {"more": "x" * 10_000},
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_request_that_was_altered_is_refused(centre, terminal, tmp_path, capsys, how: str) -> None:
    request = tmp_path / "request"
    asked(terminal, request, capsys)
    request.write_text(json.dumps(CHANGES[how](json.loads(request.read_text()))))
    words = ("main/gate-1", "--request", request, "--answer", tmp_path / "answer")
    assert centre.central("terminal add", *words)[0] == 65
    assert not (tmp_path / "answer").exists()
    assert centre.identities() == {}
    assert "gate-1" not in centre.certificates()


@pytest.mark.parametrize("text", ["", "{}", "[1]", "x" * 200_000, '{"v":1,"refused":"failed"}'])
def test_an_answer_that_is_none_changes_nothing(centre, terminal, tmp_path, capsys, text: str) -> None:
    asked(terminal, tmp_path / "request", capsys)
    (tmp_path / "answer").write_text(text)
    before = terminal.files()
    assert terminal.by_file("--answer", tmp_path / "answer") == 65
    assert terminal.files() == before


def test_files_that_are_not_there_or_not_files(centre, terminal, tmp_path, capsys) -> None:
    asked(terminal, tmp_path / "request", capsys)
    for wrong in (tmp_path / "missing", tmp_path, Path("/dev/zero")):
        assert terminal.by_file("--answer", wrong) == 65
        assert centre.central("terminal add", "main/g", "--request", wrong, "--answer", tmp_path / "a")[0] == 65
    assert terminal.by_file("--request", tmp_path / "request") == 65, "no file is overwritten"
    assert centre.central("terminal add", "main/g", "--request", tmp_path / "request")[0] == 2
    assert "belong together" in capsys.readouterr().err


def test_a_claimed_terminal_makes_no_request_without_again(centre, terminal, tmp_path, capsys) -> None:
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/gate-1")) == 0
    capsys.readouterr()
    assert terminal.by_file("--request", tmp_path / "request") == 65
    keyid = asked(terminal, tmp_path / "request", capsys, "--again")
    words = ("main/gate-1", "--request", tmp_path / "request", "--answer", tmp_path / "answer")
    assert centre.central("terminal add", *words)[0] == 0, "the same identity has the name"
    assert terminal.by_file("--answer", tmp_path / "answer") == 0
    assert centre.identities() == {f"main/gate-1 {keyid}": None}
