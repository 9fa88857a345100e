"""What a terminal is sent of the roster when it comes back: what changed; and all of it when that is not enough."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from edge.central.broker import templates
from edge.central.roster import membership
from edge.domain.people.credentials import Token
from edge.domain.roster.topics import TopicPart, place_of
from edge.domain.vocabulary import ErasureReason
from edge.people.person import new_person_id
from tests.support.proxy import Proxy
from tests.support.roster_company import LONG_NS, SHORT_NS, Company, company

__all__ = ["company"]  # the fixture
PEOPLE = 3


@pytest.fixture
def proxy(broker) -> Iterator[Proxy]:
    with Proxy(broker.host, broker.port) as running:
        yield running


class Away:
    """A terminal behind a proxy, and what came to it of the roster."""

    def __init__(self, company: Company, proxy: Proxy, grace_ns: int = LONG_NS, **settings: object) -> None:
        self.company, self.site, self.proxy = company, company.site, proxy
        self.terminal = self.site.terminal("gate-1")
        company.publish()
        self.came: Counter[str] = Counter()
        self.settings = {"port": proxy.port, "backoff_first_s": 0.05, "backoff_max_s": 0.2, **settings}
        self.grace_ns = grace_ns
        self.start()

    def start(self) -> None:
        uplink = self.site.uplink("gate-1", **self.settings)
        self.publisher = self.company.run(self.terminal, self.grace_ns, settings=uplink)
        roster = self.publisher._roster
        take = roster.take

        def counted(topic: str, raw: bytes) -> bool:
            place = place_of(topic)
            self.came[str(place.part) if place else "none"] += 1
            return take(topic, raw)

        roster.take = counted

    def knows(self, *people: str) -> None:
        self.site.eventually(lambda: self.company.matched(self.terminal) == set(people), "the roster")

    def leave(self) -> None:
        self.proxy.slamming = True
        self.proxy.reset()
        self.site.eventually(lambda: not self.publisher.connected, "it is away")
        self.came.clear()

    def come_back(self) -> None:
        self.proxy.slamming = False
        self.site.eventually(lambda: self.publisher.connected, "it is back")
        self.site.eventually(lambda: self.came[TopicPart.MANIFEST], "the manifest")


def test_a_terminal_that_comes_back_is_sent_what_changed_and_no_more(company, installation, proxy):
    ids = [company.add(number) for number in range(PEOPLE)]
    away = Away(company, proxy)
    away.knows(*ids)
    assert away.came[TopicPart.PERSON] == PEOPLE
    away.leave()
    away.come_back()
    away.leave()
    membership.remove(company.store, "main", ids[0], ErasureReason.REQUESTED)
    company.publish()
    away.come_back()
    away.knows(*ids[1:])
    assert away.came[TopicPart.PERSON] == 1, "the tombstone"
    assert away.came[TopicPart.PAGE] <= 1
    assert away.came[TopicPart.KEY] >= 1, "it is in memory alone, so it is said each time"
    # What was stored and not yet acknowledged when it left comes again: once, and not at each return.
    for _ in range(5):
        away.leave()
        away.come_back()
        installation.eventually(lambda: away.came[TopicPart.KEY], "the key")
        came = away.came[TopicPart.PERSON], away.came[TopicPart.PAGE]
        if came == (0, 0):
            break
    assert came == (0, 0)
    assert "roster-incomplete" not in away.publisher.alarms


def test_after_a_restart_of_the_program_all_of_it_comes(company, installation, proxy):
    ids = [company.add(number) for number in range(PEOPLE)]
    away = Away(company, proxy)
    away.knows(*ids)
    away.terminal.stop()
    away.came.clear()
    away.start()
    installation.eventually(lambda: away.came[TopicPart.PERSON] == PEOPLE, "everybody")


def test_a_broker_that_forgot_the_session_says_all_of_it(company, installation, broker, proxy):
    ids = [company.add(number) for number in range(PEOPLE)]
    away = Away(company, proxy, session_expiry_s=1)
    away.knows(*ids)
    away.leave()
    installation.eventually(lambda: "Expiring client" in broker.log.read_text(), "the broker forgets the session")
    away.come_back()
    installation.eventually(lambda: away.came[TopicPart.PERSON] == PEOPLE, "everybody")


def test_what_a_full_queue_dropped_is_found_by_the_manifest_and_asked_for(
    company, installation, broker, proxy, monkeypatch
):
    queue = "max_queued_messages {max_queued}\n"
    assert queue in templates.CONFIGURATION
    small = queue.replace("{max_queued}", "2")
    monkeypatch.setattr(templates, "CONFIGURATION", templates.CONFIGURATION.replace(queue, small))
    broker.stop()
    broker.start()
    first = company.add(0)
    away = Away(company, proxy, SHORT_NS)
    away.knows(first)
    away.leave()
    ids = [first, company.add(1), company.add(2)]
    for _ in range(60):
        membership.rotate(company.store, "main")
        company.publish()
    away.come_back()
    away.knows(*ids)
    installation.eventually(lambda: "roster-incomplete" not in away.publisher.alarms, "it is complete")
    dropped = [line for line in broker.log.read_text().splitlines() if "dropped" in line.casefold()]
    assert dropped, "the queue was too small"
    assert away.publisher._roster._asked_ns is not None, "and all of it was asked for"


def test_who_is_kept_out_is_judged_again_when_it_comes_back(company, installation, proxy):
    ann = company.add(0)
    away = Away(company, proxy)
    away.knows(ann)
    own = new_person_id()
    with company.people(away.terminal) as people:
        people.add(own, "Own")
        people.credentials.give(own, Token.BADGE, "4711")
    member = company.store.people.member(ann)
    membership.add(company.store, "main", ann, replace(member, tokens=((Token.BADGE, "4711"),)))
    company.publish()
    installation.eventually(lambda: away.publisher._roster.counters()["roster_out"] == 1, "it is another's")
    with company.people(away.terminal) as people:
        people.credentials.take(own, Token.BADGE)
    away.leave()
    away.come_back()

    def hers() -> bool:
        with company.people(away.terminal) as people:
            return people.credentials.whose(Token.BADGE, "4711") == ann

    installation.eventually(hers, "she has it now")
