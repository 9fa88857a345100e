"""The people of the simulator: who may be enrolled, from which photographs, and who stands before the camera."""

from dataclasses import dataclass
from pathlib import Path

from edge.resources import photos_directory


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """Somebody of the shipped photographs (tests/photos/SOURCES.toml), with badge, staff number and PIN."""

    key: str
    name: str
    enrolment: tuple[str, ...]
    """Photographs from which the templates are made."""
    at_the_door: str
    """The photograph that stands before the camera."""
    badge: str
    staff_number: str
    pin: str
    turned: str | None = None
    """A photograph with the head turned to the person's right; mirrored, to their left. Who has one can do what the
    terminal says during a guided enrolment.
    """
    supervises: bool = False
    """Whether they may open enrolments at the first door."""


SAMPLES = {
    person.key: person
    for person in (
        SamplePerson(
            "barack",
            "Barack",
            ("obama.jpg", "obama2.jpg"),
            "obama3.jpg",
            "0004711001",
            "1001",
            "271828",
            "obama2.jpg",
        ),
        SamplePerson("joe", "Joe", ("biden.jpg",), "biden.jpg", "0004711002", "1002", "314159", supervises=True),
        SamplePerson("eileen", "Eileen", ("astronaut.png",), "astronaut.png", "0004711003", "1003", "141421"),
    )
}


def photo_path(name: str) -> Path | None:
    """The shipped photograph of this name; None when no sample person has it."""
    known = {photo for person in SAMPLES.values() for photo in (*person.enrolment, person.at_the_door)}
    return photos_directory() / name if name in known else None


def shown_at_the_door(photo: str) -> SamplePerson | None:
    """The sample person whose photograph for the door this is; None when nobody's is."""
    return next((person for person in SAMPLES.values() if person.at_the_door == photo), None)


def samples_message() -> list[dict[str, object]]:
    """The sample people, for the page."""
    return [
        {
            "key": person.key,
            "name": person.name,
            "photo": person.at_the_door,
            "badge": person.badge,
            "number": person.staff_number,
            "pin": person.pin,
            "supervises": person.supervises,
        }
        for person in SAMPLES.values()
    ]
