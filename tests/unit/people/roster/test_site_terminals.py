"""The terminals of a site in its manifest: published with each change, and known after a restart."""

import base64
import json
from dataclasses import replace

from nacl.signing import SigningKey

from edge.central.store.model import RegisteredTerminal
from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.domain.protocol.record import Origin
from edge.domain.roster.messages import MAX_IDENTITIES, RosterManifest
from edge.domain.roster.topics import Place, TopicPart
from edge.people.roster.inbox import hash_of
from tests.support.roster_site import AUTHORITY, WHEN, Site, site

__all__ = ["site"]  # a fixture


def test_the_manifest_names_the_terminals_and_a_change_of_them_is_a_new_version(site: Site) -> None:
    gate = site.register("gate-1")
    site.add(1)
    gate.give(site.publish())
    first = gate.sync.manifest
    assert first is not None
    assert list(first.terminals) == ["gate-1"]
    gate.give(site.publish())
    assert gate.sync.manifest is first, "nothing changed"
    second = site.register("gate-2")
    gate.give(site.publish())
    assert gate.sync.manifest is not None
    assert gate.sync.manifest.version == first.version + 1
    keys = gate.sync.manifest.terminals["gate-2"]
    assert keys == [base64.b64encode(bytes(second.identity.verify_key)).decode()]
    replaced = site.register("gate-2")
    gate.give(site.publish())
    assert len(gate.sync.manifest.terminals["gate-2"]) == 2, "both identities of the name may speak"
    site.terminals = [
        replace(one, revoked=WHEN) if one.key == second.identity.verify_key else one for one in site.terminals
    ]
    gate.give(site.publish())
    keys = gate.sync.manifest.terminals["gate-2"]
    assert keys == [base64.b64encode(bytes(replaced.identity.verify_key)).decode()]
    site.revoke("gate-2")
    gate.give(site.publish())
    assert list(gate.sync.manifest.terminals) == ["gate-1"]
    gate.restart()
    assert list(gate.sync.manifest.terminals) == ["gate-1"], "also after a start without a broker"


def test_a_roster_of_an_earlier_centre_is_published_again_with_the_terminals(site: Site) -> None:
    gate = site.register("gate-1")
    person = site.add(1)
    messages = site.publish()
    topic = Place("main", TopicPart.MANIFEST, "").topic
    earlier = json.loads(dsse.parse(messages[topic]).payload)
    del earlier["terminals"]
    payload = json.dumps(earlier, separators=(",", ":")).encode()
    wire = dsse.to_wire(dsse.sign(RosterManifest.PAYLOAD_TYPE, payload, AUTHORITY))
    with site.store.writing():
        site.store.put_messages(
            "main", {topic: replace(site.store.messages("main")[topic], wire=wire, sha256=hash_of(payload))}
        )
    gate.give({**messages, topic: wire})
    assert gate.matched() == {person}, "a manifest without terminals is as good as ever"
    assert gate.sync.manifest is not None
    assert gate.sync.manifest.terminals == {}
    gate.give(site.publish())
    assert list(gate.sync.manifest.terminals) == ["gate-1"]
    assert gate.matched() == {person}


def test_a_site_with_too_many_identities_names_none(site: Site) -> None:
    gate = site.register("gate-1")
    for number in range(MAX_IDENTITIES):
        key = SigningKey.generate().verify_key
        site.terminals.append(
            RegisteredTerminal(1_000 + number, Origin("main", "gate-2"), key_id(key), key, WHEN, None)
        )
    site.add(1)
    gate.give(site.publish())
    assert gate.sync.manifest is not None
    assert gate.sync.manifest.terminals == {}
