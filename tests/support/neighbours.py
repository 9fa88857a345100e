"""Who else is at the tests' broker: rows of the ACL beside the product's own."""

from collections.abc import Sequence

from edge.central.broker.mosquitto import render_acl
from edge.domain.protocol.record import Origin

INSTANCES = tuple(f"n{number}" for number in range(8))
"""Of the ledger, for tests that look on while it runs."""


def open_acl(sites: Sequence[str] = ("main",), terminals: Sequence[Origin] = ()) -> str:
    """The product's ACL, with rows for instances of the ledger, and for one who reads and writes everything."""
    rows = render_acl(sites, (*INSTANCES, "one", "two"), terminals)
    return f"{rows}\nuser eavesdropper\ntopic readwrite #\n"
