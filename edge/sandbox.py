"""All files of one terminal in a directory, for the demo, the benchmark and the tests."""

from dataclasses import dataclass
from pathlib import Path

from edge.crypto import key_files

POLICY = """SmartClocker privacy policy, short form for the demo.

Your face is used only to verify you when you clock in and out, with your consent. It is kept as encrypted
numbers on this terminal, never shared, and removed when you withdraw. You can always use a badge or a PIN instead.
"""


@dataclass(frozen=True, slots=True)
class SandboxCentre:
    """The address of a sandboxed terminal's broker, and the files with which the terminal connects to it."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path
    ledger: Path
    """The ledger's public key."""
    authority: Path | None = None
    """The authority's public key; None where nobody signs orders and a roster."""


def write_terminal(
    directory: Path,
    replay: Path,
    *,
    site: str = "demo",
    name: str = "entrance-1",
    window_s: float = 60.0,
    centre: SandboxCentre | None = None,
    direction: str = "alternate",
    more: str = "",
) -> Path:
    """Make the keys, policy and `config.toml` of a terminal with the replay camera and drawn lights; returns the
    path of `config.toml`.

    `more` are further sections, in TOML. `directory` is created; the terminal's public key is `identity.pem` in
    it. Raises KeyFileError when there are keys already.
    """
    (directory / "state").mkdir(mode=0o700, parents=True)
    identity = key_files.create_identity(directory / "identity")
    key_files.create_secret(directory / "storage")
    (directory / "identity.pem").write_text(key_files.public_pem(identity.verify_key), encoding="ascii")
    (directory / "policy.md").write_text(POLICY, encoding="utf-8")
    path = directory / "config.toml"
    path.write_text(_config(replay, site, name, window_s, direction, centre) + more, encoding="utf-8")
    return path


def _config(
    replay: Path, site: str, name: str, window_s: float, direction: str, centre: SandboxCentre | None
) -> str:
    ledger = "" if centre is None else f'ledger = "{centre.ledger}"\n'
    if centre is not None and centre.authority is not None:
        ledger += f'authority = "{centre.authority}"\n'
    uplink = "" if centre is None else _uplink(centre)
    return f"""# A sandboxed terminal: replay camera, drawn lights.
[terminal]
site = "{site}"
name = "{name}"
duplicate_window_s = {window_s}
direction = "{direction}"

[policy]
version = "demo-1"
text = "policy.md"

[storage]
state = "state"
max_bytes = 64000000
volatile = true

[keys]
identity = "identity"
storage = "storage"
{ledger}
[camera]
kind = "replay"
replay = "{replay}"

[signals]
kind = "console"
{uplink}"""


def _uplink(centre: SandboxCentre) -> str:
    return f"""
[uplink]
host = "{centre.host}"
port = {centre.port}
ca = "{centre.ca}"
certificate = "{centre.certificate}"
key = "{centre.key}"
resend_s = 2.0
"""
