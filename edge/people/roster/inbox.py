"""The inbox for the roster's messages: it tells which are new, which are old, and which are refused.

1. A message counts only for the site and the place (page, person, terminal) that it names itself.
2. The highest version counts, of the manifest, of each page, of each person's entry and of the site key. A lower
   version is old and only changes a counter. The manifest must also not be below `floor`, which is kept even when
   the notes are lost.
3. Of two documents with one version, the second is refused, except the one that the manifest names.
4. A message that repeats what is held is not new.
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
"""Number of waiting messages, at most 24 kB each. A further one is dropped: then it is missing, and is sent
again.
"""
_KEYS = 2
"""Site keys in memory: while one key is replaced, entries under both are sent."""


@dataclass(slots=True)
class Counts:
    """The counters since the start of the process; `roster_people`, `roster_out` and `roster_waiting` are present
    numbers.
    """

    roster_applied: int = 0
    roster_rejected: int = 0
    """Messages that were malformed, of a foreign key or site, swapped, or unlisted."""
    roster_old: int = 0
    """Messages older than what is held."""
    roster_people: int = 0
    roster_out: int = 0
    """People who are kept out for a reason."""
    roster_waiting: int = 0


class RosterInbox:
    """The inbox, for one thread. The manifest, the pages and the site key's version are kept on the disk; site keys
    and waiting entries are kept in memory only.
    """

    def __init__(
        self, origin: Origin, identity: SigningKey, state: RosterState, counts: Counts, listing: ManifestIndex
    ) -> None:
        """`identity` opens the site key."""
        self._origin, self._identity, self._state, self._counts = origin, identity, state, counts
        self.listing = listing
        self.floor = 0
        """A manifest below this version does not count."""
        self.behind: int | None = None
        """The version of the broker's manifest while that is genuine and older than the one that is held; otherwise
        None.
        """
        self.waiting: dict[str, tuple[PersonMessage, str]] = {}
        """By person, the newest entry that was not judged yet, and the hash of its payload."""
        self.listed_anew = False
        """Whether a manifest or a page came that may list other people than before."""
        self._keys: dict[str, bytes] = {}

    @property
    def version(self) -> int:
        """Version of the manifest; 0 for none."""
        return 0 if self.listing.manifest is None else self.listing.manifest.version

    def take(self, place: Place, payload: bytes, rows: Mapping[str, EntryState]) -> bool:
        """Take a payload whose signature by the authority was verified; False when it is not new.

        `rows` are the notes by person. Raises RecordError for a payload that is refused, PeopleError when the disk
        cannot store it.
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
        """Whether the site key under which the entry is encrypted is here."""
        return message.key in self._keys

    def open(self, message: PersonMessage) -> Member | None:
        """The member in an entry that `opens`; None for an altered or malformed one, which is counted."""
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
        # If the key is the very one that is held but the version differs, then the stored version was altered.
        known = held is not None and held.payload == named
        if held is not None and not known and message.version < held.version:
            return self._old()
        if held is not None and not known and message.version == held.version:
            raise RecordError("roster key: another key with the version of the one that is held")
        key = site_key.unseal(message.sealed, self._identity)
        if site_key.key_id(key) != message.key:
            raise RecordError("roster key: the key does not match its id")
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
                raise RecordError("roster manifest: another one with the version of the one that is held")
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
            # The page that is held differs from the manifest's in at least one byte, so this page is the right one.
            self._state.keep_page(page.bucket, page.version, payload, page.version)
            self.listing.replace(page, sha256)
            return self._listed()
        if page.version < version:
            return self._old()
        if page.version == version:
            if sha256 != held:
                raise RecordError("roster page: another one with the version of the one that is held")
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
                raise RecordError("roster: another entry with the version of the one that is held")
            if sha256 == row.sha256 and row.state != OUT:
                return False
        fresh = waiting is None or waiting[1] != sha256
        if fresh and (len(self.waiting) < MAX_WAITING or waiting is not None):
            self.waiting[message.person] = (message, sha256)
        return fresh

    def _listed(self) -> bool:
        """Note that the list changed, so that people who are no longer listed are looked for."""
        self.listed_anew = True
        return True

    def _old(self) -> bool:
        self._counts.roster_old += 1
        return False

    def _refuse_other_site(self, site: str) -> None:
        if site != self._origin.site:
            raise RecordError("roster: of another site")


def listing_of(state: RosterState) -> ManifestIndex:
    """The index of the manifest and the pages that are stored. Raises PeopleError."""
    listing, manifest = ManifestIndex(), state.mark(MANIFEST)
    if manifest is not None:
        listing.manifest = RosterManifest.decode(manifest.payload)
    for payload in state.pages():
        listing.put(Page.decode(payload), hash_of(payload))
    return listing


def missing_of(state: RosterState) -> list[str]:
    """The same as `RosterSync.missing`, for a process that reads the file beside the running terminal. Raises
    PeopleError.
    """
    listing = listing_of(state)
    return [] if listing.manifest is None else listing.missing(entries_of(state.rows()))


def entries_of(rows: Mapping[str, EntryState]) -> dict[str, ManifestEntry]:
    """The notes in the form of a manifest's entries."""
    return {one.person: ManifestEntry(one.version, one.sha256) for one in rows.values()}


def hash_of(payload: bytes) -> str:
    """sha256 of a payload, hex."""
    return hashlib.sha256(payload).hexdigest()
