"""What answers a request, as commands that can be given as they stand."""

import argparse
import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from edge.cli.output.next_step import at_centre
from edge.domain.plural import command
from edge.errors import SmartClockerError

if TYPE_CHECKING:
    from edge.central.store.records import Store
    from edge.domain.protocol.audit_entry import AuditEntry

ORDERED: Mapping[str, tuple[str, ...]] = {
    "access": ("access",),
    "portability": ("access",),
    "rectification": ("rectify", "--name", "-"),
    "erasure": ("erase", "--reason", "requested"),
    "restriction": ("restrict",),
    "objection": ("object",),
    "withdrawal": ("withdraw",),
}
"""The word that answers each right, and the options that it needs."""


def commands(store: "Store", entry: "AuditEntry", arguments: argparse.Namespace) -> Iterator[str]:
    """One order for each site that is to answer this request; ahead of them the key that an answer is sealed to."""
    from edge.central.attendance.unanswerable import unknown_person

    word, *options = ORDERED[arguments.right]
    if word == "access":
        key = f"request-{entry.n}.key"
        options = ["--reply-key", key]
        yield command("central", "rights", "key", key)
    if unknown_person(store, arguments.person):  # --force took the request in, and orders it
        options.append("--force")
    why = f"request {entry.n} of {entry.data['received']}: {arguments.right}"
    for site in _sites(store, arguments):
        yield at_centre(
            arguments, "order", f"{site}/*", word, arguments.person, *options,
            "--request", entry.n, "--why", why, broker=True,
        )  # fmt: skip


def template(key: object) -> str:
    """The order that takes a key which was made by itself; what is in capitals is to be filled in."""
    return command(
        "central", "order", "DIR", "SITE/*", "access", "PERSON", "--reply-key", key,
        "--request", "N", "--why", "TEXT",
    )  # fmt: skip


def _sites(store: "Store", arguments: argparse.Namespace) -> list[str]:
    """Where somebody is known, by a terminal's own records or by the roster; every site where that is nowhere."""
    from edge.central.authority.unasked_terminals import unasked
    from edge.central.roster.schema import ROSTER_DB
    from edge.central.roster.store import RosterStore

    active = {one.origin.site for one in store.terminals() if one.revoked is None}
    known = {one.site for one in unasked(store, arguments.person, ())}
    if (arguments.directory / ROSTER_DB).exists():
        # the request is in the log by now: a roster that cannot be read makes the hint longer, no more
        with contextlib.suppress(SmartClockerError), RosterStore(arguments.directory) as roster:
            known |= {site for site in roster.sites() if arguments.person in roster.members(site)}
    return sorted(known & active or active) or ["SITE"]
