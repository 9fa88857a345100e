"""Enrolling a person at a door from photographs, with consent on record. A sample person has badge and PIN, too."""

from collections.abc import Iterable
from dataclasses import dataclass

from edge.config_schema import Config
from edge.domain.face import Pixels
from edge.domain.people.consent import Consent
from edge.domain.people.credentials import Token
from edge.errors import EnrolmentRefused, PeopleError
from edge.people.people_store import People
from edge.people.person import new_person_id
from edge.resources import photos_directory
from edge.simulate.sample_people import SamplePerson
from edge.simulate.site_roster import SiteRoster
from edge.terminal import adapters, factory, installed
from edge.terminal.operator import actions, enrolment
from edge.terminal.operator.probes import probes_from_photographs
from edge.vision.photo import load_photo

OPERATOR = "simulator-1"
"""The operator whom the records name."""


@dataclass(frozen=True, slots=True)
class Attested:
    """The name of a person who agreed, and who saw it; age and the employer's agreement were attested."""

    name: str
    witness: str


def enrol_sample(person: SamplePerson, config: Config, roster: SiteRoster | None) -> str:
    """Enrol from the shipped photographs; returns the person's id. The roster brings them to the other doors.

    Raises PeopleError when somebody of this name is enrolled, or another SmartClockerError.
    """
    with installed.open_people(config, installed.own_secrets(config)) as people:
        _refuse_again(person, people)
    pictures = ((photo, load_photo(photos_directory() / photo)) for photo in person.enrolment)
    return enrol_from(Attested(person.name, "simulator"), pictures, config, roster, person)


def add_sample(person: SamplePerson, config: Config) -> None:
    """Add a sample person with their badge, and without a face: a supervisor can enrol them at the door.

    Raises PeopleError when somebody of this name is here, or another SmartClockerError.
    """
    secrets, clock = installed.own_secrets(config), adapters.clock()
    with installed.open_people(config, secrets) as people, installed.open_journal(config, secrets) as journal:
        _refuse_again(person, people)
        made = actions.add(person.name, age_attested=True, people=people, journal=journal, clock=clock, by=OPERATOR)
        actions.give_token(
            made, Token.BADGE, person.badge, people=people, journal=journal, clock=clock, by=OPERATOR
        )


def _refuse_again(person: SamplePerson, people: People) -> None:
    here = next((one for one in people.list() if one.name == person.name), None)
    if here is not None and here.templates:
        raise PeopleError(f"{person.name} is enrolled already; stand before the camera")
    if here is not None:
        raise PeopleError(f"{person.name} has a badge here already; a supervisor enrols them at the door")


def enrol_from(
    attested: Attested,
    pictures: Iterable[tuple[str, Pixels]],
    config: Config,
    roster: SiteRoster | None,
    sample: SamplePerson | None = None,
) -> str:
    """Enrol from pictures, each with its name; returns the person's id. `sample` has badge, staff number and PIN.

    Raises EnrolmentRefused for pictures that are not good enough and for somebody who looks like an enrolled
    person, or another SmartClockerError; then nothing was kept.
    """
    secrets, policy, clock = installed.own_secrets(config), installed.policy(config), adapters.clock()
    consent = Consent(
        policy.version, policy.sha256, "en", clock.evidence().utc, attested.witness, age_attested=True,
        employer_agreed=True,
    )  # fmt: skip
    enrolment.check(new_person_id(), attested.name, consent, policy)
    pipeline = factory.pipeline(config, installed.model_store(config), enrolling=True)
    probes = probes_from_photographs(pictures, pipeline)
    with installed.open_people(config, secrets) as people, installed.open_journal(config, secrets) as journal:
        alike = factory.lookalike(config, probes, people)
        if alike is not None:  # in words of the page, which has neither ids nor options
            name = next((one.name for one in people.list() if one.id == alike and one.name), "somebody")
            raise EnrolmentRefused(
                f"nobody was enrolled: {name}, who is enrolled already, would be taken for this person. Each face "
                "is enrolled once here; begin a new simulation to enrol it anew"
            )
        made = enrolment.enrol(
            attested.name, probes, consent, policy, people=people, journal=journal, clock=clock, by=OPERATOR
        ).person
        if sample is not None:
            for kind, number in ((Token.BADGE, sample.badge), (Token.NUMBER, sample.staff_number)):
                actions.give_token(made, kind, number, people=people, journal=journal, clock=clock, by=OPERATOR)
            actions.choose_pin(made, sample.pin, people=people, journal=journal, clock=clock, by=OPERATOR)
            leads = sample.staff_number if sample.supervises else None
            actions.appoint(made, leads, people=people, journal=journal, clock=clock, by=OPERATOR)
        if roster is not None:
            roster.take(made, config, secrets, people, clock)
    return made
