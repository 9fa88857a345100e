"""Makes the signed messages of the centre's roster that the broker retains.

All changes since the last time become one new version of the site's roster. Unchanged messages keep their bytes, so
publishing them again changes nothing.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from nacl.signing import SigningKey

from edge.central.roster.membership import new_key, readable
from edge.central.roster.store import MemberRow, RosterStore, Sent, SiteRow
from edge.central.store.model import RegisteredTerminal
from edge.crypto import dsse, site_key
from edge.crypto.curve_points import sealing_key
from edge.domain.protocol.document import Document
from edge.domain.roster import messages
from edge.domain.roster.member import encode_member
from edge.domain.roster.messages import KeyMessage, ManifestEntry, Page, PersonMessage, RosterManifest
from edge.domain.roster.topics import Place, TopicPart
from edge.domain.time.instant import utc_text
from edge.domain.vocabulary import ErasureReason
from edge.errors import LedgerRefused

TOMBSTONES = timedelta(days=90)
"""How long a tombstone says why somebody left, while there is room for it. Then it is emptied; from then on only
the manifest keeps an old copy out.
"""


def compose(
    store: RosterStore,
    site: str,
    terminals: Sequence[RegisteredTerminal],
    authority: SigningKey,
    tombstones: timedelta = TOMBSTONES,
    *,
    begun: Callable[[Mapping[str, Any]], object] = lambda _said: None,
) -> dict[str, Sent]:
    """All messages that the broker is to retain, by topic. They are durable on return.

    If anything changed, `begun` is called before that, with the `version` and with the terminals that get the
    site's key for the first time (`to`).

    `terminals` are those of the ledger in its order, including revoked ones. If the site's key was sealed to a
    terminal that may no longer have it, or to an earlier identity of a terminal, the key is replaced and everybody
    is encrypted again. If the authority's key is a new one, every message is signed again and nothing else changes.
    Raises LedgerError, PeopleError.
    """
    active = {one.origin.terminal: one for one in terminals if one.origin.site == site and one.revoked is None}
    with store.writing():
        here = store.site(site)
        if here is None:
            raise LedgerRefused(f"{site}: has no roster; `central roster add DIR` begins one")
        before = store.messages(site)
        if any(_identity(active.get(name)) != identity for name, identity in store.holders(site).items()):
            here = new_key(store, here)
        fresh = _seal_keys(store, here, active, authority)
        version = here.version + 1
        changed = _entries(store, here, version, authority) | _emptied(store, here, tombstones)
        named = _named(terminals, site)
        if changed or _is_told(store, site) != named:
            store.put_messages(site, changed)
            store.put_messages(site, _listing(store, site, version, named, authority))
            here = replace(here, version=version)
            store.put_site(here)
        _sign_again(store, site, authority)
        if store.messages(site) != before:
            begun({"version": here.version, "to": fresh})
    if any(sent is None for sent in changed.values()):
        store.rewrite()
    return store.messages(site)


def _seal_keys(
    store: RosterStore, here: SiteRow, active: Mapping[str, RegisteredTerminal], authority: SigningKey
) -> list[str]:
    holders, fresh = store.holders(here.site), {}
    new = sorted(active.keys() - holders.keys())
    for name, terminal in active.items():
        if name not in holders:
            sealing_key(terminal.key)  # raises an error that names a key that nothing can be sealed to
            sealed = site_key.seal(here.key, terminal.key)
            message = KeyMessage(terminal.origin, here.keys, site_key.key_id(here.key), sealed)
            place = Place(here.site, TopicPart.KEY, name)
            fresh[place.topic] = _sent(place, here.keys, message, authority)
            holders[name] = terminal.keyid
    store.put_messages(here.site, fresh)
    store.put_holders(here.site, holders)
    return new


def _entries(store: RosterStore, here: SiteRow, version: int, authority: SigningKey) -> dict[str, Sent | None]:
    stale = [one for one in store.members(here.site).values() if one.stale]
    # One altered entry must not hold up the others; `adoption.heal` names the person.
    stale = [one for one in stale if one.gone is not None or readable(store, one.person) is not None]
    made: dict[str, Sent | None] = {}
    for row in stale:
        place = Place(here.site, TopicPart.PERSON, row.person)
        made[place.topic] = _sent(place, version, _message(store, here, row, version), authority)
    store.put_members(here.site, [replace(one, stale=False) for one in stale])
    return made


def _message(store: RosterStore, here: SiteRow, row: MemberRow, version: int) -> PersonMessage:
    if row.gone is not None:
        return PersonMessage(here.site, row.person, version, gone=ErasureReason(row.gone))
    plain = encode_member(replace(store.people.member(row.person), content=row.content))
    bare = PersonMessage(here.site, row.person, version, site_key.key_id(here.key))
    return replace(bare, sealed=site_key.encrypt(here.key, plain, bare.line()))


def _emptied(store: RosterStore, here: SiteRow, tombstones: timedelta) -> dict[str, Sent | None]:
    until = utc_text(datetime.now(UTC) - tombstones)
    rows = store.members(here.site)
    left = sorted((one.gone_at, one.person) for one in rows.values() if one.gone_at)
    beyond = max(0, len(rows) - messages.MAX_PEOPLE)  # tombstones are listed, too; they make room for new people
    done = [person for n, (gone_at, person) in enumerate(left) if n < beyond or gone_at <= until]
    store.forget_members(here.site, done)
    return {Place(here.site, TopicPart.PERSON, person).topic: None for person in done}


def _named(terminals: Sequence[RegisteredTerminal], site: str) -> dict[str, list[str]]:
    """The site's terminals with the keys of their active identities, as the manifest tells them.

    Empty for a site with more identities than a manifest names: then each terminal knows its own punches alone.
    """
    found: dict[str, list[str]] = {}
    for one in terminals:
        if one.origin.site == site and one.revoked is None:
            found.setdefault(one.origin.terminal, []).append(base64.b64encode(bytes(one.key)).decode())
    if sum(map(len, found.values())) > messages.MAX_IDENTITIES:
        return {}
    return {name: sorted(keys) for name, keys in sorted(found.items())}


def _is_told(store: RosterStore, site: str) -> Mapping[str, list[str]] | None:
    """The terminals that the present manifest names; None where there is none."""
    sent = store.messages(site).get(Place(site, TopicPart.MANIFEST, "").topic)
    return None if sent is None else RosterManifest.decode(dsse.parse(sent.wire).payload).terminals


def _listing(
    store: RosterStore, site: str, version: int, named: Mapping[str, list[str]], authority: SigningKey
) -> dict[str, Sent | None]:
    """The manifest, and the pages that changed."""
    held = store.messages(site)
    base = Place(site, TopicPart.PERSON, "x").topic.removesuffix("x")
    entries = {topic.removeprefix(base): one.entry for topic, one in held.items() if topic.startswith(base)}
    made: dict[str, Sent | None] = {}
    pages: dict[str, str] = {}
    for bucket in messages.BUCKETS:
        place = Place(site, TopicPart.PAGE, bucket)
        here = {person: entry for person, entry in entries.items() if person[0] == bucket}
        sent = held.get(place.topic)
        if not here:
            made |= {place.topic: None} if sent else {}
            continue
        if sent is None or _listed(sent) != here:
            sent = made[place.topic] = _sent(place, version, Page(site, bucket, version, here), authority)
        pages[bucket] = sent.sha256
    manifest = RosterManifest(site, version, len(entries), messages.digest(entries), pages, named)
    place = Place(site, TopicPart.MANIFEST, "")
    made[place.topic] = _sent(place, version, manifest, authority)
    return made


def _sign_again(store: RosterStore, site: str, authority: SigningKey) -> None:
    """Signs again every message that an earlier key of the authority signed.

    The manifest lists hashes of payloads, so it stays valid.
    """
    signer, signed = dsse.key_id(authority.verify_key), {}
    for topic, sent in store.messages(site).items():
        parsed = dsse.parse(sent.wire)
        if parsed.keyid != signer:
            wire = dsse.to_wire(dsse.sign(parsed.payload_type, parsed.payload, authority))
            signed[topic] = replace(sent, wire=wire)
    store.put_messages(site, signed)


def _listed(sent: Sent) -> Mapping[str, ManifestEntry]:
    return messages.Page.decode(dsse.parse(sent.wire).payload).entries


def _sent(place: Place, version: int, document: Document, authority: SigningKey) -> Sent:
    sealed = dsse.sign(document.PAYLOAD_TYPE, document.encode(), authority)
    return Sent(place.topic, version, hashlib.sha256(sealed.payload).hexdigest(), dsse.to_wire(sealed))


def _identity(terminal: RegisteredTerminal | None) -> str | None:
    return None if terminal is None else terminal.keyid
