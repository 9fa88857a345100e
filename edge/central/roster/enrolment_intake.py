"""Takes people from a terminal's enrolment files into the centre's roster."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from edge.central.roster import membership
from edge.central.roster.store import RosterStore
from edge.central.store.model import RegisteredTerminal
from edge.crypto import dsse, site_key
from edge.crypto.dsse import key_id
from edge.domain.roster.enrolment_export import Enrolment
from edge.domain.roster.leavers import Leavers
from edge.domain.roster.member import Member, decode_member
from edge.errors import ExportRefused, LedgerRefused, RecordError

AHEAD = timedelta(days=1)
"""A terminal's clock may be ahead of the centre's by this much."""


@dataclass(frozen=True, slots=True)
class IntakeOutcome:
    """The result of taking in one file."""

    person: str
    terminal: str
    """`site/terminal` of the terminal that signed the file."""
    changed: tuple[str, ...]
    """What changed: `person` for a new person, otherwise any of `name`, `face`, `consent`, `badges`, `pin`, `bar`,
    `site`.
    """
    older: bool = False
    """A newer file of this person was taken in before, so this one changed nothing."""


def take(
    store: RosterStore,
    raw: bytes,
    terminals: Sequence[RegisteredTerminal],
    sites: Sequence[str] = (),
    *,
    leavers: Leavers | None = None,
    begun: Callable[[str, Mapping[str, Any]], object] = lambda _person, _data: None,
) -> IntakeOutcome:
    """Takes in one file. The person then belongs to the terminal's site and to `sites`. `begun` is called before
    the first change.

    Raises ExportRefused if the file is no enrolment, is of a terminal that is not registered, is sealed to another
    centre, is about a person of other sites or one who left, or if the roster refuses the person. Also raises
    LedgerError, PeopleError.
    """
    enrolment = _genuine(raw, terminals)
    person, origin = enrolment.person, enrolment.origin
    by = f"{origin.site}/{origin.terminal}"
    leavers = leavers or Leavers()
    wanted = sorted({origin.site, *sites})
    for site in wanted:
        left = leavers.of(site, person)
        if left is not None:
            raise ExportRefused(
                f"{person} left ({left.reason}, as {left.by} says); a person who comes back is enrolled again, "
                "under a new id"
            )
    there = membership.places(store, person)
    if there and origin.site not in there:
        raise ExportRefused(
            f"{person} belongs to {', '.join(sorted(there))}, and {by} is no terminal of it: export them at one "
            f"that is, and give --site {origin.site} if they are to belong there, too"
        )
    if _is_older(enrolment, leavers.exported.get(person), bool(there)):
        return IntakeOutcome(person, by, (), older=True)
    member = _open(store, enrolment)
    try:
        news = [site for site in wanted if membership.is_news(store, site, person, member)]
    except LedgerRefused as error:
        raise ExportRefused(str(error)) from error
    changed = _differences(store, person, member, bool(there), new_site=bool(set(news) - set(there)))
    if news:
        said = {"sites": wanted, "terminal": by, "changed": list(changed)}
        begun(person, said if enrolment.at is None else {**said, "exported": enrolment.at})
        for site in news:
            membership.add(store, site, person, member)
    return IntakeOutcome(person, by, changed if news else ())


def _is_older(enrolment: Enrolment, newest: str | None, known: bool) -> bool:
    latest = (datetime.now(UTC) + AHEAD).isoformat()
    if enrolment.at is not None and datetime.fromisoformat(enrolment.at) > datetime.fromisoformat(latest):
        raise ExportRefused(
            f"exported at {enrolment.at}, which is in the future: set that terminal's clock, and export again there"
        )
    if enrolment.at is None and known:
        raise ExportRefused("does not say when it was exported; update that terminal, and export again there")
    return newest is not None and (enrolment.at or "") < newest


def _genuine(raw: bytes, terminals: Sequence[RegisteredTerminal]) -> Enrolment:
    keys = {one.keyid: one for one in terminals if one.revoked is None}
    try:
        parsed = dsse.parse(raw.strip())
        enrolment = dsse.open(parsed, Enrolment, {keyid: one.key for keyid, one in keys.items()})
    except RecordError as error:
        raise ExportRefused(
            f"no enrolment of a registered terminal ({error}); export it again there, by `smartclocker people "
            "export`, and see whether `central terminals` lists it"
        ) from error
    if keys[parsed.keyid].origin != enrolment.origin:
        raise ExportRefused("signed by another terminal than it names; export it again at that terminal")
    return enrolment


def _differences(store: RosterStore, person: str, given: Member, known: bool, *, new_site: bool) -> tuple[str, ...]:
    held = membership.readable(store, person) if known else None
    if held is None:
        return ("person",)
    same_face = held.templates.keys() == given.templates.keys() and all(
        np.array_equal(matrix, given.templates[model]) for model, matrix in held.templates.items()
    )
    found = {
        "name": held.name != given.name.strip(),
        "face": not same_face,
        "consent": held.consent != given.consent,
        "badges": sorted(held.tokens) != sorted(given.tokens),
        "pin": held.pin != given.pin,
        "bar": (held.restricted, held.objected) != (given.restricted, given.objected),
        "site": new_site,
    }
    return tuple(what for what, differs in found.items() if differs)


def _open(store: RosterStore, enrolment: Enrolment) -> Member:
    ours = key_id(store.key.verify_key)
    if enrolment.to != ours:
        raise ExportRefused(
            f"sealed to the roster key {enrolment.to}, and ours is {ours}; give this centre's roster.pem to "
            "`people export --to`"
        )
    try:
        return decode_member(site_key.unseal(enrolment.sealed, store.key))
    except RecordError as error:
        raise ExportRefused("what is sealed in it was altered; export it again from the terminal") from error
