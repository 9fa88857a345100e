"""The outcome of an order, and the records that tell it."""

from dataclasses import dataclass

from edge.domain.protocol.order import Order, Word
from edge.domain.protocol.record_draft import RecordDraft, command_result
from edge.domain.protocol.record_kinds import CommandOutcome

_NAMED = frozenset({Word.DELETE_EVIDENCE, Word.RECTIFY})
"""The kinds of order whose result record names the person if something was done, because no other record does."""

OF_EVERYBODY = "of everybody"
"""A part of the detail when all images were deleted. The result about one person's images names that person."""


@dataclass(frozen=True, slots=True)
class OrderOutcome:
    """The outcome of an order."""

    outcome: CommandOutcome
    detail: str
    """One short line that names nobody."""
    did: tuple[RecordDraft, ...] = ()
    """The records of what was done, without the result."""

    def records(self, order: Order) -> list[RecordDraft]:
        """All records for the journal, the `command-result` last."""
        named = order.word in _NAMED and self.outcome is CommandOutcome.DONE
        person = order.person if named else None
        return [*self.did, command_result(order.id, order.word, self.outcome, self.detail, person)]


def done(detail: str, *did: RecordDraft) -> OrderOutcome:
    """The outcome of an order that was carried out."""
    return OrderOutcome(CommandOutcome.DONE, detail, did)


def refused(detail: str) -> OrderOutcome:
    """The outcome of an order that changed nothing; `detail` gives the reason."""
    return OrderOutcome(CommandOutcome.REFUSED, detail)
