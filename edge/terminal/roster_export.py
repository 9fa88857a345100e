"""One enrolled person for the centre, in an envelope that only the centre's roster key opens."""

from nacl.signing import SigningKey, VerifyKey

from edge.domain import roster_enrolment, roster_member
from edge.domain.records import Origin
from edge.domain.roster_enrolment import ENROLMENT_TYPE, Enrolment
from edge.journal import envelope
from edge.journal.envelope import key_id
from edge.roster import sitekey
from edge.roster.people import People


def export(person: str, centre: VerifyKey, origin: Origin, identity: SigningKey, people: People, at: str) -> bytes:
    """The envelope. `centre` is the roster's public key there, `identity` the terminal's, `at` now (RFC 3339 UTC).

    Raises PeopleError for somebody who is not enrolled, RecordError for more templates than the roster carries.
    """
    sealed = sitekey.seal(roster_member.encode(people.member(person)), centre)
    payload = roster_enrolment.encode(Enrolment(origin, person, key_id(centre), sealed, at))
    return envelope.to_wire(envelope.sign(ENROLMENT_TYPE, payload, identity))
