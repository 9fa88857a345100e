"""Who has accepted the policy in force: people by their consent records, terminals by their command results."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge.central.authority.order_status import OrderState, OrderStatus
from edge.central.store.doubted_identities import Signers
from edge.central.store.records import Store
from edge.domain.attendance.doubts import Doubt
from edge.domain.people.consent import Policy
from edge.domain.protocol.order import Word
from edge.domain.protocol.record import Origin, Record, decode
from edge.domain.protocol.record_kinds import Kind


class PolicyAnswer(StrEnum):
    """A person's answer to a policy."""

    AGREED = "agreed"
    """The person agreed to exactly this text."""
    EARLIER = "earlier"
    """The person agreed to another text, and the order lets that consent hold."""
    OWED = "owed"
    """The person agreed to another text and is not matched until they agree again."""
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class PolicyAcceptance:
    """One person's latest answer."""

    person: str
    answer: PolicyAnswer
    version: str
    """The version of the policy that the answer was about."""
    at: str
    """RFC 3339 UTC, by the terminal's clock."""
    terminal: str
    """`site/terminal` where the answer was given."""
    doubt: Doubt | None
    """REVOKED or UNPROVEN if the identity that signed the record was revoked."""


@dataclass(frozen=True, slots=True)
class Ordered:
    """The policy of the last order, and the status of that order at each terminal."""

    policy: Policy
    consent_again: bool
    terminals: tuple[OrderStatus, ...]


def ordered(owing: Iterable[OrderStatus]) -> Ordered | None:
    """The last policy that was ordered, with each terminal's orders of it; None if none was ordered."""
    about = [one for one in owing if one.addressed.order.word is Word.POLICY]
    # A cancelled order with a result has the state of that result, so that it still counts.
    asked = [one for one in about if one.state is not OrderState.CANCELLED]
    if not asked:
        return None
    last = max(asked, key=lambda one: one.addressed.order.sequence).addressed.order
    policy = Policy(last.fields["version"], last.fields["sha256"])
    here = tuple(one for one in about if one.addressed.order.fields["sha256"] == policy.sha256)
    return Ordered(policy, bool(last.fields["consent_again"]), here)


def not_ordered(about: Ordered, store: Store) -> list[str]:
    """`site/terminal` of the registered terminals at these sites that were registered after the policy was ordered.

    Only their own configuration says which policy is in force there. Raises LedgerError.
    """
    sites = {one.addressed.origin.site for one in about.terminals}
    told: dict[Origin, str] = {}
    for one in about.terminals:
        issued = one.addressed.order.issued
        told[one.addressed.origin] = max(issued, told.get(one.addressed.origin, issued))
    found = [one for one in store.terminals() if one.revoked is None and one.origin.site in sites]
    return sorted(
        f"{one.origin.site}/{one.origin.terminal}" for one in found if told.get(one.origin, "") < one.registered
    )


def consents(store: Store) -> list[tuple[Record, Doubt | None]]:
    """Every person's last consent record with the doubt about it, ordered by person id. People who were erased
    since are left out.

    Raises LedgerError.

    The terminals' clocks decide which record is the last, because records of two terminals arrive in any order. A
    clock is not trusted beyond the instant at which the record was received. Of two records with one instant, the
    one that ends a consent counts.
    """
    rows = store.select("SELECT payload, chain, received FROM records WHERE kind IN ('consent', 'erased')")
    signers = Signers(store)
    found = []
    for payload, chain, received in rows:
        record = decode(payload)
        found.append((min(record.time.utc, received), record, signers.doubt(chain, received)))
    last: dict[str, tuple[Record, Doubt | None]] = {}
    for _, record, doubt in sorted(found, key=lambda one: (one[0], one[1].data.get("state") != "given")):
        last[str(record.data["person"])] = record, doubt
    return [one for _, one in sorted(last.items()) if one[0].kind == Kind.CONSENT]


def standings(
    records: Sequence[tuple[Record, Doubt | None]], policy: Policy | None, *, consent_again: bool
) -> list[PolicyAcceptance]:
    """Each person's answer to `policy`, those who must still agree first. Without a policy every consent counts as
    agreed.
    """
    found = [_standing(record, policy, consent_again, doubt) for record, doubt in records]
    return sorted(found, key=lambda one: (one.answer is not PolicyAnswer.OWED, one.person))


def as_json(about: Ordered | None, people: Sequence[PolicyAcceptance], since: Sequence[str] = ()) -> dict[str, Any]:
    """The answers as JSON data; `since` are the terminals of `not_ordered`."""
    return {
        "not_ordered": list(since),
        "policy": None if about is None else about.policy.version,
        "sha256": None if about is None else about.policy.sha256,
        "consent_again": None if about is None else about.consent_again,
        "terminals": {}
        if about is None
        else {f"{one.addressed.origin.site}/{one.addressed.origin.terminal}": one.state for one in about.terminals},
        "people": [
            {
                "person": one.person,
                "answer": one.answer,
                "policy": one.version,
                "at": one.at,
                "terminal": one.terminal,
                "doubt": one.doubt,
            }
            for one in people
        ],
    }


def _standing(record: Record, policy: Policy | None, consent_again: bool, doubt: Doubt | None) -> PolicyAcceptance:
    data, origin = record.data, record.origin
    answer = PolicyAnswer.AGREED
    if data["state"] == "withdrawn":
        answer = PolicyAnswer.WITHDRAWN
    elif policy is not None and data["policy_sha256"] != policy.sha256:
        answer = PolicyAnswer.OWED if consent_again else PolicyAnswer.EARLIER
    where = f"{origin.site}/{origin.terminal}"
    return PolicyAcceptance(str(data["person"]), answer, str(data["policy_version"]), record.time.utc, where, doubt)
