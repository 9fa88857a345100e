"""Messages of somebody who may write to every topic, but has no key: nothing changes."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nacl.signing import SigningKey

from edge.central.authority import authority_key
from edge.central.authority.register import OrderRegister
from edge.crypto import dsse
from edge.domain.protocol import topics
from edge.domain.protocol.order import Order, Word
from edge.domain.roster.topics import root
from tests.privacy import cast
from tests.privacy.company import Company
from tests.privacy.findings import Findings
from tests.privacy.gate import SITE

Message = tuple[str, bytes]


def attack(company: Company, findings: Findings) -> None:
    """All at once, then a genuine order, whose answer says that all before it was looked at."""
    sent = [*_orders(company), *_roster(company)]
    before, said = _state(company)
    heard = len(company.tap.own())
    for topic, payload in sent:
        company.tap.publish(topic, payload)
    findings.until("hostile", f"{len(sent)} hostile messages reached the broker's subscribers",
                   lambda: len(company.tap.own()) - heard >= len(sent))  # fmt: skip
    one = company.staff[cast.OTHERS]
    company.order("*", "unrestrict", one.person, "--lifts", "restriction")  # says: not restricted
    findings.until(
        "hostile", "a genuine order after them was obeyed", lambda: company.owing() <= {company.away.name}
    )
    after, more = _state(company)
    for name, state in before.items():
        findings.note("hostile", after[name] == state, f"{name}: people, names, bars and records as before")
        findings.equal("hostile", f"{name}: orders answered in between", more[name] - said[name], 1)


def _orders(company: Company) -> list[Message]:
    key, victim = authority_key.load(company.centre), company.staff[cast.OTHERS].person
    topic = topics.command(company.reception.origin)
    now = datetime.now(UTC)
    until = _text(now + timedelta(days=30))
    about = {"person": victim, "reason": "requested"}
    names = (company.reception.name,)
    order = Order(secrets.token_hex(16), SITE, names, 10**6, _text(now), until, Word.ERASE, about)

    def signed(made: Order, by: SigningKey = key) -> bytes:
        return dsse.to_wire(dsse.sign(Order.PAYLOAD_TYPE, made.encode(), by))

    genuine = signed(order)
    with OrderRegister(company.centre / authority_key.DB) as registry:
        issued = registry.addressed()
    replayed = [one.wire for one in issued if one.order.word is Word.RESTRICT][:1]
    theirs = [one.wire for one in issued if one.order.terminals == (company.whole.name,)]
    long_ago = replace(order, issued=_text(now - timedelta(days=9)), expires=_text(now - timedelta(days=8)))
    elsewhere = replace(order, terminals=("gate-99",), id=secrets.token_hex(16))
    forged = [
        signed(order, SigningKey.generate()),
        signed(order, company.reception.secrets.identity),
        genuine[: len(genuine) // 2],
        genuine.replace(b'"signatures"', b'"signature"'),
        order.encode(),
        b"",
        b"\xff" * 4096,
        signed(long_ago),
        signed(elsewhere),
        signed(replace(order, site="elsewhere", id=secrets.token_hex(16))),
    ]
    return [(topic, wire) for wire in (*forged, *replayed, *theirs)]


def _roster(company: Company) -> list[Message]:
    base = f"{root(SITE)}/person/"
    seen: dict[str, list[bytes]] = {}
    for topic, payload in company.tap.own():
        if topic.startswith(base) and payload:
            seen.setdefault(topic, []).append(payload)
    manifests = [payload for topic, payload in company.tap.own() if topic == f"{root(SITE)}/manifest" and payload]
    one, other, erased = (base + company.staff[role].person for role in (cast.OTHERS, cast.KEEPS, cast.ERASED))
    parsed = dsse.parse(seen[one][-1])
    foreign = dsse.to_wire(dsse.sign(parsed.payload_type, parsed.payload, SigningKey.generate()))
    return [
        (one, seen[other][-1]),  # swapped
        (other, seen[one][-1]),
        (one, b""),  # omitted
        (one, seen[one][0]),  # older than what is held
        (erased, seen[erased][0]),  # an old copy of who is gone
        (one, foreign),
        (one, seen[one][-1][:-40]),
        (f"{root(SITE)}/manifest", manifests[0]),  # a roster of before
        (f"{root(SITE)}/manifest", b"{}"),
    ]


def _state(company: Company) -> tuple[dict[str, object], dict[str, int]]:
    found: dict[str, object] = {}
    answers: dict[str, int] = {}
    for gate in company.present:
        with gate.people() as people:
            people_now = [(one.id, one.name, one.templates, one.restriction) for one in people.list()]
        kinds = [record.kind for record in gate.records() if record.kind not in {"command-result", "boot"}]
        found[gate.name] = (people_now, gate.matched(), kinds)
        answers[gate.name] = sum(record.kind == "command-result" for record in gate.records())
    return found, answers


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
