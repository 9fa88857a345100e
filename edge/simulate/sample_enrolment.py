"""Enrolling a sample person at a door: with consent on record, a badge, and a staff number with its PIN."""

from edge.config_schema import Config
from edge.domain.people.consent import Consent
from edge.domain.people.credentials import Token
from edge.errors import PeopleError
from edge.resources import photos_directory
from edge.simulate.sample_people import SamplePerson
from edge.simulate.site_roster import SiteRoster
from edge.terminal import adapters, factory, installed
from edge.terminal.operator import actions, enrolment
from edge.terminal.operator.probes import probes_from_photographs
from edge.vision.photo import load_photo

OPERATOR = "simulator-1"
"""The operator whom the records name."""


def enrol_sample(person: SamplePerson, config: Config, roster: SiteRoster | None) -> str:
    """Enrol from the shipped photographs; returns the person's id. The roster brings them to the other doors.

    Raises PeopleError when somebody of this name is enrolled, or another SmartClockerError.
    """
    secrets, policy, clock = installed.own_secrets(config), installed.policy(config), adapters.clock()
    consent = Consent(policy.version, policy.sha256, "en", clock.evidence().utc, "simulator", True, True)
    with installed.open_people(config, secrets) as people, installed.open_journal(config, secrets) as journal:
        if person.name in {one.name for one in people.list()}:
            raise PeopleError(f"{person.name} is enrolled already; stand before the camera")
        pipeline = factory.pipeline(config, installed.model_store(config), enrolling=True)
        pictures = ((photo, load_photo(photos_directory() / photo)) for photo in person.enrolment)
        probes = probes_from_photographs(pictures, pipeline)
        made = enrolment.enrol(
            person.name, probes, consent, policy, people=people, journal=journal, clock=clock, by=OPERATOR
        ).person
        for kind, number in ((Token.BADGE, person.badge), (Token.NUMBER, person.staff_number)):
            actions.give_token(made, kind, number, people=people, journal=journal, clock=clock, by=OPERATOR)
        actions.choose_pin(made, person.pin, people=people, journal=journal, clock=clock, by=OPERATOR)
        if roster is not None:
            roster.take(made, config, secrets, people, clock)
    return made
