"""People who leave, to be run under strace: it says when each act begins, and when it is done and on record.

    python -m tests.crash.powercut.leaving CONFIG

`BEGIN <act> <person>` and `DONE <act> <person>` on standard output.
"""

import sys
from pathlib import Path

import numpy as np

from edge.config import load
from edge.config_schema import Config
from edge.domain.people.credentials import Token
from edge.domain.vocabulary import ErasureReason
from edge.people.people_store import People
from edge.terminal import adapters, installed
from edge.terminal.operator import actions
from tests.crash.powercut.workload import say
from tests.support.people import consent

MODEL = "m"
ACTS = (("erase", 0), ("withdraw", 1), ("erase", 2), ("enrol", 8), ("erase", 1), ("erase", 3))
"""Who does what, by number; 0 to 7 were enrolled before, and 4 to 7 stay."""


def person(number: int) -> str:
    """The id of the n-th."""
    return "abcdefghij"[number] * 26


def enrol(people: People, config: Config, number: int) -> None:
    """With three templates, a badge and a name of their own."""
    policy = installed.policy(config)
    rows = np.random.default_rng(number).normal(size=(3, 192)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    people.enrol(person(number), f"Person Number {number}", consent(policy), policy, rows, MODEL)
    people.credentials.give(person(number), Token.BADGE, f"900{number}")


def traces(people: People, *, badges: bool) -> dict[str, list[bytes]]:
    """What stays the same of somebody whatever epoch wraps their keys: the sealed templates and name, or badges."""
    queries = ["SELECT person, sealed FROM templates", "SELECT id, name FROM people WHERE name IS NOT NULL"]
    found: dict[str, list[bytes]] = {}
    for query in ["SELECT person, sealed FROM tokens"] if badges else queries:
        for who, sealed in people._db.execute(query):
            found.setdefault(who, []).append(bytes(sealed))
    return found


def main(path: Path) -> None:
    """Every act in turn."""
    config = load(path).config
    secrets, clock = installed.load_secrets(config), adapters.clock()
    with installed.open_people(config, secrets) as people, installed.open_journal(config, secrets) as journal:
        at = {"people": people, "journal": journal, "clock": clock, "by": "uid:1000"}
        for act, number in ACTS:
            say(f"BEGIN {act} {person(number)}")
            if act == "enrol":
                enrol(people, config, number)
            elif act == "withdraw":
                actions.withdraw(person(number), installed.policy(config), **at)
            else:
                actions.erase(person(number), ErasureReason.REQUESTED, **at)
            say(f"DONE {act} {person(number)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
