"""The people of this terminal: consent, name and templates, encrypted under a key of each person's own.

A template is never stored without an active consent; both are written in one transaction (I9). No image is stored.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import numpy as np

from edge.crypto import person_keys
from edge.crypto.person_keys import Vault
from edge.domain.face import Floats
from edge.domain.people import person_name
from edge.domain.people.consent import Consent, Policy, consent_problems
from edge.domain.protocol.fields import PERSON
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.recognition.gallery import Gallery
from edge.domain.roster.member import Member
from edge.domain.time.instant import is_rfc3339
from edge.errors import PeopleError
from edge.people import (
    consent_log,
    erasure,
    foretold_orders,
    next_model_templates,
    policies,
    queries,
    roster_entries,
)
from edge.people.credentials import CredentialStore, contested
from edge.people.exported import Exported
from edge.people.lacking import Lack, Lacking
from edge.people.order_log import OrderBook
from edge.people.outbox import Outbox
from edge.people.people_file import PeopleFile
from edge.people.person import Person, malformed, unknown_person
from edge.people.schema import PEOPLE

_Persons = list[Person]
_Ids = list[str]
_Pairs = list[tuple[str, str]]
"""Names for the types: inside of the class, `list` means the method."""


class People(PeopleFile):
    """All data about people, and every change of them; see `PeopleFile`."""

    def __init__(self, path: Path, storage_key: bytes) -> None:
        """The same as for `PeopleFile`. Raises PeopleError."""
        super().__init__(path, storage_key)
        self.outbox = Outbox(self._db, path, self._writing)
        """Records of acts on these people that the journal does not have yet."""
        self.orders = OrderBook(self._db, path, self._writing, self.outbox)
        """The orders of the authority."""
        self.credentials = CredentialStore(self._db, path, self._writing, self._vault, self._evidence_key)
        """Badges, staff numbers and PINs."""
        self.exported = Exported(self._db, path, self._writing)
        """The people who were exported to the centre."""
        self.lacking = Lacking(self._db, path, self._writing)
        """The data that an older copy of the file lacks."""

    def enrol(
        self, person: str, name: str, consent: Consent, policy: Policy, embeddings: Floats, model_id: str
    ) -> None:
        """Keep a person's templates, shape (k, d), in place of earlier ones by the same model.

        Raises PeopleError, and keeps nothing, unless the consent is active under `policy`, and the id, name and
        embeddings are well-formed.
        """
        wrong = [*consent_problems(consent, policy), *malformed(person, name, embeddings, model_id)]
        if wrong:
            raise PeopleError("cannot enrol: " + "; ".join(wrong))
        matrix = np.ascontiguousarray(embeddings, dtype="<f4")
        with self._writing():
            row = self._db.execute("SELECT wrapped FROM people WHERE id = ?", (person,)).fetchone()
            key = self._vault().unwrap(person, row[0]) if row and row[0] else person_keys.new_person_key()
            self._db.execute(
                "INSERT INTO people (id, wrapped, name) VALUES (?, ?, ?) "
                "ON CONFLICT (id) DO UPDATE SET wrapped = excluded.wrapped, name = excluded.name",
                (
                    person,
                    self._vault().wrap(person, key),
                    person_keys.seal(key, "name", person_name.tidy(name).encode()),
                ),
            )
            self._db.execute(
                "INSERT OR REPLACE INTO templates (person, model_id, count, sealed) VALUES (?, ?, ?, ?)",
                (person, model_id, len(matrix), person_keys.seal(key, f"templates:{model_id}", matrix.tobytes())),
            )
            consent_log.remember(self._db, self._evidence_key(), person, consent)

    def add(self, person: str, name: str) -> None:
        """Add a person who will clock in by badge or PIN, without a face and so without a consent to it. Raises
        PeopleError.
        """
        wrong = (
            "the id is malformed"
            if PERSON.fullmatch(person) is None
            else person_name.problem(person_name.tidy(name))
        )
        if wrong is not None:
            raise PeopleError(wrong)
        key = person_keys.new_person_key()
        with self._writing():
            row = (
                person,
                self._vault().wrap(person, key),
                person_keys.seal(key, "name", person_name.tidy(name).encode()),
            )
            self._db.execute("INSERT INTO people (id, wrapped, name) VALUES (?, ?, ?)", row)

    def withdraw(self, person: str, when: str) -> bool:
        """Delete a person's key, name and templates in one transaction; False when that was done before.

        `when` is RFC 3339. The consent history stays, as evidence. Raises PeopleError for a person who is unknown.
        """
        if not is_rfc3339(when):
            raise PeopleError(
                f"{when!r} is not an RFC 3339 time with an offset; write one such as 2026-01-31T09:30:00Z"
            )
        with self._writing():
            row = self._db.execute("SELECT wrapped FROM people WHERE id = ?", (person,)).fetchone()
            if row is None:
                raise unknown_person(person)
            if row[0] is None:
                return False
            key = self._evidence_key()
            given = consent_log.latest_of(self._db, key, person)
            if given is None:
                raise PeopleError(f"{person}: gave no consent that could end; `people erase` removes them")
            query = "SELECT 1 FROM templates WHERE person = ? LIMIT 1"
            if given.withdrawn_at and self._db.execute(query, (person,)).fetchone() is None:
                return False  # withdrawn by the roster, which left the name and the badge
            self._db.execute("UPDATE people SET wrapped = NULL, name = NULL WHERE id = ?", (person,))
            self._db.execute("DELETE FROM templates WHERE person = ?", (person,))
            consent_log.end(self._db, key, person, when)
            self.lacking.drop(person, {Lack.FACE, Lack.CONSENT, Lack.NAME})
        self.purge()
        return True

    def erase(self, person: str, when: str, reason: str) -> int:
        """Delete a person's key, name and templates in one transaction (I10); returns how many templates there
        were.

        The caller adds its record to the outbox in the same transaction. Until `rewrite`, freed pages keep bytes of
        the person. Until `erasure_over`, the erasure counts as unfinished. It is safe to repeat. Raises
        PeopleError, also for a person who is unknown: then nothing changed.
        """
        if not is_rfc3339(when):
            raise PeopleError(f"{when!r} is not an RFC 3339 time with an offset")
        with self._writing():
            fresh = Vault.fresh(self._storage_key)
            return erasure.erase(self._db, self._vault(), fresh, person, when, reason)

    def erasures(self) -> _Pairs:
        """(person, reason) of every erasure that is not finished. Raises PeopleError."""
        with PEOPLE.guard(self.path):
            return self._db.execute(
                "SELECT id, erasing FROM people WHERE erasing IS NOT NULL ORDER BY id"
            ).fetchall()

    def unrecorded_erasures(self) -> _Pairs:
        """The `erasures` of which the outbox has no record. Raises PeopleError."""
        if not self.erasures():
            return []
        with self.together():
            return [one for one in self.erasures() if self.outbox.erasure_of(one[0]) is None]

    def erasure_over(self, person: str) -> None:
        """Note that an erasure is finished: no byte of the person is left, and its record is durable. Raises
        PeopleError.
        """
        with self._writing():
            self._db.execute("UPDATE people SET erasing = NULL WHERE id = ?", (person,))

    def holds(self, person: str) -> bool:
        """Whether a person is or was enrolled here. Raises PeopleError."""
        with PEOPLE.guard(self.path):
            return self._db.execute("SELECT 1 FROM people WHERE id = ?", (person,)).fetchone() is not None

    def agreed_to(self, person: str) -> Policy:
        """The policy of a person's latest consent, given or withdrawn. Raises PeopleError when there is none."""
        query = "SELECT policy_version, policy_sha256 FROM consents WHERE person = ? ORDER BY n DESC LIMIT 1"
        with PEOPLE.guard(self.path):
            row = self._db.execute(query, (person,)).fetchone()
        if row is None:
            raise PeopleError(f"{person}: no consent of this person is known here; erase them")
        return Policy(*row)

    def consented(self, person: str) -> bool:
        """Whether a person ever consented, even if that ended. Raises PeopleError."""
        with PEOPLE.guard(self.path):
            return self._db.execute("SELECT 1 FROM consents WHERE person = ?", (person,)).fetchone() is not None

    def consent(self, person: str) -> Consent | None:
        """A person's latest consent, given or withdrawn; None where none is known. Raises PeopleError."""
        with self._reading():
            return consent_log.latest_of(self._db, self._evidence_key(), person)

    def restriction(self, person: str) -> Restriction | None:
        """Why a person's data are kept and not matched; None when they are matched. Raises PeopleError for a person
        who is unknown.
        """
        with PEOPLE.guard(self.path):
            row = self._db.execute("SELECT restriction FROM people WHERE id = ?", (person,)).fetchone()
        if row is None:
            raise unknown_person(person)
        return None if row[0] is None else queries.bar_of(row[0])

    def restrict(self, person: str, restriction: Restriction | None) -> None:
        """Keep a person's data without matching them; None ends that. Raises PeopleError for a person who is
        unknown.
        """
        with self._writing():
            self.restriction(person)
            row = (None if restriction is None else str(restriction), person)
            self._db.execute("UPDATE people SET restriction = ? WHERE id = ?", row)

    def rectify(self, person: str, name: str) -> bool:
        """Correct a person's name; False when their key is gone, and the name with it. Raises PeopleError."""
        wrong = person_name.problem(person_name.tidy(name))
        if wrong is not None:
            raise PeopleError(wrong)
        with self._writing():
            self.restriction(person)
            wrapped = self._db.execute("SELECT wrapped FROM people WHERE id = ?", (person,)).fetchone()[0]
            if wrapped is None:
                return False
            sealed = person_keys.seal(
                self._vault().unwrap(person, wrapped), "name", person_name.tidy(name).encode()
            )
            self._db.execute("UPDATE people SET name = ? WHERE id = ?", (sealed, person))
        self.purge()
        return True

    def put_in_force(self, policy: Policy, text: str, *, consent_again: bool, configured: Policy) -> None:
        """Put another policy in force by the authority's order, in place of the configured one. Raises
        PeopleError.
        """
        with self._writing():
            policies.add(self._db, policy, text, consent_again=consent_again, configured=configured)

    def accepted(self, configured: Policy) -> tuple[Policy, ...]:
        """The policy in force, and after it the policies to which a consent is still valid. Raises PeopleError.

        The policy in force is the last that was ordered, unless the configuration was changed since then.
        """
        with PEOPLE.guard(self.path):
            return policies.in_force(self._db, configured)

    def other_text(self, configured: Policy) -> int:
        """Number of people who agreed to another text with the version in force, and so are not matched. Raises
        PeopleError.
        """
        with self._reading():
            return policies.other_text(self._db, policies.in_force(self._db, configured))

    def policy_text(self, policy: Policy) -> str | None:
        """The text of a policy that was ordered; None when it is the configuration's own. Raises PeopleError."""
        with PEOPLE.guard(self.path):
            return policies.text_of(self._db, policy)

    def learn(self, person: str, model_id: str, embedding: Floats, policy: Policy) -> bool:
        """Keep a template (d,) of a coming model for a person (`next_model_templates`). Raises PeopleError."""
        accepted = self.accepted(policy)
        return next_model_templates.learn(
            self._db, self._writing, self._vault, self._evidence_key, person, model_id, embedding, accepted
        )

    def ready(self, model_id: str) -> int:
        """Number of people whom a coming model could match without a photograph. Raises PeopleError."""
        with PEOPLE.guard(self.path):
            return next_model_templates.ready(self._db, model_id)

    def member(self, person: str) -> Member:
        """A person in the form of the roster. Raises PeopleError for a person who is not enrolled."""
        with self._reading():
            return roster_entries.read(self._db, self._vault(), self._evidence_key(), person)

    def judge(self, person: str, member: Member, policy: Policy) -> str | None:
        """Why `receive` would keep a person out; None when it would not. Raises PeopleError."""
        with self._reading():
            key, accepted = self._evidence_key(), policies.in_force(self._db, policy)
            out = roster_entries.judge(self._db, key, person, member, accepted)
            return out or contested(self._db, key, person, member.tokens)

    def receive(
        self,
        arrived: Mapping[str, Member],
        policy: Policy,
        *,
        again: Collection[str] = (),
        ended: Callable[[str, Consent], None] | None = None,
        returned: Callable[[str], None] | None = None,
    ) -> dict[str, str | None]:
        """Take in people from the roster in one transaction; returns by id why each is kept out, or None.

        No face is taken in without an active consent to the policy in force (I9), or when its consent was withdrawn
        here since. `policy` is the configured one. The entries of the people in `again` were judged before. Within
        the transaction, `ended` is called for each consent that an entry ended, and `returned` for each person whom
        an entry brought back after an erasure or a withdrawal here. Raises PeopleError.
        """
        with self._writing():
            key, accepted = self._evidence_key(), policies.in_force(self._db, policy)
            taken = {
                person: roster_entries.write(
                    self._db, self._vault(), key, person, member, accepted, again=person in again
                )
                for person, member in arrived.items()
            }
            for person, one in taken.items():
                if one.ended is not None and ended is not None:
                    ended(person, one.ended)
                if one.returned and returned is not None:
                    returned(person)
        if any(one.dropped for one in taken.values()):
            self.purge()
        return {person: one.out for person, one in taken.items()}

    def entries(self) -> dict[str, int]:
        """By person, the content number of the roster entry that was written last; people without an entry are
        absent. Raises PeopleError.
        """
        with PEOPLE.guard(self.path):
            return dict(self._db.execute("SELECT person, content FROM entries"))

    def note_entries(self, contents: Mapping[str, int]) -> None:
        """Note entries that were written by a version that did not note them in this file. Raises PeopleError."""
        with self._writing():
            self._db.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?)", list(contents.items()))

    def remaining(self) -> frozenset[str]:
        """The ids of the people who were not erased completely. People who withdrew are among them. Raises
        PeopleError.
        """
        with PEOPLE.guard(self.path):
            return frozenset(
                person
                for (person,) in self._db.execute("SELECT id FROM people WHERE erased = 0 OR erasing IS NOT NULL")
            )

    def gone(self) -> frozenset[str]:
        """The ids of the people who were erased here, or will be when they come. Raises PeopleError."""
        query = (
            "SELECT id FROM people WHERE erased = 1 AND wrapped IS NULL "
            "UNION SELECT person FROM foretold WHERE erased = 1"
        )
        with PEOPLE.guard(self.path):
            return frozenset(person for (person,) in self._db.execute(query))

    def foretell(self, person: str, *, withdrawn_at: str | None = None) -> None:
        """Remember an order about a person who is not here: an erasure, or a withdrawal at an instant. Raises
        PeopleError.
        """
        with self._writing():
            if withdrawn_at is None:
                foretold_orders.erase(self._db, person)
                self.lacking.looked(person)  # nobody must give the data again
            else:
                foretold_orders.withdraw(self._db, person, withdrawn_at)
                self.lacking.drop(person, {Lack.FACE, Lack.CONSENT})

    def foretold_bar(self, person: str) -> Restriction | None:
        """The restriction to set on a person who is not here yet. Raises PeopleError."""
        with PEOPLE.guard(self.path):
            said = foretold_orders.bar(self._db, person)
        return None if said is None else queries.bar_of(said)

    def foretell_bar(self, person: str, restriction: Restriction | None) -> None:
        """Remember to restrict a person who is not here, when they come; None forgets it. Raises PeopleError."""
        with self._writing():
            if restriction is None:
                foretold_orders.take_bar(self._db, person)
            else:
                foretold_orders.set_bar(self._db, person, str(restriction))

    def known(self) -> frozenset[str]:
        """The ids of everybody who is or was enrolled, also of the erased. Raises PeopleError."""
        with PEOPLE.guard(self.path):
            return frozenset(person for (person,) in self._db.execute("SELECT id FROM people"))

    def has_face(self, person: str) -> bool:
        """Whether there are templates of a person. Raises PeopleError."""
        with PEOPLE.guard(self.path):
            query = "SELECT 1 FROM templates WHERE person = ? LIMIT 1"
            return self._db.execute(query, (person,)).fetchone() is not None

    def enrolled(self) -> frozenset[str]:
        """The ids of everybody who has a key: not of those who withdrew or were erased. Raises PeopleError."""
        with PEOPLE.guard(self.path):
            return frozenset(
                person for (person,) in self._db.execute("SELECT id FROM people WHERE wrapped NOT NULL")
            )

    def held(self, person: str) -> dict[str, object]:
        """All data about a person, as JSON values. Raises PeopleError for a person who is unknown."""
        with self._reading():
            found = queries.all_about(self._db, self._vault(), self._evidence_key(), person)
            return {**found, **self.credentials.held(person)}

    def list(self) -> _Persons:
        """Everybody who is or was enrolled, sorted by id. Raises PeopleError."""
        with self._reading():
            return queries.listed(self._db, self._vault(), self._evidence_key())

    def gallery(
        self, model_id: str, policy: Policy, *, unreadable: _Ids | None = None, length: int | None = None
    ) -> Gallery:
        """Everybody with templates of this model, an active consent to the policy in force, and no restriction.

        `policy` is the configured one; an order of the authority may have replaced it. `length` is how many numbers
        the model makes. A person whose key, consent or templates are damaged, or whose templates have another
        length, is added to `unreadable` and left out, so that the others are still matched. Without `unreadable`,
        PeopleError is raised for such a person. Raises PeopleError for everything else.
        """
        with self._reading():
            accepted = policies.in_force(self._db, policy)
            found = queries.templates(
                self._db, self._vault(), self._evidence_key(), model_id, accepted, unreadable, length
            )
        try:
            return Gallery.of(model_id, found)
        except ValueError as error:
            raise PeopleError(f"{self.path}: templates of {model_id} do not fit together; enrol again") from error
