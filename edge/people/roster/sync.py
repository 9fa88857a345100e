"""The transfer of the roster from the broker into the people file. The messages may come in any order.

This module has the rules by which a message changes a person. `edge.people.roster.inbox` has the rules which
messages count, `edge.domain.roster.restart` those of a start, `edge.domain.roster.manifest_index` those of the
list.

1. An entry is judged when everything that decides about it is here: the manifest, the page that lists it, the site
   key. Until then it waits in memory. The broker retains it and sends it again at the next connection.
2. An entry that the manifest lists, or that is newer than the manifest, is current. It is written into the people
   file, which may keep the person out for a reason. Only then it is noted, so an interruption costs a repetition
   and nothing else.
3. An entry that an equally new or newer manifest does not list is stale, and is dropped.
4. A current tombstone makes a person leave: the caller erases their biometrics and reports that by `left`.
5. A person who is noted leaves too when a manifest at least as new as their entry does not list them: then the
   tombstone was withheld or emptied.
6. A manifest below `floor` does not count. `floor` is the version of the newest manifest that changed people here.
   The people file remembers it, because the notes may get lost or be set back. It is raised once the manifest of
   every entry that was written is here. Until then the people file remembers the highest version of those entries:
   no manifest below that version tells that a person left whom the notes do not know.
7. A person who is to get a badge that another person has waits: the entry that takes the badge from the other may
   follow.
8. A message that is malformed, swapped, older or unlisted changes nothing but a counter (I12).

::

    take ──► waiting ──settle──► current ──► people.receive ──► held, or out for a reason
                                    │  └───► a tombstone ──► leaving ──erased by the caller──► gone
                                    └ stale: dropped     unlisted ──► leaving
"""

from collections.abc import Mapping

from nacl.signing import SigningKey

from edge.domain.people.consent import Consent, Policy
from edge.domain.protocol.document import fits
from edge.domain.protocol.record import Origin
from edge.domain.protocol.record_draft import consent_withdrawn
from edge.domain.protocol.record_kinds import SHAPES, Kind
from edge.domain.roster.entry_state import GONE, HELD, OUT, EntryState, Leaving, unlisted_row
from edge.domain.roster.manifest_index import ManifestIndex, MessageVerdict
from edge.domain.roster.member import Member
from edge.domain.roster.messages import RosterManifest
from edge.domain.roster.restart import PeopleFacts, restart
from edge.domain.roster.topics import Place
from edge.domain.vocabulary import ErasureReason
from edge.people.credentials import ANOTHERS
from edge.people.people_store import People
from edge.people.roster.inbox import Counts, RosterInbox, entries_of, listing_of
from edge.people.roster.state import RosterState
from edge.people.roster_entries import WITHDRAWN_HERE

_FLOOR = "roster:{}"
"""The scope, by site, under which the people file remembers the newest manifest, because the notes may get lost."""
_NEWEST = "roster-entry:{}"
"""The scope, by site, under which the people file remembers the highest version of an entry that changed people."""


class RosterSync:
    """The transfer, on one thread, which owns both files."""

    def __init__(
        self, origin: Origin, identity: SigningKey, people: People, received: RosterState, policy: Policy
    ) -> None:
        """`identity` opens the site key. Raises PeopleError."""
        self.counts = Counts()
        self.leaving: dict[str, Leaving] = {}
        self.has_pending = False
        """Whether an entry ended a consent, whose record is in the outbox. Then the caller must flush the
        outbox.
        """
        self.returned: set[str] = set()
        """The people whose face came back after an erasure or a withdrawal here. The caller must look in the
        journal whether their consent is surely the later one, because the clock may have been wrong here.
        """
        self._origin, self._policy = origin, policy
        self._people, self._received = people, received
        self._blind_up_to: dict[str, int] = {}
        """By person, the last version of the manifest that cannot tell whether they are listed."""
        self.gone: frozenset[str] = frozenset()
        """The people who left the roster; another object whenever they are others."""
        self._rows: dict[str, EntryState] = {}
        self._news = self._changed = False
        self._newest = self._remembered = 0
        """The version of the newest entry that changed people; and the one that the people file remembers."""
        self._seen = 0
        """The people file's version when the waiting entries were last looked at."""
        listing = self._own_listing()
        self._inbox = RosterInbox(origin, identity, received, self.counts, listing)
        self._inbox.floor = people.orders.newest(_FLOOR.format(origin.site))
        self._restart()
        self._count()

    @property
    def begun(self) -> bool:
        """Whether this site has a roster, as far as this terminal was ever told."""
        return self._inbox.listing.manifest is not None

    @property
    def manifest(self) -> RosterManifest | None:
        """The newest manifest that came; None before there is one."""
        return self._inbox.listing.manifest

    @property
    def version(self) -> int:
        """Version of the manifest; 0 for none."""
        return self._inbox.version

    @property
    def version_held(self) -> int:
        """Version of the newest manifest that ever came, as far as the notes or the people file remember."""
        return max(self.version, self._inbox.floor)

    @property
    def behind(self) -> int | None:
        """The version of the broker's manifest while that is genuine and older than the one that is held; otherwise
        None.
        """
        return self._inbox.behind

    def looked_at(self, person: str, *, ended: bool) -> None:
        """Note that the journal was asked about one of the `returned`, and whether their consent was ended again.
        Raises PeopleError.
        """
        row = self._rows.get(person)
        if ended and row is not None:
            self._keep([_judged(row, WITHDRAWN_HERE)])
            self._count()
        self.returned.discard(person)

    def missing(self) -> list[str]:
        """The listed entries that are not here, as `ManifestIndex.missing`; empty before there is a roster."""
        return self._inbox.listing.missing(entries_of(self._rows)) if self.begun else []

    def kept_out(self) -> dict[str, str]:
        """The people who are kept out, with the reason, by person."""
        return {one.person: one.reason or "" for one in self._rows.values() if one.state == OUT}

    def is_unlisted(self, person: str) -> bool:
        """Whether the roster does not list a person of whom no entry ever came here."""
        return person not in self._rows and self._inbox.listing.lists(person) is False

    def take(self, place: Place, payload: bytes) -> bool:
        """Take a payload whose signature by the authority was verified; False when it is not new.

        Raises RecordError for a payload that is refused. Raises PeopleError when the disk cannot store it: then the
        broker will send it again.
        """
        news = self._inbox.take(place, payload, self._rows)
        self._news = self._news or news
        return news

    def settle(self) -> None:
        """Act upon the entries that can be judged now, in one transaction for each turn.

        A person who waits for a badge that another person has is looked at again whenever the people file changed.
        Raises PeopleError; then the entries wait on.
        """
        if self._inbox.waiting and not self._news:
            self._news = self._people.version() != self._seen
        while self._news:
            # asked before the turn: another process may change the file while entries are judged
            begun = self._people.version()
            self._news = self._turn()
            self._leave_unlisted()
            self._count()
            self._raise_floor()
            self._seen = self._people.version_seen(begun)

    def left(self, person: str) -> None:
        """Note that the biometrics of a person who is `leaving` are erased. Raises PeopleError."""
        self._keep([self.leaving[person].row])
        del self.leaving[person]
        self._news = self._changed = True  # a later message about the person may have waited for this
        self._count()

    def leave(self, person: str) -> None:
        """Mark a person of whom no entry came as leaving. The reason cannot be known."""
        self.leaving.setdefault(person, Leaving(ErasureReason.EMPLOYER, unlisted_row(person, self.version, "")))

    def _own_listing(self) -> ManifestIndex:
        """The index of the stored manifest and pages. If they are another site's, everything stored is deleted."""
        listing = listing_of(self._received)
        if listing.manifest is None or listing.manifest.site == self._origin.site:
            return listing
        self._received.clear()
        return ManifestIndex()

    def _restart(self) -> None:
        people = self._people
        damaged = frozenset(one.id for one in people.list() if one.damaged)
        newest = people.orders.newest(_NEWEST.format(self._origin.site))
        facts = PeopleFacts(
            people.known(), people.remaining(), people.entries(), damaged, self._inbox.floor, newest
        )
        found = restart(self._received.rows(), self.version, facts)
        if found.forgotten:
            self._received.forget(found.forgotten)
        if found.not_written:
            people.note_entries(found.not_written)
        self._rows, self._blind_up_to = found.rows, found.blind_up_to
        self.gone = frozenset(row.person for row in found.rows.values() if row.state == GONE)
        self._newest, self._remembered = max(found.newest, newest), newest
        self._changed = found.newest > 0 or self.version < newest
        self.leaving |= found.leaving

    def _turn(self) -> bool:
        """Act once on the waiting entries; whether another turn may do more.

        Another turn may help when a person's badge was another person's, and other entries were written.
        """
        arrived: dict[str, tuple[Member, EntryState]] = {}
        done: list[str] = []
        gone: list[EntryState] = []
        inbox, remaining = self._inbox, self._people.remaining()
        for person, (message, sha256) in inbox.waiting.items():
            verdict = inbox.listing.verdict(person, message.version, sha256)
            if verdict is MessageVerdict.STALE:
                self.counts.roster_rejected += 1
                done.append(person)
            elif verdict is MessageVerdict.CURRENT and message.gone is not None:
                row = EntryState(person, message.version, sha256, 0, GONE, str(message.gone))
                done.append(person)
                if person in remaining:
                    self.leaving[person] = Leaving(message.gone, row)
                else:
                    gone.append(row)
            elif verdict is MessageVerdict.CURRENT and inbox.opens(message) and person not in self.leaving:
                done.append(person)
                member = inbox.open(message)
                if member is not None:
                    row = EntryState(person, message.version, sha256, member.content, HELD)
                    arrived[person] = (member, row)
        contested = self._apply(arrived, gone)
        for person in done:
            if person not in contested:
                del inbox.waiting[person]
        return bool(contested) and len(done) > len(contested)

    def _apply(self, arrived: Mapping[str, tuple[Member, EntryState]], gone: list[EntryState]) -> set[str]:
        """Write the people file first, and the notes after it. Returns the people whose badge another person
        has here.
        """
        if not arrived and not gone:
            return set()
        fresh = {person: member for person, (member, _) in arrived.items() if not self._has(person, HELD, member)}
        written = self._people.entries()  # the people file knows it even if the notes were lost
        again = [
            person
            for person, member in fresh.items()
            if self._has(person, OUT, member) or written.get(person) == member.content
        ]
        self._remember(max((arrived[person][1].version for person in fresh), default=0))
        reasons: dict[str, str | None] = {}
        if fresh:
            reasons = self._people.receive(
                fresh, self._policy, again=again, ended=self._ended, returned=self.returned.add
            )
        self._changed |= bool(fresh)
        rows = [_judged(row, reasons.get(person)) for person, (_, row) in arrived.items()]
        self._keep([*rows, *gone])
        self.counts.roster_applied += len(fresh.keys() - again) + len(gone)
        self.counts.roster_applied += sum(reasons[person] is None for person in again)
        return {person for person, reason in reasons.items() if reason is not None and reason.startswith(ANOTHERS)}

    def _remember(self, version: int) -> None:
        """Remember an entry's version before it changes people, because the program may end before its manifest
        comes.
        """
        self._newest = max(self._newest, version)
        if version > max(self._remembered, self._inbox.floor):
            self._people.orders.raise_mark(_NEWEST.format(self._origin.site), version)
            self._remembered = version

    def _has(self, person: str, state: str, member: Member) -> bool:
        """Whether this content of a person is noted in this state. If it is HELD, the entry was only encrypted
        again.
        """
        row = self._rows.get(person)
        return row is not None and row.state == state and row.content == member.content

    def _ended(self, person: str, consent: Consent) -> None:
        draft = consent_withdrawn(person, Policy(consent.policy_version, consent.policy_sha256))
        if not fits(dict(draft.data), SHAPES[Kind.CONSENT]):
            return  # a consent that no record can name never was in a record
        self._people.outbox.add([draft])
        self.has_pending = True

    def _leave_unlisted(self) -> None:
        if not self._inbox.listed_anew:
            return
        here = {
            person: row
            for person, row in self._rows.items()
            if row.state != GONE and self._blind_up_to.get(person, -1) < self.version
        }
        unlisted = self._inbox.listing.unlisted(entries_of(here))
        remaining = self._people.remaining() if unlisted else frozenset()
        for person in unlisted:
            row = unlisted_row(person, self._rows[person].version, self._rows[person].sha256)
            if person in remaining:
                self.leaving.setdefault(person, Leaving(ErasureReason.EMPLOYER, row))
            else:
                self._keep([row])  # kept out, or erased before: there are no data of this person here
        self._inbox.listed_anew = False

    def _raise_floor(self) -> None:
        """Raise the floor: a roster older than the one that changed people here must not count, even if the notes
        get lost or are set back.
        """
        if self._changed and self.version > self._inbox.floor:
            self._people.orders.raise_mark(_FLOOR.format(self._origin.site), self.version)
            self._inbox.floor = self.version
        self._changed = self.version < self._newest  # the manifest that lists an entry comes after the entry

    def _keep(self, rows: list[EntryState]) -> None:
        self._people.lacking.left({row.person for row in rows if row.state == GONE})
        self._received.keep(rows)
        self._rows.update({row.person: row for row in rows})
        left = {row.person for row in rows if row.state == GONE}
        if not left <= self.gone or not self.gone.isdisjoint(row.person for row in rows if row.state != GONE):
            self.gone = (self.gone - {row.person for row in rows}) | left

    def _count(self) -> None:
        states = [one.state for one in self._rows.values()]
        self.counts.roster_people, self.counts.roster_out = states.count(HELD), states.count(OUT)
        self.counts.roster_waiting = len(self._inbox.waiting)


def _judged(row: EntryState, reason: str | None) -> EntryState:
    return row if reason is None else EntryState(row.person, row.version, row.sha256, row.content, OUT, reason)
