"""Enrolment through the running terminal: the request, and what the person beside the screen is told."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from edge.cli.output.next_step import at_terminal, say_export
from edge.cli.people.consent_options import attested, witness_of
from edge.cli.people.name_input import name_of
from edge.cli.people.operator_option import operator
from edge.domain.plural import counted


def run_guided(arguments: argparse.Namespace, path: Path) -> int:
    """Enrols the person before the running terminal's camera."""
    from edge.adapters.linux.control_client import ask

    attested(arguments, "no consent, no template")
    request = {
        "do": "enrol",
        "name": name_of(arguments.name),
        "witness": witness_of(arguments),
        "language": arguments.language,
        "consent": arguments.consent,
        "age_attested": arguments.age_13_or_older,
        "employer_agreed": arguments.employer_agreed,
        "by": operator(arguments),
        "person": arguments.person,
        "despite_lookalike": arguments.despite_lookalike,
    }
    print("stand before the terminal's camera, within two minutes; Ctrl-C ends it", file=sys.stderr, flush=True)
    made = ask(path, {key: value for key, value in request.items() if value is not None}, tell, within_s=150.0)
    if arguments.json:
        told = {name: made[name] for name in ("person", "templates", "policy", "liveness_tested")}
        print(json.dumps(told))
        return 0
    print(
        f"enrolled {made['person']} with {counted(made['templates'], 'template')} of a living face; "
        f"consent to policy {made['policy']} recorded"
    )
    say_export(arguments, made["person"])
    print(f"undo: {at_terminal(arguments, 'people', 'withdraw', made['person'])}")
    return 0


def tell(said: dict[str, Any]) -> None:
    """Prints a line of progress for the person, or what came of an interrupted action."""
    if said.get("progress") == "coach":
        print(f"  {said['taken']} of {said['wanted']}: {said['text']}", file=sys.stderr, flush=True)
    elif said.get("end") == "done":
        print(f"  it was done already: {said.get('person', '')}", file=sys.stderr, flush=True)
    elif "text" in said:
        print(f"  {said['text']}", file=sys.stderr, flush=True)
