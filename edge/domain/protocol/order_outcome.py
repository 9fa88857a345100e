"""What became of an order, and the records that tell it."""

from dataclasses import dataclass

from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record_draft import RecordDraft, command_result
from edge.domain.protocol.record_kinds import CommandOutcome

_NAMED = frozenset({Word.DELETE_EVIDENCE, Word.RECTIFY})
"""The words whose result names the person where something was done, because no other record of theirs does."""

OF_EVERYBODY = "of everybody"
"""In the detail of an order that deleted all images; the result about one person's images names them."""


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """What became of an order."""

    outcome: CommandOutcome
    detail: str
    """One short line, about nobody by name."""
    did: tuple[RecordDraft, ...] = ()
    """The records of what was done, without the result."""

    def records(self, order: Order) -> list[RecordDraft]:
        """All that the journal is to say, the `command-result` last."""
        named = order.word in _NAMED and self.outcome is CommandOutcome.DONE
        person = order.person if named else None
        return [*self.did, command_result(order.id, order.word, self.outcome, self.detail, person)]


def done(detail: str, *did: RecordDraft) -> OrderOutcome:
    """An order that was carried out."""
    return OrderOutcome(CommandOutcome.DONE, detail, did)


def refused(detail: str) -> OrderOutcome:
    """An order that changed nothing; `detail` says why."""
    return OrderOutcome(CommandOutcome.REFUSED, detail)
