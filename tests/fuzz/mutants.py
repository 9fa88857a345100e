"""From a genuine message to one that is not: bytes, JSON, payloads under a signature that was made for others."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from nacl.signing import SigningKey

from edge.crypto import dsse
from edge.domain.protocol.export_manifest import ExportManifest
from edge.domain.protocol.receipt import Receipt
from edge.domain.protocol.record import PAYLOAD_TYPE
from edge.domain.protocol.resend_command import Resend
from tests.fuzz import bytewise, jsonwise
from tests.fuzz.genuine import LEDGER, OTHER, STRANGER, TERMINAL, Seed

_TYPES = (
    PAYLOAD_TYPE,
    Receipt.PAYLOAD_TYPE,
    Resend.PAYLOAD_TYPE,
    ExportManifest.PAYLOAD_TYPE,
    "application/json",
    "",
)
_KINDS = ("punch", "suppressed", "boot", "gap", "x", "", "+", "#", "punch/x", "größe")

Change = Callable[[Random, Seed, Sequence[Seed]], Seed]


def forgers(genuine: SigningKey) -> tuple[SigningKey, ...]:
    """Everybody who may not sign in place of `genuine`."""
    return tuple(key for key in (TERMINAL, OTHER, LEDGER, STRANGER) if key is not genuine)


@dataclass(frozen=True, slots=True)
class Mutator:
    """For one kind of message; `genuine` is whose word would count."""

    genuine: SigningKey
    seeds: tuple[Seed, ...]
    insider: bool = False
    """Whether whoever holds the genuine key is one of the forgers: then only form protects the reader."""

    def mutant(self, rng: Random, changes: Sequence[str]) -> Seed:
        """A seed with all of these changes, one after the other."""
        found = rng.choice(self.seeds)
        for name in changes:
            found = getattr(self, name)(rng, found)
        return self.resigned(rng, found) if self.insider else found

    def bytes_of_it(self, rng: Random, seed: Seed) -> Seed:
        """The message as bytes."""
        wires = [other.wire for other in self.seeds]
        return Seed(seed.topic, rng.choice(bytewise.ALL)(rng, seed.wire, wires))

    def envelope_of_it(self, rng: Random, seed: Seed) -> Seed:
        """The message as JSON."""
        document = loaded(seed.wire)
        return Seed(seed.topic, jsonwise.written(rng, jsonwise.edited(rng, document)))

    def spelling(self, rng: Random, seed: Seed) -> Seed:
        """The same JSON in another spelling, or base64 in another."""
        document = loaded(seed.wire)
        if isinstance(document, dict) and isinstance(document.get("payload"), str) and rng.random() < 0.5:
            text = document["payload"]
            document["payload"] = rng.choice((text.rstrip("="), text + "=", text.replace("+", "-"), text + "\n"))
        return Seed(seed.topic, jsonwise.written(rng, document))

    def payload(self, rng: Random, seed: Seed) -> Seed:
        """Another payload under the signature of the old one."""
        document, payload = opened(seed.wire)
        if rng.random() < 0.3:
            changed = rng.choice(bytewise.ALL)(rng, payload, [opened(other.wire)[1] for other in self.seeds])
        else:
            changed = jsonwise.written(rng, jsonwise.edited(rng, loaded(payload)))
        document["payload"] = base64.b64encode(changed).decode()
        return Seed(seed.topic, _dumped(document))

    def signature(self, rng: Random, seed: Seed) -> Seed:
        """The signature of another message, or a changed one."""
        document, _ = opened(seed.wire)
        sig = opened(rng.choice(self.seeds).wire)[0].get("signatures")
        document["signatures"] = sig if rng.random() < 0.5 else jsonwise.edited(rng, sig)
        return Seed(seed.topic, _dumped(document))

    def resigned(self, rng: Random, seed: Seed) -> Seed:
        """Signed by somebody else, perhaps under the genuine key's name; by the genuine key for an insider."""
        document, payload = opened(seed.wire)
        kind = document.get("payloadType")
        kind = kind if isinstance(kind, str) and rng.random() < 0.8 else rng.choice(_TYPES)
        key = self.genuine if self.insider else rng.choice(forgers(self.genuine))
        sealed = dsse.sign(_encodable(kind), payload, key)
        name = dsse.key_id(self.genuine.verify_key) if rng.random() < 0.3 else sealed.keyid
        return Seed(
            seed.topic,
            dsse.to_wire(dsse.Envelope(sealed.payload_type, payload, name, sealed.signature)),
        )

    def topic(self, rng: Random, seed: Seed) -> Seed:
        """Another topic."""
        levels = seed.topic.split("/")
        levels[rng.randrange(len(levels))] = rng.choice((*_KINDS, "gate-2", "main", "record", "receipt", "v2"))
        return Seed("/".join(levels), seed.wire)


CHANGES = ("bytes_of_it", "envelope_of_it", "spelling", "payload", "signature", "resigned", "topic")
"""The methods of Mutator that change something."""


def loaded(raw: bytes) -> Any:
    """What a lenient reader makes of it: a mutant is mutated on, whatever became of it."""
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {"payload": "", "signatures": [{}]}


def opened(wire: bytes) -> tuple[dict[str, Any], bytes]:
    document = loaded(wire)
    if not isinstance(document, dict):
        document = {"payload": document}
    try:
        return document, base64.b64decode(document["payload"])
    except (KeyError, TypeError, ValueError):
        return document, b""


def _dumped(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
