"""The topics of a site's roster: retained, written by the authority, read by the site's terminals."""

from dataclasses import dataclass
from enum import StrEnum

from edge.domain.protocol.document import Document
from edge.domain.protocol.fields import NAME, PERSON
from edge.domain.protocol.record import Origin
from edge.domain.protocol.topics import ROOT
from edge.domain.roster.messages import BUCKETS, KeyMessage, Page, PersonMessage, RosterManifest


class TopicPart(StrEnum):
    """The type of document under a roster topic."""

    PERSON = "person"
    PAGE = "page"
    MANIFEST = "manifest"
    KEY = "key"


DOCUMENTS: dict[TopicPart, type[Document]] = {
    TopicPart.PERSON: PersonMessage,
    TopicPart.PAGE: Page,
    TopicPart.MANIFEST: RosterManifest,
    TopicPart.KEY: KeyMessage,
}
"""The class of the document that each part holds."""


@dataclass(frozen=True, slots=True)
class Place:
    """The parts of a roster topic."""

    site: str
    part: TopicPart
    name: str
    """The person, bucket or terminal; empty for the manifest."""

    @property
    def topic(self) -> str:
        """The topic at the broker."""
        return f"{root(self.site)}/{self.part}" + (f"/{self.name}" if self.name else "")


def root(site: str) -> str:
    """The topic under which all of a site's roster is."""
    return f"{ROOT}/{site}/roster"


def subscriptions(origin: Origin) -> list[str]:
    """The topics that a terminal subscribes to, in this order, so that a person's entry can be judged and opened
    when it comes.
    """
    base = root(origin.site)
    key = Place(origin.site, TopicPart.KEY, origin.terminal).topic
    return [key, f"{base}/{TopicPart.MANIFEST}", f"{base}/{TopicPart.PAGE}/+", f"{base}/{TopicPart.PERSON}/+"]


def bulk(origin: Origin) -> list[str]:
    """The `subscriptions` that bring nearly all of the roster, and that the manifest vouches for."""
    return subscriptions(origin)[2:]


def place_of(topic: str) -> Place | None:
    """The parts of a topic; None when it is not a topic of a roster."""
    site, _, rest = topic.removeprefix(f"{ROOT}/").partition("/roster/")
    part, _, name = rest.partition("/")
    if NAME.fullmatch(site) is None or not topic.startswith(f"{ROOT}/"):
        return None
    fits = {
        TopicPart.PERSON: PERSON.fullmatch(name) is not None,
        TopicPart.PAGE: len(name) == 1 and name in BUCKETS,
        TopicPart.MANIFEST: rest == TopicPart.MANIFEST,
        TopicPart.KEY: NAME.fullmatch(name) is not None,
    }
    return Place(site, TopicPart(part), name) if part in fits and fits[TopicPart(part)] else None
