"""Which fields may travel: those that docs/protocol.md and its schemas name, and no other."""

import json
from pathlib import Path
from typing import Any

from tests.privacy.tap import opened

_SCHEMAS = Path(__file__).resolve().parents[2] / "docs/schemas"
_DATA = {"epoch", "seq", "prev", "time"}
_STATUS = {"v", "state", "version", "epoch", "head", "watermark", "pending", "uplink", "alarms", "counters", "utc"}
_ROSTER = {
    "person": {"v", "site", "person", "version", "gone", "key"},
    "page": {"v", "site", "bucket", "version", "entries"},
    "manifest": {"v", "site", "version", "count", "sha256", "pages", "terminals"},
    "key": {"v", "site", "terminal", "version", "key", "sealed"},
}
_NAMED = {"score", "scores", "similarity", "cosine", "embedding", "template", "image", "pin", "badge", "name"}


def misfits(heard: list[tuple[str, bytes]]) -> list[str]:
    """Of (topic, message) pairs: those with another field, or with a fraction on a record, as a score would be."""
    found = []
    for topic, payload in heard:
        problem = _problem(topic.split("/"), opened(payload)) if payload else None
        if problem is not None:
            found.append(f"{topic}: {problem}")
    return found


def _problem(parts: list[str], payload: bytes) -> str | None:
    if len(parts) < 5 or parts[0] != "smartclocker":
        return "no topic of the contract"
    if parts[3] == "roster":
        return _roster(parts[4], payload)
    document = _json(payload)
    if document is None:
        return "no JSON object"
    kind = parts[4]
    if kind == "status":
        return _beyond(set(document), _STATUS) or _named(
            set(document["counters"]) if "counters" in document else set()
        )
    if kind == "record":
        return _record(parts[5], document)
    if kind == "receipt":
        return _beyond(set(document), _properties("receipt"))
    if kind == "command":
        known = _properties("order") if "order" in document else _properties("command")
        return _beyond(set(document), known | _order_fields())
    return "no topic of the contract"


def _record(kind: str, document: dict[str, Any]) -> str | None:
    schema = json.loads((_SCHEMAS / f"record-{kind}.json").read_text(encoding="utf-8"))
    known = set(schema["properties"]["data"]["properties"]) | _DATA
    if _fractions(document):
        return "a fraction on a record"
    return _beyond(set(document), _properties("record")) or _beyond(set(document["data"]), known)


def _roster(part: str, payload: bytes) -> str | None:
    if part == "probe":
        return None if len(payload) == 16 else "a probe of another length"
    document = _json(payload.partition(b"\n")[0])
    return "no JSON object" if document is None else _beyond(set(document), _ROSTER.get(part, set()))


def _order_fields() -> set[str]:
    from edge.domain.protocol.order import FIELDS

    return {name for fields in FIELDS.values() for name in fields}


def _properties(name: str) -> set[str]:
    return set(json.loads((_SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))["properties"])


def _beyond(found: set[str], known: set[str]) -> str | None:
    extra = sorted(found - known)
    return f"fields {', '.join(extra)}" if extra else None


def _named(found: set[str]) -> str | None:
    return f"counters {', '.join(sorted(found & _NAMED))}" if found & _NAMED else None


def _json(payload: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(payload)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _fractions(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_fractions, value.values()))
    if isinstance(value, list):
        return any(map(_fractions, value))
    return isinstance(value, float)
