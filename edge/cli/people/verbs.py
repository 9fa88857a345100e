"""`smartclocker people list|withdraw|erase`, and the verbs of the other modules of this group."""

import argparse
import json
from typing import Any

from edge.cli import add_config, add_json
from edge.cli.people import agree, card, credentials, looked, rights, roster, supervisor
from edge.cli.people.operator_option import add_operator
from edge.cli.people.rights import with_terminal
from edge.domain.plural import counted
from edge.domain.vocabulary import ErasureReason


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `people`."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="list who is enrolled, and the state of their consent")
    add_config(listing)
    add_json(listing, array=True)
    listing.set_defaults(call=run_list)
    roster.configure(verbs)
    rights.configure(verbs)
    credentials.configure(verbs)
    card.configure(verbs)
    supervisor.configure(verbs)
    agree.configure(verbs)
    looked.configure(verbs)
    withdraw = verbs.add_parser(
        "withdraw",
        help="end a person's consent: matching stops within a second, the templates' key is destroyed",
        description="End a consent. Matching stops first, and the person's key and templates are deleted; the "
        "signed punches stay. This cannot be undone: a person who comes back is enrolled again.",
    )
    withdraw.add_argument("person", metavar="PERSON", help="the id that `people list` shows")
    add_config(withdraw)
    add_operator(withdraw)
    withdraw.set_defaults(call=run_withdraw)
    erase = verbs.add_parser(
        "erase",
        help="destroy a person's key, name and templates; a signed record says so",
        description="Erase a person. Matching stops, their key, name and templates are destroyed, every other key "
        "is wrapped again so that older copies open nothing, and the files are rewritten. The signed punches stay: "
        "they name an opaque id. This cannot be undone.",
    )
    erase.add_argument("person", metavar="PERSON", help="the id that `people list` shows")
    erase.add_argument(
        "--reason",
        choices=list(map(str, ErasureReason)),
        required=True,
        help="why, for the signed record",
    )
    add_config(erase)
    add_operator(erase)
    erase.set_defaults(call=run_erase)


def run_list(arguments: argparse.Namespace) -> int:
    """Prints who is enrolled."""
    from edge import config
    from edge.domain.people.consent import is_active
    from edge.terminal import factory, installed

    loaded = config.load(arguments.config).config
    with installed.open_people(loaded, installed.load_secrets(loaded)) as people:
        accepted, ways = people.accepted(installed.policy(loaded)), people.credentials.overview()
        leading = people.credentials.supervisors()
        rows: list[dict[str, Any]] = [
            {
                "person": person.id,
                "name": person.name,
                "templates": person.templates,
                "matching": person.templates > 0
                and not person.damaged
                and person.restriction is None
                and person.consent is not None
                and any(is_active(person.consent, policy) for policy in accepted),
                "restriction": person.restriction,
                "erased": person.erased,
                "policy": None if person.consent is None else person.consent.policy_version,
                "damaged": person.damaged,
                "supervisor": person.id in leading,
                **dict(zip(("badges", "staff_numbers", "pin"), ways.get(person.id, (0, 0, False)), strict=True)),
            }
            for person in people.list()
        ]
        coming = factory.coming(loaded)
        ready = None if coming is None else people.ready(coming)
    if arguments.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    for row in rows:
        state = "matching" if row["matching"] else f"not matching: {_why(row)}"
        has = " ".join(word for word, there in zip(_WAYS, _ways(row), strict=True) if there) or "no badge, no PIN"
        templates = counted(row["templates"], "template")
        leads = "  supervisor" if row["supervisor"] else ""
        print(f"{row['person']}  {row['name'] or '-':<24}  {templates}  {state}  [{has}]{leads}")
    print(counted(len(rows), "person", "people"))
    if coming is not None:
        print(f"{ready} of {sum(bool(row['matching']) for row in rows)} matched people are ready for {coming}")
    return 0


_WAYS = ("badge", "number", "PIN")


def _ways(row: dict[str, Any]) -> tuple[int, int, bool]:
    return row["badges"], row["staff_numbers"], row["pin"]


def _why(row: dict[str, Any]) -> str:
    """Why a person is not matched by face, and what to do about it if anything."""
    if row["erased"]:
        return "erased"
    if row["damaged"]:
        return f"their entry was altered; `people erase {row['person']}`, then enrol again"
    if row["restriction"]:
        return str(row["restriction"])
    if row["name"] is None or row["templates"]:
        return "consent withdrawn or to another policy"
    badges, numbers, pin = _ways(row)
    if badges or (numbers and pin):
        return "no face, badge or PIN alone"
    return "no face, and nothing else to clock in with: give them a badge, or a staff number and a PIN"


def run_withdraw(arguments: argparse.Namespace) -> int:
    """Withdraws a person's consent."""
    from edge import config
    from edge.terminal import installed
    from edge.terminal.operator import actions

    policy = installed.policy(config.load(arguments.config).config)
    with_terminal(arguments, lambda **parts: actions.withdraw(arguments.person, policy, **parts))
    print(f"withdrawn: {arguments.person} is no longer matched; the record says so")
    return 0


def run_erase(arguments: argparse.Namespace) -> int:
    """Erases a person."""
    from edge.terminal.operator import actions

    reason = ErasureReason(arguments.reason)
    count = with_terminal(arguments, lambda **parts: actions.erase(arguments.person, reason, **parts))
    print(f"erased: {arguments.person} ({counted(count, 'template')}); the record says so")
    return 0
