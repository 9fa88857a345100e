"""Where the files of a claim belong: where the configuration says, otherwise in the folder of the configuration.

The values of the configuration that follow from that are here, too. The example's own values are placeholders.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge import toml_text
from edge.config import CREDENTIAL_SOURCE
from edge.config_schema import CREDENTIAL, Keys, UplinkConfig
from edge.domain.claim.messages import ClaimAnswer
from edge.errors import ClaimRefused, ConfigError
from edge.storage.bounded_read import read_file

_PLACEHOLDERS: Mapping[tuple[str, str], str] = {
    ("terminal", "site"): "main",
    ("terminal", "name"): "entrance-1",
    ("uplink", "host"): "broker.example",
    ("policy", "version"): "2026-11",
}
"""The values of `provisioning/config.example.toml` that everybody must change."""
_PATHS = {
    "identity": ("keys", "identity", "keys/identity"),
    "storage": ("keys", "storage", "keys/storage"),
    "tls_key": ("uplink", "key", "keys/tls-key"),
    "ca": ("uplink", "ca", "tls/ca.pem"),
    "certificate": ("uplink", "certificate", "tls/terminal.pem"),
    "ledger": ("keys", "ledger", "ledger.pem"),
    "authority": ("keys", "authority", "authority.pem"),
}
"""By file: section and key of its path, and its place below the configuration's folder."""


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of one terminal."""

    config: Path
    text: str
    """The configuration as it is."""
    identity: Path
    storage: Path
    tls_key: Path
    ca: Path
    certificate: Path
    ledger: Path
    authority: Path

    @property
    def roster(self) -> Path:
        """The key to which exports of people are sealed; no key of the configuration names it."""
        return self.config.parent / "roster.pem"

    @property
    def marker(self) -> Path:
        """The note of a claim that was begun."""
        return self.identity.with_name("claim-begun")

    @property
    def new_tls_key(self) -> Path:
        """The TLS key of a claim that was begun."""
        return self.tls_key.with_name(f"{self.tls_key.name}.claim")

    def written_earlier(self) -> list[Path]:
        """The files of an earlier claim, or of an installation by hand."""
        return [path for path in (self.ca, self.certificate, self.tls_key, self.ledger) if path.exists()]

    def wanted(self, answer: ClaimAnswer, *, again: bool) -> dict[tuple[str, str], str | int]:
        """The keys of the configuration that follow from an answer.

        Raises ClaimRefused where a person has set another value, unless `again` is given.
        """
        document = tomllib.loads(self.text)
        values: dict[tuple[str, str], str | int] = {
            ("terminal", "site"): answer.site,
            ("terminal", "name"): answer.terminal,
            ("uplink", "host"): answer.host,
        }
        if answer.port != UplinkConfig(host="-").port or _at(document, "uplink", "port") is not None:
            values["uplink", "port"] = answer.port
        for setting, value in values.items():
            there = _at(document, *setting)
            if not again and there not in {None, value, _PLACEHOLDERS.get(setting)}:
                name = ".".join(setting)
                raise ClaimRefused(
                    f"{self.config}: {name} is {toml_text.written(there)}, and the token is for "
                    f"{toml_text.written(value)}; no file was changed. If the token is right, remove the line of "
                    f"{name} and give the command again with the same token"
                )
        for field, (section, key, _) in _PATHS.items():
            path = getattr(self, field)
            if field == "authority" and answer.authority is None:
                continue
            if _at(document, section, key) in {None, ""} and _default(section, key) != str(path):
                values[section, key] = str(path)
        return values | self._policy(document, answer)

    def policy_text(self) -> Path:
        """The file of the policy's text."""
        given = _at(tomllib.loads(self.text), "policy", "text")
        return self.config.parent / (given if isinstance(given, str) and given else "privacy-policy.md")

    def takes_policy(self, answer: ClaimAnswer) -> bool:
        """Whether the centre's policy is to be put here: it has one, and no other text is here."""
        path = self.policy_text()
        if answer.policy is None:
            return False
        return not path.exists() or path.read_bytes() == answer.policy.text.encode()

    def _policy(self, document: Mapping[str, Any], answer: ClaimAnswer) -> dict[tuple[str, str], str | int]:
        if answer.policy is None or not self.takes_policy(answer):
            return {}
        found: dict[tuple[str, str], str | int] = {}
        if _at(document, "policy", "version") in {None, _PLACEHOLDERS["policy", "version"]}:
            found["policy", "version"] = answer.policy.version
        if not _at(document, "policy", "text"):
            found["policy", "text"] = str(self.policy_text())
        return found


def read_places(config: Path) -> Places:
    """The places by a configuration. Raises ConfigError if it cannot be read."""
    try:
        content = read_file(config, toml_text.MAX_BYTES)
        document = toml_text.read(config)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        cure = "copy provisioning/config.example.toml there; the claim writes the rest"
        raise ConfigError(str(config), [f"no such file: {cure}"]) from None
    except OSError as error:
        raise ConfigError(
            str(config), [f"cannot be read: {error.strerror}; name the file, and give the command as root"]
        ) from error
    except ValueError as error:
        raise ConfigError(str(config), [str(error)]) from error
    base = config.absolute().parent
    found = {}
    for field, (section, key, usual) in _PATHS.items():
        given = _at(document, section, key)
        found[field] = _resolved(given, base) if isinstance(given, str) and given else base / usual
    return Places(config=base / config.name, text=text, **found)


def _resolved(given: str, base: Path) -> Path:
    if given.startswith(CREDENTIAL):
        return CREDENTIAL_SOURCE / given.removeprefix(CREDENTIAL)
    return base / given


def _default(section: str, key: str) -> str:
    """The default of a path in the configuration, as a path."""
    value: str = getattr(Keys() if section == "keys" else UplinkConfig(host="-"), key)
    return str(_resolved(value, Path("/"))) if value else ""


def _at(document: Mapping[str, Any], section: str, key: str) -> Any:
    table = document.get(section)
    return table.get(key) if isinstance(table, dict) else None
