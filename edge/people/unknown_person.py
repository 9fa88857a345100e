"""The error for an id that nobody here has."""

from edge.domain.protocol.order import NOBODY_HERE
from edge.errors import PeopleError


def unknown_person(person: str) -> PeopleError:
    """To raise; it says where the ids stand."""
    return PeopleError(f"{person}: {NOBODY_HERE}; `smartclocker people list` shows who is")
