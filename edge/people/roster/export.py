"""The export of one enrolled person to the centre, in an envelope that only the centre's roster key opens."""

from nacl.signing import SigningKey, VerifyKey

from edge.crypto import dsse, site_key
from edge.crypto.dsse import key_id
from edge.domain.protocol.record import Origin
from edge.domain.roster.enrolment_export import Enrolment
from edge.domain.roster.member import encode_member
from edge.people.people_store import People


def export_enrolment(
    person: str, centre: VerifyKey, origin: Origin, identity: SigningKey, people: People, at: str
) -> bytes:
    """The envelope. `centre` is the roster's public key there, `identity` the terminal's, `at` now (RFC 3339 UTC).

    Raises PeopleError for a person who is not enrolled, RecordError for more templates than a roster entry may
    have.
    """
    sealed = site_key.seal(encode_member(people.member(person)), centre)
    return dsse.seal(Enrolment(origin, person, key_id(centre), sealed, at), identity)
