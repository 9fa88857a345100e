"""The roster's messages as they come: which are news, which are old, and which are no good.

1. A message counts for the site and the place (page, person, terminal) that it names itself, and nowhere else.
2. Of the manifest, of a page, of a person's entry and of the site key the highest number counts. A lower one is old
   and changes a counter. The manifest's is also held to `floor`, which outlives the notes.
3. Two documents under one number: the second is refused, except the one that the manifest names.
4. What says nothing new is no news.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from nacl.signing import SigningKey

from edge.crypto import site_key
from edge.domain.protocol.record import Origin
from edge.domain.roster.entry_state import OUT, EntryState
from edge.domain.roster.manifest_index import ManifestIndex, MessageVerdict
from edge.domain.roster.member import Member, decode_member
from edge.domain.roster.messages import KeyMessage, ManifestEntry, Page, PersonMessage, RosterManifest
from edge.domain.roster.topics import Place, TopicPart
from edge.errors import RecordError
from edge.people.roster.state import KEY, MANIFEST, Highwater, RosterState

MAX_WAITING = 1_024
"""Messages, 24 kB each at most. One more is dropped: it is missing then, and comes again."""
_KEYS = 2
"""Site keys in memory: while one is replaced, entries under both are on their way."""


@dataclass(slots=True)
class Counts:
    """Since the start of the process, but for `roster_people`, `roster_out` and `roster_waiting`: now."""

    roster_applied: int = 0
    roster_rejected: int = 0
    """Malformed, of a foreign key or site, swapped, or unlisted."""
    roster_old: int = 0
    """Older than what is held."""
    roster_people: int = 0
    roster_out: int = 0
    """Kept out for a reason."""
    roster_waiting: int = 0


class RosterInbox:
    """On one thread. Keeps manifest, pages and the key's number on the disk, keys and waiting entries in memory."""

    def __init__(
        self, origin: Origin, identity: SigningKey, state: RosterState, counts: Counts, listing: ManifestIndex
    ) -> None:
        """`identity` opens the site key."""
        self._origin, self._identity, self._state, self._counts = origin, identity, state, counts
        self.listing = listing
        self.floor = 0
        """No manifest below this version counts."""
        self.behind: int | None = None
        """The version of a genuine manifest that is older than the one that is held, while the broker says it."""
        self.waiting: dict[str, tuple[PersonMessage, str]] = {}
        """By person, the newest entry that was not judged yet, and the hash of its payload."""
        self.listed_anew = False
        """Whether the manifest or a page came that may list others than before."""
        self._keys: dict[str, bytes] = {}

    @property
    def version(self) -> int:
        """Of the manifest; 0 for none."""
        return 0 if self.listing.manifest is None else self.listing.manifest.version

    def take(self, place: Place, payload: bytes, rows: Mapping[str, EntryState]) -> bool:
        """A payload whose signature by the authority was verified; False when it says nothing new.

        `rows` is what is noted of each person. Raises RecordError for one that is no good; PeopleError when the
        disk does not take it.
        """
        self._refuse_other_site(place.site)
        match place.part:
            case TopicPart.KEY:
                return self._key(place, payload)
            case TopicPart.MANIFEST:
                return self._manifest(payload)
            case TopicPart.PAGE:
                return self._page(place, payload)
            case TopicPart.PERSON:
                return self._person(place, payload, rows)

    def opens(self, message: PersonMessage) -> bool:
        """Whether the site key that the entry is encrypted under is here."""
        return message.key in self._keys

    def open(self, message: PersonMessage) -> Member | None:
        """The member in an entry that `opens`; None, which is counted, for one that is not whole."""
        try:
            return decode_member(site_key.decrypt(self._keys[message.key], message.sealed, message.line()))
        except RecordError:
            self._counts.roster_rejected += 1
            return None

    def _key(self, place: Place, payload: bytes) -> bool:
        message = KeyMessage.decode(payload)
        if message.origin != self._origin or place.name != self._origin.terminal:
            raise RecordError("roster key: for another terminal")
        held, named = self._state.mark(KEY), message.key.encode()
        # The number of the very key that is held was altered, if it is another.
        known = held is not None and held.payload == named
        if held is not None and not known and message.version < held.version:
            return self._old()
        if held is not None and not known and message.version == held.version:
            raise RecordError("roster key: another key under the number of the one that is held")
        key = site_key.unseal(message.sealed, self._identity)
        if site_key.key_id(key) != message.key:
            raise RecordError("roster key: not the key that it says it is")
        if held is None or message.version != held.version:
            self._state.keep_mark(KEY, Highwater(message.version, named))
        news = message.key not in self._keys
        self._keys.pop(message.key, None)
        self._keys[message.key] = key
        for stale in list(self._keys)[:-_KEYS]:
            del self._keys[stale]
        return news

    def _manifest(self, payload: bytes) -> bool:
        manifest, held = RosterManifest.decode(payload), self.listing.manifest
        self._refuse_other_site(manifest.site)
        if manifest.version < max(self.version, self.floor):
            self.behind = manifest.version
            return self._old()
        self.behind = None
        if held is not None and manifest.version == held.version:
            if manifest != held:
                raise RecordError("roster manifest: another one under the number of the one that is held")
            return False
        self._state.keep_mark(MANIFEST, Highwater(manifest.version, payload))
        self.listing.manifest = manifest
        return self._listed()

    def _page(self, place: Place, payload: bytes) -> bool:
        page, sha256 = Page.decode(payload), hash_of(payload)
        self._refuse_other_site(page.site)
        if page.bucket != place.name:
            raise RecordError("roster page: in another page's place")
        version, held = self.listing.newest(page.bucket)
        manifest = self.listing.manifest
        named = None if manifest is None else manifest.pages.get(page.bucket)
        if sha256 == named and not self.listing.has(page.bucket, sha256):
            # Of what is held, at least a byte is another than the manifest's: this one is right.
            self._state.keep_page(page.bucket, page.version, payload, page.version)
            self.listing.replace(page, sha256)
            return self._listed()
        if page.version < version:
            return self._old()
        if page.version == version:
            if sha256 != held:
                raise RecordError("roster page: another one under the number of the one that is held")
            return False
        oldest = self.listing.put(page, sha256)
        self._state.keep_page(page.bucket, page.version, payload, oldest)
        return self._listed()

    def _person(self, place: Place, payload: bytes, rows: Mapping[str, EntryState]) -> bool:
        message, sha256 = PersonMessage.decode(payload), hash_of(payload)
        self._refuse_other_site(message.site)
        if message.person != place.name:
            raise RecordError("roster: in another person's place")
        row, waiting = rows.get(message.person), self.waiting.get(message.person)
        newest = max(row.version if row else 0, waiting[0].version if waiting else 0)
        if message.version < newest:
            return self._old()
        if row is not None and message.version == row.version:
            listed = self.listing.verdict(message.person, message.version, sha256) is MessageVerdict.CURRENT
            if sha256 != row.sha256 and not listed:
                raise RecordError("roster: another entry under the number of the one that is held")
            if sha256 == row.sha256 and row.state != OUT:
                return False
        fresh = waiting is None or waiting[1] != sha256
        if fresh and (len(self.waiting) < MAX_WAITING or waiting is not None):
            self.waiting[message.person] = (message, sha256)
        return fresh

    def _listed(self) -> bool:
        """What is listed changed, and with it what is to be done."""
        self.listed_anew = True
        return True

    def _old(self) -> bool:
        self._counts.roster_old += 1
        return False

    def _refuse_other_site(self, site: str) -> None:
        if site != self._origin.site:
            raise RecordError("roster: of another site")


def listing_of(state: RosterState) -> ManifestIndex:
    """What was last said of the whole. Raises PeopleError."""
    listing, manifest = ManifestIndex(), state.mark(MANIFEST)
    if manifest is not None:
        listing.manifest = RosterManifest.decode(manifest.payload)
    for payload in state.pages():
        listing.put(Page.decode(payload), hash_of(payload))
    return listing


def missing_of(state: RosterState) -> list[str]:
    """As `RosterSync.missing`, for whoever reads the file beside the running terminal. Raises PeopleError."""
    listing = listing_of(state)
    return [] if listing.manifest is None else listing.missing(entries_of(state.rows()))


def entries_of(rows: Mapping[str, EntryState]) -> dict[str, ManifestEntry]:
    """As a manifest would list what is noted."""
    return {one.person: ManifestEntry(one.version, one.sha256) for one in rows.values()}


def hash_of(payload: bytes) -> str:
    """sha256, hex."""
    return hashlib.sha256(payload).hexdigest()
