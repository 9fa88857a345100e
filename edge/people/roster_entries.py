"""A person's roster entry, read from the people file and written into it, within the caller's transaction."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.crypto import person_keys
from edge.crypto.person_keys import Vault
from edge.domain.people import person_name
from edge.domain.people.consent import Consent, Policy, consent_problems, is_active, last_word
from edge.domain.protocol.record_kinds import Restriction
from edge.domain.roster.member import Member, contradiction
from edge.errors import PeopleError
from edge.people import consent_log, credentials, foretold_orders, queries
from edge.people.lacking import Lack

WITHDRAWN_HERE = "their consent was withdrawn here after it was given; ask again, as a new consent"
ERASED_HERE = "they were erased here; a person who comes back gets a new id"


@dataclass(frozen=True, slots=True)
class EntryOutcome:
    """The effect of an entry."""

    out: str | None = None
    """Why the face, a badge, or the whole person is kept out; None when nothing is."""
    ended: Consent | None = None
    """The consent that counted here until this entry withdrew it."""
    dropped: bool = False
    """Whether there were templates here that the entry removed."""
    returned: bool = False
    """Whether the entry brought a face back after an erasure or a withdrawal here."""


def read(db: sqlite3.Connection, opened: Vault, evidence: bytes, person: str) -> Member:
    """A person's roster entry. Raises PeopleError for a person without a key, and so without a name."""
    row = db.execute("SELECT wrapped, name, restriction FROM people WHERE id = ?", (person,)).fetchone()
    if row is None or row[0] is None:
        if credentials.read(db, opened, person) != ((), None):
            raise PeopleError(
                f"{person}: their name was deleted when their consent was withdrawn; `central roster withdraw`, at "
                "the centre, brings it back with their badge and without their face"
            )
        raise PeopleError(f"{person}: nobody enrolled has this id; `smartclocker people list` shows who is")
    key = opened.unwrap(person, row[0])
    query = "SELECT model_id, count, sealed FROM templates WHERE person = ? ORDER BY model_id"
    templates = {
        model: np.frombuffer(person_keys.unseal(key, f"templates:{model}", sealed), "<f4").reshape(count, -1)
        for model, count, sealed in db.execute(query, (person,))
    }
    given = consent_log.latest_of(db, evidence, person)
    if templates and (given is None or consent_log.is_damaged(given)):
        raise PeopleError(f"{person}: no consent is on file, or what is kept of it was altered; enrol again")
    if consent_log.is_damaged(given):
        given = None
    if given is not None and given.withdrawn_at:
        templates = {}
    tokens, pin = credentials.read(db, opened, person)
    name = person_keys.unseal(key, "name", row[1]).decode()
    objected = row[2] == Restriction.OBJECTED
    return Member(name, given, templates, restricted=row[2] is not None, objected=objected, tokens=tokens, pin=pin)


def judge(
    db: sqlite3.Connection, evidence: bytes, person: str, member: Member, accepted: Sequence[Policy]
) -> str | None:
    """Why a person is kept out; None when they are not (I9). The first of `accepted` is the policy in force."""
    wrong = contradiction(member)
    if wrong is not None:
        return wrong
    fate = foretold_orders.of(db, person)
    row = db.execute("SELECT erased FROM people WHERE id = ?", (person,)).fetchone()
    here = consent_log.latest_of(db, evidence, person)
    if fate.erased or (row is not None and row[0] and (here is None or not member.templates)):
        return ERASED_HERE
    if not member.templates:
        return None
    word = last_word(here, member.consent)
    if fate.ends(member) or (here is not None and here.withdrawn_at and word is here):
        return WITHDRAWN_HERE
    if word is None or any(is_active(word, one) for one in accepted):
        return None
    return "; ".join(consent_problems(word, accepted[0]))


def write(
    db: sqlite3.Connection,
    opened: Vault,
    evidence: bytes,
    person: str,
    member: Member,
    accepted: Sequence[Policy],
    *,
    again: bool = False,
) -> EntryOutcome:
    """Write a person's entry in place of the data that were here (I9).

    `accepted` are the policies to which a consent is valid, the one in force first. A person who is kept out and
    was here before is no longer matched, unless they consented here since. Their badge and PIN need no consent and
    are taken in, except for a person who was erased here. An entry without a face removes no face; only a
    withdrawal does. A restriction or objection is set and never lifted, because that needs an order.

    With `again`, this entry was written before. Then only its face is looked at again. Badges, PIN, name and
    restriction stay as they were changed by hand since, except for numbers that were another person's then and are
    free now.
    """
    row = db.execute("SELECT wrapped, erased FROM people WHERE id = ?", (person,)).fetchone()
    out = judge(db, evidence, person, member, accepted)
    if contradiction(member) is not None or out == ERASED_HERE or (out is not None and row is not None and row[1]):
        return EntryOutcome(out)
    once = again and row is not None
    another = _means(db, opened, evidence, person, member, once=once) if row is not None else None
    if once and out is not None:
        return EntryOutcome(out)
    if out == WITHDRAWN_HERE and row is not None:
        _note(db, person, member, once=once)
        return EntryOutcome(out)
    member = foretold_orders.of(db, person).on(member)
    wrapped = None if row is None else row[0]
    if out is not None and wrapped is None and not member.tokens and member.pin is None:
        return EntryOutcome(out)
    here = consent_log.latest_of(db, evidence, person)
    held = db.execute("SELECT 1 FROM templates WHERE person = ? LIMIT 1", (person,)).fetchone() is not None
    stays = held and _stays(here, member)
    dropped = held and not member.templates and not stays
    # The key is deleted with the templates, as at a withdrawal, so that bytes of them in an older page can be
    # opened with no key.
    key = None if dropped else _opened(db, opened, person, wrapped)
    if key is None or not once:
        key = key or person_keys.new_person_key()
        db.execute(
            "INSERT INTO people (id, wrapped, name) VALUES (?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET wrapped = excluded.wrapped, name = excluded.name, erased = 0",
            (
                person,
                opened.wrap(person, key),
                person_keys.seal(key, "name", person_name.tidy(member.name).encode()),
            ),
        )
        db.execute("DELETE FROM lacking WHERE person = ? AND what = ?", (person, str(Lack.NAME)))
    if row is None:
        another = _means(db, opened, evidence, person, member, once=False)
    returned = bool(out is None and not stays and member.templates and here is not None and here.withdrawn_at)
    if out is None and not stays:
        _put_templates(db, key, person, member)
    ended = _remember(db, evidence, person, member.consent)
    _note(db, person, member, once=once)
    return EntryOutcome(out or another, ended, dropped, returned)


def _opened(db: sqlite3.Connection, opened: Vault, person: str, wrapped: bytes | None) -> bytes | None:
    """The person's key; None when there is none or it is damaged. Then the data under it are deleted, and the entry
    replaces them.
    """
    if wrapped is None:
        return None
    try:
        key = opened.unwrap(person, wrapped)
        (name,) = db.execute("SELECT name FROM people WHERE id = ?", (person,)).fetchone()
        person_keys.unseal(key, "name", name or b"")
    except PeopleError:
        db.execute("DELETE FROM templates WHERE person = ?", (person,))
        return None
    return key


def _stays(here: Consent | None, member: Member) -> bool:
    """Whether the entry must leave the face here as it is. A withdrawal, or the face of a later consent, may change
    it.
    """
    word = last_word(here, member.consent)
    if here is None or here.withdrawn_at is not None or word is None or word.withdrawn_at is not None:
        return False
    return not member.templates or (word is here and here != member.consent)


def _means(
    db: sqlite3.Connection, opened: Vault, evidence: bytes, person: str, member: Member, *, once: bool
) -> str | None:
    """Write badges, staff numbers and PIN, once for each entry; returns why not all of them, if another person has
    one.
    """
    if once:
        return credentials.claim(db, opened, evidence, person, member.tokens)
    credentials.write(db, opened, evidence, person, member.tokens, member.pin)
    return credentials.contested(db, evidence, person, member.tokens)


def _note(db: sqlite3.Connection, person: str, member: Member, *, once: bool) -> None:
    """Note that this entry was written, and set its restriction."""
    _foretold_bar(db, person)
    if not once:
        _bar(db, person, member)
        db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?)", (person, member.content))


def _bar(db: sqlite3.Connection, person: str, member: Member) -> None:
    if member.objected:
        update = "UPDATE people SET restriction = ? WHERE id = ?"
        db.execute(update, (str(Restriction.OBJECTED), person))
    elif member.restricted:
        update = "UPDATE people SET restriction = coalesce(restriction, ?) WHERE id = ?"
        db.execute(update, (str(Restriction.RESTRICTED), person))


def _foretold_bar(db: sqlite3.Connection, person: str) -> None:
    """Set the restriction that was ordered before the person came. An objection is never replaced by a
    restriction.
    """
    said = foretold_orders.take_bar(db, person)
    if said is not None:
        weaker = (str(Restriction.OBJECTED), str(queries.bar_of(said)), person)
        db.execute("UPDATE people SET restriction = iif(restriction = ?, restriction, ?) WHERE id = ?", weaker)


def _put_templates(db: sqlite3.Connection, key: bytes, person: str, member: Member) -> None:
    # Templates that a coming model learned here (`next_model_templates`) are in no roster yet. They stay while
    # there is a face.
    learned = 0 if member.templates else 1
    db.execute("DELETE FROM templates WHERE person = ? AND learned <= ?", (person, learned))
    db.executemany(
        "INSERT OR REPLACE INTO templates (person, model_id, count, sealed) VALUES (?, ?, ?, ?)",
        [
            (
                person,
                model,
                len(matrix),
                person_keys.seal(key, f"templates:{model}", matrix.astype("<f4").tobytes()),
            )
            for model, matrix in member.templates.items()
        ],
    )


def _remember(db: sqlite3.Connection, evidence: bytes, person: str, said: Consent | None) -> Consent | None:
    """Note the newest consent; returns the consent before, if this one ended it."""
    here = consent_log.latest_of(db, evidence, person)
    word = last_word(here, said)
    if word is None or word == here:
        return None
    consent_log.remember(db, evidence, person, word)
    return here if here is not None and word.withdrawn_at and not here.withdrawn_at else None
