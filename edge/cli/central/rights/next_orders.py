"""The complete commands that answer a request."""

import argparse
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from edge.cli.output.next_step import at_centre
from edge.domain.plural import command
from edge.domain.privacy.subject_requests import Right
from edge.domain.protocol.order import Word
from edge.domain.vocabulary import ErasureReason

if TYPE_CHECKING:
    from edge.central.store.records import Store
    from edge.domain.protocol.audit_entry import AuditEntry

ORDERED: Mapping[Right, tuple[str, ...]] = {
    Right.ACCESS: (Word.ACCESS,),
    Right.PORTABILITY: (Word.ACCESS,),
    Right.RECTIFICATION: (Word.RECTIFY, "--name", "-"),
    Right.ERASURE: (Word.ERASE, "--reason", ErasureReason.REQUESTED),
    Right.RESTRICTION: (Word.RESTRICT,),
    Right.OBJECTION: (Word.OBJECT,),
    Right.WITHDRAWAL: (Word.WITHDRAW,),
}
"""For each right, the word of the order that answers it, and the options that the word needs."""


def commands(store: "Store", entry: "AuditEntry", arguments: argparse.Namespace) -> Iterator[str]:
    """One order for each site that is to answer this request. For `access`, the command that makes the reply key
    comes first.
    """
    from edge.central.attendance.unanswerable import unknown_person
    from edge.central.subject_requests import sites_of

    word, *options = ORDERED[Right(arguments.right)]
    if word == Word.ACCESS:
        key = f"request-{entry.n}.key"
        options = ["--reply-key", key]
        yield command("central", "rights", "key", key)
    if unknown_person(store, arguments.person):  # the request was taken in with --force, so the order needs it, too
        options.append("--force")
    why = f"request {entry.n} of {entry.data['received']}: {arguments.right}"
    for site in sites_of(store, arguments.person) or ["SITE"]:
        yield at_centre(
            arguments, "order", f"{site}/*", word, arguments.person, *options,
            "--request", entry.n, "--why", why, broker=True,
        )  # fmt: skip


def template(key: object) -> str:
    """The order that uses a key which was made without a request. The words in capitals are to be filled in."""
    return command(
        "central", "order", "DIR", "SITE/*", "access", "PERSON", "--reply-key", key,
        "--request", "N", "--why", "TEXT",
    )  # fmt: skip
