"""mosquitto.conf of an installation that runs: what lacks is added, and what somebody set by hand stays."""

from pathlib import Path

_ALWAYS = frozenset(
    {"require_certificate", "use_identity_as_username", "use_username_as_clientid", "allow_anonymous"}
)
"""What makes it safe is not a matter of taste."""
_FORMER = {"max_packet_size": "65536", "max_queued_messages": "20000"}
"""What earlier versions wrote, and let more wait in the broker's memory; another value somebody set by hand."""
_PATHS = frozenset({"cafile", "certfile", "keyfile", "crlfile", "acl_file", "persistence_location"})


def value(configuration: str, key: str) -> str | None:
    """What a setting is set to."""
    for line in configuration.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == key:
            return rest.strip()
    return None


def listener(configuration: str) -> tuple[str, int] | None:
    """The address and port that it listens on; None where the line is not of our form."""
    port, _, address = (value(configuration, "listener") or "").partition(" ")
    return (address.strip(), int(port)) if port.isdecimal() and address.strip() else None


def merge(there: str, wanted: str, *, replace: frozenset[str] = frozenset()) -> str:
    """`there` with every setting of `wanted` that it lacks, each behind the one that precedes it.

    Settings in `replace`, those that make it safe, values of earlier versions that were mended, and paths that
    are not absolute are as `wanted` has them.
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
        for n in found[1:]:  # of several the last counts; a second listener is somebody's own
            if _must_change(key, lines[n].strip().partition(" ")[2].strip(), text):
                lines[n] = line
        after, comment = found[0], []
    return "\n".join(lines) + "\n"


def differing(there: str, wanted: str) -> list[str]:
    """The settings that stand otherwise than we would write them."""
    keys = [line.partition(" ")[0] for line in wanted.splitlines() if line and not line.startswith("#")]
    return [key for key in keys if value(there, key) != value(wanted, key)]


def relocate(configuration: str, moves: dict[str, str]) -> str:
    """The same with other values for these settings: the paths of an installation elsewhere."""
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
