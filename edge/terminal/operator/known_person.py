"""Whether an id is anybody's at this terminal: what is asked about nobody would be answered like a fact."""

from edge.journal.journal import Journal
from edge.people.people_store import People


def knows(person: str, people: People, journal: Journal) -> bool:
    """Whether they are or were enrolled here, or a record that is kept names them.

    Raises PeopleError, JournalError.
    """
    return person in people.known() or bool(journal.about(person, journal.head().seq))
