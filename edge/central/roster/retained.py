"""What the broker has of a site's roster, sorted out: what was signed here, in its own place, and listed."""

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
    """What the broker has of one site under keys of ours, and in its own place."""

    manifest: RosterManifest | None = None
    manifest_sha256: str = ""
    listed: dict[str, ManifestEntry] = field(default_factory=dict)
    """By the pages that the manifest names."""
    whole: bool = False
    """Whether all of these pages are here."""
    people: dict[str, tuple[PersonMessage, Sent]] = field(default_factory=dict)
    """Those that the pages list just so."""
    newest: int = 0
    """The highest version that any of manifest, pages and people has."""
    keys: list[KeyMessage] = field(default_factory=list)
    strangers: set[str] = field(default_factory=set)
    """The ids of other keys that signed something there."""

    @property
    def is_whole(self) -> bool:
        """Whether all that the newest version says of who belongs is here."""
        return self.whole and self.manifest is not None and self.manifest.version >= self.newest


def read(site: str, there: Mapping[str, bytes], keys: Sequence[VerifyKey]) -> Retained:
    """Sort it out; what is malformed, foreign or in another's place is nothing."""
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
