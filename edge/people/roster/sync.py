"""The roster from the broker into the people file, whatever order it comes in.

A message is judged when all that decides about it is here: the manifest, the page that lists it, the site key.
Until then it waits in memory; the broker retains it and says it again at the next connection. Nothing that is
malformed, swapped, older or unlisted changes more than a counter (I12).

::

    take ──► waiting ──settle──► current ──► people.receive ──► held, or out for a reason
                                    │  └───► a tombstone ──► leaving ──erased by the caller──► gone
                                    └ stale: dropped     unlisted ──► leaving
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from nacl.signing import SigningKey

from edge.crypto import site_key
from edge.domain.people.consent import Consent, Policy
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_draft import consent_withdrawn
from edge.domain.protocol.record_kinds import FIELDS, ErasureReason, Kind
from edge.domain.roster import messages
from edge.domain.roster.manifest_index import ManifestIndex, MessageVerdict
from edge.domain.roster.member import Member, decode_member
from edge.domain.roster.messages import ManifestEntry, PersonMessage
from edge.domain.roster.topics import Place, TopicPart
from edge.errors import RecordError
from edge.people.credentials import ANOTHERS
from edge.people.people_store import People
from edge.people.roster.state import GONE, HELD, KEY, MANIFEST, OUT, EntryState, Highwater, RosterState

MAX_WAITING = 1_024
"""Messages, 24 kB each at most. One more is dropped: it is missing then, and comes again."""
_FLOOR = "roster:{}"
"""The scope, by site, under which the people file remembers the newest manifest: our own notes may get lost."""
_FAR = 1_000
"""Manifests that a terminal may have missed: the number of an entry that is further ahead was altered."""
_TO_COME = "their entry did not come again yet"
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


@dataclass(frozen=True, slots=True)
class Leaving:
    """Somebody whose biometrics the caller must destroy, and then say so to `left`."""

    reason: ErasureReason
    row: EntryState


class RosterSync:
    """On one thread, which owns both files."""

    def __init__(
        self, origin: Origin, identity: SigningKey, people: People, received: RosterState, policy: Policy
    ) -> None:
        """`identity` opens the site key. Raises PeopleError."""
        self.counts = Counts()
        self.leaving: dict[str, Leaving] = {}
        self._origin, self._identity, self._policy = origin, identity, policy
        self._people, self._received = people, received
        self._keys: dict[str, bytes] = {}
        self._waiting: dict[str, tuple[PersonMessage, str]] = {}
        self._listing = ManifestIndex()
        self._ahead: dict[str, int] = {}
        """Of people whose entry came with none of the manifests up to this version, as far as the start knew."""
        self._rows = received.rows()
        self._news = self._listed_anew = self._changed = False
        self._newest = 0
        """The version of the newest entry that changed people."""
        self._floor = people.orders.newest(_FLOOR.format(origin.site))
        self.behind: int | None = None
        """The version of a genuine manifest that is older than the one that is held, while the broker says it."""
        self._seen = 0
        """The people file's version when what waits was last looked at."""
        self.has_pending = False
        """Whether an entry ended a consent, whose record is in the outbox; for the caller to flush."""
        self._restore()
        self._count()

    @property
    def begun(self) -> bool:
        """Whether this site has a roster at all, as far as this terminal was ever told."""
        return self._listing.manifest is not None

    @property
    def version(self) -> int:
        """Of the manifest; 0 for none."""
        return 0 if self._listing.manifest is None else self._listing.manifest.version

    @property
    def version_held(self) -> int:
        """The newest that came, as far as anything here remembers."""
        return max(self.version, self._floor)

    def missing(self) -> list[str]:
        """What the manifest lists and is not here, as `ManifestIndex.missing`; nothing before there is a roster."""
        return self._listing.missing(self._held()) if self.begun else []

    def kept_out(self) -> dict[str, str]:
        """Why, by person."""
        return {one.person: one.reason or "" for one in self._rows.values() if one.state == OUT}

    def take(self, place: Place, payload: bytes) -> bool:
        """A payload whose signature by the authority was verified. Raises RecordError for one that is no good.

        False when it said nothing new. Raises PeopleError when the disk does not take it: the broker will say it
        again.
        """
        self._of_our_site(place.site)
        match place.part:
            case TopicPart.KEY:
                news = self._key(place, payload)
            case TopicPart.MANIFEST:
                news = self._manifest(payload)
            case TopicPart.PAGE:
                news = self._page(place, payload)
            case TopicPart.PERSON:
                news = self._person(place, payload)
        self._news = self._news or news
        return news

    def settle(self) -> None:
        """Act upon what can be judged now, a transaction a turn. Raises PeopleError, and then it waits still.

        Who waits for a badge that is another's is looked at again whenever the people file changed.
        """
        if self._waiting and not self._news:
            self._news = self._people.version() != self._seen
        while self._news:
            self._news = self._turn()
            self._leave_unlisted()
            self._count()
            self._raise_floor()
            self._seen = self._people.version()

    def _turn(self) -> bool:
        """Whether another may do more: somebody's badge was another's, and there was news of others."""
        arrived: dict[str, tuple[Member, EntryState]] = {}
        done: list[str] = []
        gone: list[EntryState] = []
        known = self._people.remaining()
        for person, (message, sha256) in self._waiting.items():
            verdict = self._listing.verdict(person, message.version, sha256)
            if verdict is MessageVerdict.STALE:
                self.counts.roster_rejected += 1
                done.append(person)
            elif verdict is MessageVerdict.CURRENT and message.gone is not None:
                row = EntryState(person, message.version, sha256, 0, GONE, str(message.gone))
                done.append(person)
                if person in known:
                    self.leaving[person] = Leaving(message.gone, row)
                else:
                    gone.append(row)
            elif verdict is MessageVerdict.CURRENT and message.key in self._keys and person not in self.leaving:
                done.append(person)
                self._open(message, sha256, arrived)
        contested = self._apply(arrived, gone)
        for person in done:
            if person not in contested:
                del self._waiting[person]
        return bool(contested) and len(done) > len(contested)

    def _raise_floor(self) -> None:
        """An older roster than the one that changed people here does not count, whatever becomes of our notes."""
        if self._changed and self.version > self._floor:
            self._people.orders.raise_mark(_FLOOR.format(self._origin.site), self.version)
            self._floor = self.version
        self._changed = self.version < self._newest  # the manifest of an entry comes after it

    def left(self, person: str) -> None:
        """The biometrics of somebody `leaving` are destroyed. Raises PeopleError."""
        self._keep([self.leaving[person].row])
        del self.leaving[person]
        self._news = self._changed = True  # a later message about them may have waited for it
        self._count()

    def is_unlisted(self, person: str) -> bool:
        """Whether the roster is not to know somebody, of whom nothing of it ever came here."""
        return person not in self._rows and self._listing.lists(person) is False

    def leave(self, person: str) -> None:
        """Somebody of whom nothing came left: there is no telling why."""
        reason = ErasureReason.EMPLOYER
        row = EntryState(person, self.version, "", 0, GONE, str(reason))
        self.leaving.setdefault(person, Leaving(reason, row))

    def _restore(self) -> None:
        known, written = self._people.known(), self._people.entries()
        listing = listing_of(self._received)
        if listing.manifest is not None and listing.manifest.site != self._origin.site:
            self._received.clear()  # a file of another site
            self._rows, listing = {}, ManifestIndex()
        self._listing = listing
        ahead = [one for one in self._rows.values() if one.version > self.version]
        lost = [
            one.person
            for one in self._rows.values()
            # Another people file than the one that they were taken into, or an older one.
            if one.state == HELD and (one.person not in known or written.get(one.person, one.content) < one.content)
        ]
        lost += [one.person for one in ahead if one.state == GONE]
        if lost:  # they are to come again
            self._received.forget(lost)
            self._rows = self._received.rows()
        # Of a manifest that did not come before the end, or an altered number: the entry is to come again, and only
        # the manifest that it came with, or a later one, tells that somebody is not listed.
        for one in ahead:
            if one.person in self._rows:
                self._rows[one.person] = EntryState(one.person, 0, "", one.content, OUT, _TO_COME)
                self._ahead[one.person] = self._before(one.version)
                self._changed, self._newest = True, max(self._newest, one.version)
        here = {one.person: one.content for one in self._rows.values() if one.state != GONE and one.person in known}
        if any(person not in written for person in here):
            self._people.note_entries(here)
        # Who left, and is here again by an older people file, leaves again.
        remaining = self._people.remaining()
        for row in [one for one in self._rows.values() if one.state == GONE and one.person in remaining]:
            self.leaving[row.person] = Leaving(ErasureReason(row.reason or ErasureReason.EMPLOYER), row)
        # Whom the roster brought and our notes forgot: who left it meanwhile is to leave here, too.
        for person in remaining & written.keys() - self._rows.keys():
            self._rows[person] = EntryState(person, 0, "", written[person], OUT, _TO_COME)
            # below the floor, our notes are an older copy, and so is the manifest in them
            self._ahead |= {person: self.version} if self.version < self._floor else {}
        for person in (one.id for one in self._people.list() if one.damaged and one.id in self._rows):
            row = self._rows[person]
            if row.state == HELD:  # what is kept of them was altered: their entry mends it
                self._rows[person] = replace(row, state=OUT, reason="what is kept of them here was altered")

    def _before(self, version: int) -> int:
        """The last manifest that cannot tell whether somebody is listed whose entry has this version."""
        return self.version if version > self.version + _FAR else version - 1

    def _key(self, place: Place, payload: bytes) -> bool:
        message = messages.decode_key(payload)
        if message.origin != self._origin or place.name != self._origin.terminal:
            raise RecordError("roster key: for another terminal")
        held, named = self._received.mark(KEY), message.key.encode()
        # The number of the very key that is held was altered, if it is another.
        known = held is not None and held.payload == named
        if held is not None and not known and message.version < held.version:
            self.counts.roster_old += 1
            return False
        if held is not None and not known and message.version == held.version:
            raise RecordError("roster key: another key under the number of the one that is held")
        key = site_key.unseal(message.sealed, self._identity)
        if site_key.key_id(key) != message.key:
            raise RecordError("roster key: not the key that it says it is")
        if held is None or message.version != held.version:
            self._received.keep_mark(KEY, Highwater(message.version, named))
        news = message.key not in self._keys
        self._keys.pop(message.key, None)
        self._keys[message.key] = key
        for stale in list(self._keys)[:-_KEYS]:
            del self._keys[stale]
        return news

    def _manifest(self, payload: bytes) -> bool:
        manifest, held = messages.decode_manifest(payload), self._listing.manifest
        self._of_our_site(manifest.site)
        newest = self._floor if held is None else max(held.version, self._floor)
        if manifest.version < newest:
            self.counts.roster_old += 1
            self.behind = manifest.version
            return False
        self.behind = None
        if held is not None and manifest.version == held.version:
            if manifest != held:
                raise RecordError("roster manifest: another one under the number of the one that is held")
            return False
        self._received.keep_mark(MANIFEST, Highwater(manifest.version, payload))
        self._listing.manifest = manifest
        return self._listed()

    def _listed(self) -> bool:
        """What is listed changed, and with it what is to be done."""
        self._listed_anew = True
        return True

    def _page(self, place: Place, payload: bytes) -> bool:
        page, sha256 = messages.decode_page(payload), _sha256(payload)
        self._of_our_site(page.site)
        if page.bucket != place.name:
            raise RecordError("roster page: in another page's place")
        version, held = self._listing.newest(page.bucket)
        manifest = self._listing.manifest
        named = None if manifest is None else manifest.pages.get(page.bucket)
        if sha256 == named and not self._listing.has(page.bucket, sha256):
            # Of what is held, at least a byte is another than the manifest's: this one is right.
            self._received.keep_page(page.bucket, page.version, payload, page.version)
            self._listing.replace(page, sha256)
            return self._listed()
        if page.version < version:
            self.counts.roster_old += 1
            return False
        if page.version == version:
            if sha256 != held:
                raise RecordError("roster page: another one under the number of the one that is held")
            return False
        oldest = self._listing.put(page, sha256)
        self._received.keep_page(page.bucket, page.version, payload, oldest)
        return self._listed()

    def _person(self, place: Place, payload: bytes) -> bool:
        message, sha256 = messages.decode_person(payload), _sha256(payload)
        self._of_our_site(message.site)
        if message.person != place.name:
            raise RecordError("roster: in another person's place")
        row = self._rows.get(message.person)
        waiting = self._waiting.get(message.person)
        newest = max(row.version if row else 0, waiting[0].version if waiting else 0)
        if message.version < newest:
            self.counts.roster_old += 1
            return False
        if row is not None and message.version == row.version:
            listed = self._listing.verdict(message.person, message.version, sha256) is MessageVerdict.CURRENT
            if sha256 != row.sha256 and not listed:
                raise RecordError("roster: another entry under the number of the one that is held")
            if sha256 == row.sha256 and row.state != OUT:
                return False
        fresh = waiting is None or waiting[1] != sha256
        if fresh and (len(self._waiting) < MAX_WAITING or waiting is not None):
            self._waiting[message.person] = (message, sha256)
        return fresh

    def _open(self, message: PersonMessage, sha256: str, arrived: dict[str, tuple[Member, EntryState]]) -> None:
        try:
            plain = site_key.decrypt(self._keys[message.key], message.sealed, message.line())
            member = decode_member(plain)
        except RecordError:
            self.counts.roster_rejected += 1
            return
        row = EntryState(message.person, message.version, sha256, member.content, HELD)
        arrived[message.person] = (member, row)

    def _apply(self, arrived: Mapping[str, tuple[Member, EntryState]], gone: list[EntryState]) -> set[str]:
        """People first, then what we know of them: an interruption between the two costs a repetition.

        Who is to get a badge that is another's here waits: the entry that takes it from the other may follow.
        """
        if not arrived and not gone:
            return set()
        fresh = {person: member for person, (member, _) in arrived.items() if not self._is_same(person, member)}
        written = self._people.entries()  # which knows it although our own notes may have been lost
        again = [
            person
            for person, member in fresh.items()
            if self._is_judged(person, member) or written.get(person) == member.content
        ]
        reasons = self._people.receive(fresh, self._policy, again=again, ended=self._ended) if fresh else {}
        self._changed |= bool(fresh)
        self._newest = max([self._newest, *(arrived[person][1].version for person in fresh)])
        rows = [_judged(row, reasons.get(person)) for person, (_, row) in arrived.items()]
        self._keep([*rows, *gone])
        self.counts.roster_applied += len(fresh.keys() - again) + len(gone)
        self.counts.roster_applied += sum(reasons[person] is None for person in again)
        return {person for person, reason in reasons.items() if reason is not None and reason.startswith(ANOTHERS)}

    def _is_same(self, person: str, member: Member) -> bool:
        """Whether it was only encrypted anew."""
        row = self._rows.get(person)
        return row is not None and row.state == HELD and row.content == member.content

    def _is_judged(self, person: str, member: Member) -> bool:
        """Whether this content was kept out before."""
        row = self._rows.get(person)
        return row is not None and row.state == OUT and row.content == member.content

    def _ended(self, person: str, consent: Consent) -> None:
        draft = consent_withdrawn(person, Policy(consent.policy_version, consent.policy_sha256))
        if not all(check(draft.data[name]) for name, check in FIELDS[Kind.CONSENT].items()):
            return  # a consent that no record could name was never in one
        self._people.outbox.add([draft])
        self.has_pending = True

    def _leave_unlisted(self) -> None:
        if not self._listed_anew:
            return
        here = {
            person: entry
            for person, entry in self._held().items()
            if self._rows[person].state != GONE and self._ahead.get(person, -1) < self.version
        }
        unlisted = self._listing.unlisted(here)
        remaining = self._people.remaining() if unlisted else frozenset()
        # Their tombstone was emptied or withheld, and with it the reason.
        reason = ErasureReason.EMPLOYER
        for person in unlisted:
            row = EntryState(person, self._rows[person].version, self._rows[person].sha256, 0, GONE, str(reason))
            if person in remaining:
                self.leaving.setdefault(person, Leaving(reason, row))
            else:
                self._keep([row])  # kept out, or erased before: nothing of them is here
        self._listed_anew = False

    def _held(self) -> dict[str, ManifestEntry]:
        return {one.person: ManifestEntry(one.version, one.sha256) for one in self._rows.values()}

    def _keep(self, rows: list[EntryState]) -> None:
        self._people.lacking.left({row.person for row in rows if row.state == GONE})
        self._received.keep(rows)
        self._rows.update({row.person: row for row in rows})

    def _of_our_site(self, site: str) -> None:
        if site != self._origin.site:
            raise RecordError("roster: of another site")

    def _count(self) -> None:
        states = [one.state for one in self._rows.values()]
        self.counts.roster_people, self.counts.roster_out = states.count(HELD), states.count(OUT)
        self.counts.roster_waiting = len(self._waiting)


def listing_of(received: RosterState) -> ManifestIndex:
    """What was last said of the whole. Raises PeopleError."""
    listing, manifest = ManifestIndex(), received.mark(MANIFEST)
    if manifest is not None:
        listing.manifest = messages.decode_manifest(manifest.payload)
    for payload in received.pages():
        listing.put(messages.decode_page(payload), _sha256(payload))
    return listing


def missing_of(received: RosterState) -> list[str]:
    """As `RosterSync.missing`, for whoever reads the file beside the running terminal. Raises PeopleError."""
    listing = listing_of(received)
    held = {one.person: ManifestEntry(one.version, one.sha256) for one in received.rows().values()}
    return [] if listing.manifest is None else listing.missing(held)


def _judged(row: EntryState, reason: str | None) -> EntryState:
    return row if reason is None else EntryState(row.person, row.version, row.sha256, row.content, OUT, reason)


def _sha256(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()
