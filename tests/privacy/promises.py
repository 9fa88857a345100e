"""The promises of docs/privacy.md and of the threat model that the company tests, in the order of the table."""

from tests.privacy.findings import Promise

_P = "docs/privacy.md"
PROMISES = (
    Promise("consent", "No template without an explicit, witnessed consent and the employer's agreement", _P),
    Promise("age", "Nobody under 13: not enrolled without the attestation, and erased when it is discovered", _P),
    Promise("purpose", "Used only to verify who clocks in or out; of a face that does not punch nothing stays", _P),
    Promise("encrypted", "Face data is stored as encrypted vectors; nothing of a person is in the clear", _P),
    Promise("traffic", "The broker and its other tenants learn pseudonymous ids, times and sizes only", _P),
    Promise("fields", "A message carries the documented fields and no other; no score leaves", _P),
    Promise("logs", "No name, template, key or score in any log", "docs/threat-model.md"),
    Promise(
        "roster",
        "Every terminal of the site, and no revoked one, knows whom the centre knows",
        "docs/adr/0006-roster.md",
    ),
    Promise("withdrawal", "A withdrawal stops matching first, then key, name and templates go", _P),
    Promise("policy", "A changed policy reaches everybody; nobody is matched until they agree to it", _P),
    Promise("access", "Access: everything held, sealed to the requester's key", _P),
    Promise("portability", "Portability: the same for machines", _P),
    Promise("rectification", "Rectification: the right name, and the wrong one nowhere", _P),
    Promise("restriction", "Restriction: kept and not matched, until it is lifted", _P),
    Promise("objection", "Objection: badge or PIN from then on, and only the person's own word ends it", _P),
    Promise("images", "Images only where the employer opts in, sealed, released by order, gone in 90 days", _P),
    Promise("faceless", "Saying no: a badge, or a staff number and PIN, sealed, with nothing biometric kept", _P),
    Promise(
        "erasure", "Erasure: no byte of template, key, name or message is left at terminal, broker or centre", _P
    ),
    Promise("leaving", "An order alone takes who left out of the roster: no later terminal learns them", _P),
    Promise("comeback", "Nobody who left comes back by a restored file of the centre or an old export", _P),
    Promise("termination", "The end of an employment erases on its date, and not before", _P),
    Promise(
        "month", "Answered within one month: due, overdue, done or refused with its ground; who owes is seen", _P
    ),
    Promise("away", "A terminal that was away for a month acts on all of it when it returns", _P),
    Promise(
        "hostile", "What is unsigned, foreign, replayed, old, over or for another terminal changes nothing", _P
    ),
    Promise("audit", "Who did what with people's data, and why, is on record and verifies", _P),
    Promise("chain", "Whatever is erased, the chain of punches verifies with public keys alone", "I10"),
)
NOT_INCLUDED = (
    "power cuts in the middle of an erasure (tests/crash/test_powercut_people.py)",
    (
        "clock faults (tests/unit/domain/privacy/test_image_retention.py, "
        "tests/unit/terminal/orders/test_order_handler.py)"
    ),
)
"""Promised, and not shown by this script."""
