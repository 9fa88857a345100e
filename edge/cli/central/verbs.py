"""`smartclocker central …`: each module has one group of verbs; the work is done in `edge.central`."""

import argparse

from edge.cli.central import (
    audit,
    authority,
    doctor,
    evidence,
    gaps,
    import_records,
    init,
    keys,
    ledger,
    punches,
    resend,
    roster,
)
from edge.cli.central.backup import verbs as backup
from edge.cli.central.claims import server as claims
from edge.cli.central.claims import terminal
from edge.cli.central.orders import order
from edge.cli.central.rights import requests


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `central`."""
    parser.epilog = (
        "DIR holds everything of the centre, also the certificate authority's key: `central backup` copies it."
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    init.configure(verbs)
    terminal.configure(verbs)
    claims.configure(verbs)
    keys.configure(verbs)
    ledger.configure(verbs)
    import_records.configure(verbs)
    gaps.configure(verbs)
    doctor.configure(verbs)
    resend.configure(verbs)
    punches.configure(verbs)
    roster.configure(verbs)
    authority.configure(verbs)
    order.configure(verbs)
    requests.configure(verbs)
    evidence.configure(verbs)
    audit.configure(verbs)
    backup.configure(verbs)
