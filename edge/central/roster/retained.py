"""Sorts the roster messages that the broker retains: those that are signed by this authority, at their own topic,
and listed.
"""

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nacl.signing import VerifyKey

from edge.central.roster.store import Sent
from edge.crypto import dsse
from edge.crypto.dsse import key_id
from edge.domain.roster import messages
from edge.domain.roster.messages import KeyMessage, ManifestEntry, Page, PersonMessage, RosterManifest
from edge.domain.roster.topics import DOCUMENTS, Place, TopicPart, place_of
from edge.errors import RecordError


@dataclass
class Retained:
    """The broker's messages of one site that are signed by our keys and at their own topics."""

    manifest: RosterManifest | None = None
    manifest_sha256: str = ""
    listed: dict[str, ManifestEntry] = field(default_factory=dict)
    """The entries of the pages that the manifest names."""
    whole: bool = False
    """Whether every page that the manifest names is here."""
    people: dict[str, tuple[PersonMessage, Sent]] = field(default_factory=dict)
    """The people whose messages are exactly those that the pages list."""
    newest: int = 0
    """The highest version in the manifest, the pages and the people's messages."""
    keys: list[KeyMessage] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)
    """The ids of other keys that signed messages there."""

    @property
    def is_whole(self) -> bool:
        """Whether the newest manifest and all of its pages are here, so that they say who belongs to the site."""
        return self.whole and self.manifest is not None and self.manifest.version >= self.newest


def read(site: str, there: Mapping[str, bytes], keys: Sequence[VerifyKey]) -> Retained:
    """Sorts the messages. Malformed messages, messages of other keys and messages at another topic are ignored."""
    known = {key_id(one): one for one in keys}
    found = Retained()
    pages: dict[str, tuple[Page, str]] = {}
    for topic, wire in there.items():
        place = place_of(topic)
        if place is None or place.site != site:
            continue
        with contextlib.suppress(RecordError):
            parsed = dsse.parse(wire)
            if parsed.keyid not in known:
                found.strangers.add(parsed.keyid)
            elif parsed.payload_type == DOCUMENTS[place.part].PAYLOAD_TYPE:
                payload = dsse.verify(parsed, parsed.payload_type, known)
                _sort(found, pages, place, payload, wire)
    _keep_listed(found, pages)
    return found


def _sort(found: Retained, pages: dict[str, tuple[Page, str]], place: Place, payload: bytes, wire: bytes) -> None:
    sha256 = hashlib.sha256(payload).hexdigest()
    match place.part:
        case TopicPart.MANIFEST:
            found.manifest, found.manifest_sha256 = messages.RosterManifest.decode(payload), sha256
            found.newest = max(found.newest, found.manifest.version)
        case TopicPart.PAGE:
            page = messages.Page.decode(payload)
            pages[place.name] = page, sha256
            found.newest = max(found.newest, page.version)
        case TopicPart.PERSON:
            message = messages.PersonMessage.decode(payload)
            found.newest = max(found.newest, message.version)
            found.people[place.name] = message, Sent(place.topic, message.version, sha256, wire)
        case TopicPart.KEY:
            found.keys.append(messages.KeyMessage.decode(payload))


def _keep_listed(found: Retained, pages: Mapping[str, tuple[Page, str]]) -> None:
    named = {} if found.manifest is None else found.manifest.pages
    good = [page for bucket, (page, sha256) in pages.items() if named.get(bucket) == sha256]
    found.whole = len(good) == len(named)
    found.listed = {person: entry for page in good for person, entry in page.entries.items()}
    found.people = {
        person: (message, sent)
        for person, (message, sent) in found.people.items()
        if found.listed.get(person) == sent.entry
    }
