"""`smartclocker central …`: thin over `edge.central`, one module a group of verbs."""

import argparse

from edge.cli import (
    central_audit,
    central_authority,
    central_evidence,
    central_gaps,
    central_import,
    central_init,
    central_keys,
    central_ledger,
    central_order,
    central_punches,
    central_resend,
    central_rights,
    central_roster,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of `central`."""
    parser.epilog = "DIR holds everything of the centre. Back it up: it holds the certificate authority's key."
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    central_init.configure(verbs)
    central_keys.configure(verbs)
    central_ledger.configure(verbs)
    central_import.configure(verbs)
    central_gaps.configure(verbs)
    central_resend.configure(verbs)
    central_punches.configure(verbs)
    central_roster.configure(verbs)
    central_authority.configure(verbs)
    central_order.configure(verbs)
    central_rights.configure(verbs)
    central_evidence.configure(verbs)
    central_audit.configure(verbs)
