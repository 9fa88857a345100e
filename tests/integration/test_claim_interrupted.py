"""A claim that is killed at any step is given again and completes, at the terminal and at the centre."""

import os
import signal
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from edge import config
from edge.central.authority import identities
from edge.central.broker import certificates
from edge.central.claims.token_store import TokenStore
from edge.central.store.records import Store
from edge.cli import main
from edge.crypto import key_files
from edge.crypto.dsse import key_id
from edge.domain.claim.messages import ClaimAnswer, Refusal
from edge.domain.claim.try_limits import TryLimits
from edge.domain.protocol.record import Origin
from edge.errors import LedgerStalled
from edge.storage import durable_file
from tests.support.claims import ClaimCentre, Impostor, NewTerminal, certified_key, tls_key_of
from tests.support.forked import exit_code
from tests.support.installation import eventually


@pytest.fixture
def centre(tmp_path: Path) -> ClaimCentre:
    return ClaimCentre(tmp_path)


def claim_and_be_killed(terminal: str, port: int, after: int) -> None:
    """Claims in a process of its own, which is killed after so many files got their name or lost it."""
    steps = 0

    def counted(call):
        def done(*given: object, **named: object) -> object:
            nonlocal steps
            found = call(*given, **named)
            steps += 1
            if steps == after:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return done

    durable_file._Temporary.rename = counted(durable_file._Temporary.rename)
    durable_file._Temporary.link = counted(durable_file._Temporary.link)
    Path.unlink = counted(Path.unlink)
    directory = Path(terminal)
    words = ["--token-file", str(directory / "token"), "--config", str(directory / "config.toml")]
    raise SystemExit(main(["claim", f"127.0.0.1:{port}", *words]))


@pytest.mark.parametrize("first", [1, 2], ids=["odd steps", "even steps"])
def test_killed_after_any_write_the_same_token_completes_it(centre, tmp_path: Path, capfd, first: int) -> None:
    """Every state between two writes: from the note of the claim to its removal."""
    killed = 0
    with centre.serving(limits=TryLimits(each=10_000, in_all=10_000)):
        for after in range(first, 40, 2):
            terminal, token = NewTerminal(tmp_path / f"t-{after}"), centre.token(f"main/t-{after}")
            (terminal.directory / "token").write_text(token.written())
            code = exit_code(claim_and_be_killed, str(terminal.directory), centre.port, after)
            if code == 0:
                break
            assert code == -signal.SIGKILL
            killed += 1
            made = terminal.files()
            again = terminal.claim(centre.port, token)
            done = not (terminal.directory / "keys/claim-begun").exists()
            assert again == 0 or (again == 65 and "claimed already" in capfd.readouterr().err and done)
            whole(centre, terminal, f"t-{after}")
            for name in ("keys/identity", "keys/storage"):
                assert made.get(name, terminal.files()[name]) == terminal.files()[name], "no key is made twice"
    assert killed >= 6
    assert len({identity.split()[0] for identity in centre.identities()}) == len(centre.identities()) == killed + 1
    names = [name for name in centre.certificates() if name.startswith("t-")]
    assert len(names) == len(set(names)), "one certificate for each"


def whole(centre: ClaimCentre, terminal: NewTerminal, name: str) -> None:
    files = terminal.files()
    assert "keys/claim-begun" not in files
    assert files.get("keys/tls-key.claim", files["keys/tls-key"]) == files["keys/tls-key"]
    assert tls_key_of(terminal.directory) == certified_key(files["tls/terminal.pem"])
    found = config.load(terminal.config).config
    assert (found.terminal.site, found.terminal.name, found.uplink.host) == ("main", name, "broker.test")
    keyid = key_id(key_files.load_identity(terminal.directory / "keys/identity").verify_key)
    assert centre.identities()[f"main/{name} {keyid}"] is None


def test_another_token_after_an_interruption_needs_no_again_where_nothing_was_before(centre, tmp_path) -> None:
    terminal = NewTerminal(tmp_path / "t-1")
    with centre.serving():
        first = centre.token("main/t-1")
        (terminal.directory / "token").write_text(first.written())
        assert exit_code(claim_and_be_killed, str(terminal.directory), centre.port, 8) == -signal.SIGKILL
        assert terminal.claim(centre.port, centre.token("main/t-1", "--again")) == 0
    whole(centre, terminal, "t-1")


def test_a_claim_anew_that_failed_protects_what_was_there(centre, tmp_path, capsys) -> None:
    """`--again` with a token, no server; then another token without `--again`."""
    terminal = NewTerminal(tmp_path / "t-1")
    with centre.serving():
        assert terminal.claim(centre.port, centre.token("main/t-1")) == 0
        before = terminal.files()
        token = centre.token("main/t-1", "--again")
        assert terminal.claim(1, token, "--again") == 69
        other = centre.token("main/t-1", "--again")
        assert terminal.claim(centre.port, other) == 65
        assert "claimed already" in capsys.readouterr().err
        assert {name: text for name, text in terminal.files().items() if name in before} == before


class Killed(BaseException):
    """In place of a kill of the claim server at one step."""


STEPS = {
    "before the identity": (identities, "register"),
    "before the certificate": (certificates, "issue_for_key"),
    "before the certificate is stored": (TokenStore, "keep_certificate"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_ends_between_two_steps_completes_the_same_claim(centre, step: str, monkeypatch) -> None:
    place, name = STEPS[step]

    def killed(*_: object) -> None:
        raise Killed

    with centre.serving() as server, monkeypatch.context() as patched:
        terminal = Impostor(centre.port, centre.token("main/gate-1"))
        patched.setattr(place, name, killed)
        patched.setattr("threading.excepthook", lambda _: None)
        with pytest.raises((EOFError, OSError)):
            terminal.ask()
        eventually(lambda: server._open.total() == 0, "its place is free again")
    with centre.serving():
        terminal.port = centre.port
        assert Impostor(centre.port, terminal.token).ask() is Refusal.TOKEN_USED, "it belongs to the first one"
        answer = terminal.ask()
        assert isinstance(answer, ClaimAnswer)
        assert terminal.ask() == answer
    assert len(centre.identities()) == 1
    assert centre.central("audit")[0] == 0


@pytest.mark.parametrize(
    "error", [KeyError("foreseen by nobody"), OSError(28, "No space left"), LedgerStalled("busy")]
)
def test_what_goes_wrong_at_the_centre_is_told_there_and_the_token_still_counts(
    centre, error: Exception, monkeypatch, capfd
) -> None:
    with centre.serving():
        terminal = Impostor(centre.port, centre.token("main/gate-1"))
        with monkeypatch.context() as patched:
            patched.setattr(certificates, "issue_for_key", lambda *_: (_ for _ in ()).throw(error))
            assert terminal.ask() is Refusal.FAILED
        assert isinstance(terminal.ask(), ClaimAnswer)
    assert "a claim could not be answered" in capfd.readouterr().err


def test_a_claim_that_meets_the_removal_of_its_terminal_comes_before_or_after_it(centre, monkeypatch) -> None:
    """Between the binding and the registration, the terminal is removed: nothing of it may be registered then."""
    bind = TokenStore.bind

    def removed_meanwhile(self, *given: object) -> bool:
        bound = bind(self, *given)
        assert centre.central("terminal remove", "main/gate-1")[0] == 0
        return bound

    monkeypatch.setattr(TokenStore, "bind", removed_meanwhile)
    with centre.serving():
        assert Impostor(centre.port, centre.token("main/gate-1")).ask() is Refusal.TOKEN_UNKNOWN
    assert centre.identities() == {}
    assert "gate-1" not in centre.certificates()


def test_a_claim_whose_name_another_identity_gets_meanwhile_is_refused(centre, monkeypatch) -> None:
    """Between the first look at the name and the registration; by a file or by hand, from another command."""
    bind, other = TokenStore.bind, SigningKey.generate().verify_key

    def registered_meanwhile(self, *given: object) -> bool:
        bound = bind(self, *given)
        with Store(centre.base / "ledger.db") as store:
            store.register(Origin("main", "gate-1"), other)
        return bound

    monkeypatch.setattr(TokenStore, "bind", registered_meanwhile)
    with centre.serving():
        assert Impostor(centre.port, centre.token("main/gate-1")).ask() is Refusal.NAME_TAKEN
    assert centre.identities() == {f"main/gate-1 {key_id(other)}": None}
    assert "gate-1" not in centre.certificates()


def test_of_two_terminals_at_one_moment_one_gets_the_token(centre) -> None:
    """Both were found to be the first, by two programs, say."""
    token = centre.token("main/gate-1")
    with TokenStore(centre.base) as one, TokenStore(centre.base) as other:
        assert one.bind(token.digest, b"1" * 32, "a")
        assert not other.bind(token.digest, b"2" * 32, "a")
        assert not other.bind(token.digest, b"1" * 32, "b")
        assert other.bind(token.digest, b"1" * 32, "a"), "the same terminal again"
        assert not other.bind("0" * 64, b"1" * 32, "a"), "no such token"
