"""Whether a person id is known at this terminal: without that check, a wrong id would get an answer like a fact."""

from edge.journal.journal import Journal
from edge.people.people_store import People


def knows(person: str, people: People, journal: Journal) -> bool:
    """Whether the person is or was enrolled here, or a record that is kept names them.

    Raises PeopleError, JournalError.
    """
    return person in people.known() or bool(journal.about(person, journal.head().seq))
