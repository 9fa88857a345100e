"""Checks of a terminal's files for `smartclocker check`: each is read with the rights of the service's user."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from edge.adapters.linux.service_account import Account, acting_as
from edge.adapters.mqtt import certificate
from edge.adapters.mqtt.tls import client_context, file_problems
from edge.config import credential
from edge.config_schema import CREDENTIAL, Config
from edge.crypto.key_files import load_identity, load_public, load_sealing, load_secret
from edge.errors import ConfigError, ModelError, SmartClockerError
from edge.terminal import adapters, installed
from edge.terminal.uplink import certificates

_OTHERS_WRITE = 0o002
_STICKY = 0o1000


def attempt(what: str, act: Callable[[], object]) -> Iterator[str]:
    """The problems that `act` raises, each after the key `what`; nothing when `act` succeeds."""
    try:
        act()
    except ConfigError as error:
        yield from error.problems
    except SmartClockerError as error:
        yield f"{what}: {error}"
    except OSError as error:
        yield f"{what}: {error.filename}: {error.strerror}; let the service's user read it and the files in it"


def problems(config: Config, account: Account | None) -> Iterator[str]:
    """Problems of keys, policy, models and certificates, and of the folders in which they lie."""
    yield from keys(config, account)
    yield from policy(config, account)
    yield from models(config, account)
    if config.uplink is not None:
        yield from uplink(config, account)
    yield from open_folders(config)


def notes(config: Config) -> Iterator[str]:
    """Settings that work, but may not be what somebody meant."""
    if config.uplink is not None and not config.keys.authority:
        yield (
            "keys.authority: is not set, so that every order and roster of the centre is refused; name the "
            "authority.pem that `smartclocker central authority init` made there"
        )
    elif config.uplink is None and config.keys.authority:
        yield "keys.authority: is set, but without [uplink] no order arrives"
    yield from certificates.notes(_public(config))


def policy(config: Config, account: Account | None) -> Iterator[str]:
    """Problems of the policy's text."""
    with acting_as(account):
        yield from attempt("policy.text", lambda: installed.policy_text(config))


def models(config: Config, account: Account | None) -> Iterator[str]:
    """Problems of the models: a hash or a shape that is not the manifest's."""
    with acting_as(account):
        yield from attempt("storage.models", lambda: _verify_models(config))


def keys(config: Config, account: Account | None) -> Iterator[str]:
    """Problems of the terminal's own keys, and of the pinned ones."""
    chosen = config.keys
    for name, path, load in (
        ("identity", chosen.identity, load_identity),
        ("storage", chosen.storage, load_secret),
    ):
        with reading(path, account):
            yield from attempt(f"keys.{name}", lambda path=path, load=load: load(credential(path)))  # type: ignore[misc]
    with acting_as(account):
        if config.uplink is not None:
            yield from attempt("keys.ledger", lambda: load_public(Path(chosen.ledger), installed.LEDGER_ORIGIN))
        if chosen.authority:
            yield from attempt(
                "keys.authority", lambda: load_public(Path(chosen.authority), installed.AUTHORITY_ORIGIN)
            )
        evidence = config.evidence
        if evidence is not None:
            yield from attempt("evidence.key", lambda: load_sealing(Path(evidence.key)))


def uplink(config: Config, account: Account | None) -> Iterator[str]:
    """Check each file by itself, then all together, so that a problem of one file hides no other."""
    assert config.uplink is not None  # noqa: S101 - for the type alone
    unusable: list[str] = []
    for name, path in _public(config):
        with reading(str(path), account):
            wrong = [f"{name}: {error}" for error in file_problems(path, secret=False)]
        wrong = wrong or list(attempt(name, lambda path=path: certificate.read(path)))  # type: ignore[misc]
        unusable += wrong
        yield from wrong or certificates.problems([(name, path)], config.terminal.name)
    try:
        settings = adapters.uplink_settings(config)
    except ConfigError as error:
        yield from (f"uplink.key: {problem}" for problem in error.problems)
        return
    with reading(config.uplink.key, account):
        wrong = [f"uplink.key: {error}" for error in file_problems(settings.key, secret=True)]
    yield from wrong
    if not unusable and not wrong:
        yield from attempt("uplink", lambda: client_context(settings))


def _public(config: Config) -> list[tuple[str, Path]]:
    """The configured files of the uplink that are not secret, each with its key."""
    chosen = config.uplink
    named = {} if chosen is None else {"uplink.ca": chosen.ca, "uplink.certificate": chosen.certificate}
    return [(name, Path(path)) for name, path in named.items()]


def _verify_models(config: Config) -> None:
    wrong = installed.model_store(config).verify_all()
    if wrong:
        raise ModelError("; ".join(wrong))


def reading(path: str, account: Account | None) -> AbstractContextManager[None]:
    """The rights for reading a key file: systemd reads a credential as root, and hands the service a copy."""
    return nullcontext() if path.startswith(CREDENTIAL) else acting_as(account)


def open_folders(config: Config) -> Iterator[str]:
    """Folders into which everybody may write, and so put another key in the place of ours."""
    named = {
        "keys.identity": config.keys.identity,
        "keys.storage": config.keys.storage,
        "policy.text": config.policy.text,
        "storage.models": config.storage.models and f"{config.storage.models}/manifest.toml",
        "keys.authority": config.keys.authority,
        "keys.ledger": config.keys.ledger if config.uplink is not None else "",
        "evidence.key": "" if config.evidence is None else config.evidence.key,
    }
    if config.uplink is not None:
        for key in ("ca", "certificate", "key"):
            named[f"uplink.{key}"] = getattr(config.uplink, key)
    said: set[Path] = set()
    for key, text in named.items():
        folder = _folder(text)
        if folder is None or folder in said:
            continue
        said.add(folder)
        if _writable_by_others(folder):
            yield f"{key}: everybody may write into {folder} and exchange its files; `chmod o-w {folder}`"


def _folder(path: str) -> Path | None:
    if not path:
        return None
    try:
        return credential(path).parent
    except ConfigError:
        return None


def _writable_by_others(folder: Path) -> bool:
    try:
        mode = folder.stat().st_mode
    except OSError:
        return False
    return bool(mode & _OTHERS_WRITE) and not mode & _STICKY
