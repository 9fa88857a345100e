"""People from a terminal's enrolment into the centre's roster."""

from collections.abc import Sequence

from edge.central import roster
from edge.central.roster_store import RosterStore
from edge.central.rows import Terminal
from edge.domain import roster_enrolment, roster_member
from edge.domain.roster_enrolment import ENROLMENT_TYPE, Enrolment
from edge.errors import ExportRefused, RecordError
from edge.journal import envelope
from edge.journal.envelope import key_id
from edge.roster import sitekey


def take(
    store: RosterStore, raw: bytes, terminals: Sequence[Terminal], sites: Sequence[str] = ()
) -> tuple[str, bool]:
    """The person, and whether anything changed. They belong to the terminal's site, and to `sites`.

    Raises ExportRefused for a file that is no enrolment, of a terminal that may not speak, or sealed to another
    centre; LedgerError as `roster.add` does.
    """
    keys = {one.keyid: one for one in terminals if one.revoked is None}
    try:
        parsed = envelope.parse(raw.strip())
        payload = envelope.verify(parsed, ENROLMENT_TYPE, {keyid: one.key for keyid, one in keys.items()})
        enrolment = roster_enrolment.decode(payload)
    except RecordError as error:
        raise ExportRefused(
            f"no enrolment of a registered terminal ({error}); export it again there, by `smartclocker people "
            "export`, and see whether `central terminals` lists it"
        ) from error
    if keys[parsed.keyid].origin != enrolment.origin:
        raise ExportRefused("signed by another terminal than it names; export it again at that terminal")
    member = _open(store, enrolment)
    changed = [roster.add(store, site, enrolment.person, member) for site in {enrolment.origin.site, *sites}]
    return enrolment.person, any(changed)


def _open(store: RosterStore, enrolment: Enrolment) -> roster_member.Member:
    ours = key_id(store.key.verify_key)
    if enrolment.to != ours:
        raise ExportRefused(
            f"sealed to the roster key {enrolment.to}, and ours is {ours}; give this centre's roster.pem to "
            "`people export --to`"
        )
    try:
        return roster_member.decode(sitekey.unseal(enrolment.sealed, store.key))
    except RecordError as error:
        raise ExportRefused("what is sealed in it was altered; export it again from the terminal") from error
