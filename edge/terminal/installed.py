"""The installed files of a terminal, as the configuration names them: keys, policy, models and databases."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nacl.signing import SigningKey, VerifyKey

from edge.config import credential
from edge.config_schema import Config, Storage
from edge.crypto.dsse import key_id
from edge.crypto.key_files import load_identity, load_public, load_secret
from edge.domain.people.consent import Policy
from edge.domain.protocol.record import Origin
from edge.errors import ConfigError, JournalError, KeyFileError
from edge.journal.diagnosis import is_vanished
from edge.journal.disk_reserve import Reserve
from edge.journal.journal import Journal
from edge.journal.quarantine import ensure_usable
from edge.people.people_store import People
from edge.people.roster.state import RosterState
from edge.people.site.schema import NAME as SITE
from edge.people.site.store import SiteStore
from edge.ports import Clock
from edge.resources import models_directory
from edge.storage.bounded_read import read_file
from edge.terminal.runtime.earlier_life import is_lived_in
from edge.vision.models import ModelStore

_MOST_POLICY = 1_000_000
"""Greatest size of a policy's text in bytes."""
_RUNTIME = Path("/run/smartclocker")
"""The unit's RuntimeDirectory=."""
LEDGER_ORIGIN = "copy the centre's ledger.pem there (`smartclocker central init` made it)"
AUTHORITY_ORIGIN = "copy the centre's authority.pem there (`smartclocker central authority init` made it)"


@dataclass(frozen=True, slots=True)
class Secrets:
    """Every key that a terminal holds, loaded and checked."""

    identity: SigningKey
    storage: bytes
    """32 bytes that wrap the people's keys."""
    ledger: Mapping[str, VerifyKey]
    """The pinned public keys whose receipts count, by key id; empty without an uplink."""
    authority: VerifyKey | None = None
    """The authority's pinned public key. Orders count that it or its named successors signed; with None, no order
    counts.
    """

    def __repr__(self) -> str:
        """Names no key, because the text may end up in a log."""
        return "Secrets(...)"


def load_secrets(config: Config) -> Secrets:
    """Load every key. Raises KeyFileError or ConfigError, which name the file and the cure."""
    pinned = _ledger(config), _authority(config)
    return replace(own_secrets(config), ledger=pinned[0], authority=pinned[1])


def own_secrets(config: Config) -> Secrets:
    """Load the keys that punching needs: identity and storage key. Raises KeyFileError or ConfigError."""
    identity, storage = credential(config.keys.identity), credential(config.keys.storage)
    return Secrets(load_identity(identity), load_secret(storage), {})


def with_pinned(config: Config, own: Secrets) -> tuple[Secrets, tuple[str, ...]]:
    """Add the pinned keys that can be read; returns the secrets, and what is wrong with the other keys."""
    problems = []
    try:
        own = replace(own, ledger=_ledger(config))
    except KeyFileError as error:
        problems.append(str(error))
    try:
        if config.keys.authority:
            policy(config)  # orders and the roster are judged by it
        own = replace(own, authority=_authority(config))
    except (KeyFileError, ConfigError) as error:
        problems.append(str(error))
    return own, tuple(problems)


def _ledger(config: Config) -> Mapping[str, VerifyKey]:
    if config.uplink is None:
        return {}
    key = load_public(Path(config.keys.ledger), LEDGER_ORIGIN)
    return {key_id(key): key}


def _authority(config: Config) -> VerifyKey | None:
    return load_public(Path(config.keys.authority), AUTHORITY_ORIGIN) if config.keys.authority else None


def origin(config: Config) -> Origin:
    """The site and the name of this terminal."""
    return Origin(config.terminal.site, config.terminal.name)


def journal_path(config: Config) -> Path:
    """The path of the journal."""
    return Path(config.storage.state) / "journal.db"


def control_path(config: Config) -> Path:
    """The path of the control socket: `control.socket`, otherwise systemd's folder for the installed service, and
    the state directory for any other.
    """
    if config.control.socket:
        return Path(config.control.socket)
    installed = config.storage.state == Storage().state
    return _RUNTIME / "control" if installed else Path(config.storage.state) / "control"


def secure_journal(
    config: Config, secrets: Secrets, time: Clock, slow: Callable[[], object] = lambda: None
) -> None:
    """Set aside a journal that cannot be used; called before anything opens it. Raises JournalError.

    A full disk is no reason to fail, because the journal has a reserve. `slow` is called before work that may take
    minutes.
    """
    path = journal_path(config)
    reserve = Reserve(path, config.storage.max_bytes)
    lived = partial(is_lived_in, path.parent)
    reserve.lend(lambda: ensure_usable(path, origin(config), secrets.identity, time.evidence, lived, slow))


def open_journal(config: Config, secrets: Secrets) -> Journal:
    """A connection to the journal for the calling thread; made if there never was a journal. Raises
    JournalError.
    """
    path = journal_path(config)
    if is_vanished(path, partial(is_lived_in, path.parent)):
        raise JournalError(
            f"{path}: is gone, and was there: start the service, which begins a new one that says so, and look for "
            "the old one"
        )
    reserve = Reserve(path, config.storage.max_bytes)
    return reserve.lend(lambda: Journal(path, origin(config), secrets.identity))


def open_people(config: Config, secrets: Secrets) -> People:
    """A connection to the people file for the calling thread. Raises PeopleError."""
    return People(Path(config.storage.state) / "people.db", secrets.storage)


def open_received(config: Config, *, mend: bool = True) -> RosterState:
    """A connection to the notes of the roster, for the calling thread; `mend` as in `RosterState`. Raises
    PeopleError.
    """
    return RosterState(Path(config.storage.state) / "roster.db", mend=mend)


def open_site(config: Config, *, mend: bool = True) -> SiteStore:
    """A connection to the records of the site's other terminals, for the calling thread; `mend` as in `SiteStore`.
    Raises SiteError.
    """
    return SiteStore(Path(config.storage.state) / SITE, config.terminal.site, mend=mend)


def policy(config: Config) -> Policy:
    """The configured privacy policy, with the hash of its text. Raises ConfigError when the text cannot be read."""
    try:
        text = read_file(config.policy.text, _MOST_POLICY)
    except OSError as error:
        cure = "put the text of the policy there; people consent to it, so it must be at hand"
        raise ConfigError(
            config.policy.text, [f"policy.text: {config.policy.text} cannot be read: {error.strerror}; {cure}"]
        ) from error
    return Policy(config.policy.version, hashlib.sha256(text).hexdigest())


def policy_text(config: Config) -> str:
    """The text that people agree to. Raises ConfigError when it cannot be read, is empty, or is not text."""
    policy(config)
    try:
        text = read_file(config.policy.text, _MOST_POLICY).decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise ConfigError(
            config.policy.text, [f"policy.text: {config.policy.text} is not UTF-8 text; save it as UTF-8"]
        ) from None
    if not text.strip():
        raise ConfigError(
            config.policy.text, [f"policy.text: {config.policy.text} is empty, and people consent to it; write it"]
        )
    return text


def model_store(config: Config) -> ModelStore:
    """The configured folder of models. Raises ModelError."""
    return ModelStore(models_directory(config.storage.models))
