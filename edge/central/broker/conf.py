"""Updates the mosquitto.conf of an installation: adds missing settings and keeps settings that were made by
hand.
"""

from pathlib import Path

_ALWAYS = frozenset(
    {"require_certificate", "use_identity_as_username", "use_username_as_clientid", "allow_anonymous"}
)
"""Settings that make the broker secure; they are always written."""
_FORMER = {"max_packet_size": "65536", "max_queued_messages": "20000"}
"""Values of earlier versions, which let too much wait in the broker's memory. They are replaced; other values were
set by hand and stay.
"""
_PATHS = frozenset({"cafile", "certfile", "keyfile", "crlfile", "acl_file", "persistence_location"})


def value(configuration: str, key: str) -> str | None:
    """The value of a setting; None if the setting is absent."""
    for line in configuration.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == key:
            return rest.strip()
    return None


def listener(configuration: str) -> tuple[str, int] | None:
    """The address and port of the listener; None if its line has another form."""
    port, _, address = (value(configuration, "listener") or "").partition(" ")
    return (address.strip(), int(port)) if port.isdecimal() and address.strip() else None


def merge(there: str, wanted: str, *, replace: frozenset[str] = frozenset()) -> str:
    """`there` with every missing setting of `wanted`, each after the setting that precedes it in `wanted`.

    The values of `wanted` replace the settings in `replace`, the security settings, known values of earlier
    versions, and paths that are not absolute.
    """
    lines = there.splitlines()
    after = len(lines) - 1
    comment: list[str] = []
    for line in wanted.splitlines():
        key, _, text = line.partition(" ")
        if not line or line.startswith("#"):
            comment = [*comment, line] if line else []
            continue
        found = [n for n, old in enumerate(lines) if old.strip().partition(" ")[0] == key]
        if not found:
            block = [*comment, line]
            lines[after + 1 : after + 1] = block
            found = [after + len(block)]
        elif key in replace or _must_change(key, lines[found[0]].strip().partition(" ")[2].strip(), text):
            lines[found[0]] = line
        for n in found[1:]:  # mosquitto uses the last of several lines; a second listener was added by hand
            if _must_change(key, lines[n].strip().partition(" ")[2].strip(), text):
                lines[n] = line
        after, comment = found[0], []
    return "\n".join(lines) + "\n"


def differing(there: str, wanted: str) -> list[str]:
    """The settings whose values differ from those of `wanted`."""
    keys = [line.partition(" ")[0] for line in wanted.splitlines() if line and not line.startswith("#")]
    return [key for key in keys if value(there, key) != value(wanted, key)]


def relocate(configuration: str, moves: dict[str, str]) -> str:
    """The configuration with other values for the settings in `moves`, such as paths."""
    lines = configuration.splitlines()
    for number, line in enumerate(lines):
        key = line.strip().partition(" ")[0]
        if key in moves:
            lines[number] = f"{key} {moves[key]}"
    return "\n".join(lines) + "\n"


def _must_change(key: str, is_now: str, wanted: str) -> bool:
    if is_now == wanted:
        return False
    if key in _PATHS:
        return not Path(is_now).is_absolute()
    return key in _ALWAYS or _FORMER.get(key) == is_now
